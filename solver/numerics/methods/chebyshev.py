"""The Runge–Kutta–Chebyshev method RKC2, explicit and stable over long steps, for stiff problems of many parameters.

Sommeijer, Shampine & Verwer, RKC: an explicit solver for parabolic PDEs, J. Comput. Appl. Math. 88, 1998: order 2,
stable for real curvatures up to 0.65 s² / h with s gradients a step. The Jacobian of a gradient flow is symmetric, so
real curvatures are all there are; the pair 5(4) manages 3.3/h with six.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from solver.numerics.methods.kept import ByLane
from solver.numerics.methods.scheme import Scheme, rms
from solver.numerics.models.objective import Factors, Objective

_DAMPING = 2.0 / 13.0
_MOST_STAGES = 250
# The largest curvature is estimated anew after so many steps, and after every rejection.
_STEPS_BETWEEN_ESTIMATES = 10
_CURVATURE_SAFETY = 1.1
# Power iterations until the estimate changes by less than this; the first ones of a lane start from a guess.
_CURVATURE_CHANGE = 0.05
_FIRST_ITERATIONS = 30
_LATER_ITERATIONS = 2


class Chebyshev(Scheme):
    """Y_j = (1−μ_j−ν_j) Y_0 + μ_j Y_{j−1} + ν_j Y_{j−2} + h μ̃_j F_{j−1} + h γ̃_j F_0, for j up to s.

    Every lane has its own number of stages; one that is done keeps its value while the others go on.
    """

    NAME = "chebyshev"
    ERROR_POWER = 3
    SAFETY = 0.8
    SMALLEST_FACTOR = 0.1
    LARGEST_FACTOR = 5.0
    FIRST_ERROR = 0.0
    _direction: ByLane[Tensor]
    """Of the largest curvature, a unit vector of each lane."""
    _curvature: ByLane[list[float]]
    """The largest curvature with its safety; 0 where it is to be found from a guess."""
    _age: ByLane[list[int]]

    def __init__(self, objective: Objective) -> None:
        super().__init__(objective)
        n, like = objective.n_lanes, self.end_slope
        self._direction = torch.zeros_like(like)
        self._curvature = [0.0] * n
        self._age = [_STEPS_BETWEEN_ESTIMATES] * n

    def _allocate(self) -> None:
        super()._allocate()
        objective = self.objective
        # Y_0, F_0, F_{j−1} and the three newest Y, of which a stage writes the oldest.
        shape = (6, objective.n_lanes, objective.n_parameters)
        self._rows = torch.zeros(shape, dtype=objective.dtype, device=objective.device)
        self._gradient = objective.view(self._rows[2])
        self._newest = [objective.view(self._rows[3 + place]) for place in range(3)]
        self._work = objective.factors()

    def begin(self, lane: int, towards: Tensor) -> None:
        # What a step that was not this lane's left behind need not be finite.
        self._rows[:, lane].zero_()
        length = torch.linalg.vector_norm(towards)
        start = towards if bool(length > 0) else torch.ones_like(towards)
        self._direction[lane] = start / torch.linalg.vector_norm(start)
        self._curvature[lane], self._age[lane] = 0.0, _STEPS_BETWEEN_ESTIMATES

    def rejected(self, lane: int) -> None:
        # A value that is not finite would survive a coefficient of zero.
        self._rows[:, lane].zero_()
        self._age[lane] = _STEPS_BETWEEN_ESTIMATES

    def longest(self, lane: int) -> float:
        curvature = self._curvature[lane]
        return _reach(_MOST_STAGES) / curvature if curvature > 0 else math.inf

    def factor(self, error: float, last_error: float, growth: float) -> float:
        """As in RKC: the change of the error from step to step is taken to go on."""
        usual: float = self.SAFETY * error ** (-1.0 / 3.0)
        if last_error == 0.0:
            return usual
        foreseen: float = self.SAFETY * growth * last_error ** (1.0 / 3.0) * error ** (-2.0 / 3.0)
        return min(usual, foreseen)

    def step(self, start: Factors, slope: Tensor, h: Tensor, active: list[bool]) -> tuple[Tensor, Tensor]:
        self.taken = [0] * len(active)
        old = [age >= _STEPS_BETWEEN_ESTIMATES for age in self._age]
        self._estimate(start, slope, [one and is_old for one, is_old in zip(active, old, strict=True)])
        sizes: list[float] = h[:, 0].tolist()
        self.stiffness = [size * curvature for size, curvature in zip(sizes, self._curvature, strict=True)]
        stages = [_stages(z) if one else 2 for z, one in zip(self.stiffness, active, strict=True)]
        table = self._table(stages, sizes)
        rows = self._rows
        rows[0].copy_(start.flat)
        rows[1].copy_(slope)
        # Y_0 stands for Y_{−1} too, whose coefficient is zero.
        rows[4].copy_(start.flat)
        newest = 1
        for j, coefficients in enumerate(table):
            if j > 0:
                self.objective.loss_and_gradient(self._newest[newest], self._gradient)
            newest = (newest + 1) % 3
            self._combine(coefficients, self._newest[newest].flat)
        self.point.flat.copy_(self._newest[newest].flat)
        loss = self.objective.loss_and_gradient(self.point, self.objective.view(self.end_slope))
        self.taken = [taken + (s if one else 0) for taken, s, one in zip(self.taken, stages, active, strict=True)]
        self._age = [age + 1 if one else age for age, one in zip(self._age, active, strict=True)]
        # 0.8 (y_n − y_{n+1}) + 0.4 h (F_n + F_{n+1}), with the gradient −F.
        work = torch.sub(start.flat, self.point.flat, out=self._work.flat).mul_(0.8)
        work.addcmul_(slope, h, value=-0.4).addcmul_(self.end_slope, h, value=-0.4)
        return loss, rms(work)

    def _table(self, stages: list[int], sizes: list[float]) -> Tensor:
        """Coefficients (stage, row, lane) of the rows in each stage's value; sent to the device at once."""
        lanes = [_of_rows(s, size, max(stages)) for s, size in zip(stages, sizes, strict=True)]
        return torch.tensor(lanes, dtype=self.objective.dtype).permute(1, 2, 0).contiguous().to(self.objective.device)

    def _combine(self, coefficients: Tensor, out: Tensor) -> None:
        """The sum of the rows with these coefficients (row, lane), in the row that has none."""
        rows = self._rows
        if rows.shape[1] == 1:
            torch.mv(rows.view(6, -1).T, coefficients[:, 0], out=self._work.flat.view(-1))
            out.copy_(self._work.flat)
            return
        torch.mul(rows[0], coefficients[0].unsqueeze(1), out=out)
        for row, coefficient in zip(rows[1:], coefficients[1:], strict=True):
            if row.data_ptr() != out.data_ptr():
                out.addcmul_(row, coefficient.unsqueeze(1))

    def _estimate(self, start: Factors, slope: Tensor, wanted: list[bool]) -> None:
        """The largest curvature of the wanted lanes, by power iterations on differences of gradients."""
        limit = [_LATER_ITERATIONS if curvature > 0 else _FIRST_ITERATIONS for curvature in self._curvature]
        found = [0.0] * len(wanted)
        # A displacement that balances rounding against the change of the curvature.
        length = 10.0 * math.sqrt(torch.finfo(self.objective.dtype).eps)
        size = (length * torch.linalg.vector_norm(start.flat, dim=1)).clamp_min(1e-150).unsqueeze(1)
        count = 0
        while any(wanted):
            torch.addcmul(start.flat, self._direction, size, out=self._work.flat)
            self.objective.loss_and_gradient(self._work, self._gradient)
            change = torch.sub(self._gradient.flat, slope, out=self._work.flat)
            norms = torch.linalg.vector_norm(change, dim=1)
            curvatures: list[float] = (norms / size[:, 0]).tolist()
            count += 1
            for lane, curvature in enumerate(curvatures):
                if not wanted[lane]:
                    continue
                self.taken[lane] += 1
                if math.isfinite(curvature) and curvature > 0:
                    self._direction[lane] = change[lane] / norms[lane]
                converged = abs(curvature - found[lane]) < _CURVATURE_CHANGE * curvature
                found[lane] = curvature
                if converged or count >= limit[lane] or not curvature > 0:
                    wanted[lane] = False
                    self._curvature[lane] = _CURVATURE_SAFETY * curvature if math.isfinite(curvature) else 0.0
                    self._age[lane] = 0

    def inside(self, lane: int, fraction: float, start: Factors, slope: Tensor, h: float) -> Tensor:
        """Cubic through both ends with their slopes; of order 3 in h."""
        begin, end = start.flat[lane], self.point.flat[lane]
        change = end - begin
        rest = 1.0 - fraction
        first = -h * slope[lane] - change
        second = change + h * self.end_slope[lane]
        return begin + fraction * (change + rest * (rest * first + fraction * second))


