"""GroupRMSprop, the adaptive method of A19, R20 and R21."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from solver.numerics.methods.first_order import FirstOrder
from solver.numerics.methods.kept import ByLane, Whole
from solver.numerics.models.objective import Objective
from solver.numerics.problems.losses import squares_of
from solver.spec import GroupRMSprop


class GroupRMSpropMethod(FirstOrder):
    """v ← αv + (1−α)Σ‖g‖²; θ ← θ − η/(sqrt(v/(1−α^t)) + eps)·g, with one scalar v for all parameters of a lane.

    Every step is a step of gradient descent of the size in effect, so flow time is the sum of those sizes. All scalars
    are float64 whatever trains.
    """

    _moment: ByLane[Tensor]
    _weight: Whole[Tensor]
    """α^t."""
    _sizes: ByLane[Tensor]
    _time: ByLane[Tensor]

    def __init__(
        self, objective: Objective, start: Tensor, spec: GroupRMSprop, steps_between_looks: int | None = None
    ) -> None:
        super().__init__(objective, start, steps_between_looks)
        self._spec = spec
        self._moment = torch.zeros((objective.n_lanes, 1), dtype=torch.float64, device=objective.device)
        self._weight = torch.ones((1, 1), dtype=torch.float64, device=objective.device)
        self._none = torch.zeros((), dtype=torch.float64, device=objective.device)
        self._sizes, self._time = torch.zeros_like(self._moment), torch.zeros_like(self._moment)

    def _prepare(self) -> None:
        super()._prepare()
        self._squares = squares_of(self._gradient.flat)
        self._fresh = torch.zeros((len(self.steps), 1), dtype=torch.float64, device=self.objective.device)

    def _update(self) -> tuple[Tensor, Tensor]:
        spec, gradient = self._spec, self._gradient.flat
        self._moment.lerp_(self._squares().to(torch.float64).unsqueeze(1), 1.0 - spec.alpha)
        self._weight.mul_(spec.alpha)
        root = torch.div(self._moment, 1.0 - self._weight).sqrt_().add_(spec.eps)
        self._fresh = root.reciprocal_().mul_(spec.step_size)
        return self._fresh.to(gradient.dtype), gradient

    def _passed(self, moving: Tensor | None) -> None:
        self._time.add_(self._fresh if moving is None else torch.where(moving, self._fresh, self._none))
        self._sizes.copy_(self._fresh if moving is None else torch.where(moving, self._fresh, self._sizes))

    def _begin_alone(self) -> None:
        self._scalars = [self._moment.item(), self._weight.item(), self._sizes.item(), self._time.item()]

    def _size_alone(self) -> float:
        spec = self._spec
        moment, weight, _, time = self._scalars
        moment += (1.0 - spec.alpha) * (self._squares().item() - moment)
        weight *= spec.alpha
        size = spec.step_size / (math.sqrt(moment / (1.0 - weight)) + spec.eps)
        self._scalars = [moment, weight, size, time + size]
        return size

    def _end_alone(self) -> None:
        for tensor, value in zip((self._moment, self._weight, self._sizes, self._time), self._scalars, strict=True):
            tensor.fill_(value)

    def _look(self) -> None:
        self.times = self._time[:, 0].tolist()

    def step_sizes(self) -> list[float]:
        sizes: list[float] = self._sizes[:, 0].tolist()
        return sizes
