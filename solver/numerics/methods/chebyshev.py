"""A stabilised explicit method of order 3, nearly 4, for stiff problems of many parameters.

Stable for real curvatures up to 0.35 s²/h with s gradients a step. The Jacobian of a gradient flow is symmetric, so
real curvatures are all there are; the pair 5(4) manages 3.3/h with six.

Its stages are those of RKC (Sommeijer, Shampine & Verwer, RKC: an explicit solver for parabolic PDEs, J. Comput. Appl.
Math. 88, 1998), its stability polynomial R is that of ROCK4 (Abdulle, Fourth order Chebyshev methods with recurrence
relation, SIAM J. Sci. Comput. 23, 2002), as a sum of all stages. Why not either of them: with RKC, of order 2, values
that rise from small ones came late by percents, since their errors are hidden in the norm of all parameters. ROCK4's
stages are of order 1, and its last four carry their defects into the stiff directions with up to (hρ)³: along slow
manifolds that cut its steps tenfold. All stages of RKC but the first are of order 2.

Nothing is read from tables. R = (1 + v_1 z + … + v_4 z⁴) P, where P of degree s − 4 is orthogonal with the weight
w(x)²/√(1−x²), and w has the zeros that the factor before P comes to have. They, and how the interval of stability is
mapped onto [−1, 1], are polynomials in 1/s² fitted to those R of order 4 that oscillate equally (|R| ≤ 0.95). They
need not be exact: the factor is computed from P, so that R is of order 4.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from solver.numerics.methods.kept import ByLane
from solver.numerics.methods.scheme import Scheme, rms
from solver.numerics.models.objective import Factors, Objective

_FEWEST_STAGES = 6
_MOST_STAGES = 250
# Coefficients of powers of 25/s².
_REACH = [0.353199, -0.115859, 0.003826, 0.00006, -0.001296]
"""The largest stable h·ρ, over s²."""
_ORIGIN = [-1.0931, -0.1241, 0.0567, -0.108, 0.2174]
"""(x_0 − 1) s², where x_0 stands for a curvature of zero; the largest stable one is at −1."""
_ZEROS = [
    ([2.8276, -0.7537, 0.9288, -0.0472, -0.0935], [20.2784, 1.6805, 0.8338, 0.056, 0.4597]),
    ([15.243, 1.6356, 0.5108, -0.0391, 0.1143], [7.4569, 1.2181, 0.169, -0.0718, 0.0973]),
]
"""Of w, in pairs 1 − (a ± ib)/s²."""
# When Z is, over the step.
_TIME_OF_Z = 1.0
# What the error estimate makes of h⁴y⁗.
_ERROR_OF_TALLEST = 1.0 / 96.0
# The largest curvature is estimated anew after so many steps, and after every rejection.
_STEPS_BETWEEN_ESTIMATES = 10
_CURVATURE_SAFETY = 1.1
# Power iterations until the estimate changes by less than this; the first ones of a lane start from a guess.
_CURVATURE_CHANGE = 0.05
_FIRST_ITERATIONS = 30
_LATER_ITERATIONS = 2


class Chebyshev(Scheme):
    """Y_j = (1−μ_j−ν_j) Y_0 + μ_j Y_{j−1} + ν_j Y_{j−2} + h μ̃_j F_{j−1} + h γ̃_j F_0, for j up to s − 1.

    Then Z = Σ ζ_j Y_j, and the step ends at Σ ω_j Y_j + h β F(Z). Every lane has its own number of stages; one that is
    done keeps its value while the others go on.
    """

    NAME = "chebyshev"
    ERROR_POWER = 4
    SAFETY = 0.8
    SMALLEST_FACTOR = 0.1
    LARGEST_FACTOR = 5.0
    RISING = 14.0
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
        n, dtype, device = (objective.n_lanes, objective.n_parameters), objective.dtype, objective.device
        # Y_0, F_0, F_{j−1} and the three newest Y, of which a stage writes the oldest.
        self._rows = torch.zeros((6, *n), dtype=dtype, device=device)
        self._gradient = objective.view(self._rows[2])
        self._newest = [objective.view(self._rows[3 + place]) for place in range(3)]
        # The sums of all Y for Z, for the step's end and for its error.
        self._sums = torch.zeros((3, *n), dtype=dtype, device=device)
        self._last = objective.view(self._sums[0])
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
        """As in ROCK4: the change of the error from step to step is taken to go on."""
        usual: float = self.SAFETY * error**-0.25
        if last_error == 0.0:
            return usual
        foreseen: float = self.SAFETY * growth * last_error**0.25 * error**-0.5
        return min(usual, foreseen)

    def step(self, start: Factors, slope: Tensor, h: Tensor, active: list[bool]) -> tuple[Tensor, Tensor]:
        self.taken = [0] * len(active)
        old = [age >= _STEPS_BETWEEN_ESTIMATES for age in self._age]
        self._estimate(start, slope, [one and is_old for one, is_old in zip(active, old, strict=True)])
        sizes: list[float] = h[:, 0].tolist()
        self.stiffness = [size * curvature for size, curvature in zip(sizes, self._curvature, strict=True)]
        stages = [_stages(z) if one else _FEWEST_STAGES for z, one in zip(self.stiffness, active, strict=True)]
        recurrence, weights, of_last = self._tables(stages, sizes)
        rows, sums, objective = self._rows, self._sums, self.objective
        rows[0].copy_(start.flat)
        rows[1].copy_(slope)
        # Y_0 stands for Y_{−1} too, whose coefficient is zero.
        rows[4].copy_(start.flat)
        torch.mul(start.flat, weights[0], out=sums)
        newest = 1
        for j, coefficients in enumerate(recurrence):
            if j > 0:
                objective.loss_and_gradient(self._newest[newest], self._gradient)
            newest = (newest + 1) % 3
            self._combine(coefficients, self._newest[newest].flat)
            sums.addcmul_(self._newest[newest].flat, weights[j + 1])
        objective.loss_and_gradient(self._last, self._gradient)
        sums[1:].addcmul_(self._gradient.flat, of_last)
        self.point.flat.copy_(sums[1])
        loss = objective.loss_and_gradient(self.point, objective.view(self.end_slope))
        self.taken = [taken + (s if one else 0) for taken, s, one in zip(self.taken, stages, active, strict=True)]
        self._age = [age + 1 if one else age for age, one in zip(self._age, active, strict=True)]
        return loss, rms(sums[2])

    def _tables(self, stages: list[int], sizes: list[float]) -> tuple[Tensor, Tensor, Tensor]:
        """Coefficients (stage, row, lane) of the rows in each Y; weights (stage, sum, lane, 1) of each Y in the sums.

        Thirdly those (sum, lane, 1) of Z's gradient in the two last sums. All are sent to the device at once.
        """
        longest = max(stages)
        recurrence = np.zeros((longest - 1, 6, len(stages)))
        weights = np.zeros((longest, 3, len(stages)))
        of_last = np.zeros((2, len(stages)))
        for lane, (count, size) in enumerate(zip(stages, sizes, strict=True)):
            found = coefficients_of(count)
            recurrence[: count - 1, :, lane] = found.rows
            recurrence[: count - 1, 1:3, lane] *= -size
            # A lane that is done keeps its value.
            kept = np.arange(count - 1, longest - 1)
            recurrence[kept, 3 + (kept + 1) % 3, lane] = 1.0
            weights[:count, :, lane] = found.weights
            of_last[:, lane] = -size * found.of_last
        both = np.concatenate([recurrence.ravel(), weights.ravel(), of_last.ravel()])
        sent = torch.from_numpy(both).to(self.objective.device, self.objective.dtype)
        first, second = recurrence.size, recurrence.size + weights.size
        return (
            sent[:first].view(recurrence.shape),
            sent[first:second].view(*weights.shape, 1),
            sent[second:].view(*of_last.shape, 1),
        )

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


class Coefficients(NamedTuple):
    """Of a step of h = 1, for the gradients' negatives F."""

    rows: np.ndarray
    """(stage, 6): of Y_0, F_0, F_{j−1} and the three newest Y in Y_j, for j from 1; Y_j lies in row 3 + (j + 1) % 3."""
    weights: np.ndarray
    """(stage, 3): of Y_j, for j from 0, in Z, in the step's end and in its error."""
    of_last: np.ndarray
    """Of F(Z) in the two latter."""