def _reach(stages: int) -> float:
    """The largest h·ρ at which a step of so many stages is stable."""
    return 2.0 / 3.0 * (stages**2 - 1.0) * (1.0 - 2.0 / 15.0 * _DAMPING)


def _stages(stiffness: float) -> int:
    """The fewest stages that are stable there."""
    wanted = math.sqrt(1.0 + stiffness / _reach(1_000) * (1_000**2 - 1.0))
    return max(2, min(_MOST_STAGES, math.ceil(wanted)))


@functools.cache
def _coefficients(stages: int) -> tuple[float, list[tuple[float, float, float, float]]]:
    """μ̃_1, and (μ_j, ν_j, μ̃_j, γ̃_j) of the stages from the second on."""
    w0 = 1.0 + _DAMPING / stages**2
    values, first, second = [1.0, w0], [0.0, 1.0], [0.0, 0.0]
    for j in range(2, stages + 1):
        second.append(2.0 * w0 * second[-1] - second[-2] + 4.0 * first[-1])
        first.append(2.0 * w0 * first[-1] - first[-2] + 2.0 * values[j - 1])
        values.append(2.0 * w0 * values[j - 1] - values[j - 2])
    w1 = first[stages] / second[stages]
    b = [second[j] / first[j] ** 2 for j in range(2, stages + 1)]
    b = [b[0], b[0], *b]
    a = [1.0 - b[j] * values[j] for j in range(stages + 1)]
    rows = []
    for j in range(2, stages + 1):
        shifted = 2.0 * b[j] * w1 / b[j - 1]
        rows.append((2.0 * b[j] * w0 / b[j - 1], -b[j] / b[j - 2], shifted, -a[j - 1] * shifted))
    return b[1] * w1, rows


def _of_rows(stages: int, h: float, until: int) -> list[list[float]]:
    """Coefficients of Y_0, F_0, F_{j−1} and the three newest Y in Y_j, for j from 1; the gradients are −F.

    Y_j lies in row 3 + (j + 1) % 3. Beyond the last stage the value is kept.
    """
    first, rows = _coefficients(stages)
    table = [[1.0, -h * first, 0.0, 0.0, 0.0, 0.0]]
    for j in range(2, until + 1):
        mu, nu, shifted, initial = rows[j - 2] if j <= stages else (1.0, 0.0, 0.0, 0.0)
        line = [1.0 - mu - nu, -h * initial, -h * shifted, 0.0, 0.0, 0.0]
        line[3 + j % 3] += mu
        line[3 + (j - 1) % 3] += nu
        table.append(line)
    return table
