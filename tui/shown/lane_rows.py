"""The lanes of a run as rows of a table: what each is, how it stands, and what it has where the cursor stands."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Literal, NamedTuple

from solver.history import LaneHistory
from tui.draw.palette import MARKS
from tui.shown import quantities
from tui.shown.quantities import Quantity
from tui.text import inert, label, quantity
from tui.watch.seen import Seen

Order = Literal["lane", "state", "value"]
ORDERS: tuple[Order, ...] = ("lane", "state", "value")

_SIGNS = {"converged": "✓", "max-steps": "■", "max-time": "■", "max-seconds": "■", "stopped": "■"}


class LaneRow(NamedTuple):
    """One lane."""

    lane: int
    """Its index."""
    mark: str
    """What the chart calls it."""
    name: str
    """The settings in which the lanes differ."""
    values: str
    """Their values alone, where there is little room."""
    sign: str
    """How it stands; a triangle while it goes on."""
    value: str
    number: float


def rows(
    seen: Seen, item: Quantity | None, axis: str, cursor: float | None, order: Order, *, falls: bool
) -> list[LaneRow]:
    """Every lane, in an order; the value of ``item``, or the training loss, at a place of the axis or at the end."""
    found, fields = [], fields_of(seen)
    for lane in seen.history.lanes:
        number = _value(lane, item, axis, cursor)
        sign = "▶" if lane.outcome is None else _SIGNS.get(lane.outcome.kind, "✗")
        mark = MARKS[lane.index] if lane.index < len(MARKS) else " "
        value = "–" if math.isnan(number) else quantity(number)
        values = " · ".join(_text(field, lane.parameters[field]) for field in fields if field in lane.parameters)
        found.append(LaneRow(lane.index, mark, label(seen.history, lane), inert(values), sign, value, number))
    if order == "value":
        found.sort(key=lambda one: (math.isnan(one.number), one.number))
    elif order == "state":
        found.sort(key=lambda one: one.sign)
    return found[::-1] if falls else found


def fields_of(seen: Seen) -> list[str]:
    """The settings in which the lanes differ."""
    lanes = seen.history.lanes
    # A lane goes without the settings that its kinds do not have; the seed stays behind those that the next ones have.
    told = list(dict.fromkeys(name for lane in lanes for name in lane.parameters))
    told.sort(key=lambda name: name == "seed")
    return [name for name in told if len({str(lane.parameters.get(name)) for lane in lanes}) > 1] or told


def _text(field: str, value: object) -> str:
    if isinstance(value, bool):
        # By itself it would read as a verdict.
        name = field.rpartition(".")[2].replace("_", " ")
        return name if value else f"not {name}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(lane: LaneHistory, item: Quantity | None, axis: str, cursor: float | None) -> float:
    columns = quantities.columns(item, lane) if item is not None else [lane.columns["train_loss"]]
    if not columns or not len(lane):
        return math.nan
    if item is not None and item.declared.by_identity:
        columns = [min(columns, key=quantities.falling)]
    places = lane.columns.get(axis)
    if cursor is None or places is None:
        return columns[0][-1]
    at = bisect_right(places, cursor) - 1
    return columns[0][at] if at >= 0 else math.nan
