"""What measures the states of a lane: which series it records, and their values at a state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from solver.numerics.lanes.frames import written
from solver.records import Value
from solver.series import declared
from solver.spec import Optimizer


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
        precision at an accepted state; without it the loss is computed here.
        """

    def _frame(self, values: dict[str, float | list[float]]) -> list[Value]:
        return [written(values[name]) for name in self.series]


def absent_of(optimizer: Optimizer) -> set[str]:
    """The series that an optimizer leaves out: flow time, and what only the flow's schemes have."""
    absent = set() if optimizer.IS_FLOW else {"method", "rejections"}
    return absent if optimizer.HAS_TIME else absent | {"time"}
