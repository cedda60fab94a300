"""Gradient flow with error control: what the explicit and the implicit one-step method share.

Step size control: Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, §II.4. Departures: the local
error is compared with the root mean square of all parameters of the lane, not entry by entry, since an entry of a
factor has no meaning by itself (the flow commutes with rotations of the hidden layers, and so does this norm); and a
step that raises the loss is rejected.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from solver.numerics.methods.method import FactorMethod
from solver.numerics.models.objective import Objective
from solver.spec import GradientFlow

_SAFETY = 0.9
_SMALLEST_FACTOR = 0.2
_LARGEST_FACTOR = 6.0
_LONGEST_STEP = 1e150
# Each halves the step at least: after so many it is below rounding of what it was.
_MOST_REJECTIONS = 80


class Flow(FactorMethod):
    """The flow dθ/dt = −∇ℓ(θ); every lane has its own time, step size and acceptance."""

    STATE = (*FactorMethod.STATE, "_slope", "_h", "_taken", "_last_error", "rejections", "_rejected_in_a_row")

    ERROR_ORDER: ClassVar[int]
    """The local error falls with this power of the step."""
    BETA: ClassVar[float]
    """Weight of the last error: Lund's stabilisation damps the see-saw of steps that stability limits."""

    def __init__(self, objective: Objective, start: Tensor, spec: GradientFlow, max_time: float = math.inf) -> None:
        super().__init__(objective, start)
        self.rtol, self._atol, self._max_time = spec.rtol, spec.atol, max_time
        self._alpha = 1.0 / self.ERROR_ORDER - 0.75 * self.BETA
        self.rejections = [0] * objective.n_lanes
        self._rejected_in_a_row = [0] * objective.n_lanes
        self._rounding = 8.0 * torch.finfo(objective.dtype).eps
        self._residual_scale = objective.loss_of_zero()
        self._slope = torch.zeros_like(self.factors.flat)
        """The gradient at the accepted state."""
        self._point = objective.factors()
        """The state that a step leads to."""
        self._end_slope = torch.zeros_like(self._slope)
        """The gradient there."""
        self._allocate()
        self.losses = objective.loss_and_gradient(self.factors, objective.view(self._slope)).tolist()
        self._last_error = [1e-4] * objective.n_lanes
        self._h = self._first_step()
        self._taken = list(self._h)
        self._accepted = [False] * objective.n_lanes

    @abstractmethod
    def _allocate(self) -> None:
        """Buffers for the lanes that there are."""

    @abstractmethod
    def _step(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Steps of these sizes, (lanes, 1), from ``factors`` to ``_point``.

        Returns the losses there, and the root mean square of the local error's estimate, in float64. Leaves the
        gradient there in ``_end_slope`` and counts its evaluations.
        """

    def _first_step(self) -> list[float]:
        # Hairer et al. I, §II.4: a step that changes the state, by Euler, by about a hundredth, then the second
        # derivative's say.
        y, slope = self.factors.flat, self._slope
        size = self._scale(y)
        d0, d1 = rms(y) / size, rms(slope) / size
        h0 = torch.where((d0 > 1e-5) & (d1 > 1e-5), 0.01 * d0 / d1.clamp_min(1e-300), torch.full_like(d0, 1e-6))
        h0 = h0.clamp_max(self._max_time)
        torch.addcmul(y, slope, h0.to(y.dtype).unsqueeze(1), value=-1.0, out=self._point.flat)
        self.objective.loss_and_gradient(self._point, self.objective.view(self._end_slope))
        self.evaluations = [count + 1 for count in self.evaluations]
        d2 = rms(self._end_slope - slope) / size / h0
        largest = torch.maximum(d1, d2)
        power = 1.0 / self.ERROR_ORDER
        h1 = torch.where(largest <= 1e-15, (h0 * 1e-3).clamp_min(1e-6), (0.01 / largest.clamp_min(1e-300)) ** power)
        first: list[float] = torch.minimum(100.0 * h0, h1).tolist()
        return [min(h, self._max_time) for h in first]

    def _scale(self, y: Tensor) -> Tensor:
        return self._atol + self.rtol * rms(y)

    def advance(self, until: int, target: float) -> list[bool]:  # noqa: ARG002
        """One attempted step of every lane; those that were accepted are at a new state."""
        self._settle()
        h = torch.tensor(self._h, dtype=self.objective.dtype).to(self.objective.device).unsqueeze(1)
        loss, error = self._step(h)
        size = torch.maximum(self._scale(self.factors.flat), self._scale(self._point.flat))
        errors = (error / size).tolist()
        losses = loss.tolist()
        for lane, ratio in enumerate(errors):
            # A step that leaves the numbers' range is a step too long: NaN fails the comparison.
            self._accepted[lane] = ratio <= 1.0 and self._falls(lane, losses[lane])
            self._control(lane, ratio, losses[lane])
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
                factor = min(_SAFETY * max(error, 1e-10) ** (-self._alpha), 0.5 if error <= 1.0 else 1.0)
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
        factor = _SAFETY * error ** (-self._alpha) * self._last_error[lane] ** self.BETA
        self._last_error[lane] = max(error, 1e-4)
        self._h[lane] = min(h * max(_SMALLEST_FACTOR, min(factor, _LARGEST_FACTOR)), _LONGEST_STEP)
        if not at_end:
            self._h[lane] = min(self._h[lane], remaining)

    def _settle(self) -> None:
        """Makes the accepted states the ones to go on from; until then dense output can look back over the step."""
        if all(self._accepted):
            self.factors.flat.copy_(self._point.flat)
            self._slope.copy_(self._end_slope)
        else:
            for lane, accepted in enumerate(self._accepted):
                if accepted:
                    self.factors.flat[lane].copy_(self._point.flat[lane])
                    self._slope[lane].copy_(self._end_slope[lane])
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
        slope = self._end_slope if self._accepted[lane] else self._slope
        return not bool(slope[lane].any())

    def parameters(self, lane: int) -> Tensor:
        source = self._point if self._accepted[lane] else self.factors
        return source.flat[lane].to("cpu", torch.float64, copy=True)

    @abstractmethod
    def inside(self, lane: int, fraction: float) -> Tensor:
        """θ(t + fraction·h) in the step just accepted. Valid until the next ``advance``."""

    def keep(self, lanes: list[int]) -> None:
        self._settle()
        self._keep_lists(lanes)
        factors, slope = self.factors.flat[lanes], self._slope[lanes].clone()
        self.objective.keep(lanes)
        self.factors, self._point = self.objective.factors(factors), self.objective.factors()
        self._slope, self._end_slope = torch.zeros_like(slope), torch.zeros_like(slope)
        self._allocate()
        self._slope.copy_(slope)
        self._h = [self._h[lane] for lane in lanes]
        self._taken = [self._taken[lane] for lane in lanes]
        self._last_error = [self._last_error[lane] for lane in lanes]
        self.rejections = [self.rejections[lane] for lane in lanes]
        self._rejected_in_a_row = [self._rejected_in_a_row[lane] for lane in lanes]
        self._residual_scale = [self._residual_scale[lane] for lane in lanes]
        self._accepted = [False] * len(lanes)


def rms(values: Tensor) -> Tensor:
    """Root mean square of each row, in float64."""
    norm: Tensor = torch.linalg.vector_norm(values, dim=1)
    return norm.to(torch.float64) / math.sqrt(values.shape[1])
