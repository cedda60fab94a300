"""What lanes that fit a matrix or tensor share: the problem, its measurements, and who may train together."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import TypeVar

import msgspec

from solver.costs.cost import Costs, ModelT, Need
from solver.spec import MatrixProblem, TensorProblem

ObservedT = TypeVar("ObservedT", bound=MatrixProblem | TensorProblem)


class ObservedCosts(Costs[ObservedT, ModelT]):
    """Lanes of one seed and problem share it."""

    def shared_key(self) -> Hashable:
        return msgspec.json.encode((self.problem, self.spec.seed))

    def shared(self) -> Need:
        """Dense measurements, once as drawn in float64 and for the metrics, and once for training."""
        problem = self.problem
        if not problem.IS_SENSING:
            return Need(0, 0.0)
        entries = problem.resolved_observations * math.prod(problem.resolved_shape)
        return Need((2 * 8 + self.itemsize) * entries, 0.0)

    def sharpness_s(self) -> float:
        """Seconds of a recorded sharpness: half the products that it may take, two gradients each."""
        return 40 * self.evaluation_s() if self.spec.record.sharpness else 0.0

    def batch_key(self) -> Hashable:
        """Equal shapes, loss and method."""
        problem, spec = self.problem, self.spec
        loss = problem.loss == "huber", problem.resolved_observations if problem.IS_SENSING else None
        return tuple(self.shapes()), loss, spec.optimizer, spec.stop
