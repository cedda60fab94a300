"""A run as it stood at an earlier moment: every lane cut where the axis had come to."""

from __future__ import annotations

import copy
from array import array
from bisect import bisect_right

from solver.history import History, LaneHistory


def ticks(history: History, axis: str) -> array[float]:
    """The moments there are: the recorded places of the lane that goes furthest."""
    columns = [lane.columns[axis] for lane in history.lanes if axis in lane.columns and len(lane)]
    return max(columns, key=lambda column: column[-1], default=array("d"))


def at(history: History, axis: str, place: float) -> History:
    """The history as it was when ``axis`` stood at ``place``; what has no step counts from the beginning."""
    cut = History()
    cut.lanes = [_cut(lane, axis, place) for lane in history.lanes]
    reached = {lane.index: lane.columns["step"][-1] for lane in cut.lanes if len(lane)}
    cut.events = [
        event
        for event in history.events
        if event.name.startswith("predicted-") or event.step is None or event.step <= reached.get(event.lane or 0, -1.0)
    ]
    cut.baselines, cut.claims = history.baselines, history.claims
    cut.state = "replayed"
    return cut


def _cut(lane: LaneHistory, axis: str, place: float) -> LaneHistory:
    n = bisect_right(lane.columns[axis], place) if axis in lane.columns else len(lane)
    if n >= len(lane):
        return lane
    cut = copy.copy(lane)
    cut.columns = {name: column[:n] for name, column in lane.columns.items()}
    cut.vectors = {name: [column[:n] for column in columns] for name, columns in lane.vectors.items()}
    step = cut.columns["step"][-1] if n else -1.0
    cut.pictures = {name: [one for one in found if one.step <= step] for name, found in lane.pictures.items()}
    cut.snapshots = {name: one for name, one in lane.snapshots.items() if one.step <= step}
    cut.summary, cut.outcome = {}, None
    return cut
