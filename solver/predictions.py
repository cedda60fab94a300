"""Predictions of a finished run on a file, in the file's own unit and by its own ids; without NumPy."""

from __future__ import annotations

import itertools
import math
import operator
from array import array
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from solver import held_out, npz, truth
from solver.history import History, LaneHistory
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from solver.truth import Truth

State = Literal["best", "end"]
_Arrays = dict[str, tuple[tuple[int, ...], "array[float]"]]


class Predictor(msgspec.Struct, frozen=True):
    """A kept state of a lane, with what its file calls things."""

    truth: Truth
    state: State
    step: int
    arrays: _Arrays
    """The end matrix or tensor, a matrix's two factors, or the factor of each mode."""

    def row(self, row: int) -> list[float]:
        """The predictions of a row of a matrix, column by column, with the centre given back."""
        if "end_matrix" in self.arrays:
            (_, n), values = self.arrays["end_matrix"]
            found = values[row * n : (row + 1) * n].tolist()
        elif "left" in self.arrays:
            (_, width), left = self.arrays["left"]
            (_, n), right = self.arrays["right"]
            found = [0.0] * n
            for factor, start in zip(left[row * width : (row + 1) * width], range(0, width * n, n), strict=True):
                found = [total + factor * one for total, one in zip(found, right[start : start + n], strict=True)]
        else:
            raise BadSetting("this lane trained a tensor, which has no rows: leave --rows and --top out")
        centre = self.truth.centre
        if centre is None:
            return found
        rows, columns = centre.modes
        mean = centre.mean + (rows[row] if rows else 0.0)
        return (
            [value + mean for value in found]
            if not columns
            else [value + mean + added for value, added in zip(found, columns, strict=True)]
        )

    def entry(self, places: Sequence[int]) -> float:
        """One entry of a tensor, with the centre given back."""
        centre = self.truth.centre
        added = 0.0 if centre is None else centre.at([[place] for place in places])[0]
        if "end_tensor" in self.arrays:
            shape, values = self.arrays["end_tensor"]
            flat = 0
            for size, place in zip(shape, places, strict=True):
                flat = flat * size + place
            return values[flat] + added
        vectors = []
        for mode, place in enumerate(places):
            (_, n), values = self.arrays[f"mode.{mode}"]
            vectors.append(values[place * n : (place + 1) * n])
        product: Sequence[float] = vectors[0]
        for vector in vectors[1:]:
            product = list(map(operator.mul, product, vector))
        return math.fsum(product) + added


def predictor(directory: RunDirectory, history: History, lane: int | None, state: State | None) -> Predictor:
    """The state that predicts: of the lane with the least validation (or held-out) error, its best one.

    Raises BadSetting where the run is of no file, has not ended, or has no such lane or state.
    """
    truths = truth.read(directory.problem)
    chosen = _lane(history, lane)
    if chosen.problem >= len(truths) or not truths[chosen.problem].ids:
        raise BadSetting(
            f"run {directory.id} is not of a file of entries: predictions are made of such runs alone", "run"
        )
    path = directory.solution(chosen.index)
    try:
        kept = npz.read(path)
    except FileNotFoundError:
        why = "has not ended yet" if chosen.outcome is None else "has kept no solution, as where the disk was full"
        raise BadSetting(
            f"lane {chosen.index} of run {directory.id} {why}: wait, or take another --lane", "lane"
        ) from None
    except (OSError, ValueError) as error:
        raise BadSetting(f"{path} cannot be read ({error}): run it anew") from None
    wanted: State = state or ("best" if "best.step" in kept else "end")
    arrays = {name.removeprefix(f"{wanted}."): one for name, one in kept.items() if name.startswith(f"{wanted}.")}
    if "step" not in arrays:
        raise BadSetting(
            f"lane {chosen.index} of run {directory.id} has no best state, as nothing was held out: set "
            "problem.test_fraction, or take --state end",
            "state",
        )
    step = int(arrays.pop("step")[1][0])
    return Predictor(truths[chosen.problem], wanted, step, arrays)


def _lane(history: History, index: int | None) -> LaneHistory:
    if index is not None:
        if not 0 <= index < len(history.lanes):
            raise BadSetting(f"--lane must be from 0 to {len(history.lanes) - 1}, not {index}", "lane")
        return history.lanes[index]
    if not history.lanes:
        raise BadSetting("the run has no lane yet: wait until it has begun", "lane")
    ended = [lane for lane in history.lanes if lane.outcome is not None] or history.lanes
    return min(ended, key=_error)


def _error(lane: LaneHistory) -> float:
    """What lanes are chosen by, the least first: the last training loss where nothing was held out."""
    chosen = held_out.chosen_by(lane)
    if chosen is not None:
        return chosen
    column = lane.columns["train_loss"]
    return column[-1] if column else math.inf


def rows_named(found: Truth, names: Sequence[str]) -> list[int]:
    """The rows that the file calls so. Raises BadSetting, with a near one, for a name that it does not know."""
    import difflib

    places = {found.name(0, place): place for place in range(found.shape[0])}
    for name in names:
        if name not in places:
            close = difflib.get_close_matches(name, places, n=1)
            hint = f"did you mean {close[0]}?" if close else f"they begin with {', '.join(itertools.islice(places, 3))}"
            raise BadSetting(f"--rows {name} is no {found.mode_name(0)} of the file: {hint}", "rows")
    return [places[name] for name in names]


def table(found: Predictor, rows: Sequence[int] | None, top: int | None, *, given: bool) -> Iterator[list[str]]:
    """Lines of ids and predictions, after one of names: each entry that is not given, or the ``top`` of each row.

    With ``given`` those of the file as well, with its value in a further column (held-out ones are given too).
    """
    known = found.truth.observed | found.truth.held_out
    if len(found.truth.shape) > 2 and not (rows is None and top is None):
        raise BadSetting("this lane trained a tensor, which has no rows: leave --rows and --top out")
    names = [found.truth.mode_name(mode) for mode in range(len(found.truth.shape))]
    yield [*names, found.truth.value_name or "value"][: len(names)] + ["predicted"] + (["given"] if given else [])
    if len(found.truth.shape) > 2:
        yield from _of_tensor(found, known, given=given)
        return
    n_rows, n_columns = found.truth.shape
    for row in range(n_rows) if rows is None else rows:
        predicted = found.row(row)
        places = [column for column in range(n_columns) if given or row * n_columns + column not in known]
        if top is not None:
            places = sorted(places, key=lambda column: (-predicted[column], column))[:top]
        for column in places:
            entry = known.get(row * n_columns + column)
            line = [found.truth.name(0, row), found.truth.name(1, column), f"{predicted[column]:.6g}"]
            yield line + ([] if not given else ["" if entry is None else f"{entry:.6g}"])


def _of_tensor(found: Predictor, known: dict[int, float], *, given: bool) -> Iterator[list[str]]:
    for flat, places in enumerate(itertools.product(*map(range, found.truth.shape))):
        if given or flat not in known:
            line = [found.truth.name(mode, place) for mode, place in enumerate(places)]
            line.append(f"{found.entry(places):.6g}")
            yield line + ([] if not given else [f"{known[flat]:.6g}" if flat in known else ""])
