"""Histories made by hand, a few frames long: what the screens draw of a run, without a run."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import presets
from solver.history import History
from solver.records import AnyRecord, Frame, LaneEnding, LaneSchema, Outcome, Schema, Value
from solver.rundir import Order
from solver.series import ALWAYS, BY_NAME
from tui.shown.quantities import Quantity
from tui.watch.seen import Seen

Told = Mapping[str, Sequence[Value]]
"""The values of some series, frame by frame."""


def quantity(series: str, rank: int | None = None) -> Quantity:
    """The row of the list for a series, or for one rank of it."""
    declared = BY_NAME[series]
    return Quantity(declared, next(row for row in declared.rows if row.rank == rank))


def schema(lanes: Sequence[tuple[Mapping[str, Any], Sequence[str]]], problems: Sequence[int] = ()) -> Schema:
    """Lanes with these parameters that record these series beside those that every lane does."""
    return Schema(
        version=1,
        lanes=[
            LaneSchema(
                index=index,
                parameters=dict(parameters),
                series=[*sorted(ALWAYS), *(name for name in series if name not in ALWAYS)],
                problem=problems[index] if problems else 0,
            )
            for index, (parameters, series) in enumerate(lanes)
        ],
    )


def frames(lane: LaneSchema, told: Told, first: int = 0) -> list[Frame]:
    """As many frames as ``told`` has values; what it leaves out counts up from ``first``."""
    n_frames = max((len(values) for values in told.values()), default=0)
    return [
        Frame(lane=lane.index, values=[told[name][t] if name in told else float(first + t) for name in lane.series])
        for t in range(n_frames)
    ]


def made(
    lanes: Sequence[tuple[Mapping[str, Any], Told]], records: Sequence[AnyRecord] = (), problems: Sequence[int] = ()
) -> History:
    """A history of lanes with these parameters and values, then of these records."""
    history, written = History(), schema([(parameters, list(told)) for parameters, told in lanes], problems)
    history.apply([written])
    for lane, (_, told) in zip(written.lanes, lanes, strict=True):
        history.apply(frames(lane, told))
    history.apply(records)
    assert not history.refused
    return history


def ended(lane: int) -> LaneEnding:
    return LaneEnding(lane=lane, outcome=Outcome(kind="converged", reason="it is done"))


@functools.cache
def _order() -> Order:
    return presets.order_of("mf-depth", "quick")


def seen(history: History, name: str = "mine") -> Seen:
    """A run as a screen has it."""
    return Seen(name, name, _order(), history)
