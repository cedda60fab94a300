"""When a lane of a batch ends, and what it says on the way."""

from __future__ import annotations

import math
from typing import Any

import torch

from solver.numerics.lanes.lane import LaneRun, Watched
from solver.numerics.methods.method import Method
from solver.records import Event, Outcome
from solver.settings import LaneSpec
from solver.spec import RunSpec

# Residuals of so many roundings of the data are as small as they get.
_ROUNDINGS = 64


class Endings:
    """The rules of the lanes of one batch, which the method trains."""

    def __init__(self, spec: RunSpec, method: Method) -> None:
        self._spec, self._method = spec, method
        self.target = -math.inf if spec.stop.train_loss is None else spec.stop.train_loss
        """The loss that lanes have converged at."""
        self.rounding = torch.finfo(torch.float64 if spec.dtype == "float64" else torch.float32).eps
        """That of the training."""

    def ending(self, position: int, run: LaneRun[Any, Any]) -> Watched:
        """What the lane at this position says of its present state, and its outcome if it ends there."""
        method = self._method
        step, loss = method.steps[position], method.losses[position]
        if not math.isfinite(loss):
            return [], _diverged(run.lane, step, loss, run.stable_step())
        said = self._hand_overs(position, run)
        if run.watches:
            events, ending = run.watch(method.parameters(position), step, loss)
            said += events
            if ending is not None:
                return said, ending
        return said, self._by_rule(position, run, step, loss)

    def _hand_overs(self, position: int, run: LaneRun[Any, Any]) -> list[Event]:
        """Who takes the next steps of a flow from here on, where that changes."""
        method = self._method
        index, step = run.lane.index, method.steps[position]
        time = None if method.times is None else method.times[position]
        return [
            Event(lane=index, name="hand-over", text=f"step {step}: {text}", step=step, time=time)
            for text in method.said(position)
        ]

    def _by_rule(self, position: int, run: LaneRun[Any, Any], step: int, loss: float) -> Outcome | None:
        method, stop = self._method, self._spec.stop
        if loss <= self.target:
            reason = f"train_loss {loss:.3g} is at most {self.target:g} after {step} steps"
            return Outcome(kind="converged", reason=reason)
        if (
            stop.max_time is not None
            and method.times is not None
            and method.times[position] >= stop.max_time * (1 - 1e-12)
        ):
            return Outcome(
                kind="max-time",
                reason=f"flow time reached {stop.max_time:g} with train_loss {loss:.3g}",
                cure="raise stop.max_time to go further",
            )
        best, patience = run.best, stop.patience
        if patience is not None and run.last_recorded - best.gained_at >= patience:
            name, value = next(iter(best.errors.items()))
            return Outcome(
                kind="stopped",
                reason=f"{name.replace('_', ' ')} has not improved for {patience} steps: it was least, {value:.4g}, at "
                f"step {best.step}",
                cause="patience",
            )
        # The loss where residuals are one rounding of the data; nothing that is asked for below it can be told from 0.
        least = self.rounding**2 * run.problem.zero_loss
        if 0.0 <= self.target < least and loss <= _ROUNDINGS**2 * least:
            return Outcome(
                kind="stopped",
                reason=f"train_loss {loss:.3g} at step {step} is rounding: of these values {self._spec.dtype} tells "
                f"none below {least:.1g}, and stop.train_loss is {self.target:g}",
                cure=f"raise stop.train_loss to {_ROUNDINGS**2 * least:.1g} or more, or leave it out",
                cause="precision",
            )
        if method.is_stationary(position):
            return Outcome(
                kind="stopped",
                reason=f"the gradient is exactly zero at step {step}, train_loss {loss:.3g}: nothing moves any more",
                cure="start from another model.init or init_scale",
                cause="stationary",
            )
        if step >= stop.max_steps:
            return Outcome(
                kind="max-steps",
                reason=f"{step} steps were taken, train_loss is {loss:.3g}",
                cure="" if stop.train_loss is None else "raise stop.max_steps to go further",
            )
        stuck = method.stuck(position)
        if stuck is not None:
            return Outcome(
                kind="failed",
                reason=f"after step {step}, loss {loss:.3g}, {stuck}",
                cure="raise optimizer.rtol, or bring init_scale and the data nearer to 1"
                + ("" if self._spec.dtype == "float64" else ", or set dtype to float64"),
            )
        return None


def _diverged(lane: LaneSpec, step: int, loss: float, stable: float | None = None) -> Outcome:
    """``stable`` is a step size that settles, where one is known."""
    longest, (name, scale) = lane.spec.optimizer.longest_step, lane.spec.model.start_scale
    if step == 0 or longest is None:
        return Outcome(
            kind="diverged",
            reason=f"train loss was {loss} at step {step}: {name} {scale:g} or the observed values are too large",
            cure=f"scale the data to about 1, or try a smaller model.{name}",
        )
    return Outcome(
        kind="diverged",
        reason=f"train loss became {loss} at step {step}: step_size {longest:g} is too large for {name} {scale:g}",
        cure=f"try optimizer.step_size {min(longest / 2, stable) if stable is not None else longest / 10:g}",
    )
