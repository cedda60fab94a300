"""What measures the states of a lane: which series it records, and their values at a state."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from solver.numerics.lanes.frames import written
from solver.numerics.models.objective import Objective
from solver.numerics.problems.observed import ObservedProblem
from solver.numerics.sharpness import sharpness
from solver.records import Value
from solver.series import declared
from solver.spec import Optimizer, Record


class Metrics(ABC):
    """Measures states of one lane. What a kind of lane may record stands in SERIES, in the order of its frames."""

    SERIES: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        # A series that nobody declared would train, and then be missing from the export.
        declared(*cls.SERIES)

    def __init__(self, absent: Collection[str]) -> None:
        self.series = [name for name in self.SERIES if name not in absent]
        """What the lane records."""

    @abstractmethod
    def measure(self, parameters: Float[Tensor, " parameters"], known: dict[str, float]) -> list[Value]:
        """The values of a frame in the order of ``series``.

        ``known`` has what the loop knows: step, time, elapsed_s, evaluations, step_size, and train_loss in the training
        precision at an accepted state; without it the loss is computed here. Frames may be measured by another process,
        and in another order: what is kept here beyond the call is lost.
        """

    def _sharpness(
        self, objective: Objective, parameters: Float[Tensor, " parameters"], known: Mapping[str, float]
    ) -> dict[str, float]:
        """λ_max, and what it may be for the step size in effect; nothing where that is not recorded."""
        found = {"sharpness": sharpness(objective, parameters)} if "sharpness" in self.series else {}
        if "stability_limit" in self.series:
            step_size = known["step_size"]
            found["stability_limit"] = 2.0 / step_size if step_size > 0.0 else math.nan
        return found

    def _frame(self, values: dict[str, float | list[float]]) -> list[Value]:
        return [written(values[name]) for name in self.series]


def absent_of(optimizer: Optimizer, record: Record | None = None) -> set[str]:
    """The series that an optimizer leaves out: flow time, and what only the flow's schemes have.

    And the sharpness where it is not asked for; what it may be where steps are no multiples of the gradient.
    """
    absent = set() if optimizer.IS_FLOW else {"method", "rejections"}
    if record is None or not record.sharpness:
        absent |= {"sharpness", "stability_limit"}
    if optimizer.IS_FLOW or not optimizer.HAS_TIME:
        absent.add("stability_limit")
    return absent if optimizer.HAS_TIME else absent | {"time"}


GIVEN_SERIES = {"held_out_error", "held_out_rmse", "validation_error"}


def absent_of_given(problem: ObservedProblem) -> set[str]:
    """The errors on held-out entries of a file that a problem does not have."""
    return GIVEN_SERIES - (set() if problem.given is None else problem.given.series)
