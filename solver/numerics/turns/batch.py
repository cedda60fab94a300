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
from solver.numerics.turns.endings import Endings
from solver.numerics.turns.measuring import Items, Job, Measurers, Measuring
from solver.numerics.turns.spent import Spent
from solver.records import LaneEnding, Outcome, Summary, plain

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
        self._rules = Endings(spec, method)

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
                moved = self._method.advance(self._until(), self._rules.target)
            positions = [position for position, is_new in enumerate(moved) if is_new]
            self._unmoved -= {self._runs[position].lane.index for position in positions}
            records = self._take(positions)
            yield records + self._endings()

    def end(self, outcome: Outcome) -> Items:
        """The last records of all lanes, which end so now."""
        return self._end(dict.fromkeys(range(len(self._runs)), outcome))

    def settle(self, wait_s: float = 0.0) -> bool:
        """Takes what has been measured; whether all has been.

        With seconds to wait in, measures what waits for a measurer; where nothing does, waits for them.
        """
        if self._measurers is not None and self._measuring:
            is_helped = wait_s > 0.0 and self._measurers.take_back()
            self._measurers.receive(0.0 if is_helped else wait_s)
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
        most_loss = self._losses_before[position] * (1.0 + _ROUNDINGS_OF_LOSS * self._rules.rounding)
        for piece in range(1, pieces):
            with self.spent.on("recording_s", [self._runs[position].lane.index]):
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
        with self.spent.on("recording_s", [run.lane.index]):
            # Of images the method itself measures.
            parameters, known = self._method.parameters(position), self._known(position)
        return self._measure(position, parameters, known, is_last=is_last)

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
            said, ending = self._rules.ending(position, self._runs[position])
            events += said
            if ending is not None:
                endings[position] = ending
        return events + self._end(endings)

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
