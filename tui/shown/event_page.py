"""The page of events: what was said of a run and its lanes, and what happened in them."""

from __future__ import annotations

import math
from bisect import bisect_left
from textwrap import wrap

from solver.history import History
from tui.draw.cells import TEXT
from tui.shown.lines import Line
from tui.text import inert, label
from tui.watch.seen import Seen


def _events(seen: Seen, most: int | None = None) -> list[str]:
    """What was said of the run and its lanes, in order of time; endings after. With ``most`` the newest alone.

    Then hand-overs are left out where several lanes would say them again and again.
    """
    history = seen.history
    events, found = history.events, seen.milestones
    if most is not None:
        events = [one for one in events if one.name != "hand-over" or len(history.lanes) == 1][-most:]
        found = found[-most:]
    told = [(_said_at(history, event.lane, event.step), event.lane, event.text) for event in events]
    told += [(milestone.elapsed_s, milestone.lane, milestone.text) for milestone in found]
    told.sort(key=lambda one: one[0])
    told += [
        (math.inf, lane.index, f"{lane.outcome.kind}, {lane.outcome.sentence()}")
        for lane in history.lanes
        if lane.outcome is not None
    ]
    shown = told if most is None else told[-most:]
    return [inert(f"{_who(history, lane)}{text}", 400) for _, lane, text in shown]


def newest(seen: Seen, most: int) -> list[str]:
    """The last of the events."""
    return _events(seen, most)


def count(seen: Seen) -> str:
    """How many there are."""
    endings = sum(lane.outcome is not None for lane in seen.history.lanes)
    return str(len(seen.history.events) + len(seen.milestones) + endings)


def _who(history: History, index: int | None) -> str:
    is_known = index is not None and 0 <= index < len(history.lanes)
    return f"{label(history, history.lanes[index])}: " if is_known and index is not None else ""


def _said_at(history: History, index: int | None, step: float | None) -> float:
    """Solver seconds at which the lane came to a step; what was foretold came first."""
    if index is None or not 0 <= index < len(history.lanes) or step is None or not len(history.lanes[index]):
        return 0.0
    lane = history.lanes[index]
    return lane.columns["elapsed_s"][min(bisect_left(lane.columns["step"], step), len(lane) - 1)]


def lines(seen: Seen, width: int) -> list[Line]:
    """The events as lines."""
    return [(piece, TEXT) for text in _events(seen) for piece in wrap(text, max(10, width), subsequent_indent="  ")]
