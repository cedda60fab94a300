"""What every method is: a batch of lanes that advances, lane by lane, from one accepted state to the next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from solver.numerics.methods.kept import ByLane, Kept
from solver.numerics.models.objective import Factors, Objective


class Method(Kept, ABC):
    """A batch of lanes under way. Per-lane facts are host lists, up to date after ``advance``."""

    steps: ByLane[list[int]]
    """Accepted steps."""
    evaluations: ByLane[list[int]]
    """Gradients computed."""
    times: ByLane[list[float] | None]
    """Flow time; None for a method that has none."""
    losses: ByLane[list[float]]
    """Training loss at the accepted state."""

    def __init__(self, n_lanes: int) -> None:
        self.steps, self.evaluations = [0] * n_lanes, [1] * n_lanes
        self.times = [0.0] * n_lanes
        self.losses = []

    @abstractmethod
    def advance(self, until: int, target: float) -> list[bool]:
        """Moves the batch on: to step ``until``, or until a lane's loss is at most ``target`` or not finite.

        May stop earlier. Returns which lanes are at a state they were not at before.
        """

    @abstractmethod
    def step_sizes(self) -> list[float]:
        """The step size in effect at each lane's last step, in units of flow time where the method has one."""

    @abstractmethod
    def parameters(self, lane: int) -> Tensor:
        """The lane's trained numbers at its last accepted state, flat, in float64 on the CPU."""

    def inside(self, lane: int, fraction: float) -> Tensor | None:  # noqa: ARG002
        """The lane's factors inside its last step, by dense output; None for a method without one."""
        return None

    def measured(self, lane: int) -> dict[str, Any]:  # noqa: ARG002
        """What the method alone can measure of the lane's present state, by series; nothing for most."""
        return {}

    def said(self, lane: int) -> list[str]:  # noqa: ARG002
        """What there is to say of the lane's method since the last time that it was asked; nothing for most."""
        return []

    def is_stationary(self, lane: int) -> bool:  # noqa: ARG002
        """Whether nothing will ever move the lane; only a method that follows the flow exactly can tell."""
        return False

    def stuck(self, lane: int) -> str | None:  # noqa: ARG002
        """Why no further step can be taken, with what to do about it; None where one can."""
        return None


class FactorMethod(Method):
    """A method on the factors of an objective."""

    factors: ByLane[Factors]

    def __init__(self, objective: Objective, start: Tensor) -> None:
        super().__init__(objective.n_lanes)
        self.objective = objective
        self.factors = objective.factors(start)

    def parameters(self, lane: int) -> Tensor:
        return self.factors.flat[lane].to("cpu", torch.float64, copy=True)

    def keep(self, lanes: list[int]) -> None:
        self.objective.keep(lanes)
        super().keep(lanes)
