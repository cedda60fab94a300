"""What lanes that fit a matrix or tensor share: the problem, its measurements, and who may train together."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Hashable
from typing import ClassVar, TypeVar

import msgspec

from solver import data_files
from solver.costs.cost import Costs, ModelT, Need
from solver.refusal import BadSetting
from solver.spec import Completion, MatrixProblem, RunSpec, TensorProblem

# Ratings that people collect.
_USUAL_DENSITY = 0.05

ObservedT = TypeVar("ObservedT", bound=MatrixProblem | TensorProblem)


class ObservedCosts(Costs[ObservedT, ModelT]):
    """Lanes of one seed and problem share it."""

    MOST_FRAMES: ClassVar[int] = 400
    """States that are recorded of a lane, within a factor of two."""

    def __init__(self, spec: RunSpec, *, as_usual: bool = False) -> None:
        """``as_usual``: whether a file is not looked at."""
        super().__init__(spec)
        self._as_usual = as_usual

    def frames(self) -> tuple[int, float]:
        # A run that is taken up records the same steps, whatever has become of its file.
        return super().frames() if self._as_usual else type(self)(self.spec, as_usual=True).frames()

    def pieces(self) -> int:
        return super().pieces() if self._as_usual else type(self)(self.spec, as_usual=True).pieces()

    def usual_recording_s(self) -> float:
        return min(self.MOST_FRAMES, self.evaluations()) * self.frame_s()

    def n_observed(self) -> int:
        """Values that are trained on; of a file that is not there as many as is usual."""
        problem = self.problem
        if isinstance(problem, Completion) and problem.file is not None:
            held_out = problem.test_fraction + (problem.validation_fraction or 0.0)
            return max(1, round(self._n_of_file(problem) * (1.0 - held_out)))
        if isinstance(problem, Completion) and problem.entries is not None:
            return len(problem.entries)
        return problem.resolved_observations

    def _n_of_file(self, problem: Completion) -> float:
        if not self._as_usual:
            with contextlib.suppress(BadSetting):
                return len(data_files.table(problem).values)
        return math.prod(problem.resolved_shape) * _USUAL_DENSITY

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
        """The same kind of model, equal shapes, loss and method: parts of equal shapes may be multiplied otherwise."""
        problem, spec = self.problem, self.spec
        loss = problem.loss == "huber", problem.resolved_observations if problem.IS_SENSING else None
        return type(self.model), tuple(self.shapes()), loss, spec.optimizer, spec.stop
