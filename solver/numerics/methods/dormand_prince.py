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
    ERROR_POWER = 5
    BETA = 0.04

    def _allocate(self) -> None:
        super()._allocate()
        objective = self.objective

        def constant(values: list[float] | list[list[float]]) -> Tensor:
            return torch.tensor(values, dtype=objective.dtype, device=objective.device)

        # The start and the gradients at the seven stages; gradients, not slopes: they are subtracted.
        shape = (8, objective.n_lanes, objective.n_parameters)
        self._rows = torch.zeros(shape, dtype=objective.dtype, device=objective.device)
        self._stages = self._rows[1:]
        self.end_slope = self._stages[6]
        self._slopes = [objective.view(self._stages[stage]) for stage in range(7)]
        self._before_last = objective.factors()
        # The last stage is the new state, and its gradient the first of the next step.
        self._points = [self.point] * 5 + [self._before_last, self.point]
        self._sum = torch.zeros_like(self._stages[0])
        self._a = [constant(row) for row in _A]
        self._error, self._dense = constant(_ERROR), constant(_DENSE)
        # Of one lane each point is a single product: 1 for the start, and −h·a for the gradients.
        self._of_start = constant([[1.0] + [0.0] * 7] * 7)
        self._of_gradients = constant([[0.0, *row] + [0.0] * (7 - len(row)) for row in _A])
        self._coefficients = torch.zeros_like(self._of_start)
        flat = self._rows.view(8, -1)
        self._products = [
            (flat[: stage + 1].T, self._coefficients[stage, : stage + 1], self._points[stage].flat.view(-1))
            for stage in range(7)
        ]

    def step(self, start: Factors, slope: Tensor, h: Tensor, active: list[bool]) -> tuple[Tensor, Tensor]:
        self._rows[0].copy_(start.flat)
        self._stages[0].copy_(slope)
        loss, is_alone = h, len(active) == 1
        if is_alone:
            torch.addcmul(self._of_start, self._of_gradients, h, value=-1.0, out=self._coefficients)
        for stage in range(1, 7):
            if is_alone:
                rows, coefficients, point = self._products[stage]
                torch.mv(rows, coefficients, out=point)
            else:
                torch.mv(self._stages[:stage].view(stage, -1).T, self._a[stage], out=self._sum.view(-1))
                torch.addcmul(start.flat, self._sum, h, value=-1.0, out=self._points[stage].flat)
            loss = self.objective.loss_and_gradient(self._points[stage], self._slopes[stage])
        torch.mv(self._stages.view(7, -1).T, self._error, out=self._sum.view(-1))
        self.taken = [6 if one else 0 for one in active]
        self._look_for_stiffness(h)
        return loss, h[:, 0].to(torch.float64) * rms(self._sum)

    def _look_for_stiffness(self, h: Tensor) -> None:
        # The last two stages are at one time: their gradients differ by the curvature (Hairer & Wanner II, §IV.2).
        before = self._before_last.flat
        moved = torch.linalg.vector_norm(torch.sub(self.point.flat, before, out=before), dim=1)
        changed = torch.linalg.vector_norm(torch.sub(self._stages[6], self._stages[5], out=before), dim=1)
        curvature = changed / moved.clamp_min(1e-300)
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
