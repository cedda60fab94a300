"""What a lane takes that trains a symmetric matrix factorization."""

from __future__ import annotations

from solver.costs.cost import FLOPS, OVERHEAD_S, Need
from solver.costs.matrix import MatrixCosts
from solver.spec import SymmetricMatrixFactorization


class SymmetricMatrixFactorizationCosts(MatrixCosts[SymmetricMatrixFactorization]):
    """One factor: as many products as two layers have, half the trained numbers."""

    def width(self) -> int:
        return self.model.resolved_width(self.problem.resolved_shape)

    def shapes(self) -> list[tuple[int, int]]:
        shape = self.problem.resolved_shape
        return [(shape[0], self.model.resolved_width(shape))]

    def largest_product(self) -> int:
        ((size, width),) = self.shapes()
        return size * max(size, width)

    def operations(self) -> int:
        ((size, width),) = self.shapes()
        return 6 * size * size * width

    def evaluation_s(self) -> float:
        return OVERHEAD_S + self.operations() / FLOPS * (self.itemsize / 8)

    def lane(self) -> Need:
        ((size, width),) = self.shapes()
        return self.of_factors(size * width)
