"""What happened in a run, in sentences: a singular value rises, a plateau ends, a determinant nears its floor.

All of it follows from the recorded frames, so the log stays as it is and old runs are explained too.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence

import msgspec

from solver import settings
from solver.history import History, LaneHistory
from solver.records import number
from solver.spec import HierarchicalTucker, RunSpec

# A value has risen when it is so many times its start, and this part of the ground truth's Frobenius norm; where there
# is no ground truth, of the largest there is.
_TIMES_ITS_START = 10.0
_PART_OF_TRUTH = 0.05
# So many singular values or components of a lane are told of, each by itself.
_MOST_RISES = 8
_MOST_NAMED = 3
# A plateau: most of the time in which the loss fell so far, it fell by a quarter of that; a steady fall would have
# taken a quarter of the time. It is told where it lasted for this part of all the time there was, and some frames.
_FALL, _QUARTER, _FLAT_SHARE = 0.96, 0.99, 0.5
_LENGTH, _LEAST_FRAMES = 0.1, 5
_RECOVERED = 1e-3
_PAST_ITS_BEST = 1.1
# The determinant of a layer over the bound of its size: its sign is lost where this comes to the flow's tolerance, or
# to rounding. So many times that is near.
_NEAR_FLOOR = 3.0
_ROUNDING = 1e-15
_LARGEST_WITH_DETERMINANT = 4


class Milestone(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of a lane."""

    lane: int
    name: str
    text: str
    """A sentence that names the step."""
    step: float
    elapsed_s: float


class Milestones:
    """Finds the milestones of a run as it grows; ``found`` has them in the order in which they happened."""

    def __init__(self, spec: RunSpec) -> None:
        self.found: list[Milestone] = []
        self._specs = [lane.spec for lane in settings.lanes(spec)]
        self._lanes: dict[int, _LaneReader] = {}

    def update(self, history: History) -> list[Milestone]:
        """Reads the frames that have come since the last call; all milestones so far."""
        new: list[Milestone] = []
        for lane, spec in zip(history.lanes, self._specs, strict=False):
            reader = self._lanes.setdefault(lane.index, _LaneReader(lane, spec))
            new += reader.read(lane, _size_of_truth(history, lane))
        if new:
            self.found = sorted([*self.found, *new], key=lambda one: (one.elapsed_s, one.lane))
        return self.found


