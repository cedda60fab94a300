"""Rodas4, an implicit method with the exact Jacobian, for stiff problems of few parameters.

Rosenbrock method of order 4(3) with 6 stages, L-stable and stiffly accurate, dense output of order 3: Hairer & Wanner,
Solving Ordinary Differential Equations II, §IV.7 and §VI.4, whose transformed variables are used. The Jacobian of the
flow is minus the Hessian, computed anew at every accepted state. Each lane solves one linear system a step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from solver.numerics.methods.scheme import Scheme, rms
from solver.numerics.models.objective import Factors

_GAMMA = 0.25
_A5 = [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950]
_A = [
    [],
    [1.544],
    [0.9466785280815826, 0.2557011698983284],
    [3.314825187068521, 2.896124015972201, 0.9986419139977817],
    _A5,
    [*_A5, 1.0],
]
_C = [
    [],
    [-5.6688],
    [-2.430093356833875, -0.2063599157091915],
    [-0.1073529058151375, -9.594562251023355, -20.47028614809616],
    [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160],
    [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
]
_DENSE = [
    [10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823, 1.025137723295662],
    [-0.6762803392801253, 6.087714651680015, 16.43084320892478, 24.76722511418386, -6.594389125716872],
]


class Rosenbrock(Scheme):
    """Six stages u_i with (1/(hγ) + H) u_i = f(y + Σ a_ij u_j) + Σ c_ij u_j / h, where f = −∇ℓ and H is the Hessian."""

    NAME = "rosenbrock"
    ERROR_POWER = 4

    def _allocate(self) -> None:
        super()._allocate()
        objective = self.objective
        self._stages = torch.zeros(
            (6, objective.n_lanes, objective.n_parameters), dtype=objective.dtype, device=objective.device
        )
        self._identity = torch.eye(objective.n_parameters, dtype=objective.dtype, device=objective.device)
        self._stage_gradient = objective.factors()

        def rows(table: list[list[float]]) -> list[Tensor]:
            return [torch.tensor(row, dtype=objective.dtype, device=objective.device) for row in table]

        self._a, self._c, self._dense = rows(_A), rows(_C), rows(_DENSE)

    def step(self, start: Factors, slope: Tensor, h: Tensor, active: list[bool]) -> tuple[Tensor, Tensor]:
        objective = self.objective
        stages, shape = self._stages.view(6, -1), slope.shape
        hessian = objective.hessian(start)
        # The largest sum of a row bounds the largest curvature.
        self.stiffness = (h[:, 0] * torch.linalg.matrix_norm(hessian, ord=math.inf)).tolist()
        matrix = hessian + self._identity / (_GAMMA * h.unsqueeze(2))
        # A step so long that a negative curvature makes this singular comes out as not finite, and is rejected.
        factored, pivots, _ = torch.linalg.lu_factor_ex(matrix)
        for stage in range(6):
            gradient = slope
            if stage > 0:
                combination = torch.mv(stages[:stage].T, self._a[stage]).view(shape)
                torch.add(start.flat, combination, out=self.point.flat)
                objective.loss_and_gradient(self.point, self._stage_gradient)
                gradient = self._stage_gradient.flat
            right = -gradient
            if stage > 0:
                right += torch.mv(stages[:stage].T, self._c[stage]).view(shape) / h
            solved = torch.linalg.lu_solve(factored, pivots, right.unsqueeze(2))
            self._stages[stage].copy_(solved.squeeze(2))
        # The last stage is the difference of the two embedded solutions.
        self.point.flat.add_(self._stages[5])
        loss = objective.loss_and_gradient(self.point, objective.view(self.end_slope))
        self.taken = [6 if one else 0 for one in active]
        return loss, rms(self._stages[5])

    def inside(self, lane: int, fraction: float, start: Factors, slope: Tensor, h: float) -> Tensor:  # noqa: ARG002
        """Of order 3 in h."""
        begin, end = start.flat[lane], self.point.flat[lane]
        first, second = (torch.mv(self._stages[:5, lane].T, row) for row in self._dense)
        rest = 1.0 - fraction
        return begin * rest + fraction * (end + rest * (first + fraction * second))
