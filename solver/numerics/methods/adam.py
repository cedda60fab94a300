"""Adam (Kingma & Ba 2015)."""

from __future__ import annotations

import torch
from torch import Tensor

from solver.numerics.methods.first_order import FirstOrder
from solver.numerics.methods.kept import ByLane, Whole
from solver.numerics.models.objective import Objective
from solver.spec import Adam


class AdamMethod(FirstOrder):
    """m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; θ ← θ − η m̂/(sqrt(v̂) + eps). It follows no flow, so it has no time."""

    _mean: ByLane[Tensor]
    _square: ByLane[Tensor]
    _weights: Whole[Tensor]

    def __init__(self, objective: Objective, start: Tensor, spec: Adam, steps_between_looks: int | None = None) -> None:
        self._spec = spec
        super().__init__(objective, start, steps_between_looks)
        self.times = None
        self._mean = torch.zeros_like(self.factors.flat)
        self._square = torch.zeros_like(self.factors.flat)
        self._weights = first_weights(objective.device)

    def _prepare(self) -> None:
        super()._prepare()
        objective, shape = self.objective, (len(self.steps), 1)
        self._direction = torch.zeros_like(self.factors.flat)
        self._sizes = torch.full(shape, self._spec.step_size, dtype=objective.dtype, device=objective.device)

    def _update(self) -> tuple[Tensor, Tensor]:
        adam_direction(self._spec, self._weights, self._gradient.flat, self._mean, self._square, self._direction)
        return self._sizes, self._direction

    def _look(self) -> None:
        pass

    def step_sizes(self) -> list[float]:
        return [self._spec.step_size] * len(self.steps)


def first_weights(device: torch.device) -> Tensor:
    """β₁^t and β₂^t at t = 0, on the device: a queue of steps must not wait for numbers of the host."""
    return torch.ones(2, dtype=torch.float64, device=device)


def adam_direction(spec: Adam, weights: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, out: Tensor) -> None:
    """Advances ``weights`` and both moments by a gradient; ``out`` receives m̂/(sqrt(v̂) + eps)."""
    weights[0].mul_(spec.beta1)
    weights[1].mul_(spec.beta2)
    corrections = 1.0 - weights
    mean.lerp_(gradient, 1.0 - spec.beta1)
    square.mul_(spec.beta2).addcmul_(gradient, gradient, value=1.0 - spec.beta2)
    torch.div(square, corrections[1], out=out).sqrt_().add_(spec.eps)
    torch.div(mean, out, out=out).div_(corrections[0])
