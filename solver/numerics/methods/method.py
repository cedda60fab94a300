"""What every method is: a batch of lanes that advances, lane by lane, from one accepted state to the next."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from solver.numerics.models.layers import Factors, Layers


class Method(ABC):
    """A batch of lanes under way. Per-lane facts are host lists, up to date after ``advance``."""

    def __init__(self, layers: Layers, start: Tensor) -> None:
        self.layers = layers
        self.factors: Factors = layers.factors(start)
        self.steps = [0] * layers.n_lanes
        """Accepted steps."""
        self.evaluations = [1] * layers.n_lanes
        """Gradients computed."""
        self.times: list[float] | None = [0.0] * layers.n_lanes
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

    def parameters(self, lane: int) -> Tensor:
        """The lane's factors at its last accepted state, flat, in float64 on the CPU."""
        return self.factors.flat[lane].to("cpu", torch.float64, copy=True)

    def inside(self, lane: int, fraction: float) -> Tensor | None:  # noqa: ARG002
        """The lane's factors inside its last step, by dense output; None for a method without one."""
        return None

    def _keep_lists(self, lanes: list[int]) -> None:
        self.steps = [self.steps[lane] for lane in lanes]
        self.evaluations = [self.evaluations[lane] for lane in lanes]
        self.losses = [self.losses[lane] for lane in lanes]
        if self.times is not None:
            self.times = [self.times[lane] for lane in lanes]
