"""Which lanes train together, and a batch of them under way."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from solver.numerics import initial
from solver.numerics.lane_run import LaneRun
from solver.numerics.methods.adam import FullBatchAdam
from solver.numerics.methods.dormand_prince import DormandPrince
from solver.numerics.methods.gradient_descent import Descent
from solver.numerics.methods.group_rmsprop import GroupedRMSprop
from solver.numerics.methods.method import Method
from solver.numerics.models.layers import Layers
from solver.numerics.problems.matrix import MatrixLoss
from solver.records import AnyRecord, Frame, LaneEnding, Outcome, Snapshot, plain
from solver.settings import Lane
from solver.spec import GradientDescent, GradientFlow, GroupRMSprop

# On a CPU one batched product beats separate ones up to this many entries of a layer (measured: 32 × 32 gains a
# quarter at 128 lanes, 100 × 100 nothing); on a GPU a batch always wins.
_LARGEST_BATCHED_LAYER = 32 * 32
# Largest end matrix that is written down.
_LARGEST_SNAPSHOT = 10_000
# Operations between two looks at the control file, some tens of milliseconds.
_OPERATIONS_BETWEEN_TICKS = 1e9


def group(lanes: list[Lane], device: torch.device) -> list[list[Lane]]:
    """The lanes in batches of equal shape, model and method, in the order of their first lanes. A function of the spec
    and the kind of device, never of a clock.
    """
    batches: dict[object, list[Lane]] = {}
    for lane in lanes:
        shape = lane.spec.problem.resolved_shape
        sizes = initial.widths(lane.spec.model, shape)
        alone = device.type == "cpu" and _largest_layer(lane) > _LARGEST_BATCHED_LAYER
        key = (tuple(sizes), lane.spec.optimizer, lane.spec.stop, lane.index if alone else None)
        batches.setdefault(key, []).append(lane)
    return list(batches.values())


def largest_batch(lanes: list[Lane]) -> int:
    """Entries of a largest layer times the lanes that a GPU would train with it."""
    batches = group(lanes, torch.device("cuda"))
    return max(len(batch) * _largest_layer(batch[0]) for batch in batches)


def _largest_layer(lane: Lane) -> int:
    return max(a * b for a, b in _pairs(initial.widths(lane.spec.model, lane.spec.problem.resolved_shape)))


class Batch:
    """Lanes that train together. ``records`` trains them, yielding what to write down."""

    def __init__(self, runs: list[LaneRun], device: torch.device, elapsed_s: Callable[[], float]) -> None:
        self._runs = runs
        self._elapsed_s = elapsed_s
        spec = runs[0].lane.spec
        self._spec = spec
        self._begun = False
        dtype = torch.float64 if spec.dtype == "float64" else torch.float32
        self._widths = initial.widths(spec.model, runs[0].problem.shape)
        loss = MatrixLoss([run.problem for run in runs], dtype, device)
        layers = Layers(self._widths, loss, len(runs), dtype, device)
        self._method = _method(layers, torch.stack([run.start() for run in runs]).to(dtype), runs[0].lane)
        self._target = -math.inf if spec.stop.train_loss is None else spec.stop.train_loss
        operations = len(runs) * sum(2 * math.prod(pair) * self._widths[0] for pair in _pairs(self._widths))
        self._steps_between_ticks = max(1, min(10_000, int(_OPERATIONS_BETWEEN_TICKS / (3 * operations))))

    def records(self) -> Iterator[list[AnyRecord]]:
        """Trains to the end of every lane. Yields the records of one moment, or an empty list where nothing happened
        but the caller may want to look around; at every yield ``state`` and ``end`` may be called.
        """
        if not self._begun:
            self._begun = True
            events = [event for event in (run.predicted_escape() for run in self._runs) if event is not None]
            frames = self._take(range(len(self._runs)))
            # A start may already meet the target, or be out of range.
            yield [*events, *frames, *self._end(self._endings())]
        while self._runs:
            moved = self._method.advance(self._until(), self._target)
            at_new_state = [lane for lane, new in enumerate(moved) if new]
            records = self._take(at_new_state)
            yield records + self._end(self._endings())

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
            "method": self._method.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what ``state`` gave, on a batch made for the same lanes."""
        self._begun = state["begun"]
        for run, following, last in zip(self._runs, state["next_recorded"], state["last_recorded"], strict=True):
            run.next_recorded, run.last_recorded = following, last
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
        }
        return known if method.times is None else known | {"time": method.times[lane]}

    def _endings(self) -> dict[int, Outcome]:
        """The lanes that end at their present state, and how."""
        return {lane: ending for lane in range(len(self._runs)) if (ending := self._ending(lane)) is not None}

    def _ending(self, lane: int) -> Outcome | None:
        """The lane's outcome if it ends at its present state."""
        method, stop = self._method, self._spec.stop
        step, loss = method.steps[lane], method.losses[lane]
        if not math.isfinite(loss):
            return _diverged(self._runs[lane].lane, step, loss)
        if self._runs[lane].watches_sign and self._runs[lane].sign_flipped(method.parameters(lane)):
            return Outcome(
                kind="failed",
                reason=f"the determinant changed its sign by step {step}, at train_loss {loss:.3g}; balanced "
                "layers keep it, so rounding, the step size or an unbalanced start did it",
                cure="take depth 3 or more, init balanced, or a smaller optimizer.rtol or step_size",
                cause="sign",
            )
        if loss <= self._target:
            reason = f"train_loss {loss:.3g} is at most {self._target:g} after {step} steps"
            return Outcome(kind="converged", reason=reason)
        if stop.max_time is not None and method.times is not None and method.times[lane] >= stop.max_time * (1 - 1e-12):
            return Outcome(
                kind="max-time",
                reason=f"flow time reached {stop.max_time:g} with train_loss {loss:.3g}",
                cure="raise stop.max_time to go further",
            )
        if isinstance(method, DormandPrince) and method.is_stationary(lane):
            return Outcome(
                kind="stopped",
                reason=f"the gradient is exactly zero at step {step}, train_loss {loss:.3g}: nothing moves any more",
                cure="start from another model.init or init_scale",
            )
        if step >= stop.max_steps:
            return Outcome(
                kind="max-steps",
                reason=f"{step} steps were taken, train_loss is {loss:.3g}",
                cure="" if stop.train_loss is None else "raise stop.max_steps to go further",
            )
        if isinstance(method, DormandPrince) and method.is_stuck(lane):
            return Outcome(
                kind="failed",
                reason=f"after step {step}, loss {loss:.3g}, no step is short enough for rtol {method.rtol:g}",
                cure="raise optimizer.rtol, or bring init_scale and the data nearer to 1"
                + ("" if self._spec.dtype == "float64" else ", or set dtype to float64"),
            )
        return None

    def _end(self, endings: dict[int, Outcome]) -> list[AnyRecord]:
        """The last records of these lanes, which leave the batch."""
        records: list[AnyRecord] = []
        for lane, outcome in endings.items():
            run = self._runs[lane]
            if run.last_recorded != self._method.steps[lane]:
                records.append(self._frame(lane))
            records += self._snapshot(lane)
            records.append(LaneEnding(lane=run.lane.index, outcome=outcome))
        kept = [lane for lane in range(len(self._runs)) if lane not in endings]
        self._runs = [self._runs[lane] for lane in kept]
        if kept:
            self._method.keep(kept)
        return records

    def _snapshot(self, lane: int) -> list[AnyRecord]:
        rows, columns = self._runs[lane].problem.shape
        if rows * columns > _LARGEST_SNAPSHOT:
            return []
        end_matrix = self._runs[lane].metrics.end_matrix(self._method.parameters(lane))
        return [
            Snapshot(
                lane=self._runs[lane].lane.index,
                step=self._method.steps[lane],
                name="end_matrix",
                shape=[rows, columns],
                values=[plain(value) for value in end_matrix.reshape(-1).tolist()],
            )
        ]


def _method(layers: Layers, start: Tensor, lane: Lane) -> Method:
    optimizer = lane.spec.optimizer
    if isinstance(optimizer, GradientFlow):
        return DormandPrince(layers, start, optimizer, lane.spec.stop.max_time or math.inf)
    if isinstance(optimizer, GradientDescent):
        return Descent(layers, start, optimizer)
    if isinstance(optimizer, GroupRMSprop):
        return GroupedRMSprop(layers, start, optimizer)
    return FullBatchAdam(layers, start, optimizer)


def _diverged(lane: Lane, step: int, loss: float) -> Outcome:
    optimizer, scale = lane.spec.optimizer, lane.spec.model.init_scale
    if step == 0 or isinstance(optimizer, GradientFlow):
        return Outcome(
            kind="diverged",
            reason=f"train loss was {loss} at step {step}: init_scale {scale:g} or the observed values are too large",
            cure="scale the data to about 1, or try a smaller model.init_scale",
        )
    return Outcome(
        kind="diverged",
        reason=f"train loss became {loss} at step {step}: step_size {optimizer.step_size:g} is too large for "
        f"init_scale {scale:g}",
        cure=f"try optimizer.step_size {optimizer.step_size / 10:g}",
    )


def _pairs(widths: list[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(widths))
