"""What can be drawn of a run as curves: a row of the list for each declared series, and where its numbers stand."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import msgspec

from solver.history import History, LaneHistory
from solver.series import AXES, BY_NAME, SERIES, Row, Series


class Quantity(msgspec.Struct, frozen=True):
    """One row of the list and one picture of the chart."""

    declared: Series
    row: Row

    @property
    def series(self) -> str:
        """Name in the record."""
        return self.declared.name

    @property
    def title(self) -> str:
        return self.row.title

    @property
    def short(self) -> str:
        """The title where there is little room."""
        return self.row.short

    @property
    def rank(self) -> int | None:
        """Which singular value, for one row of a vector series; None for all of them, or for a scalar."""
        return self.row.rank

    @property
    def log_y(self) -> bool:
        """Whether its y axis starts out logarithmic."""
        return self.declared.log

    @property
    def predicted(self) -> str:
        """Series with the theory's value of the same quantity, drawn dim beside it."""
        return self.declared.predicted

    @property
    def baseline(self) -> str:
        """Name of the number in baselines that is drawn as a level line."""
        return self.declared.baseline

    @property
    def key(self) -> str:
        """What the row is known by."""
        return f"{self.series} {self.rank}"


ALL = tuple(sorted((Quantity(series, row) for series in SERIES for row in series.rows), key=lambda one: one.row.place))
"""Every quantity there is, in the order of the list."""


def axis_name(axis: str) -> str:
    """What an x axis is called, short enough for the corner under the y axis where it counts steps or time."""
    series = BY_NAME.get(axis)
    if series is None:
        return axis
    return series.axis or next((row.title.strip() for row in series.rows), axis)


def axes(history: History) -> list[str]:
    """The series that can be an x axis: those that every lane has, and scalar."""
    if not history.lanes:
        return ["step"]
    every = [name for name in history.lanes[0].columns if all(name in lane.columns for lane in history.lanes)]
    named = {quantity.series for quantity in ALL}
    return [name for name in every if name in AXES or name in named]


def available(histories: Sequence[History]) -> list[Quantity]:
    """The quantities that any lane of the runs records."""
    found = []
    lanes = [lane for history in histories for lane in history.lanes]
    for quantity in ALL:
        for lane in lanes:
            if quantity.series not in lane.series or quantity.declared.unless in lane.series:
                continue
            ranks = len(lane.vectors.get(quantity.series, [])) or (1 << 30)
            if quantity.rank is None or quantity.rank < ranks:
                found.append(quantity)
                break
    return found


def columns(quantity: Quantity, lane: LaneHistory) -> list[array[float]]:
    """The lane's numbers of a quantity, one column a curve; none where the lane does not record it."""
    if quantity.series in lane.columns:
        return [lane.columns[quantity.series]]
    ranks = lane.vectors.get(quantity.series, [])
    if quantity.rank is None:
        return list(ranks)
    return ranks[quantity.rank : quantity.rank + 1]


def largest(columns: list[array[float]], most: int) -> list[int]:
    """The columns with the largest newest values, in their own order: components, which keep their places."""
    order = sorted(range(len(columns)), key=lambda index: falling(columns[index]))
    return sorted(order[:most])


def falling(column: array[float]) -> float:
    """Sorts columns by their newest values, the largest first; what is not a number last."""
    newest = column[-1] if len(column) else 0.0
    return math.inf if math.isnan(newest) else -newest


def prediction(quantity: Quantity, lane: LaneHistory) -> array[float] | None:
    """The theory's column for the same quantity, where there is one."""
    if quantity.predicted in lane.columns:
        return lane.columns[quantity.predicted]
    ranks = lane.vectors.get(quantity.predicted, [])
    return ranks[quantity.rank] if quantity.rank is not None and quantity.rank < len(ranks) else None
