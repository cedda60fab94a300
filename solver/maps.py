"""A map of a sweep: a number that its lanes end with, over two swept settings, a cell for each pair of their values."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from solver.history import History, LaneHistory
from solver.refusal import BadSetting
from solver.series import BY_NAME, SERIES
from solver.spec import RunSpec
from solver.variants import NAMED

_BROKEN = ("diverged", "failed")
# What a map shows first: an error, which the fourth key shows too, or else what every lane records.
_FIRST, _ALWAYS = 4, "train_loss"
_NAME = re.compile(r"([a-z_]\w*)(?:\.([1-9]\d*))?")


class Statistic(msgspec.Struct, frozen=True):
    """A number that a lane ends with."""

    series: str
    """A recorded series, or a number of the final state."""
    rank: int = 0
    """Which of a vector's numbers, the first is 1, and of components the largest; 0 for a scalar."""

    @property
    def name(self) -> str:
        """As a person types it: singular_values.3."""
        return f"{self.series}.{self.rank}" if self.rank else self.series

    def of(self, lane: LaneHistory) -> float:
        """The lane's newest; NaN where it has none."""
        columns = lane.vectors.get(self.series)
        if columns is not None:
            newest = [column[-1] for column in columns if len(column)]
            if self.series in BY_NAME and BY_NAME[self.series].by_identity:
                newest.sort(reverse=True)
            return newest[self.rank - 1] if 0 < self.rank <= len(newest) else math.nan
        column = lane.columns.get(self.series)
        return column[-1] if column else lane.summary.get(self.series, math.nan)


class Map(msgspec.Struct, frozen=True):
    """What is drawn over what."""

    x: str
    y: str
    """Swept fields; ``variant`` is one where there are several variants."""
    statistic: Statistic


class Cell(msgspec.Struct, frozen=True):
    """The lanes of one pair of values: those of several seeds, and of whatever else is swept."""

    value: float
    """The median over the lanes that have come to their end with a finite number; NaN where none has."""
    n_lanes: int
    n_ended: int
    """How many of them have come to an end of their own."""
    n_broken: int
    """How many of those diverged, failed, or ended without a finite number."""
    outcomes: str
    """How they stand: a kind of outcome, or several with how many lanes each."""

    @property
    def is_under_way(self) -> bool:
        """Whether some of its lanes go on, or could: they were stopped from outside."""
        return self.n_ended < self.n_lanes


class Table(msgspec.Struct, frozen=True):
    """The cells of a map."""

    map: Map
    xs: list[Any]
    ys: list[Any]
    """The swept values, numbers in rising order."""
    cells: list[list[Cell | None]]
    """cells[j][i] at ys[j], xs[i]; None where no lane has both values."""

    @property
    def n_lanes(self) -> int:
        return sum(cell.n_lanes for row in self.cells for cell in row if cell is not None)

    @property
    def n_ended(self) -> int:
        return sum(cell.n_ended for row in self.cells for cell in row if cell is not None)


def fields(spec: RunSpec) -> list[str]:
    """The swept fields with more than one value, in the order of the sweep, variants before."""
    return [name for name in (NAMED, *spec.sweep) if len(values(spec, name)) > 1]


def values(spec: RunSpec, field: str) -> list[Any]:
    """The values of a swept field, numbers in rising order; the names of variants in theirs."""
    return list(spec.variants) if field == NAMED else _distinct(spec.sweep[field])


def offered(history: History) -> list[Statistic]:
    """The numbers that any lane ends with: those of series in the order of their declaration, then of the final state.

    Words are no numbers: the method of the last step is left out.
    """
    found = []
    for series in SERIES:
        lanes = [lane for lane in history.lanes if series.name in lane.series]
        if series.shape == "vector":
            n = max((len(lane.vectors.get(series.name, [])) for lane in lanes), default=0)
            found += [Statistic(series.name, rank) for rank in range(1, n + 1)]
        elif lanes and series.shape != "word":
            found.append(Statistic(series.name))
    summaries = dict.fromkeys(name for lane in history.lanes for name in lane.summary)
    return found + [Statistic(name) for name in summaries if name not in BY_NAME]


def first(spec: RunSpec, history: History) -> Map | None:
    """The first two swept fields, and an error where one is recorded; None where fewer than two fields are swept."""
    swept = fields(spec)
    if len(swept) < 2:
        return None
    recorded = {name for lane in history.lanes for name in lane.series}
    errors = [one.name for one in SERIES if _FIRST in one.keys and one.name in recorded]
    return Map(swept[0], swept[1], Statistic(errors[0] if errors else _ALWAYS))


def table(wanted: Map, spec: RunSpec, lanes: Sequence[LaneHistory]) -> Table:
    """The cells of these lanes. Fields besides the two, and seeds, are not told apart: a cell has their median."""
    xs, ys = values(spec, wanted.x), values(spec, wanted.y)
    members: dict[tuple[bytes, bytes], list[LaneHistory]] = {}
    for lane in lanes:
        key = _key(lane.parameters.get(wanted.x)), _key(lane.parameters.get(wanted.y))
        members.setdefault(key, []).append(lane)
    cells = [[_cell(members.get((_key(x), _key(y)), []), wanted.statistic) for x in xs] for y in ys]
    return Table(wanted, xs, ys, cells)