def _polynomial(coefficients: list[float], stages: int) -> float:
    return float(np.polynomial.polynomial.polyval(25.0 / stages**2, coefficients))


def _reach(stages: int) -> float:
    """The largest h·ρ at which a step of so many stages is stable."""
    return _polynomial(_REACH, stages) * stages**2


@functools.cache
def _reaches() -> np.ndarray:
    return np.array([_reach(stages) for stages in range(_FEWEST_STAGES, _MOST_STAGES + 1)])


def _stages(stiffness: float) -> int:
    """The fewest stages that are stable there."""
    return min(_MOST_STAGES, _FEWEST_STAGES + int(np.searchsorted(_reaches(), stiffness)))


@functools.cache
def coefficients_of(stages: int) -> Coefficients:
    """Of the method with so many gradients a step, at least 6.

    With P the orthogonal polynomial and z = −hλ, the step multiplies by R = (1 + v_1 z + … + v_4 z⁴) P, and Z by
    (1 + u_1 z + u_2 z² + u_3 z³) P; both are written as sums of the polynomials of the Y, which have degree s − 1, and
    βzZ, so that β u_3 = v_4. The v make R of order 4. β makes the weight of the tree [•,•,•] that of the flow, and u_2
    that of [•,•], so that order 3 is exact. Since the first stage is of order 1, the weights of the two other trees of
    four nodes are met within 2.3 % with 6 stages, 1.1 % with 7, 0.6 % with 8, and so on with s⁻⁵.
    """
    rows, values, of_stages = _stages_of(stages)
    x = np.cos((np.arange(stages) + 0.5) * math.pi / stages)
    z = 0.5 * _reach(stages) * (x - 1.0)
    orthogonal, (p1, p2, p3, p4) = _orthogonal(stages, z)
    # Coefficients of polynomials, given at the nodes, in those of the stages.
    in_cosines = 2.0 / stages * np.cos(np.outer(np.arange(stages), np.arccos(x)))
    in_cosines[0] *= 0.5

    def in_stages(polynomial: list[float]) -> np.ndarray:
        """The Y whose sum is this polynomial in z times P."""
        found = in_cosines @ (np.polynomial.polynomial.polyval(z, polynomial) * orthogonal)
        result: np.ndarray = found / values
        result[0] = found[0] - float(result[1:] @ (1.0 - values[1:]))
        return result

    v1 = 1.0 - p1
    v2 = 1.0 / 2.0 - p2 - p1 * v1
    v3 = 1.0 / 6.0 - p3 - p2 * v1 - p1 * v2
    v4 = 1.0 / 24.0 - p4 - p3 * v1 - p2 * v2 - p1 * v3
    u1 = _TIME_OF_Z - p1
    whole, of_beta, of_both = (in_stages(one) for one in ([1.0, v1, v2, v3], [0.0, 1.0, u1], [0.0, 0.0, 0.0, 1.0]))
    # Weights of [•,•] less twice [[•]], and of [•,•,•], of the whole less β and βu_2 times the others, with hβF(Z).
    bushes = np.stack([of_stages[:, 2] - 2.0 * of_stages[:, 3], of_stages[:, 4]])
    matrix = -bushes @ np.stack([of_beta, of_both], axis=1)
    matrix[:, 0] += _TIME_OF_Z**2 - 2.0 * (p2 + p1 * u1), _TIME_OF_Z**3
    matrix[0, 1] -= 2.0
    beta, beta_u2 = np.linalg.solve(matrix, np.array([0.0, 0.25]) - bushes @ whole)
    u2, u3 = beta_u2 / beta, v4 / beta
    without = of_beta + u2 * of_both
    of_error = _ERROR_OF_TALLEST / u3
    weights = np.stack([in_stages([1.0, u1, u2, u3]), whole - beta * without, -of_error * without], axis=1)
    return Coefficients(rows, weights, np.array([beta, of_error]))


