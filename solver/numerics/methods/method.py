"""What every method is: a batch of lanes that advances, lane by lane, from one accepted state to the next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from solver.numerics.models.objective import Factors, Objective


class Method(ABC):
    """A batch of lanes under way. Per-lane facts are host lists, up to date after ``advance``."""

    STATE: ClassVar[tuple[str, ...]] = ("steps", "evaluations", "times", "losses")
    """The attributes that ``advance`` depends on; a method adds its own."""

    def __init__(self, n_lanes: int) -> None:
        self.steps = [0] * n_lanes
        """Accepted steps."""
        self.evaluations = [1] * n_lanes
        """Gradients computed."""
        self.times: list[float] | None = [0.0] * n_lanes
        """Flow time; None for a method that has none."""
        self.losses: list[float] = []
        """Training loss at the accepted state."""

    @abstractmethod
    def advance(self, until: int, target: float) -> list[bool]:
        """Moves the batch on: to step ``until``, or until a lane's loss is at most ``target`` or not finite.

        May stop earlier. Returns which lanes are at a state they were not at before.
        """

    @abstractmethod
    def step_sizes(self) -> list[float]:
        """The step size in effect at each lane's last step, in units of flow time where the method has one."""

    @abstractmethod
    def keep(self, lanes: list[int]) -> None:
        """Goes on with these lanes alone."""

    def state(self) -> dict[str, Any]:
        """All that ``advance`` depends on, as tensors, numbers and lists of numbers."""
        values = {name: getattr(self, name) for name in self.STATE}
        tensors = {name: value.flat if isinstance(value, Factors) else value for name, value in values.items()}
        # Cloned: a view would be saved with all of the buffer it looks into.
        return {name: value.clone() if isinstance(value, Tensor) else value for name, value in tensors.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what ``state`` gave, on a method made for the same lanes: bit for bit on the same machine."""
        for name in self.STATE:
            present, value = getattr(self, name), state[name]
            if isinstance(present, Factors):
                present.flat.copy_(value)
            elif isinstance(present, Tensor):
                present.copy_(value)
            else:
                setattr(self, name, list(value) if isinstance(value, list) else value)

    @abstractmethod
    def parameters(self, lane: int) -> Tensor:
        """The lane's trained numbers at its last accepted state, flat, in float64 on the CPU."""

    def inside(self, lane: int, fraction: float) -> Tensor | None:  # noqa: ARG002
        """The lane's factors inside its last step, by dense output; None for a method without one."""
        return None

    def measured(self, lane: int) -> dict[str, float]:  # noqa: ARG002
        """What the method alone can measure of the lane's present state, by series; nothing for most."""
        return {}

    def _keep_lists(self, lanes: list[int]) -> None:
        self.steps = [self.steps[lane] for lane in lanes]
        self.evaluations = [self.evaluations[lane] for lane in lanes]
        self.losses = [self.losses[lane] for lane in lanes]
        if self.times is not None:
            self.times = [self.times[lane] for lane in lanes]


class FactorMethod(Method):
    """A method on the factors of an objective."""

    STATE = ("factors", *Method.STATE)

    def __init__(self, objective: Objective, start: Tensor) -> None:
        super().__init__(objective.n_lanes)
        self.objective = objective
        self.factors: Factors = objective.factors(start)

    def parameters(self, lane: int) -> Tensor:
        return self.factors.flat[lane].to("cpu", torch.float64, copy=True)