class _LaneReader:
    """Goes through the frames of one lane once."""

    def __init__(self, lane: LaneHistory, spec: RunSpec) -> None:
        self._lane = lane
        self._spec = spec
        self._size = math.nan
        self._next = 0
        self._risen: set[int] = set()
        self._said: set[str] = set()
        self._level = math.nan
        self._level_frame = self._quarter_frame = 0
        self._sign = 0.0
        self._least, self._least_frame = math.nan, 0

    def read(self, lane: LaneHistory, size: float) -> Iterator[Milestone]:
        """The milestones of the frames that are new; ``size`` is the ground truth's norm, NaN where there is none."""
        self._lane, self._size = lane, size
        while self._next < len(lane):
            frame, self._next = self._next, self._next + 1
            yield from self._of_frame(frame)

    def _of_frame(self, frame: int) -> Iterator[Milestone]:
        for name, what in (("singular_values", "σ"), ("component_norms", "component ")):
            columns = self._lane.vectors.get(name)
            if columns:
                yield from self._rises(columns, what, frame)
        yield from self._plateau(frame)
        yield from self._recovery(frame)
        yield from self._past_its_best(frame)
        yield from self._determinant(frame)
        yield from self._runaway(frame)

    def _rises(self, columns: list[array[float]], what: str, frame: int) -> Iterator[Milestone]:
        if len(self._risen) >= _MOST_RISES:
            return
        size = max(column[frame] for column in columns) if math.isnan(self._size) else self._size
        model = self._spec.model
        if isinstance(model, HierarchicalTucker):
            # Of a tensor of rank 1 each node has one vector; a local component has some of them, all of equal norms.
            size **= model.n_factors(self._spec.problem) / len(model.tree(self._spec.problem).nodes)
        least = _PART_OF_TRUTH * size
        new = [
            rank
            for rank, column in enumerate(columns)
            if column[frame] >= least
            and rank not in self._risen
            and column[frame] >= _TIMES_ITS_START * column[0] > 0.0
        ]
        if not new:
            return
        self._risen.update(new)
        names = [f"{what}{_name(what, rank)}" for rank in new]
        if len(new) == 1:
            now, start = columns[new[0]][frame], columns[new[0]][0]
            text = f"{names[0]} rises: {_value(now)}, {_times(now / start)} times its start"
        elif len(new) <= _MOST_NAMED:
            text = f"{', '.join(names[:-1])} and {names[-1]} rise together"
        else:
            text = f"{len(new)} rise together, {names[0]} first of them"
        yield self._milestone("rise", frame, text)

    def _plateau(self, frame: int) -> Iterator[Milestone]:
        loss = self._lane.columns["train_loss"][frame]
        if not math.isfinite(loss):
            return
        if not math.isfinite(self._level):
            self._level = loss
        if loss > _QUARTER * self._level:
            self._quarter_frame = frame
        if loss > _FALL * self._level:
            return
        clock = self._lane.columns.get("time", self._lane.columns["step"])
        start, quarter, now = clock[self._level_frame], clock[self._quarter_frame], clock[frame]
        is_flat = quarter - start >= _FLAT_SHARE * (now - start)
        is_long = now - start >= _LENGTH * now and frame - self._level_frame >= _LEAST_FRAMES
        if is_flat and is_long:
            since = self._lane.columns["step"][self._level_frame]
            first = "the first plateau ends" if self._level_frame == 0 else f"a plateau since step {since:.0f} ends"
            yield self._milestone("plateau-ends", frame, f"{first}: the loss leaves {_value(self._level)}")
        self._level, self._level_frame, self._quarter_frame = loss, frame, frame

    def _recovery(self, frame: int) -> Iterator[Milestone]:
        errors = self._lane.columns.get("reconstruction_error")
        if errors and errors[frame] <= _RECOVERED and "recovered" not in self._said:
            self._said.add("recovered")
            text = f"the ground truth is recovered: reconstruction error below {_RECOVERED:g}"
            yield self._milestone("recovered", frame, text)

    def _past_its_best(self, frame: int) -> Iterator[Milestone]:
        """That the held-out error has come well above its least, whether or not it comes back."""
        errors = self._lane.columns.get("held_out_error")
        if not errors or not math.isfinite(errors[frame]):
            return
        if math.isnan(self._least) or errors[frame] < self._least:
            self._least, self._least_frame = errors[frame], frame
            return
        if errors[frame] > _PAST_ITS_BEST * self._least and "past its best" not in self._said:
            self._said.add("past its best")
            step = self._lane.columns["step"][self._least_frame]
            text = (
                f"the held-out error is past its best, {_value(self._least)} at step {step:.0f}: what is fitted now is "
                "noise"
            )
            yield self._milestone("past-its-best", frame, text)

    def _determinant(self, frame: int) -> Iterator[Milestone]:
        signs, logs = self._lane.columns.get("det_sign"), self._lane.columns.get("log_abs_det")
        values = self._lane.vectors.get("singular_values", [])
        drawn = self._lane.pictures.get("end_matrix")
        # Only as many singular values are recorded as were asked for: the picture tells how large the matrix is.
        if not signs or not logs or not drawn or min(drawn[0].shape) != len(values):
            return
        if not 2 <= len(values) <= _LARGEST_WITH_DETERMINANT:
            return
        n_layers = self._spec.model.n_factors(self._spec.problem)
        if self._sign * signs[frame] < 0.0:
            now = "positive" if signs[frame] > 0 else "negative"
            whose = " by its numerics: the flow of balanced layers keeps it" if n_layers > 1 else ""
            yield self._milestone("det-sign", frame, f"det W changes sign and is {now}{whose}")
        self._sign = signs[frame] or self._sign
        # A narrow layer makes it zero for good: nothing nears anything.
        if n_layers < 2 or not signs[frame] or not values[0][frame] > 0.0 or "floor" in self._said:
            return
        # Balanced layers share the determinant evenly.
        of_layer = math.exp((logs[frame] - len(values) * math.log(values[0][frame])) / n_layers)
        floor = max(_ROUNDING, self._spec.optimizer.tolerance)
        if of_layer < _NEAR_FLOOR * floor:
            self._said.add("floor")
            what = "what rtol can tell" if floor > _ROUNDING else "the rounding floor"
            text = f"det W nears {what}: that of a layer is {of_layer:.1g} of its largest"
            yield self._milestone("det-floor", frame, text)

    def _runaway(self, frame: int) -> Iterator[Milestone]:
        entries = self._lane.columns.get("unobserved_entry")
        if not entries:
            return
        for size in (10, 100, 1000):
            if abs(entries[frame]) >= size and f"entry {size}" not in self._said:
                self._said.add(f"entry {size}")
                yield self._milestone("runaway", frame, f"the unobserved entry passes {size} in magnitude")

    def _milestone(self, name: str, frame: int, text: str) -> Milestone:
        step, clock = self._lane.columns["step"][frame], self._lane.columns["elapsed_s"][frame]
        before = self._lane.columns["step"][frame - 1] if frame else step
        # Between two recorded states it may have been any time.
        told = f"{'step' if step - before <= 1 else 'by step'} {step:.0f}: {text}"
        return Milestone(lane=self._lane.index, name=name, text=told, step=step, elapsed_s=clock)


def _size_of_truth(history: History, lane: LaneHistory) -> float:
    found = history.baselines.get(lane.problem, {}).get("ground_truth", {}).get("frobenius_norm")
    return math.nan if found is None or isinstance(found, list) else number(found)


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _name(what: str, rank: int) -> str:
    """Singular values count from one, components from zero, as elsewhere."""
    return str(rank + 1).translate(_SUBSCRIPTS) if what == "σ" else str(rank)


def _value(value: float) -> str:
    return f"{value:.3g}"


def until(found: Sequence[Milestone], history: History) -> list[Milestone]:
    """Those that a history cut short has come to."""
    reached = {lane.index: lane.columns["step"][-1] for lane in history.lanes if len(lane)}
    return [one for one in found if one.step <= reached.get(one.lane, -1.0)]


def _times(ratio: float) -> str:
    return (
        f"{ratio:.3g}"
        if ratio < 1e3
        else f"{ratio:,.0f}"
        if ratio < 1e6
        else f"{ratio:.1e}".replace("e+0", "e").replace("e+", "e")
    )