def _stages_of(stages: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The stages of RKC without damping, with polynomials 1 − b_j + b_j T_j(1 + 2z/reach), for j up to s − 1.

    Their ``Coefficients.rows``, b_j, and elementary weights (stage, tree).
    """
    scale = 2.0 / _reach(stages)
    j = np.arange(2.0, stages)
    b = np.concatenate([[0.25, 0.25], (j**2 - 1.0) / (3.0 * j**2)])
    rows, weights = np.zeros((stages - 1, 6)), np.zeros((stages, _N_TREES))
    rows[0, :2] = 1.0, b[1] * scale
    weights[1] = b[1] * scale * _of_slope(weights[0])
    for k in range(2, stages):
        mu, nu = 2.0 * b[k] / b[k - 1], -b[k] / b[k - 2]
        shifted, initial = mu * scale, -(1.0 - b[k - 1]) * mu * scale
        rows[k - 1, :3] = 1.0 - mu - nu, initial, shifted
        rows[k - 1, 3 + k % 3] += mu
        rows[k - 1, 3 + (k - 1) % 3] += nu
        weights[k] = mu * weights[k - 1] + nu * weights[k - 2]
        weights[k] += shifted * _of_slope(weights[k - 1]) + initial * _of_slope(weights[0])
    return rows, b, weights


# Of the trees up to order 4: •, [•], [•,•], [[•]], [•,•,•], [•,[•]], [[•,•]], [[[•]]]. Those of the flow are
# 1, 1/2, 1/3, 1/6, 1/4, 1/8, 1/12, 1/24.
_N_TREES = 8


def _of_slope(weights: np.ndarray) -> np.ndarray:
    """The elementary weights of h·F at a state that has these."""
    one, two, bush, tall = weights[:4]
    return np.array([1.0, one, one**2, two, one**3, one * two, bush, tall])


def _orthogonal(stages: int, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P of degree s − 4, orthogonal with the weight w(x)²/√(1−x²), as values at z and coefficients of z, …, z⁴.

    By Stieltjes' procedure on nodes of Gauss and Chebyshev that integrate the products exactly.
    """
    n = stages - 4
    origin = 1.0 + _polynomial(_ORIGIN, stages) / stages**2
    scale = (1.0 + origin) / _reach(stages)
    x = np.cos((np.arange(n + 8) + 0.5) * math.pi / (n + 8))
    weight = np.ones_like(x)
    for real, imaginary in _ZEROS:
        a, b = _polynomial(real, stages) / stages**2, _polynomial(imaginary, stages) / stages**2
        weight *= ((x - 1.0 + a) ** 2 + b**2) ** 2
    before, value = np.zeros_like(x), np.ones_like(x) / math.sqrt(weight.sum())
    before_p, p = np.zeros_like(z), np.ones_like(z)
    before_c, c = np.zeros(5), np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    beside, ratio = 0.0, 0.0
    for _ in range(n):
        middle = float(weight @ (x * value**2))
        last_ratio, ratio = ratio, 1.0 / (origin - middle - beside**2 * ratio)
        newest, oldest = (origin - middle) * ratio, -(beside**2) * last_ratio * ratio
        before_p, p = p, (newest + scale * ratio * z) * p + oldest * before_p
        before_c, c = c, newest * c + oldest * before_c + scale * ratio * np.concatenate([[0.0], c[:4]])
        # Normed at every step: the values of monic polynomials would run out of range.
        following = (x - middle) * value - beside * before
        beside = math.sqrt(float(weight @ following**2))
        before, value = value, following / beside
    return p, c[1:]
