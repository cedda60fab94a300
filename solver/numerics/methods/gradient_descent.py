"""Gradient descent."""

from __future__ import annotations

import torch
from torch import Tensor

from solver.numerics.methods.first_order import FirstOrder
from solver.numerics.models.objective import Objective
from solver.spec import GradientDescent


class GradientDescentMethod(FirstOrder):
    """θ ← θ − η ∇ℓ(θ); flow time advances by η."""

    def __init__(
        self, objective: Objective, start: Tensor, spec: GradientDescent, steps_between_looks: int | None = None
    ) -> None:
        self._step_size = spec.step_size
        super().__init__(objective, start, steps_between_looks)

    def _prepare(self) -> None:
        super()._prepare()
        objective, shape = self.objective, (len(self.steps), 1)
        self._sizes = torch.full(shape, self._step_size, dtype=objective.dtype, device=objective.device)

    def _update(self) -> tuple[Tensor, Tensor]:
        return self._sizes, self._gradient.flat

    def _size_alone(self) -> float:
        return self._step_size

    def _look(self) -> None:
        self.times = [step * self._step_size for step in self.steps]

    def step_sizes(self) -> list[float]:
        return [self._step_size] * len(self.steps)
