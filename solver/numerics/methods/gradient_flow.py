"""Gradient flow with error control, by the scheme that suits each lane at each moment.

Step size control: Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, §II.4. Departures: the local
error is compared with the root mean square of all parameters of the lane, not entry by entry, since an entry of a
factor has no meaning by itself (the flow commutes with rotations of the hidden layers, and so does this norm); a step
that raises the loss is rejected; and while a lane gathers speed, an error of the stabilised method is compared with
what the step moves, too.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from solver.costs.cost import MOST_IMPLICIT
from solver.numerics.methods.chebyshev import Chebyshev
from solver.numerics.methods.dormand_prince import DormandPrince
from solver.numerics.methods.hand_over import HandOver
from solver.numerics.methods.kept import ByLane, Derived
from solver.numerics.methods.method import FactorMethod
from solver.numerics.methods.rosenbrock import Rosenbrock
from solver.numerics.methods.scheme import Scheme, rms
from solver.numerics.models.objective import Objective
from solver.spec import FLOW_METHODS, GradientFlow

_LONGEST_STEP = 1e150
# Each halves the step at least: after so many it is below rounding of what it was.
_MOST_REJECTIONS = 80

_KINDS: tuple[type[Scheme], ...] = (DormandPrince, Chebyshev, Rosenbrock)


class GradientFlowMethod(FactorMethod):
    """The flow dθ/dt = −∇ℓ(θ); every lane has its own time, step size, acceptance and scheme."""

    _slope: ByLane[Tensor]
    """The gradient at the accepted state."""
    _h: ByLane[list[float]]
    _taken: ByLane[list[float]]
    _last_error: ByLane[list[float]]
    _last_step: ByLane[list[float]]
    _speed: ByLane[list[float]]
    """Root mean square of what the parameters moved in the last step, over its time."""
    _speed_before: ByLane[list[float]]
    """That of the step before."""
    rejections: ByLane[list[int]]
    """Attempted steps that were not accepted."""
    _rejected_in_a_row: ByLane[list[int]]
    _at: ByLane[list[str]]
    """The scheme that takes each lane's next step."""
    _said: ByLane[list[list[str]]]
    """Of hand-overs, until it is asked for."""
    _residual_scale: Derived[list[float]]
    _accepted: Derived[list[str | None]]
    """The scheme of the step just accepted, until the state is settled; None where there is none."""

    def __init__(self, objective: Objective, start: Tensor, spec: GradientFlow, max_time: float = math.inf) -> None:
        super().__init__(objective, start)
        n = objective.n_lanes
        self.rtol, self._atol, self._max_time = spec.rtol, spec.atol, max_time
        self.rejections, self._speed, self._speed_before = [0] * n, [0.0] * n, [0.0] * n
        self._rejected_in_a_row = [0] * n
        self._rounding = 8.0 * torch.finfo(objective.dtype).eps
        self._residual_scale = objective.loss_of_zero()
        self._schemes: dict[str, Scheme] = {}
        first, partner = _schemes_of(spec, objective)
        self._hand_over = HandOver(partner, n)
        self._at = [first] * n
        self._said = [[] for _ in range(n)]
        self._slope = torch.zeros_like(self.factors.flat)
        self.losses = objective.loss_and_gradient(self.factors, objective.view(self._slope)).tolist()
        scheme = self._scheme(first)
        self._last_error = [scheme.FIRST_ERROR] * n
        self._h = self._first_step(scheme)
        if first == Chebyshev.NAME:
            for lane in range(n):
                scheme.begin(lane, self._slope[lane])
        self._taken = list(self._h)
        self._last_step = list(self._h)
        self._accepted = [None] * n

    def _scheme(self, name: str) -> Scheme:
        """Made when it is first needed: each has buffers of many times the state."""
        if name not in self._schemes:
            self._schemes[name] = next(kind for kind in _KINDS if name == kind.NAME)(self.objective)
        return self._schemes[name]

    def _first_step(self, scheme: Scheme) -> list[float]:
        # Hairer et al. I, §II.4: a step that changes the state, by Euler, by about a hundredth, then the second
        # derivative's say.
        y, slope = self.factors.flat, self._slope
        size = self._scale(y)
        d0, d1 = rms(y) / size, rms(slope) / size
        h0 = torch.where((d0 > 1e-5) & (d1 > 1e-5), 0.01 * d0 / d1.clamp_min(1e-300), torch.full_like(d0, 1e-6))
        h0 = h0.clamp_max(self._max_time)
        torch.addcmul(y, slope, h0.to(y.dtype).unsqueeze(1), value=-1.0, out=scheme.point.flat)
        self.objective.loss_and_gradient(scheme.point, self.objective.view(scheme.end_slope))
        self.evaluations = [count + 1 for count in self.evaluations]
        d2 = rms(scheme.end_slope - slope) / size / h0
        largest = torch.maximum(d1, d2)
        power = 1.0 / scheme.ERROR_POWER
        h1 = torch.where(largest <= 1e-15, (h0 * 1e-3).clamp_min(1e-6), (0.01 / largest.clamp_min(1e-300)) ** power)
        first: list[float] = torch.minimum(100.0 * h0, h1).tolist()
        return [min(h, self._max_time) for h in first]

    def _scale(self, y: Tensor) -> Tensor:
        return self._atol + self.rtol * rms(y)

    def advance(self, until: int, target: float) -> list[bool]:  # noqa: ARG002
        """One attempted step of every lane; those that were accepted are at a new state."""
        self._settle()
        h = torch.tensor(self._h, dtype=self.objective.dtype).to(self.objective.device).unsqueeze(1)
        before = self._scale(self.factors.flat)
        # Lanes with one scheme step together, each group into the buffers of its own scheme.
        now_at = list(self._at)
        for name in dict.fromkeys(now_at):
            active = [at == name for at in now_at]
            scheme = self._scheme(name)
            loss, error = scheme.step(self.factors, self._slope, h, active)
            size = torch.maximum(before, self._scale(scheme.point.flat))
            moved = rms(scheme.point.flat - self.factors.flat)
            rising = self._atol + self._rounding * before / self.rtol + scheme.RISING * self.rtol * moved
            of_size, of_rising, moves = torch.stack([error / size, error / rising, moved]).tolist()
            losses = loss.tolist()
            for lane in range(len(active)):
                if active[lane]:
                    self.evaluations[lane] += scheme.taken[lane]
                    speed = moves[lane] / self._h[lane]
                    error_here = of_size[lane]
                    # Twice in a row: single steps gather speed by what is left in the stiff directions.
                    if speed > self._speed[lane] > self._speed_before[lane]:
                        error_here = max(error_here, of_rising[lane])
                    self._judge(lane, scheme, error_here, losses[lane], speed)
        return [name is not None for name in self._accepted]

    def _judge(self, lane: int, scheme: Scheme, error: float, loss: float, speed: float) -> None:
        """Accepts the attempted step or not, and says how long the next one is and who takes it."""
        # A step that leaves the numbers' range is a step too long: NaN fails the comparison.
        if not (error <= 1.0 and self._falls(lane, loss)):
            self._reject(lane, scheme, error, loss)
            return
        assert self.times is not None
        h = self._h[lane]
        self._accepted[lane] = scheme.NAME
        self.steps[lane] += 1
        self.losses[lane] = loss
        self._rejected_in_a_row[lane] = 0
        self._taken[lane] = h
        self._speed[lane], self._speed_before[lane] = speed, self._speed[lane]
        remaining = self._max_time - self.times[lane] - h
        # The last step was cut to end at max_time; rounding must not leave a sliver.
        at_end = math.isfinite(remaining) and remaining <= 1e-12 * self._max_time
        self.times[lane] = self._max_time if at_end else self.times[lane] + h
        error = max(error, 1e-10)
        factor = scheme.factor(error, self._last_error[lane], h / self._last_step[lane])
        self._last_error[lane] = max(error, scheme.FIRST_ERROR)
        self._last_step[lane] = h
        self._h[lane] = min(h * max(scheme.SMALLEST_FACTOR, min(factor, scheme.LARGEST_FACTOR)), _LONGEST_STEP)
        self._change(lane, scheme, h)
        if not at_end:
            self._h[lane] = min(self._h[lane], remaining, self._scheme(self._at[lane]).longest(lane))

    def _falls(self, lane: int, loss: float) -> bool:
        """Whether the loss did not rise, beyond what rounding of the residuals can do to it.

        Along the exact flow it never rises. Near a minimum the local error alone would let steps sit on the limit of
        stability, where the loss hovers at about rtol² instead of falling.
        """
        if not (math.isfinite(loss) and loss >= 0.0):
            return False
        before = math.sqrt(self.losses[lane])
        return math.sqrt(loss) <= before * (1.0 + self._rounding) + self._rounding * self._residual_scale[lane]

    def _reject(self, lane: int, scheme: Scheme, error: float, loss: float) -> None:
        self.rejections[lane] += 1
        self._rejected_in_a_row[lane] += 1
        scheme.rejected(lane)
        factor = scheme.SMALLEST_FACTOR
        if math.isfinite(error) and math.isfinite(loss):
            # At least halved: a step whose error was fine was rejected for its loss.
            wanted = scheme.SAFETY * max(error, 1e-10) ** (-1.0 / scheme.ERROR_POWER)
            factor = max(factor, min(wanted, 0.5 if error <= 1.0 else 1.0))
        self._h[lane] = min(self._h[lane] * factor, scheme.longest(lane))

    def _change(self, lane: int, scheme: Scheme, h: float) -> None:
        """Gives the lane to another scheme where its accepted steps ask for it."""
        change = self._hand_over.after(lane, scheme.NAME, scheme.stiffness[lane], h)
        if change is None:
            return
        self._at[lane] = change.to
        new = self._scheme(change.to)
        if isinstance(scheme, DormandPrince):
            new.begin(lane, scheme.towards(lane))
        self._last_error[lane] = new.FIRST_ERROR
        self._h[lane] = min(self._h[lane], change.longest)
        self._said[lane].append(f"{change.to} takes over: {change.why}")

    def said(self, lane: int) -> list[str]:
        """Hand-overs."""
        said, self._said[lane] = self._said[lane], []
        return said

    def _settle(self) -> None:
        """Makes the accepted states the ones to go on from; until then dense output can look back over the step."""
        if self._accepted[0] is not None and self._accepted.count(self._accepted[0]) == len(self._accepted):
            scheme = self._schemes[self._accepted[0]]
            self.factors.flat.copy_(scheme.point.flat)
            self._slope.copy_(scheme.end_slope)
        else:
            for lane, name in enumerate(self._accepted):
                if name is not None:
                    self.factors.flat[lane].copy_(self._schemes[name].point.flat[lane])
                    self._slope[lane].copy_(self._schemes[name].end_slope[lane])
        self._accepted = [None] * len(self._accepted)

    def state(self) -> dict[str, Any]:
        self._settle()
        schemes = {name: scheme.state() for name, scheme in self._schemes.items()}
        return super().state() | {"schemes": schemes, "hand_over": self._hand_over.state()}

    def restore(self, state: dict[str, Any]) -> None:
        # Checkpoints of older versions have no speeds.
        super().restore({"_speed": self._speed, "_speed_before": self._speed_before} | state)
        self._hand_over.restore(state["hand_over"])
        for name, inner in state["schemes"].items():
            self._scheme(name).restore(inner)

    def step_sizes(self) -> list[float]:
        return list(self._taken)

    def measured(self, lane: int) -> dict[str, float]:
        return {"method": float(FLOW_METHODS.index(self.scheme(lane))), "rejections": float(self.rejections[lane])}

    def scheme(self, lane: int) -> str:
        """The scheme of the lane's last step, or of the first one to come."""
        return self._accepted[lane] or self._at[lane]

    def stuck(self, lane: int) -> str | None:
        """Where no step is short enough for the error demanded. A NaN, of numbers beyond range, counts as that."""
        if self._h[lane] > 1e-290 and self._rejected_in_a_row[lane] <= _MOST_REJECTIONS:
            return None
        return f"no step is short enough for rtol {self.rtol:g}"

    def is_stationary(self, lane: int) -> bool:
        """Whether the gradient is exactly zero: nothing will ever move."""
        name = self._accepted[lane]
        slope = self._slope if name is None else self._schemes[name].end_slope
        return not bool(slope[lane].any())

    def parameters(self, lane: int) -> Tensor:
        name = self._accepted[lane]
        source = self.factors if name is None else self._schemes[name].point
        return source.flat[lane].to("cpu", torch.float64, copy=True)

    def inside(self, lane: int, fraction: float) -> Tensor:
        """θ(t + fraction·h) in the step just accepted. Valid until the next ``advance``."""
        name = self._accepted[lane]
        assert name is not None, "dense output looks back over an accepted step"
        inner = self._schemes[name].inside(lane, fraction, self.factors, self._slope, self._taken[lane])
        return inner.to("cpu", torch.float64)

    def keep(self, lanes: list[int]) -> None:
        self._settle()
        super().keep(lanes)
        for scheme in self._schemes.values():
            scheme.keep(lanes)
        self._hand_over.keep(lanes)


def _schemes_of(spec: GradientFlow, objective: Objective) -> tuple[str, str | None]:
    """The scheme to begin with, and the one it takes turns with."""
    if spec.method != "auto":
        return spec.method, None
    small = objective.HAS_HESSIAN and objective.n_parameters <= MOST_IMPLICIT
    return DormandPrince.NAME, Rosenbrock.NAME if small else Chebyshev.NAME
