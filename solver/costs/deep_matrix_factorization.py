"""What a lane takes that trains a deep matrix factorization."""

from __future__ import annotations

import itertools

from solver.costs.cost import FLOPS, MOST_IMPLICIT, OVERHEAD_S, Need
from solver.costs.observed import ObservedCosts
from solver.spec import DeepMatrixFactorization, MatrixProblem

# Seconds of a lane that takes the implicit method, its frames included.
_IMPLICIT_S = 0.3


class DeepMatrixFactorizationCosts(ObservedCosts[MatrixProblem, DeepMatrixFactorization]):
    """Layers of a matrix."""

    def _hidden(self) -> int:
        return self.model.hidden_width or min(self.problem.resolved_shape)

    def shapes(self) -> list[tuple[int, int]]:
        widths = self.model.widths(self.problem.resolved_shape)
        return [(outputs, inputs) for inputs, outputs in itertools.pairwise(widths)]

    def largest_product(self) -> int:
        return max(rows * columns for rows, columns in self.shapes())

    def operations(self) -> int:
        return sum(6 * rows * columns * self.problem.resolved_shape[1] for rows, columns in self.shapes())

    def evaluation_s(self) -> float:
        rows, columns = self.problem.resolved_shape
        hidden = self._hidden()
        operations = 2 * rows * columns * hidden if self.model.depth == 2 else 2 * hidden**2 * max(rows, columns)
        return OVERHEAD_S + 3 * (self.model.depth - 1) * operations / FLOPS * (self.itemsize / 8)

    def frame_s(self) -> float:
        """A decomposition, and two more for measured rates."""
        rows, columns = self.problem.resolved_shape
        decompositions = 4.0e-9 if self.spec.record.rates else 1.4e-9
        return 3e-4 + decompositions * min(rows, columns) ** 2 * max(rows, columns) + self.sharpness_s()

    def lane(self) -> Need:
        rows, columns = self.problem.resolved_shape
        depth, hidden, itemsize = self.model.depth, self._hidden(), self.itemsize
        factors = rows * columns if depth == 1 else hidden * (rows + columns) + (depth - 2) * hidden**2
        flow = self.spec.optimizer.IS_FLOW
        # State and gradient, with ten buffers of the pair and ten of its partner; otherwise with moments.
        copies = 22 if flow else 5
        memory = itemsize * (copies * factors + 4 * rows * columns)
        # Metrics: one lane's float64 factors, three singular value decompositions and the ground truth.
        memory += 8 * (4 * factors + 8 * rows * columns)
        # What it takes to begin (target, weights and a permutation, once more in NumPy) and to save a checkpoint.
        memory += 8 * 3 * rows * columns + itemsize * 9 * factors
        evaluations = self.evaluations()
        if depth == 1 and flow:
            evaluations = min(evaluations, 200)
        elif flow and factors <= MOST_IMPLICIT:
            # The implicit method: some 100 steps, each recorded.
            return Need(memory, min(_IMPLICIT_S, evaluations * 1e-3))
        return Need(memory, evaluations * self.evaluation_s() + min(250, evaluations) * self.frame_s())

    def shared(self) -> Need:
        """Some hundred decompositions, where the solution of least nuclear norm is asked for."""
        needed = super().shared()
        if not self.spec.record.nuclear_norm:
            return needed
        rows, columns = self.problem.resolved_shape
        return needed._replace(seconds=400 * 1.3e-9 * min(rows, columns) ** 2 * max(rows, columns))
