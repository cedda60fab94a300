"""The rows of the live view's list, and what each draws: figures, series, pictures and pages of text."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec

from solver.history import History, LaneHistory
from solver.records import Event, Snapshot, number
from solver.rundir import Order
from tui import quantities
from tui.draw.cells import DIM, Row, fit
from tui.draw.heat import gallery
from tui.draw.plot import Curve, Mark
from tui.figures import Figure, figures, level
from tui.quantities import Quantity
from tui.sheets import Sheet, sheets
from tui.widgets.rows import series_colour

# So many singular values or components of a lane are drawn together.
_CURVES_OF_VECTOR = 8


class Pictures(msgspec.Struct, frozen=True):
    """The components of an image lane, each as a picture."""

    title: str = "component pictures"
    short: str = "pictures"
    key: str = "pictures"


Item = Figure | Quantity | Pictures | Sheet


def items(history: History, order: Order) -> list[Item]:
    """The rows of the list: figures and pages first, then every quantity that a lane records."""
    found: list[Item] = []
    if history.lanes:
        found += figures(order.spec)
        found += sheets(history, order.preset.claims)
        if any("train_error" in lane.series for lane in history.lanes):
            found.append(Pictures())
    return found + list(quantities.available(history))


def first(found: Sequence[Item]) -> str:
    """The key of the row that a run opens with: its figure, or else its first quantity."""
    return next((item.key for item in found if isinstance(item, Figure | Quantity)), "")


def curves_of(item: Quantity, history: History, lanes: list[LaneHistory], axis: str) -> list[Curve]:
    """The curves of a quantity over the lanes, the theory's dim beneath them, and levels to hold them against."""
    curves = [curve for lane in lanes for curve in _of_lane(item, history, lane, axis, alone=len(lanes) == 1)]
    return [*_levels(item, history, lanes, axis), *curves]


def _of_lane(item: Quantity, history: History, lane: LaneHistory, axis: str, *, alone: bool) -> list[Curve]:
    colour, name = series_colour(lane.index), history.label(lane)
    x = lane.columns[axis]
    mark = str(lane.index + 1) if len(history.lanes) > 1 and lane.index < 9 else ""
    found = quantities.columns(item, lane)
    if item.series == "component_norms":
        # A component keeps its colour, so that crossings are seen; of several lanes the colour is the lane's.
        largest = quantities.largest(found, _CURVES_OF_VECTOR)
        return [
            Curve(f"component {index}", series_colour(index), x, found[index])
            if alone
            else Curve(name, colour, x, found[index], mark if place == 0 else "")
            for place, index in enumerate(largest)
        ]
    curves = [Curve(name, colour, x, y, mark if rank == 0 else "") for rank, y in enumerate(found[:_CURVES_OF_VECTOR])]
    predicted = quantities.prediction(item, lane)
    if predicted is not None:
        # Under the measurement: where the law holds its curve hides behind.
        word = "bound" if item.predicted.endswith("bound") else "law"
        curves.insert(0, Curve(word, DIM, x, predicted))
    return curves


_LEVELS = {
    "nuclear_norm": "least nuclear norm",
    "ground_truth": "ground truth",
    "linear": "linear",
    "constant": "constant",
}


def _levels(item: Quantity, history: History, lanes: list[LaneHistory], axis: str) -> list[Curve]:
    """Level lines for the baselines, where all lanes fit one problem."""
    drawn = [lane for lane in lanes if len(lane)]
    if not item.baseline or not drawn or len({lane.problem for lane in drawn}) > 1:
        return []
    ends = array("d", (min(lane.columns[axis][0] for lane in drawn), max(lane.columns[axis][-1] for lane in drawn)))
    curves = []
    for baseline, name in _LEVELS.items():
        value = history.baselines.get(drawn[0].problem, {}).get(baseline, {}).get(item.baseline)
        if value is not None and not isinstance(value, list) and number(value) > 0:
            curves.append(level(name, ends, number(value)))
    return curves


def marks_of(item: Item, events: Sequence[Event], lanes: Sequence[LaneHistory], axis: str) -> list[Mark]:
    """The predicted escape times, on charts of singular values and component norms."""
    if not isinstance(item, Quantity) or item.series not in ("singular_values", "component_norms"):
        return []
    if axis == "evaluations":
        return []
    shown = {lane.index for lane in lanes}
    marks = {}
    for event in events:
        where = event.step if axis == "step" else event.time
        if event.name == "predicted-escape" and event.lane in shown and where is not None:
            marks[round(where, 6)] = Mark(where, "t*")
    return list(marks.values())


def pictures(history: History, chosen: LaneHistory | None, width: int, height: int, start: int = 0) -> list[Row]:
    """The components from ``start`` on of the chosen lane, else of the largest one with the original data."""
    lane = chosen
    if lane is None:
        lanes = [lane for lane in history.lanes if "component_pictures" in lane.snapshots]
        original = [lane for lane in lanes if lane.parameters.get("problem.variant", "original") == "original"]
        lane = max(original or lanes, key=lambda one: one.snapshots["component_pictures"].shape[0], default=None)
    snapshot: Snapshot | None = None if lane is None else lane.snapshots.get("component_pictures")
    if lane is None or snapshot is None:
        return fit([("no pictures yet", DIM)], width, height)
    n, rows, columns = snapshot.shape
    values = [number(value) for value in snapshot.values]
    size = rows * columns
    start %= n
    shown = [(f"component {k + 1}", values[k * size : (k + 1) * size]) for k in range(start, n)]
    scale = f"log(w₁/w₀): orange + blue − · {history.label(lane)} · {n} drawn, 7 shows the next"
    head = fit([(scale, DIM)], width, 1)
    return head + gallery(shown, rows, columns, width, height - 1)
