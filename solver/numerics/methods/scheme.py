"""What every scheme for the gradient flow is: one attempted step of each lane, its error, its stiffness, its inside."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from solver.numerics.methods.kept import Derived, Kept
from solver.numerics.models.objective import Factors, Objective


class Scheme(Kept, ABC):
    """A one-step method on a batch of lanes, with buffers of its own: ``point`` and ``end_slope`` are where it led.

    Its coefficients and its error estimate alone are here; whether a step is accepted, and the length of the next one,
    is the flow's affair.
    """

    NAME: ClassVar[str]
    ERROR_POWER: ClassVar[int]
    """The local error falls with this power of the step."""
    BETA: ClassVar[float] = 0.0
    """Weight of the last error: Lund's stabilisation damps the see-saw of steps that stability limits."""
    SAFETY: ClassVar[float] = 0.9
    SMALLEST_FACTOR: ClassVar[float] = 0.2
    LARGEST_FACTOR: ClassVar[float] = 6.0
    RISING: ClassVar[float] = math.inf
    """While the speed grows the error may be this many times rtol of what a step moves, at most.

    What rises from a small value is hidden in the norm of all parameters, and an error in it delays the whole rise.
    """
    FIRST_ERROR: ClassVar[float] = 1e-4
    """Stands for the error before the scheme's first step."""
    stiffness: Derived[list[float]]
    """h·ρ of the last step, ρ the largest curvature met: beyond 3.3 an explicit pair is unstable."""
    taken: Derived[list[int]]
    """Gradients of the last attempt."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.stiffness, self.taken = [0.0] * objective.n_lanes, [0] * objective.n_lanes
        self._allocate()

    def _allocate(self) -> None:
        self.point = self.objective.factors()
        self.end_slope = torch.zeros_like(self.point.flat)

    @abstractmethod
    def step(self, start: Factors, slope: Tensor, h: Tensor, active: list[bool]) -> tuple[Tensor, Tensor]:
        """Steps of sizes ``h`` (lanes, 1), from ``start`` with gradient ``slope`` to ``point``, for the active lanes.

        Returns the losses there, and the root mean square of the local error's estimate, in float64. What it gives for
        other lanes means nothing.
        """

    @abstractmethod
    def inside(self, lane: int, fraction: float, start: Factors, slope: Tensor, h: float) -> Tensor:
        """θ(t + fraction·h) in the step just accepted, in the training precision."""

    def longest(self, lane: int) -> float:  # noqa: ARG002
        """The longest step that the scheme can take next."""
        return math.inf

    def factor(self, error: float, last_error: float, growth: float) -> float:  # noqa: ARG002
        """By what to multiply the step after an accepted one; ``growth`` is this step over the one before.

        Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, §II.4, and II, §IV.2.
        """
        alpha = 1.0 / self.ERROR_POWER - 0.75 * self.BETA
        return float(self.SAFETY * error**-alpha * last_error**self.BETA)

    def begin(self, lane: int, towards: Tensor) -> None:
        """Takes over a lane; ``towards`` is a guess at the direction of the largest curvature."""

    def rejected(self, lane: int) -> None:
        """Hears that the lane's step was not accepted."""

    def keep(self, lanes: list[int]) -> None:
        """Goes on with these lanes alone; the objective has dropped the others."""
        super().keep(lanes)
        self._allocate()


def rms(values: Tensor) -> Tensor:
    """Root mean square of each row, in float64."""
    norm: Tensor = torch.linalg.vector_norm(values, dim=1)
    return norm.to(torch.float64) / math.sqrt(values.shape[1])
