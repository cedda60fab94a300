"""A batch of lanes under way: trained together, measured, ended one by one."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NotRequired, TypedDict

import torch
from torch import Tensor

from solver.costs import costs_of
from solver.numerics.lanes.best import BestState
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.methods.method import Method
from solver.numerics.turns.measuring import Items, Job, Measurers, Measuring
from solver.numerics.turns.spent import Spent
from solver.records import Event, LaneEnding, Outcome, Summary, plain
from solver.settings import LaneSpec

# Residuals of so many roundings of the data are as small as they get.
_ROUNDINGS = 64
# Seconds that it takes what has been measured at a time.
_WAIT_S = 0.02
# Operations between two looks at the control file, some tens of milliseconds.
_OPERATIONS_BETWEEN_TICKS = 1e9


# States inside a step, whose loss is one rounding above that of its start at most.
_ROUNDINGS_OF_LOSS = 64


class BatchState(TypedDict):
    """What training on depends on, as tensors, numbers and lists.

    Of a batch that is over, or that nobody has begun, its lanes and clock alone.
    """

    lanes: list[int]
    clock: int
    """The place of elapsed_s in the frames of every lane of the batch."""
    ahead: NotRequired[str]
    """Turns that were taken beyond the one last given, as JSON."""
    begun: NotRequired[bool]
    next_recorded: NotRequired[list[int]]
    last_recorded: NotRequired[list[int]]
    frames_taken: NotRequired[list[int]]
    said: NotRequired[list[list[str]]]
    best: NotRequired[list[BestState]]
    method: NotRequired[dict[str, Any]]


class Batch:
    """Lanes that train together by one method. ``records`` trains them, yielding what to write down.

    A *position* counts the lanes that are under way in the batch, as the method does; a lane's index is the run's.
    """

    def __init__(
        self,
        runs: Sequence[LaneRun[Any, Any]],
        method: Method,
        elapsed_s: Callable[[], float],
        steps_between_ticks: int,
        measurers: Measurers | None = None,
    ) -> None:
        """``measurers``: who measures states beside the training; none, and each is measured here at once."""
        self._runs = list(runs)
        self._method = method
        self._elapsed_s = elapsed_s
        self._steps_between_ticks = steps_between_ticks
        self._spec = spec = runs[0].lane.spec
        self._begun = False
        self._losses_before: list[float] = []
        self._unmoved = set(self.lanes())
        self.clock = runs[0].metrics.series.index("elapsed_s")
        """The place of elapsed_s in the frames of every lane of the batch."""
        self.spent = Spent()
        self._measurers = measurers
        self._measuring: deque[Measuring] = deque()
        self._target = -math.inf if spec.stop.train_loss is None else spec.stop.train_loss
        self._rounding = torch.finfo(torch.float64 if spec.dtype == "float64" else torch.float32).eps

    def records(self) -> Iterator[Items]:
        """Trains to the end of every lane. Yields the records of one moment, or an empty list where nothing happened
        but the caller may want to look around; at every yield ``settle`` and ``end`` may be called, and ``state`` once
        everything is settled.
        """
        if not self._begun:
            self._begun = True
            foretold = [event for run in self._runs for event in run.foretold()]
            frames = self._take(list(range(len(self._runs))))
            # A start may already meet the target, or be out of range.
            yield [*foretold, *frames, *self._endings()]
        while self._runs:
            self._losses_before = list(self._method.losses)
            with self.spent.on("training_s", self.lanes()):
                moved = self._method.advance(self._until(), self._target)
            positions = [position for position, is_new in enumerate(moved) if is_new]
            self._unmoved -= {self._runs[position].lane.index for position in positions}
            records = self._take(positions)
            yield records + self._endings()

    def end(self, outcome: Outcome) -> Items:
        """The last records of all lanes, which end so now."""
        return self._end(dict.fromkeys(range(len(self._runs)), outcome))

    def settle(self, wait_s: float = 0.0) -> bool:
        """Takes what has been measured, after so many seconds where nothing has; whether all has been."""
        if self._measurers is not None and self._measuring:
            self._measurers.receive(wait_s)
        while self._measuring and (result := self._measuring[0].result) is not None:
            run, job, parameters = (one := self._measuring.popleft()).run, one.job, one.parameters
            seconds = self.spent.of_lanes[job.lane]
            seconds["recording_s"] += result.recording_s
            seconds["pictures_s"] += result.pictures_s
            if result.frame is not None:
                run.best.look(result.frame.values, parameters, int(job.known["step"]))
        return not self._measuring

    def settle_all(self) -> None:
        """Waits for everything that is being measured."""
        while not self.settle(_WAIT_S):
            pass

    def lanes(self) -> list[int]:
        """The lanes that are under way."""
        return [run.lane.index for run in self._runs]

    def has_moved(self) -> bool:
        """Whether every lane that is under way has taken a step since the batch was made here."""
        return self._unmoved.isdisjoint(self.lanes())

    def state(self) -> BatchState:
        """What training on depends on."""
        return {
            "lanes": self.lanes(),
            "begun": self._begun,
            "next_recorded": [run.next_recorded for run in self._runs],
            "last_recorded": [run.last_recorded for run in self._runs],
            "frames_taken": [run.frames_taken for run in self._runs],
            "said": [run.said for run in self._runs],
            "best": [run.best.state() for run in self._runs],
            "method": self._method.state(),
            "clock": self.clock,
        }

    def restore(self, state: BatchState) -> None:
        """Goes on from what ``state`` gave, on a batch made for the same lanes."""
        self._begun = state["begun"]
        for position, run in enumerate(self._runs):
            run.next_recorded = state["next_recorded"][position]
            run.last_recorded = state["last_recorded"][position]
            run.frames_taken = state["frames_taken"][position]
            run.said = state["said"][position]
            # Checkpoints of older versions have none.
            if "best" in state:
                run.best.restore(state["best"][position])
        self._method.restore(state["method"])

    def _until(self) -> int:
        now = max(self._method.steps)
        until = min(now + self._steps_between_ticks, min(run.next_recorded for run in self._runs))
        until = min(until, self._spec.stop.max_steps)
        if self._spec.stop.max_time is not None:
            # A fixed step says when time is up; a varying one is watched step by step.
            last = self._spec.optimizer.step_at(self._spec.stop.max_time)
            until = min(until, now + 1 if last is None else math.ceil(last * (1 - 1e-12)))
        return max(until, now + 1)

    def _take(self, lanes: list[int] | range) -> Items:
        """Frames of the lanes whose schedule says that this state is recorded."""
        items: Items = []
        for position in lanes:
            run = self._runs[position]
            step = self._method.steps[position]
            if step < run.next_recorded:
                continue
            if step > 0:
                items += self._inner_frames(position)
            items += self._frame(position)
            run.frames_taken += 1
            run.next_recorded = run.schedule.after(step)
        return items

    def _inner_frames(self, position: int) -> Items:
        """Frames inside an integrator's step, by dense output: recording never shortens a step.

        The flow's loss never rises. Where the state inside has more than the step began with, as between the ends of a
        long stiff step, it is none of the flow's and is left out; on a plateau the two are equal but for the rounding
        of whoever computed them.
        """
        items: Items = []
        pieces = self._runs[position].schedule.pieces
        size = self._method.step_sizes()[position]
        most_loss = self._losses_before[position] * (1.0 + _ROUNDINGS_OF_LOSS * self._rounding)
        for piece in range(1, pieces):
            parameters = self._method.inside(position, piece / pieces)
            if parameters is None:
                break
            known = self._known(position) | {"step": self._method.steps[position] - 1}
            known["time"] -= size * (1 - piece / pieces)
            del known["train_loss"]
            items += self._measure(position, parameters, known, most_loss)
        return items

    def _frame(self, position: int, *, is_last: bool = False) -> Items:
        """Of the accepted state, with the pictures that are due, of the last one none."""
        run = self._runs[position]
        run.last_recorded = self._method.steps[position]
        return self._measure(position, self._method.parameters(position), self._known(position), is_last=is_last)

    def _measure(
        self,
        position: int,
        parameters: Tensor,
        known: dict[str, Any],
        most_loss: float | None = None,
        *,
        is_last: bool = False,
    ) -> Items:
        run = self._runs[position]
        with_pictures = most_loss is None and not is_last
        job = Job(run.lane.index, known, run.frames_taken, with_pictures, most_loss)
        measuring = Measuring(run, job, parameters)
        self._measuring.append(measuring)
        if self._measurers is None:
            result = measuring.here()
            self.settle()
            return [*result.records()]
        self._measurers.take(measuring)
        return [measuring]

    def _known(self, position: int) -> dict[str, Any]:
        method = self._method
        known: dict[str, Any] = {
            "step": method.steps[position],
            "elapsed_s": round(self._elapsed_s(), 6),
            "evaluations": method.evaluations[position],
            "train_loss": method.losses[position],
            "step_size": method.step_sizes()[position],
            **method.measured(position),
        }
        return known if method.times is None else known | {"time": method.times[position]}

    def _endings(self) -> Items:
        """What lanes have to say of their present states, and the last records of those that end there."""
        if self._spec.stop.patience is not None:
            # Whether to go on hangs on what was measured.
            self.settle_all()
        events: Items = []
        endings: dict[int, Outcome] = {}
        for position in range(len(self._runs)):
            said, ending = self._ending(position)
            events += said
            if ending is not None:
                endings[position] = ending
        return events + self._end(endings)

    def _ending(self, position: int) -> tuple[list[Event], Outcome | None]:
        """What a lane says of its present state, and its outcome if it ends there."""
        method, run = self._method, self._runs[position]
        step, loss = method.steps[position], method.losses[position]
        if not math.isfinite(loss):
            return [], _diverged(run.lane, step, loss, run.stable_step())
        said = self._hand_overs(position)
        if run.watches:
            events, ending = run.watch(method.parameters(position), step, loss)
            said += events
            if ending is not None:
                return said, ending
        return said, self._ending_by_rule(position, step, loss)

    def _hand_overs(self, position: int) -> list[Event]:
        """Who takes the next steps of a flow from here on, where that changes."""
        method = self._method
        index, step = self._runs[position].lane.index, method.steps[position]
        time = None if method.times is None else method.times[position]
        return [
            Event(lane=index, name="hand-over", text=f"step {step}: {text}", step=step, time=time)
            for text in method.said(position)
        ]

    def _ending_by_rule(self, position: int, step: int, loss: float) -> Outcome | None:
        method, stop = self._method, self._spec.stop
        if loss <= self._target:
            reason = f"train_loss {loss:.3g} is at most {self._target:g} after {step} steps"
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
        best, patience = self._runs[position].best, stop.patience
        if patience is not None and self._runs[position].last_recorded - best.gained_at >= patience:
            name, value = next(iter(best.errors.items()))
            return Outcome(
                kind="stopped",
                reason=f"{name.replace('_', ' ')} has not improved for {patience} steps: it was least, {value:.4g}, at "
                f"step {best.step}",
                cause="patience",
            )
        # The loss where residuals are one rounding of the data; nothing that is asked for below it can be told from 0.
        least = self._rounding**2 * self._runs[position].problem.zero_loss
        if 0.0 <= self._target < least and loss <= _ROUNDINGS**2 * least:
            return Outcome(
                kind="stopped",
                reason=f"train_loss {loss:.3g} at step {step} is rounding: of these values {self._spec.dtype} tells "
                f"none below {least:.1g}, and stop.train_loss is {self._target:g}",
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

    def _end(self, endings: dict[int, Outcome]) -> Items:
        """The last records of these lanes, which leave the batch."""
        if not endings:
            return []
        items: Items = []
        for position, outcome in endings.items():
            run = self._runs[position]
            lane = [run.lane.index]
            if run.last_recorded != self._method.steps[position]:
                items += self._frame(position, is_last=True)
            if run.best.is_kept:
                self.settle_all()
            parameters = self._method.parameters(position)
            with self.spent.on("pictures_s", lane):
                items += run.last_pictures(parameters, self._method.steps[position])
                items += run.best_pictures()
                run.keep_solutions(parameters, self._method.steps[position])
            with self.spent.on("recording_s", lane):
                # What costs too much for every frame costs too much for somebody who wants to stop, too.
                summary = run.best.summary() | ({} if outcome.is_unfinished else run.summary(parameters))
            if summary:
                values: dict[str, float | str | None] = {name: plain(value) for name, value in summary.items()}
                items.append(Summary(lane=run.lane.index, values=values))
            items.append(LaneEnding(lane=run.lane.index, outcome=outcome))
        kept = [position for position in range(len(self._runs)) if position not in endings]
        self._runs = [self._runs[position] for position in kept]
        if kept:
            self._method.keep(kept)
        return items


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


def batch_of(
    runs: Sequence[LaneRun[Any, Any]],
    device: torch.device,
    elapsed_s: Callable[[], float],
    measurers: Measurers | None = None,
) -> Batch:
    """Lanes of one kind at their starts, with the method that trains them on this device."""
    dtype = torch.float64 if runs[0].lane.spec.dtype == "float64" else torch.float32
    work = sum(costs_of(run.lane.spec).operations() for run in runs)
    ticks = max(1, min(10_000, int(_OPERATIONS_BETWEEN_TICKS / work)))
    return Batch(runs, type(runs[0]).method(runs, dtype, device), elapsed_s, ticks, measurers)
