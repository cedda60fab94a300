"""What a lane takes that trains a deep matrix factorization."""

from __future__ import annotations

import itertools

from solver.costs.cost import FLOPS, OVERHEAD_S, Need
from solver.costs.matrix import MatrixCosts
from solver.costs.thin import LARGE, is_sparse
from solver.spec import DeepMatrixFactorization

# Seconds of a dense loss for each entry, products left out.
_PASSES_S = 5e-9


class DeepMatrixFactorizationCosts(MatrixCosts[DeepMatrixFactorization]):
    """Layers of a matrix."""

    def _hidden(self) -> int:
        return self.model.hidden_width or min(self.problem.resolved_shape)

    def width(self) -> int:
        return min(self.model.widths(self.problem.resolved_shape))

    def is_sparse(self) -> bool:
        """On a GPU the loss is dense."""
        if self.problem.IS_SENSING or self.model.depth == 1 or self.spec.device.startswith("cuda"):
            return False
        return is_sparse(self.problem.resolved_shape, self._hidden(), self.n_observed())

    def shapes(self) -> list[tuple[int, int]]:
        widths = self.model.widths(self.problem.resolved_shape)
        return [(outputs, inputs) for inputs, outputs in itertools.pairwise(widths)]

    def largest_product(self) -> int:
        return max(rows * columns for rows, columns in self.shapes())

    def operations(self) -> int:
        if self.is_sparse():
            # So many as take the time that these take.
            return int(self.evaluation_s() * FLOPS)
        return sum(6 * rows * columns * self.problem.resolved_shape[1] for rows, columns in self.shapes())

    def evaluation_s(self) -> float:
        rows, columns = self.problem.resolved_shape
        depth, hidden = self.model.depth, self._hidden()
        if self.is_sparse() or self.is_thin():
            inner = 3 * (depth - 2) * 2 * hidden**2 * columns / FLOPS
            # Of a large thin product the passes over all entries take as long as it does.
            passes = _PASSES_S * rows * columns if rows * columns >= LARGE else 0.0
            dense = (3 * 2 * rows * columns * hidden / FLOPS + passes) * (self.itemsize / 8)
            return OVERHEAD_S + inner * (self.itemsize / 8) + (self.sparse_s() if self.is_sparse() else dense)
        operations = 2 * rows * columns * hidden if depth == 2 else 2 * hidden**2 * max(rows, columns)
        return OVERHEAD_S + 3 * (depth - 1) * operations / FLOPS * (self.itemsize / 8)

    def frame_s(self) -> float:
        """With a decomposition of each layer, vectors and all, where those are recorded."""
        seconds = super().frame_s()
        if self.spec.record.layers:
            seconds += sum(2e-4 + 2.6e-9 * min(shape) ** 2 * max(shape) for shape in self.shapes())
        return seconds

    def lane(self) -> Need:
        rows, columns = self.problem.resolved_shape
        depth, hidden = self.model.depth, self._hidden()
        factors = rows * columns if depth == 1 else hidden * (rows + columns) + (depth - 2) * hidden**2
        return self.of_factors(factors, is_linear=depth == 1)
