"""One lane of a batch, whatever it trains: its start, what it measures and when, and what it has to say."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics import solution_file
from solver.numerics.lanes.best import Best
from solver.numerics.lanes.frames import shortened
from solver.numerics.lanes.metrics import Metrics
from solver.numerics.lanes.schedule import Schedule
from solver.numerics.methods.method import Method
from solver.numerics.problems.drawn import DrawnProblem
from solver.records import PICTURE_LEVELS, Event, Outcome, Picture, Snapshot, levels_of, plain
from solver.settings import LaneSpec
from solver.spec import Model

# Arrays of so few entries are seen as numbers.
_FEW_ENTRIES, _EXACT_DIGITS = 256, 4
# Two dozen pictures of a long lane: every so many recorded steps, later at growing distances.
_STEPS_A_PICTURE, _GROWTH_OF_DISTANCE, _LAST_PICTURE = 8, 1.2, 4_000
# Largest end matrix or tensor that is written down.
_LARGEST_SNAPSHOT = 10_000

# What is to be said of a state, and the outcome if it ends the lane.
Watched = tuple[list[Event], Outcome | None]


def _pictured() -> Iterator[int]:
    at = 0
    while at < _LAST_PICTURE:
        yield at
        at = max(at + _STEPS_A_PICTURE, round(at * _GROWTH_OF_DISTANCE))


_PICTURED = frozenset(_pictured())


ModelT = TypeVar("ModelT", bound=Model)
ProblemT = TypeVar("ProblemT", bound=DrawnProblem)


class LaneRun(ABC, Generic[ProblemT, ModelT]):
    """One lane of a batch. ``said`` names what it has announced already; it outlives a checkpoint."""

    def __init__(self, lane: LaneSpec, problem: DrawnProblem) -> None:
        self.lane = lane
        # The register of lanes pairs each class with its own kinds.
        self.problem = cast("ProblemT", problem)
        self.model = cast("ModelT", lane.spec.model)
        self.schedule = Schedule(lane.spec)
        self.next_recorded = 0
        self.last_recorded = -1
        self.frames_taken = 0
        self.said: list[str] = []
        self.keep_in: Path | None = None
        """The run directory, where solutions are to be kept."""
        self.prepare()
        self.best = Best(self.metrics.series)

    @abstractmethod
    def prepare(self) -> None:
        """What the kind of lane needs before anything else."""

    @property
    @abstractmethod
    def metrics(self) -> Metrics:
        """What measures its states."""

    @classmethod
    @abstractmethod
    def method(cls, runs: Sequence[Any], dtype: torch.dtype, device: torch.device) -> Method:
        """What trains these lanes of the class together, at their starts."""

    @abstractmethod
    def start(self) -> Float[Tensor, " parameters"]:
        """The initial trained numbers, flat, in float64."""

    def foretold(self) -> list[Event]:
        """What the theory says beforehand."""
        return []

    def watch(self, parameters: Float[Tensor, " parameters"], step: int, loss: float) -> Watched:  # noqa: ARG002
        """What is to be said of an accepted state, and the outcome if it ends the lane; called at every look."""
        return [], None

    def stable_step(self) -> float | None:
        """A step of gradient descent that settles at the solution; None where that is not known."""
        return None

    @property
    def watches(self) -> bool:
        """Whether ``watch`` wants to see the states."""
        return False

    def pictures(self, parameters: Float[Tensor, " parameters"], step: int) -> Sequence[Snapshot | Picture]:  # noqa: ARG002
        """Arrays to look at while the lane goes on; asked of whoever measures, as frames are."""
        return []

    @abstractmethod
    def last_pictures(self, parameters: Float[Tensor, " parameters"], step: int) -> Sequence[Snapshot | Picture]:
        """Arrays of the final state."""

    def summary(self, parameters: Float[Tensor, " parameters"]) -> dict[str, float]:  # noqa: ARG002
        """Numbers of the final state that cost too much for every frame."""
        return {}

    def solution(self, parameters: Float[Tensor, " parameters"]) -> dict[str, Tensor]:  # noqa: ARG002
        """What predictions are made of: the end matrix or tensor, or its factors; nothing where none are."""
        return {}

    def best_pictures(self) -> Sequence[Snapshot | Picture]:
        """Arrays of the best state on the way."""
        return []

    def keep_solutions(self, parameters: Float[Tensor, " parameters"], step: int) -> None:
        """Writes down the last state and the best one, of a problem from a file."""
        if self.keep_in is None:
            return
        found = {"end": self.solution(parameters)}
        steps = {"end": step}
        if self.best.parameters is not None:
            found["best"], steps["best"] = self.solution(self.best.parameters), self.best.step
        if found["end"]:
            solution_file.write(self.keep_in, self.lane.index, found, steps)

    def snapshot(self, name: str, values: Tensor, shape: tuple[int, ...], step: int) -> list[Snapshot]:
        """``values`` as a record; none where there are too many."""
        if values.numel() > _LARGEST_SNAPSHOT:
            return []
        flat: list[float | str | None] = [plain(value) for value in values.reshape(-1).tolist()]
        return [Snapshot(lane=self.lane.index, step=step, name=name, shape=list(shape), values=flat)]

    @staticmethod
    def is_small(shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape is written down at all."""
        return math.prod(shape) <= _LARGEST_SNAPSHOT

    @property
    def is_pictured(self) -> bool:
        """Whether the state recorded now is one of those that pictures are taken of."""
        return self.frames_taken in _PICTURED

    def picture(
        self, name: str, values: Tensor, shape: tuple[int, ...], step: int, largest: float | None = None
    ) -> list[Picture]:
        """``values`` in coarse levels up to ``largest``, else their largest; few of them exactly besides.

        None where there are too many, or one is not finite.
        """
        flat = values.reshape(-1)
        if flat.numel() > _LARGEST_SNAPSHOT or not bool(torch.isfinite(flat).all()):
            return []
        scale = flat.abs().max().item() if largest is None else largest
        levels = (flat * (PICTURE_LEVELS / scale if scale else 0.0)).round().clamp(-PICTURE_LEVELS, PICTURE_LEVELS)
        exact = shortened(flat.tolist(), _EXACT_DIGITS) if flat.numel() <= _FEW_ENTRIES else None
        return [
            Picture(
                lane=self.lane.index,
                step=step,
                name=name,
                shape=list(shape),
                largest=scale,
                levels=levels_of(levels.int().tolist()),
                exact=exact,
            )
        ]
