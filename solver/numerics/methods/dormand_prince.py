"""The explicit Dormand–Prince 5(4) pair with dense output.

Coefficients: Dormand & Prince 1980; dense output of order 4: Hairer, Nørsett & Wanner, Solving Ordinary Differential
Equations I, §II.6.
"""

from __future__ import annotations

import torch
from torch import Tensor

from solver.numerics.methods.scheme import Scheme, rms
from solver.numerics.models.objective import Factors

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


class DormandPrince(Scheme):
    """Seven stages, the last of which is the first of the next step."""

    NAME = "dormand-prince"
    ERROR_ORDER = 5
    BETA = 0.04

    def _allocate(self) -> None:
        super()._allocate()
        objective = self.objective
        shape = (7, objective.n_lanes, objective.n_parameters)
        self._stages = torch.zeros(shape, dtype=objective.dtype, device=objective.device)
        # Gradients, not slopes: every combination below is subtracted.
        self.end_slope = self._stages[6]
        self._slopes = [objective.view(self._stages[stage]) for stage in range(7)]
        self._sum, self._before_last = torch.zeros_like(self._stages[0]), torch.zeros_like(self._stages[0])
        self._a = [torch.tensor(row, dtype=objective.dtype, device=objective.device) for row in _A]
        self._error = torch.tensor(_ERROR, dtype=objective.dtype, device=objective.device)
        self._dense = torch.tensor(_DENSE, dtype=objective.dtype, device=objective.device)

    def step(self, start: Factors, slope: Tensor, h: Tensor, active: list[bool]) -> tuple[Tensor, Tensor]:
        self._stages[0].copy_(slope)
        stages, combination = self._stages.view(7, -1), self._sum.view(-1)
        loss = h
        for stage in range(1, 7):
            torch.mv(stages[:stage].T, self._a[stage], out=combination)
            torch.addcmul(start.flat, self._sum, h, value=-1.0, out=self.point.flat)
            if stage == 5:
                self._before_last.copy_(self.point.flat)
            # The last stage is the new state, and its gradient the first of the next step.
            loss = self.objective.loss_and_gradient(self.point, self._slopes[stage])
        torch.mv(stages.T, self._error, out=combination)
        self.taken = [6 if one else 0 for one in active]
        self._look_for_stiffness(h)
        return loss, h[:, 0].to(torch.float64) * rms(self._sum)

    def _look_for_stiffness(self, h: Tensor) -> None:
        # The last two stages are at one time: their gradients differ by the curvature (Hairer & Wanner II, §IV.2).
        moved = torch.sub(self.point.flat, self._before_last, out=self._before_last)
        changed = torch.linalg.vector_norm(self._stages[6] - self._stages[5], dim=1)
        curvature = changed / torch.linalg.vector_norm(moved, dim=1).clamp_min(1e-300)
        self.stiffness = (h[:, 0] * curvature).tolist()

    def towards(self, lane: int) -> Tensor:
        """The direction in which the last two gradients differ: mostly that of the largest curvature."""
        return self._stages[6, lane] - self._stages[5, lane]

    def inside(self, lane: int, fraction: float, start: Factors, slope: Tensor, h: float) -> Tensor:  # noqa: ARG002
        """Of order 4 in h."""
        begin, end = start.flat[lane], self.point.flat[lane]
        stages = self._stages[:, lane]
        change = end - begin
        first = -h * stages[0] - change
        second = change + h * stages[6] - first
        third = -h * torch.mv(stages.T, self._dense)
        rest = 1.0 - fraction
        return begin + fraction * (change + rest * (first + fraction * (second + rest * third)))