def _cell(lanes: Sequence[LaneHistory], statistic: Statistic) -> Cell | None:
    if not lanes:
        return None
    ended = [lane for lane in lanes if lane.outcome is not None and not lane.outcome.is_unfinished]
    numbers = [
        statistic.of(lane) if lane.outcome is not None and lane.outcome.kind not in _BROKEN else math.nan
        for lane in ended
    ]
    finite = [value for value in numbers if math.isfinite(value)]
    kinds = Counter("under way" if lane.outcome is None else lane.outcome.kind for lane in lanes)
    return Cell(
        value=statistics.median(finite) if finite else math.nan,
        n_lanes=len(lanes),
        n_ended=len(ended),
        n_broken=len(numbers) - len(finite),
        outcomes=next(iter(kinds)) if len(kinds) == 1 else ", ".join(f"{n} {kind}" for kind, n in kinds.items()),
    )


def to_csv(cells: Table) -> bytes:
    """One row a cell, from the lowest values of y and x on; no number where no lane has come to one."""
    import csv
    import io

    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    wanted = cells.map
    writer.writerow([wanted.x, wanted.y, wanted.statistic.name, "lanes", "ended", "broken", "outcome"])
    for y, row in zip(cells.ys, cells.cells, strict=True):
        for x, cell in zip(cells.xs, row, strict=True):
            if cell is not None:
                value = cell.value if math.isfinite(cell.value) else ""
                counts = [cell.n_lanes, cell.n_ended, cell.n_broken, cell.outcomes]
                writer.writerow([shown(x), shown(y), value, *counts])
    return text.getvalue().encode()


def shown(value: Any) -> str:
    """A swept value as text: numbers and words as they are, lists as JSON."""
    if isinstance(value, str):
        return value
    return f"{value:g}" if isinstance(value, float) else msgspec.json.encode(value).decode()


def read(text: str, spec: RunSpec, history: History) -> Table:
    """The cells of the map that ``text`` asks for: x=FIELD,y=FIELD,value=SERIES, and FIELD=VALUE for such lanes alone.

    What is left out is as in ``first``. A field may be named by its last word. Raises BadSetting.
    """
    found = first(spec, history)
    if found is None:
        raise BadSetting(
            "--map needs two fields that are swept over two values or more each: this run has fewer", "map"
        )
    given = _pairs(text)
    x, y = (_field(given.pop(axis), spec, axis) if axis in given else "" for axis in ("x", "y"))
    if x and x == y:
        raise BadSetting(f"--map has {x} along both axes: give y another one of {', '.join(fields(spec))}", "map")
    x = x or next(name for name in fields(spec) if name != y)
    y = y or next(name for name in fields(spec) if name != x)
    statistic = _statistic(given.pop("value"), history) if "value" in given else found.statistic
    lanes = history.lanes
    for name, value in given.items():
        field = _field(name, spec, name)
        wanted = [one for one in values(spec, field) if _is_meant(one, value)]
        if not wanted:
            there = ", ".join(shown(one) for one in values(spec, field))
            raise BadSetting(f"--map {name}={value} is no value of {field}: take one of {there}", "map")
        lanes = [lane for lane in lanes if _key(lane.parameters.get(field)) == _key(wanted[0])]
    return table(Map(x, y, statistic), spec, lanes)


def _pairs(text: str) -> dict[str, str]:
    found = {}
    for piece in filter(None, (part.strip() for part in text.split(","))):
        name, sign, value = (part.strip() for part in piece.partition("="))
        if not (name and sign and value):
            raise BadSetting(
                f"--map {piece} says nothing: write x=FIELD,y=FIELD,value=SERIES, or leave out what may be as it is",
                "map",
            )
        found[name] = value
    return found


def _field(name: str, spec: RunSpec, what: str) -> str:
    swept = fields(spec)
    found = [name] if name in swept else [field for field in swept if name == field.rpartition(".")[2]]
    if len(found) != 1:
        raise BadSetting(f"--map {what}: {name} is not one swept field: take one of {', '.join(swept)}", "map")
    return found[0]


def _statistic(name: str, history: History) -> Statistic:
    there = offered(history)
    parted = _NAME.fullmatch(name)
    series, rank = (parted[1], int(parted[2] or 0)) if parted else (name, 0)
    if Statistic(series, rank) in there:
        return Statistic(series, rank)
    most = max((one.rank for one in there if one.series == series), default=0)
    if most:
        raise BadSetting(f"--map value: {name} is not one number: take {series}.1 to {series}.{most}", "map")
    names = ", ".join(dict.fromkeys(one.series for one in there))
    raise BadSetting(f"--map value: no lane of this run ends with {name}: take one of {names}", "map")


def _is_meant(value: Any, text: str) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(text) == value
        except ValueError:
            return False
    return shown(value).lower() == text.lower()


def _key(value: Any) -> bytes:
    """Equal for values that are: lists are not hashable, and a log may have written 1 for 1.0."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return msgspec.json.encode(float(value) if is_number else value)


def _distinct(given: Sequence[Any]) -> list[Any]:
    """Each value once, numbers in rising order, anything else in the order of the sweep."""
    found = list({_key(value): value for value in given}.values())
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in found):
        found.sort()
    return found
