"""What a lane takes that trains a tensor in hierarchical Tucker form."""

from __future__ import annotations

import math
from collections.abc import Hashable

from solver.costs.cost import FLOPS, OVERHEAD_S, Need
from solver.costs.observed import ObservedCosts
from solver.spec import HierarchicalTucker, TensorProblem

# Of a singular value decomposition, in units of a product of its matrix with its transpose.
_DECOMPOSITION = 20


class HierarchicalTuckerCosts(ObservedCosts[TensorProblem, HierarchicalTucker]):
    """A product with the weights of each node, and the root's, which is the largest."""

    def shapes(self) -> list[tuple[int, int]]:
        model, problem = self.model, self.problem
        return model.tree(problem).shapes(problem.resolved_shape, model.level_widths(problem))

    def _products(self) -> list[int]:
        """Entries of the Khatri–Rao product of each node but the root and the leaves."""
        shape, shapes = self.problem.resolved_shape, self.shapes()
        tree = self.model.tree(self.problem)
        return [
            math.prod(shape[mode] for mode in tree.nodes[place].modes) * shapes[place][0] for place in tree.interior[1:]
        ]

    def _half(self) -> int:
        """Entries of the Khatri–Rao product of half the root's children."""
        shape, width = self.problem.resolved_shape, self.shapes()[0][0]
        tree = self.model.tree(self.problem)
        sizes = [math.prod(shape[mode] for mode in tree.nodes[place].modes) for place in tree.nodes[0].children]
        return width * min(max(math.prod(sizes[:k]), math.prod(sizes[k:])) for k in range(1, len(sizes)))

    def largest_product(self) -> int:
        return max(self._half(), *self._products(), *self.problem.resolved_shape)

    def operations(self) -> int:
        tree, shapes = self.model.tree(self.problem), self.shapes()
        inner = sum(
            product * shapes[place][1] for product, place in zip(self._products(), tree.interior[1:], strict=True)
        )
        return 6 * (math.prod(self.problem.resolved_shape) * shapes[0][0] + inner)

    def evaluation_s(self) -> float:
        n_nodes, moved = len(self.model.tree(self.problem).interior), self._half() + sum(self._products())
        return (2 + n_nodes) * OVERHEAD_S + self.operations() / FLOPS * (self.itemsize / 8) + moved * 4e-9

    def frame_s(self) -> float:
        """With the end tensor of each component whose rate is recorded, and the singular values of every unfolding."""
        shape, tree = self.problem.resolved_shape, self.model.tree(self.problem)
        entries, decompositions = math.prod(shape), 0
        for place in tree.matricised:
            rows = math.prod(shape[mode] for mode in tree.nodes[place].modes)
            decompositions += _DECOMPOSITION * entries * min(rows, entries // rows)
        seconds = decompositions / FLOPS + len(tree.nodes) * 4 * OVERHEAD_S
        rates = self.spec.record.rates
        return (2 + rates / 2) * self.evaluation_s() + rates * 10 * OVERHEAD_S + seconds + self.sharpness_s()

    def lane(self) -> Need:
        entries = math.prod(self.problem.resolved_shape)
        weights = sum(rows * columns for rows, columns in self.shapes())
        moved = 6 * self._half() + 6 * sum(self._products())
        memory = self.itemsize * ((24 if self.spec.optimizer.IS_FLOW else 7) * weights + 6 * entries + moved)
        memory += 8 * (1 + self.spec.record.rates) * (2 * weights + 4 * entries + moved)
        evaluations = self.evaluations()
        return Need(memory, evaluations * self.evaluation_s() + self.recording_s())

    def batch_key(self) -> Hashable:
        """Besides equal shapes, the same tree."""
        return super().batch_key(), self.model.tree(self.problem)
