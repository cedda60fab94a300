"""What a lane takes that trains a CP factorization of a tensor."""

from __future__ import annotations

import math

from solver.costs.cost import FLOPS, OVERHEAD_S, Need
from solver.costs.observed import ObservedCosts
from solver.spec import CP, TensorProblem


class CPCosts(ObservedCosts[TensorProblem, CP]):
    """Components of a tensor."""

    def _half(self) -> int:
        """Entries of the Khatri–Rao product of half the modes."""
        return math.isqrt(math.prod(self.problem.resolved_shape)) * self.model.components

    def shapes(self) -> list[tuple[int, int]]:
        return [(size, self.model.components) for size in self.problem.resolved_shape]

    def largest_product(self) -> int:
        """Half the modes of the end tensor by the components."""
        return max(self._half(), *self.problem.resolved_shape)

    def operations(self) -> int:
        return 6 * math.prod(self.problem.resolved_shape) * self.model.components

    def evaluation_s(self) -> float:
        return 4 * OVERHEAD_S + self.operations() / FLOPS * (self.itemsize / 8) + self._half() * 2e-9

    def frame_s(self) -> float:
        return 3 * self.evaluation_s() + self.sharpness_s()

    def lane(self) -> Need:
        shape, half, itemsize = self.problem.resolved_shape, self._half(), self.itemsize
        entries, factors = math.prod(shape), sum(shape) * self.model.components
        memory = itemsize * ((24 if self.spec.optimizer.IS_FLOW else 7) * factors + 6 * entries + 8 * half)
        memory += 8 * (6 * factors + 8 * entries + 8 * half)
        evaluations = self.evaluations()
        return Need(memory, evaluations * self.evaluation_s() + self.recording_s())
