"""Gradient flow by the Dormand–Prince 5(4) pair with error control and dense output.

Coefficients: Dormand & Prince 1980; step size control and the dense output of order 4: Hairer, Nørsett & Wanner,
Solving Ordinary Differential Equations I, §II.4–II.6. Departure: the local error is compared with the root mean
square of all parameters of the lane, not entry by entry, since an entry of a factor has no meaning by itself (the flow
commutes with rotations of the hidden layers, and so does this norm).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from solver.numerics.methods.method import Method
from solver.numerics.models.layers import Factors, Layers
from solver.spec import GradientFlow

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

_SAFETY = 0.9
_SMALLEST_FACTOR = 0.2
_LARGEST_FACTOR = 6.0
_LONGEST_STEP = 1e150
# Each halves the step at least: after so many it is below rounding of what it was.
_MOST_REJECTIONS = 80
# Lund stabilisation: remembering the last error damps the see-saw of steps that stability limits.
_BETA = 0.04
_ALPHA = 0.2 - 0.75 * _BETA


class DormandPrince(Method):
    """The flow dθ/dt = −∇ℓ(θ); every lane has its own time, step size and acceptance."""

    STATE = (*Method.STATE, "_slope", "_h", "_taken", "_last_error", "rejections", "_rejected_in_a_row")

    def __init__(self, layers: Layers, start: Tensor, spec: GradientFlow, max_time: float = math.inf) -> None:
        super().__init__(layers, start)
        self.rtol, self._atol, self._max_time = spec.rtol, spec.atol, max_time
        self._a = [torch.tensor(row, dtype=layers.dtype, device=layers.device) for row in _A]
        self._error = torch.tensor(_ERROR, dtype=layers.dtype, device=layers.device)
        self._dense = torch.tensor(_DENSE, dtype=layers.dtype, device=layers.device)
        self.rejections = [0] * layers.n_lanes
        self._rejected_in_a_row = [0] * layers.n_lanes
        self._rounding = 8.0 * torch.finfo(layers.dtype).eps
        self._residual_scale = layers.loss_of_zero()
        self._allocate()
        self._loss = layers.loss_and_gradient(self.factors, self._slopes[0]).clone()
        self.losses = self._loss.tolist()
        self._last_error = [1e-4] * layers.n_lanes
        self._h = self._first_step()
        self._taken = list(self._h)
        self._accepted = [False] * layers.n_lanes

    def _allocate(self) -> None:
        layers = self.layers
        shape = (7, layers.n_lanes, layers.n_parameters)
        self._stages = torch.zeros(shape, dtype=layers.dtype, device=layers.device)
        # Gradients, not slopes: every combination below is subtracted.
        self._slope = self._stages[0]
        self._slopes = [Factors(self._stages[stage], layers.widths) for stage in range(7)]
        self._point = layers.factors()
        self._sum = torch.zeros((layers.n_lanes, layers.n_parameters), dtype=layers.dtype, device=layers.device)

    def _first_step(self) -> list[float]:
        # Hairer et al. I, §II.4: a step that changes the state, by Euler, by about a hundredth, then the second
        # derivative's say.
        y, slope = self.factors.flat, self._stages[0]
        size = self._scale(y)
        d0, d1 = _rms(y) / size, _rms(slope) / size
        h0 = torch.where((d0 > 1e-5) & (d1 > 1e-5), 0.01 * d0 / d1.clamp_min(1e-300), torch.full_like(d0, 1e-6))
        h0 = h0.clamp_max(self._max_time)
        torch.addcmul(y, slope, h0.to(y.dtype).unsqueeze(1), value=-1.0, out=self._point.flat)
        self.layers.loss_and_gradient(self._point, self._slopes[1])
        self.evaluations = [count + 1 for count in self.evaluations]
        d2 = _rms(self._stages[1] - slope) / size / h0
        largest = torch.maximum(d1, d2)
        h1 = torch.where(largest <= 1e-15, (h0 * 1e-3).clamp_min(1e-6), (0.01 / largest.clamp_min(1e-300)) ** 0.2)
        first: list[float] = torch.minimum(100.0 * h0, h1).tolist()
        return [min(h, self._max_time) for h in first]

    def _scale(self, y: Tensor) -> Tensor:
        return self._atol + self.rtol * _rms(y)

    def advance(self, until: int, target: float) -> list[bool]:  # noqa: ARG002
        """One attempted step of every lane; those that were accepted are at a new state."""
        self._settle()
        n_lanes, n_parameters = self.factors.flat.shape
        h = torch.tensor(self._h, dtype=self.layers.dtype).to(self.layers.device).unsqueeze(1)
        stages = self._stages.view(7, n_lanes * n_parameters)
        combination = self._sum.view(n_lanes * n_parameters)
        for stage in range(1, 7):
            torch.mv(stages[:stage].T, self._a[stage], out=combination)
            torch.addcmul(self.factors.flat, self._sum, h, value=-1.0, out=self._point.flat)
            # The last stage is the new state, and its gradient the first of the next step.
            loss = self.layers.loss_and_gradient(self._point, self._slopes[stage])
        torch.mv(stages.T, self._error, out=combination)
        size = torch.maximum(self._scale(self.factors.flat), self._scale(self._point.flat))
        errors = (h[:, 0].to(torch.float64) * _rms(self._sum) / size).tolist()
        self.evaluations = [count + 6 for count in self.evaluations]
        losses = loss.tolist()
        for lane, error in enumerate(errors):
            # A step that leaves the numbers' range is a step too long: NaN fails the comparison.
            self._accepted[lane] = error <= 1.0 and self._falls(lane, losses[lane])
            self._control(lane, error, losses[lane])
        return list(self._accepted)

    def _falls(self, lane: int, loss: float) -> bool:
        """Whether the loss did not rise, beyond what rounding of the residuals can do to it.

        Along the exact flow it never rises. Near a minimum the local error alone would let steps sit on the limit of
        stability, where the loss hovers at about rtol² instead of falling.
        """
        if not (math.isfinite(loss) and loss >= 0.0):
            return False
        before = math.sqrt(self.losses[lane])
        return math.sqrt(loss) <= before * (1.0 + self._rounding) + self._rounding * self._residual_scale[lane]

    def _control(self, lane: int, error: float, loss: float) -> None:
        h = self._h[lane]
        if not self._accepted[lane]:
            self.rejections[lane] += 1
            self._rejected_in_a_row[lane] += 1
            if math.isfinite(error) and math.isfinite(loss):
                # At least halved: a step whose error was fine was rejected for its loss.
                factor = min(_SAFETY * max(error, 1e-10) ** (-_ALPHA), 0.5 if error <= 1.0 else 1.0)
            else:
                factor = _SMALLEST_FACTOR
            self._h[lane] = h * max(_SMALLEST_FACTOR, factor)
            return
        assert self.times is not None
        self.steps[lane] += 1
        self.losses[lane] = loss
        self._rejected_in_a_row[lane] = 0
        self._taken[lane] = h
        remaining = self._max_time - self.times[lane] - h
        # The last step was cut to end at max_time; rounding must not leave a sliver.
        at_end = math.isfinite(remaining) and remaining <= 1e-12 * self._max_time
        self.times[lane] = self._max_time if at_end else self.times[lane] + h
        error = max(error, 1e-10)
        factor = _SAFETY * error ** (-_ALPHA) * self._last_error[lane] ** _BETA
        self._last_error[lane] = max(error, 1e-4)
        self._h[lane] = min(h * max(_SMALLEST_FACTOR, min(factor, _LARGEST_FACTOR)), _LONGEST_STEP)
        if not at_end:
            self._h[lane] = min(self._h[lane], remaining)

    def _settle(self) -> None:
        """Makes the accepted states the ones to go on from; until then dense output can look back over the step."""
        if all(self._accepted):
            self.factors.flat.copy_(self._point.flat)
            self._stages[0].copy_(self._stages[6])
        else:
            for lane, accepted in enumerate(self._accepted):
                if accepted:
                    self.factors.flat[lane].copy_(self._point.flat[lane])
                    self._stages[0, lane].copy_(self._stages[6, lane])
        self._accepted = [False] * len(self._accepted)

    def state(self) -> dict[str, Any]:
        self._settle()
        return super().state()

    def step_sizes(self) -> list[float]:
        return list(self._taken)

    def is_stuck(self, lane: int) -> bool:
        """Whether no step is short enough for the error demanded. A NaN, of numbers beyond range, counts as stuck."""
        return not self._h[lane] > 1e-290 or self._rejected_in_a_row[lane] > _MOST_REJECTIONS

    def is_stationary(self, lane: int) -> bool:
        """Whether the gradient is exactly zero: nothing will ever move."""
        slope = self._stages[6 if self._accepted[lane] else 0, lane]
        return not bool(slope.any())

    def parameters(self, lane: int) -> Tensor:
        source = self._point if self._accepted[lane] else self.factors
        return source.flat[lane].to("cpu", torch.float64, copy=True)

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

    def keep(self, lanes: list[int]) -> None:
        self._settle()
        self._keep_lists(lanes)
        factors, slope = self.factors.flat[lanes], self._stages[0][lanes]
        self.layers.keep(lanes)
        self.factors = self.layers.factors(factors)
        self._allocate()
        self._stages[0].copy_(slope)
        self._h = [self._h[lane] for lane in lanes]
        self._taken = [self._taken[lane] for lane in lanes]
        self._last_error = [self._last_error[lane] for lane in lanes]
        self.rejections = [self.rejections[lane] for lane in lanes]
        self._rejected_in_a_row = [self._rejected_in_a_row[lane] for lane in lanes]
        self._residual_scale = [self._residual_scale[lane] for lane in lanes]
        self._accepted = [False] * len(lanes)


def _rms(values: Tensor) -> Tensor:
    """Root mean square of each row, in float64."""
    norm: Tensor = torch.linalg.vector_norm(values, dim=1)
    return norm.to(torch.float64) / math.sqrt(values.shape[1])
