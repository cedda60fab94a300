"""One lane of a batch, whatever it trains: its start, what it measures and when, and what it has to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from solver.numerics.schedule import Schedule
from solver.records import Event, Outcome, Snapshot, Value, plain
from solver.settings import Lane

# Largest end matrix or tensor that is written down.
_LARGEST_SNAPSHOT = 10_000

# What is to be said of a state, and the outcome if it ends the lane.
Watched = tuple[list[Event], Outcome | None]


class Metrics(Protocol):
    """Measures states of a lane."""

    series: list[str]

    def measure(self, parameters: Float[Tensor, " parameters"], known: dict[str, float]) -> list[Value]:
        """The values of a frame in the order of ``series``.

        ``known`` has what the loop knows: step, time, elapsed_s, evaluations, step_size, and train_loss in the training
        precision at an accepted state; without it the loss is computed here.
        """


class LaneRun(ABC):
    """One lane of a batch. ``said`` names what it has announced already; it outlives a checkpoint."""

    metrics: Metrics

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.schedule = Schedule(lane.spec)
        self.next_recorded = 0
        self.last_recorded = -1
        self.frames_taken = 0
        self.said: list[str] = []

    @abstractmethod
    def start(self) -> Float[Tensor, " parameters"]:
        """The initial trained numbers, flat, in float64."""

    def foretold(self) -> list[Event]:
        """What the theory says beforehand."""
        return []

    def watch(self, parameters: Float[Tensor, " parameters"], step: int, loss: float) -> Watched:  # noqa: ARG002
        """What is to be said of an accepted state, and the outcome if it ends the lane; called at every look."""
        return [], None

    @property
    def watches(self) -> bool:
        """Whether ``watch`` wants to see the states."""
        return False

    def pictures(self, parameters: Float[Tensor, " parameters"], step: int) -> list[Snapshot]:  # noqa: ARG002
        """Arrays to look at while the lane goes on."""
        return []

    @abstractmethod
    def last_pictures(self, parameters: Float[Tensor, " parameters"], step: int) -> list[Snapshot]:
        """Arrays of the final state."""

    def summary(self, parameters: Float[Tensor, " parameters"]) -> dict[str, float]:  # noqa: ARG002
        """Numbers of the final state that cost too much for every frame."""
        return {}

    def snapshot(self, name: str, values: Tensor, shape: tuple[int, ...], step: int) -> list[Snapshot]:
        """``values`` as a record; none where there are too many."""
        if values.numel() > _LARGEST_SNAPSHOT:
            return []
        flat: list[float | str | None] = [plain(value) for value in values.reshape(-1).tolist()]
        return [Snapshot(lane=self.lane.index, step=step, name=name, shape=list(shape), values=flat)]
