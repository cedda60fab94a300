"""What a lane takes, by its kind: sizes, operations, memory, seconds, and who may train with whom."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import ClassVar, Generic, NamedTuple, TypeVar, cast

from solver.spec import Model, Problem, RunSpec

FLOPS = 6e10
"""Sustained products of one core in float64, elements·operations a second."""
OVERHEAD_S = 3e-5
"""The cost of a step that does not grow."""

GPU_FLOPS = 9.5e12
"""Sustained products of a GPU, as lanes of images had them on an H100 in float32, all that grows with them included."""

MOST_IMPLICIT = 64
"""Trained numbers of a lane in layers up to which a stiff flow is integrated implicitly unless asked otherwise.

A system of that size is solved at every step.
"""

LARGEST_BATCHED_LAYER = 32 * 32
"""Entries of a layer up to which, on a CPU, one batched product beats separate ones.

Measured: 32 × 32 gains a quarter at 128 lanes, 100 × 100 nothing.
"""

# Frames of a method with fixed steps, half of them at even distances: as many as this share of the time pays for.
_SHARE = 0.04
_FEWEST, _MOST = 24.0, 200.0
# Steps recorded in each factor e; an integrator takes few steps and each says much.
_PER_E_FOLD_OF_FLOW, _EVENLY_OF_FLOW = 64, 100.0
# Seconds of recording that no flow has to earn, and the share of its training from there on.
_FREE_S, _SHARE_OF_FLOW = 20.0, 0.2
# States that are recorded of every flow, whatever they cost.
_FEWEST_OF_FLOW = 8

ProblemT = TypeVar("ProblemT", bound=Problem)
ModelT = TypeVar("ModelT", bound=Model)


class Need(NamedTuple):
    """What something takes."""

    size_bytes: int
    seconds: float


class Costs(ABC, Generic[ProblemT, ModelT]):
    """What a lane of one kind of problem and model takes. The time is a guess from operation counts."""

    GPU_STEP_S: ClassVar[float] = 1e-4
    """Seconds of a batch's step on a GPU that do not grow: 68 to 106 µs for small lanes on an H100, in a graph."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.problem = cast("ProblemT", spec.problem)
        self.model = cast("ModelT", spec.model)
        self.itemsize = 8 if spec.dtype == "float64" else 4

    @abstractmethod
    def shapes(self) -> list[tuple[int, int]]:
        """Rows and columns of the trained parts."""

    @abstractmethod
    def largest_product(self) -> int:
        """Entries of the largest matrix that a step multiplies."""

    @abstractmethod
    def operations(self) -> int:
        """Multiplications and additions of a gradient, roughly."""

    @abstractmethod
    def evaluation_s(self) -> float:
        """Seconds of a gradient."""

    @abstractmethod
    def frame_s(self) -> float:
        """Seconds of a recorded state."""

    def recording_s(self) -> float:
        """Seconds of all recorded states, as far as they can be measured beside the training."""
        usual = self.usual_recording_s()
        return max(self._kept_of_flow() * usual, min(usual, _FEWEST_OF_FLOW * self.frame_s()))

    def usual_recording_s(self) -> float:
        """What it would be if no state were left out for what it costs."""
        return 0.0

    @abstractmethod
    def lane(self) -> Need:
        """What the lane takes."""

    @abstractmethod
    def shared_key(self) -> Hashable:
        """Equal for lanes that share what ``shared`` says."""

    @abstractmethod
    def shared(self) -> Need:
        """What lanes of one key need once: data, and what is computed of their problem."""

    @abstractmethod
    def batch_key(self) -> Hashable:
        """Equal for lanes that can train in one batch, whatever the device."""

    def gains_alone(self) -> bool:
        """Whether on a CPU the lane trains no slower by itself than in a batch; on a GPU a batch always wins."""
        return self.largest_product() > LARGEST_BATCHED_LAYER

    def frames(self) -> tuple[int, float]:
        """How many steps are recorded in each factor e of steps, and how many at even distances, unless asked."""
        if self.spec.optimizer.IS_FLOW:
            kept = self._kept_of_flow()
            return max(1, round(kept * _PER_E_FOLD_OF_FLOW)), max(1.0, kept * _EVENLY_OF_FLOW)
        max_steps = self.spec.stop.max_steps
        affordable = _SHARE * max_steps * self.evaluation_s() / self.frame_s()
        evenly = max(_FEWEST, min(_MOST, affordable)) / 2
        return max(1, round(evenly / (1.0 + math.log(max(2.0, max_steps / evenly))))), evenly

    def pieces(self) -> int:
        """Frames of a flow's recorded step: where not every step is recorded, none lies inside one."""
        if not self.spec.optimizer.IS_FLOW:
            return 1
        return self.spec.record.per_step if self._kept_of_flow() == 1.0 else 1

    def _kept_of_flow(self) -> float:
        """The part of a flow's usual frames that is recorded: all, but of large lanes as many as may be paid for."""
        usual = self.usual_recording_s()
        if not (self.spec.optimizer.IS_FLOW and usual > _FREE_S) or self.spec.record.geometric is not None:
            # Short, or asked for: then the estimate says what that costs.
            return 1.0
        return min(1.0, max(_FREE_S, _SHARE_OF_FLOW * self.evaluations() * self.evaluation_s()) / usual)

    def evaluations(self) -> int:
        """Gradients of the lane; a flow's are known within a factor of a few only."""
        return self.spec.optimizer.evaluations(self.spec.stop.max_steps)
