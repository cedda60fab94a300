"""A batch of lanes under way: trained together, measured, ended one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch

from solver.numerics.lanes.lane import LaneRun
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.turns.assembly import method_of
from solver.numerics.turns.grouping import operations
from solver.records import AnyRecord, Event, Frame, LaneEnding, Outcome, Summary, plain
from solver.settings import Lane
from solver.spec import CP, GradientDescent, GradientFlow

# Operations between two looks at the control file, some tens of milliseconds.
_OPERATIONS_BETWEEN_TICKS = 1e9


class Batch:
    """Lanes that train together. ``records`` trains them, yielding what to write down."""

    def __init__(self, runs: list[LaneRun], device: torch.device, elapsed_s: Callable[[], float]) -> None:
        self._runs = runs
        self._elapsed_s = elapsed_s
        spec = runs[0].lane.spec
        self._spec = spec
        self._begun = False
        self.clock = runs[0].metrics.series.index("elapsed_s")
        """The place of elapsed_s in the frames of every lane of the batch."""
        dtype = torch.float64 if spec.dtype == "float64" else torch.float32
        self._method = method_of(runs, dtype, device)
        self._target = -math.inf if spec.stop.train_loss is None else spec.stop.train_loss
        work = sum(operations(run.lane) for run in runs)
        self._steps_between_ticks = max(1, min(10_000, int(_OPERATIONS_BETWEEN_TICKS / work)))

    def records(self) -> Iterator[list[AnyRecord]]:
        """Trains to the end of every lane. Yields the records of one moment, or an empty list where nothing happened
        but the caller may want to look around; at every yield ``state`` and ``end`` may be called.
        """
        if not self._begun:
            self._begun = True
            foretold = [event for run in self._runs for event in run.foretold()]
            frames = self._take(range(len(self._runs)))
            # A start may already meet the target, or be out of range.
            yield [*foretold, *frames, *self._endings()]
        while self._runs:
            moved = self._method.advance(self._until(), self._target)
            at_new_state = [lane for lane, new in enumerate(moved) if new]
            records = self._take(at_new_state)
            yield records + self._endings()

    def end(self, outcome: Outcome) -> list[AnyRecord]:
        """The last records of all lanes, which end so now."""
        return self._end(dict.fromkeys(range(len(self._runs)), outcome))

    def lanes(self) -> list[int]:
        """The lanes that are under way."""
        return [run.lane.index for run in self._runs]

    def state(self) -> dict[str, Any]:
        """What training on depends on, as tensors, numbers and lists."""
        return {
            "lanes": self.lanes(),
            "begun": self._begun,
            "next_recorded": [run.next_recorded for run in self._runs],
            "last_recorded": [run.last_recorded for run in self._runs],
            "frames_taken": [run.frames_taken for run in self._runs],
            "said": [run.said for run in self._runs],
            "method": self._method.state(),
            "clock": self.clock,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what ``state`` gave, on a batch made for the same lanes."""
        self._begun = state["begun"]
        for position, run in enumerate(self._runs):
            for name in ("next_recorded", "last_recorded", "frames_taken", "said"):
                setattr(run, name, state[name][position])
        self._method.restore(state["method"])

    def _until(self) -> int:
        now = max(self._method.steps)
        until = min(now + self._steps_between_ticks, min(run.next_recorded for run in self._runs))
        until = min(until, self._spec.stop.max_steps)
        if self._spec.stop.max_time is not None:
            optimizer = self._spec.optimizer
            # A fixed step says when time is up; a varying one is watched step by step.
            last = (
                math.ceil(self._spec.stop.max_time / optimizer.step_size * (1 - 1e-12))
                if isinstance(optimizer, GradientDescent)
                else now + 1
            )
            until = min(until, last)
        return max(until, now + 1)

    def _take(self, lanes: list[int] | range) -> list[AnyRecord]:
        """Frames of the lanes whose schedule says that this state is recorded."""
        records: list[AnyRecord] = []
        for lane in lanes:
            run = self._runs[lane]
            step = self._method.steps[lane]
            if step < run.next_recorded:
                continue
            if step > 0:
                records += self._inner_frames(lane)
            records.append(self._frame(lane))
            records += run.pictures(self._method.parameters(lane), step)
            run.frames_taken += 1
            run.next_recorded = run.schedule.after(step)
        return records

    def _inner_frames(self, lane: int) -> list[AnyRecord]:
        """Frames inside an integrator's step, by dense output: recording never shortens a step."""
        frames: list[AnyRecord] = []
        pieces = self._spec.record.per_step
        size = self._method.step_sizes()[lane]
        for piece in range(1, pieces):
            parameters = self._method.inside(lane, piece / pieces)
            if parameters is None:
                break
            known = self._known(lane) | {"step": self._method.steps[lane] - 1}
            known["time"] -= size * (1 - piece / pieces)
            del known["train_loss"]
            values = self._runs[lane].metrics.measure(parameters, known)
            frames.append(Frame(lane=self._runs[lane].lane.index, values=values))
        return frames

    def _frame(self, lane: int) -> Frame:
        run = self._runs[lane]
        values = run.metrics.measure(self._method.parameters(lane), self._known(lane))
        run.last_recorded = self._method.steps[lane]
        return Frame(lane=run.lane.index, values=values)

    def _known(self, lane: int) -> dict[str, float]:
        method = self._method
        known = {
            "step": method.steps[lane],
            "elapsed_s": round(self._elapsed_s(), 6),
            "evaluations": method.evaluations[lane],
            "train_loss": method.losses[lane],
            "step_size": method.step_sizes()[lane],
            **method.measured(lane),
        }
        return known if method.times is None else known | {"time": method.times[lane]}

    def _endings(self) -> list[AnyRecord]:
        """What lanes have to say of their present states, and the last records of those that end there."""
        events: list[AnyRecord] = []
        endings: dict[int, Outcome] = {}
        for lane in range(len(self._runs)):
            said, ending = self._ending(lane)
            events += said
            if ending is not None:
                endings[lane] = ending
        return events + self._end(endings)

    def _ending(self, lane: int) -> tuple[list[Event], Outcome | None]:
        """What the lane says of its present state, and its outcome if it ends there."""
        method, run = self._method, self._runs[lane]
        step, loss = method.steps[lane], method.losses[lane]
        if not math.isfinite(loss):
            return [], _diverged(run.lane, step, loss)
        said = self._hand_overs(lane)
        if run.watches:
            events, ending = run.watch(method.parameters(lane), step, loss)
            said += events
            if ending is not None:
                return said, ending
        return said, self._ending_by_rule(lane, step, loss)

    def _hand_overs(self, lane: int) -> list[Event]:
        """Who takes the next steps of a flow from here on, where that changes."""
        method = self._method
        if not isinstance(method, GradientFlowMethod):
            return []
        assert method.times is not None
        index, step, time = self._runs[lane].lane.index, method.steps[lane], method.times[lane]
        return [
            Event(lane=index, name="hand-over", text=f"step {step}: {text}", step=step, time=time)
            for text in method.hand_overs(lane)
        ]

    def _ending_by_rule(self, lane: int, step: int, loss: float) -> Outcome | None:
        method, stop = self._method, self._spec.stop
        if loss <= self._target:
            reason = f"train_loss {loss:.3g} is at most {self._target:g} after {step} steps"
            return Outcome(kind="converged", reason=reason)
        if stop.max_time is not None and method.times is not None and method.times[lane] >= stop.max_time * (1 - 1e-12):
            return Outcome(
                kind="max-time",
                reason=f"flow time reached {stop.max_time:g} with train_loss {loss:.3g}",
                cure="raise stop.max_time to go further",
            )
        if isinstance(method, GradientFlowMethod) and method.is_stationary(lane):
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
        if isinstance(method, GradientFlowMethod) and method.is_stuck(lane):
            return Outcome(
                kind="failed",
                reason=f"after step {step}, loss {loss:.3g}, no step is short enough for rtol {method.rtol:g}",
                cure="raise optimizer.rtol, or bring init_scale and the data nearer to 1"
                + ("" if self._spec.dtype == "float64" else ", or set dtype to float64"),
            )
        return None

    def _end(self, endings: dict[int, Outcome]) -> list[AnyRecord]:
        """The last records of these lanes, which leave the batch."""
        if not endings:
            return []
        records: list[AnyRecord] = []
        for lane, outcome in endings.items():
            run = self._runs[lane]
            if run.last_recorded != self._method.steps[lane]:
                records.append(self._frame(lane))
            parameters = self._method.parameters(lane)
            records += run.last_pictures(parameters, self._method.steps[lane])
            # What costs too much for every frame costs too much for somebody who wants to stop, too.
            summary = {} if outcome.is_unfinished else run.summary(parameters)
            if summary:
                values: dict[str, float | str | None] = {name: plain(value) for name, value in summary.items()}
                records.append(Summary(lane=run.lane.index, values=values))
            records.append(LaneEnding(lane=run.lane.index, outcome=outcome))
        kept = [lane for lane in range(len(self._runs)) if lane not in endings]
        self._runs = [self._runs[lane] for lane in kept]
        if kept:
            self._method.keep(kept)
        return records


def _diverged(lane: Lane, step: int, loss: float) -> Outcome:
    optimizer, model = lane.spec.optimizer, lane.spec.model
    name, scale = ("init_std", model.init_std) if isinstance(model, CP) else ("init_scale", model.init_scale)
    if step == 0 or isinstance(optimizer, GradientFlow):
        return Outcome(
            kind="diverged",
            reason=f"train loss was {loss} at step {step}: {name} {scale:g} or the observed values are too large",
            cure=f"scale the data to about 1, or try a smaller model.{name}",
        )
    return Outcome(
        kind="diverged",
        reason=f"train loss became {loss} at step {step}: step_size {optimizer.step_size:g} is too large for "
        f"{name} {scale:g}",
        cure=f"try optimizer.step_size {optimizer.step_size / 10:g}",
    )
