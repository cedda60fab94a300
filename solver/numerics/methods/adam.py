"""Adam (Kingma & Ba 2015)."""

from __future__ import annotations

import torch
from torch import Tensor

from solver.numerics.methods.first_order import FirstOrder
from solver.numerics.models.objective import Objective
from solver.spec import Adam


class FullBatchAdam(FirstOrder):
    """m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; θ ← θ − η m̂/(sqrt(v̂) + eps). It follows no flow, so it has no time."""

    STATE = (*FirstOrder.STATE, "_updates", "_mean", "_square")

    def __init__(self, objective: Objective, start: Tensor, spec: Adam, steps_between_looks: int | None = None) -> None:
        super().__init__(objective, start, steps_between_looks)
        self.times = None
        self._spec = spec
        self._updates = 0
        self._mean = torch.zeros_like(self.factors.flat)
        self._square = torch.zeros_like(self.factors.flat)
        self._direction = torch.zeros_like(self.factors.flat)
        self._sizes = torch.full((objective.n_lanes, 1), spec.step_size, dtype=objective.dtype, device=objective.device)

    def _update(self) -> tuple[Tensor, Tensor]:
        self._updates += 1
        adam_direction(self._spec, self._updates, self._gradient.flat, self._mean, self._square, self._direction)
        return self._sizes, self._direction

    def _passed(self, step_sizes: Tensor, moving: Tensor | None) -> None:
        pass

    def _look(self) -> None:
        pass

    def step_sizes(self) -> list[float]:
        return [self._spec.step_size] * len(self.steps)

    def keep(self, lanes: list[int]) -> None:
        super().keep(lanes)
        self._mean, self._square = self._mean[lanes], self._square[lanes]
        self._direction, self._sizes = self._direction[lanes], self._sizes[lanes]


def adam_direction(spec: Adam, update: int, gradient: Tensor, mean: Tensor, square: Tensor, out: Tensor) -> None:
    """Advances both moments by the update-th gradient (counted from 1); ``out`` receives m̂/(sqrt(v̂) + eps)."""
    mean.lerp_(gradient, 1.0 - spec.beta1)
    square.mul_(spec.beta2).addcmul_(gradient, gradient, value=1.0 - spec.beta2)
    torch.sqrt(square, out=out)
    out.div_((1.0 - spec.beta2**update) ** 0.5).add_(spec.eps)
    torch.div(mean, out, out=out)
    out.div_(1.0 - spec.beta1**update)
