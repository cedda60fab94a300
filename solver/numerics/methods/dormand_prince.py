"""Gradient flow by the explicit Dormand–Prince 5(4) pair with dense output.

Coefficients: Dormand & Prince 1980; dense output of order 4: Hairer, Nørsett & Wanner, Solving Ordinary Differential
Equations I, §II.6.
"""

from __future__ import annotations

import torch
from torch import Tensor

from solver.numerics.methods.flow import Flow, rms

_A = [
    [],
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    [35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
]
_ERROR = [71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40]
_DENSE = [
    -12715105075 / 11282082432,
    0.0,
    87487479700 / 32700410799,
    -10690763975 / 1880347072,
    701980252875 / 199316789632,
    -1453857185 / 822651844,
    69997945 / 29380423,
]


class DormandPrince(Flow):
    """Seven stages, the last of which is the first of the next step."""

    ERROR_ORDER = 5
    BETA = 0.04

    def _allocate(self) -> None:
        objective = self.objective
        shape = (7, objective.n_lanes, objective.n_parameters)
        self._stages = torch.zeros(shape, dtype=objective.dtype, device=objective.device)
        # Gradients, not slopes: every combination below is subtracted.
        self._slope, self._end_slope = self._stages[0], self._stages[6]
        self._slopes = [objective.view(self._stages[stage]) for stage in range(7)]
        self._sum = torch.zeros_like(self._stages[0])
        self._a = [torch.tensor(row, dtype=objective.dtype, device=objective.device) for row in _A]
        self._error = torch.tensor(_ERROR, dtype=objective.dtype, device=objective.device)
        self._dense = torch.tensor(_DENSE, dtype=objective.dtype, device=objective.device)

    def _step(self, h: Tensor) -> tuple[Tensor, Tensor]:
        stages, combination = self._stages.view(7, -1), self._sum.view(-1)
        loss = h
        for stage in range(1, 7):
            torch.mv(stages[:stage].T, self._a[stage], out=combination)
            torch.addcmul(self.factors.flat, self._sum, h, value=-1.0, out=self._point.flat)
            # The last stage is the new state, and its gradient the first of the next step.
            loss = self.objective.loss_and_gradient(self._point, self._slopes[stage])
        torch.mv(stages.T, self._error, out=combination)
        self.evaluations = [count + 6 for count in self.evaluations]
        return loss, h[:, 0].to(torch.float64) * rms(self._sum)

    def inside(self, lane: int, fraction: float) -> Tensor:
        """θ(t + fraction·h) in the step just accepted; of order 4 in h. Valid until the next ``advance``."""
        assert self._accepted[lane], "dense output looks back over an accepted step"
        h = self._taken[lane]
        start, end = self.factors.flat[lane], self._point.flat[lane]
        stages = self._stages[:, lane]
        change = end - start
        first = -h * stages[0] - change
        second = change + h * stages[6] - first
        third = -h * torch.mv(stages.T, self._dense)
        rest = 1.0 - fraction
        inner = start + fraction * (change + rest * (first + fraction * (second + rest * third)))
        return inner.to("cpu", torch.float64)
