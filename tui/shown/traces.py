"""The curves of a quantity over lanes and runs: the theory's dim beneath them, and levels to hold them against."""

from __future__ import annotations

import bisect
import functools
import itertools
import math
from array import array
from collections.abc import Iterator, Sequence

import msgspec

from solver import settings
from solver.claims.laws import unbalanced_bounds
from solver.history import History, LaneHistory
from solver.jumps import FORETOLD, losses
from solver.records import number
from solver.series import AXES
from solver.spec import RunSpec
from tui.draw.cells import DIM
from tui.draw.curves import Curve, Mark
from tui.draw.palette import MARKS, pale, series_colour
from tui.shown import quantities
from tui.shown.bands import FEWEST_SEEDS, band
from tui.shown.figures import level
from tui.shown.quantities import Quantity
from tui.text import label
from tui.watch.seen import Seen

# So many singular values or components of a lane are drawn together; of medians over seeds fewer, which cost more.
_CURVES_OF_VECTOR, _BANDS_OF_VECTOR = 8, 3


class Group(msgspec.Struct):
    """A run with the lanes of it that are shown."""

    seen: Seen
    lanes: list[LaneHistory]
    first_mark: int = 0
    """The mark of its lane 0, so that runs laid over each other differ without colour."""
    hues: dict[str, int] = {}
    """Of a run laid over another: the lanes of that one, by name, whose hue its own take."""
    is_other: bool = False
    """Whether it is laid over the run that the screen shows."""
    is_one_of_several: bool = False
    """Whether other runs are drawn with it."""

    def name(self, lane: LaneHistory) -> str:
        """What the legend calls a lane."""
        told = label(self.seen.history, lane)
        if not self.is_other:
            return told
        return self.seen.name if len(self.seen.history.lanes) == 1 else f"{self.seen.name} · {told}"

    def colour(self, lane: LaneHistory) -> int:
        """A lane of another run has the hue of the lane that is like it, but paler."""
        if not self.is_other:
            return series_colour(lane.index)
        return pale(series_colour(self.hues.get(label(self.seen.history, lane), lane.index)))

    def mark(self, lane: LaneHistory) -> str:
        """What tells the lane's curve without colour."""
        place = self.first_mark + lane.index
        is_needed = self.is_one_of_several or len(self.seen.history.lanes) > 1
        return MARKS[place] if is_needed and place < len(MARKS) else ""


def groups(seen: Seen, others: Sequence[Seen], lanes: frozenset[int] | None) -> list[Group]:
    """The run with its chosen lanes, and before it, so that they are drawn beneath, the others with all of theirs."""
    own = [lane for lane in seen.history.lanes if lanes is None or lane.index in lanes]
    hues = {label(seen.history, lane): lane.index for lane in seen.history.lanes}
    found, mark = [], len(seen.history.lanes)
    for other in others:
        found.append(Group(other, other.history.lanes, mark, hues, is_other=True, is_one_of_several=True))
        mark += len(other.history.lanes)
    return [*found[::-1], Group(seen, own, is_one_of_several=bool(others))]


class Known(msgspec.Struct):
    """What was computed before, by all that it depends on."""

    medians: dict[object, list[Curve]] = {}
    along: dict[object, array[float]] = {}

    def bound(self) -> None:
        """Lets go of all where there is too much of it: frames come and go."""
        if len(self.medians) + len(self.along) > _MOST_KNOWN:
            self.medians.clear()
            self.along.clear()


_MOST_KNOWN = 500


def curves(
    item: Quantity, shown: Sequence[Group], axis: str, *, bands: bool, log_x: bool, known: Known | None = None
) -> list[Curve]:
    """The curves of a quantity over ``axis``; lanes that do not record both are left out."""
    known = Known() if known is None else known
    known.bound()
    drawn = [
        msgspec.structs.replace(
            group, lanes=[lane for lane in group.lanes if quantities.columns(item, lane) and axis in lane.columns]
        )
        for group in shown
    ]
    n_lanes = sum(len(group.lanes) for group in drawn)
    found: list[Curve] = []
    for group in drawn:
        for members in _by_seed(group.lanes) if bands and not is_plane(axis) else [[lane] for lane in group.lanes]:
            key = (
                group.seen.id,
                group.seen.name,
                group.first_mark,
                tuple(group.hues),
                group.is_other,
                group.is_one_of_several,
                item.key,
                axis,
                log_x,
                tuple((lane.index, len(lane), lane.outcome is None) for lane in members),
            )
            xs = [_along(group, lane, axis, known) for lane in members]
            if key not in known.medians:
                found_now = _medians(item, group, members, xs, log_x=log_x) if len(members) > 1 else ()
                known.medians[key] = list(found_now)
            found += known.medians[key] or [
                curve
                for lane, x in zip(members, xs, strict=True)
                for curve in _of_lane(item, group, lane, x, path=is_plane(axis), alone=n_lanes == 1)
            ]
    if not is_plane(axis):
        found = [*_levels(item, drawn, axis), *found]
    return found


def is_plane(axis: str) -> bool:
    """Whether the x axis is a quantity that may rise and fall, so that curves are paths."""
    return axis not in AXES


def along(lane: LaneHistory, axis: str) -> array[float]:
    """The x of a lane's frames. States inside a step carry its number: they are laid out between it and the next."""
    column = lane.columns[axis]
    if axis != "step" or all(a < b for a, b in itertools.pairwise(column)):
        return column
    laid, start = array("d"), 0
    for stop in range(1, len(column) + 1):
        if stop == len(column) or column[stop] != column[start]:
            n = stop - start
            laid.extend(column[start] + k / n for k in range(n))
            start = stop
    return laid


def _along(group: Group, lane: LaneHistory, axis: str, known: Known) -> array[float]:
    key = group.seen.id, lane.index, axis, len(lane)
    if key not in known.along:
        # A copy where it is the lane's own column, which grows while a replay shows the lane as it was.
        known.along[key] = along(lane, axis)[:]
    return known.along[key]


def _by_seed(lanes: list[LaneHistory]) -> list[list[LaneHistory]]:
    """Lanes that differ in their seed alone, together."""
    found: dict[str, list[LaneHistory]] = {}
    for lane in lanes:
        key = repr([(name, value) for name, value in lane.parameters.items() if name != "seed"])
        found.setdefault(key, []).append(lane)
    return list(found.values())


def _medians(
    item: Quantity, group: Group, members: list[LaneHistory], xs: list[array[float]], *, log_x: bool
) -> Iterator[Curve]:
    """Median and quartiles over the seeds that have begun, of the largest values of a vector.

    None of too few seeds, or where they have no stretch of the axis in common.
    """
    begun = [(lane, x) for lane, x in zip(members, xs, strict=True) if len(lane) > 1]
    if len(begun) < FEWEST_SEEDS:
        return
    members, xs = [lane for lane, _ in begun], [x for _, x in begun]
    columns = [_largest(item, lane) for lane in members]
    lane = members[0]
    seedless = " · ".join(word for word in group.name(lane).split(" · ") if not word.startswith("seed "))
    name = f"{seedless} (median, quartiles of {len(members)})".strip()
    for rank in range(min(len(found) for found in columns)):
        ys = [found[rank] for found in columns]
        held = [one.outcome is not None for one in members]
        x, low, middle, high = band(xs, ys, log=log_x, held=held)
        if not len(x):
            return
        yield Curve(name, group.colour(lane), x, middle, group.mark(lane) if rank == 0 else "", low, high, band=True)


def _largest(item: Quantity, lane: LaneHistory) -> list[array[float]]:
    """The first singular values, or the components that are largest now, the largest first."""
    found = quantities.columns(item, lane)
    if item.declared.by_identity:
        found = sorted(found, key=quantities.falling)
    return found[:_BANDS_OF_VECTOR]


def _of_lane(
    item: Quantity, group: Group, lane: LaneHistory, x: array[float], *, path: bool, alone: bool
) -> list[Curve]:
    colour, name, mark = group.colour(lane), group.name(lane), group.mark(lane)
    found = quantities.columns(item, lane)
    if item.declared.by_identity:
        # A component keeps its colour, so that crossings are seen; of several lanes the colour is the lane's.
        largest = quantities.largest(found, _CURVES_OF_VECTOR)
        return [
            Curve(f"component {index}", series_colour(index), x, found[index], path=path)
            if alone
            else Curve(name, colour, x, found[index], mark if place == 0 else "", path=path)
            for place, index in enumerate(largest)
        ]
    curves = [
        Curve(name, colour, x, y, mark if rank == 0 else "", path=path)
        for rank, y in enumerate(found[:_CURVES_OF_VECTOR])
    ]
    predicted = quantities.prediction(item, lane)
    if predicted is not None:
        # Under the measurement: where the law holds its curve hides behind.
        curves.insert(0, Curve(item.declared.predicted_name, DIM, x, predicted, path=path))
        curves = [*_unbalanced_band(item, group, lane, x, predicted, path=path), *curves]
    return curves


def _unbalanced_band(
    item: Quantity, group: Group, lane: LaneHistory, x: array[float], law: array[float], *, path: bool
) -> list[Curve]:
    """Between which rates the largest component moves, for the unbalancedness that the lane has (R21)."""
    norms, off = lane.vectors.get("component_norms", []), lane.columns.get("unbalancedness")
    if item.series != "component_rates" or path or not norms or off is None:
        return []
    specs, low, high = _specs(msgspec.json.encode(group.seen.order.spec)), array("d"), array("d")
    spec = specs[lane.index]
    n = spec.model.n_factors(spec.problem)
    for foretold, spread, sizes in zip(law, off, zip(*norms, strict=True), strict=False):
        size = max(sizes)
        is_known = foretold > 0.0 and size > 0.0
        least, most = unbalanced_bounds(size, foretold, n, spread) if is_known else (math.nan, math.nan)
        low.append(least)
        high.append(most)
    return [Curve("band of the unbalanced", DIM, x, law, "", low, high, band=True)]


@functools.lru_cache(maxsize=8)
def _specs(encoded: bytes) -> list[RunSpec]:
    """Of every lane its own settings."""
    return [lane.spec for lane in settings.lanes(msgspec.json.decode(encoded, type=RunSpec))]


_LEVELS = {
    "nuclear_norm": "least nuclear norm",
    "ground_truth": "ground truth",
    "linear": "linear",
    "constant": "constant",
    "row_means": "row means",
    "column_means": "column means",
}


# A greedy solution whose loss is this part of that of zero fits its data.
_NO_LOSS = 1e-9


def _levels(item: Quantity, shown: Sequence[Group], axis: str) -> list[Curve]:
    """Level lines for the baselines, where all lanes of a single run fit one problem; losses by rank for the loss."""
    drawn = [(group.seen.history, lane) for group in shown for lane in group.lanes if len(lane)]
    if not drawn or len({(id(history), lane.problem) for history, lane in drawn}) > 1:
        return []
    history, lane = drawn[0]
    columns = [one.columns[axis] for _, one in drawn]
    ends = array("d", (min(column[0] for column in columns), max(column[-1] for column in columns)))
    curves = []
    if item.series == "train_loss":
        by_rank = losses(history.baselines.get(lane.problem, {}).get("greedy", {}))
        # What is left at the last rank is rounding, far below any loss that is trained to.
        curves += [level(f"rank {k}", ends, loss) for k, loss in enumerate(by_rank) if loss > _NO_LOSS * by_rank[0]]
    for baseline, name in _LEVELS.items() if item.baseline else ():
        value = history.baselines.get(lane.problem, {}).get(baseline, {}).get(item.baseline)
        if value is not None and not isinstance(value, list) and number(value) > 0:
            curves.append(level(name, ends, number(value)))
    return curves


def marks(item: Quantity, history: History, lanes: Sequence[LaneHistory], axis: str) -> list[Mark]:
    """The predicted escape times, on charts of singular values and component norms; the jumps of the last lane."""
    if axis not in ("step", "time"):
        return []
    shown = {lane.index: lane for lane in lanes}
    found = {}
    if item.series in ("singular_values", "component_norms"):
        for event in history.events:
            where = event.step if axis == "step" else event.time
            if event.name == "predicted-escape" and event.lane in shown and where is not None and math.isfinite(where):
                found[float(f"{where:.7g}")] = Mark(where, "t*")
    if item.series in ("singular_values", "train_loss"):
        told = [one for one in history.events if one.name == FORETOLD and one.lane in shown and one.time is not None]
        # Of one lane: those of several would stand between each other.
        last = max((one.lane for one in told if one.lane is not None), default=None)
        for rank, event in enumerate((one for one in told if one.lane == last), start=1):
            assert event.time is not None
            assert last is not None
            where = event.time if axis == "time" else step_at(shown[last], event.time)
            if where is not None:
                found[float(f"{where:.7g}")] = Mark(where, f"t{rank}")
    return list(found.values())


def step_at(lane: LaneHistory, time: float) -> float | None:
    """The step at which a lane has come to a flow time; None before that, and where it has no time."""
    times, steps = lane.columns.get("time"), along(lane, "step")
    if not times or not times[0] <= time <= times[-1]:
        return None
    after = bisect.bisect_left(times, time)
    if times[after] == time:
        return steps[after]
    share = (time - times[after - 1]) / (times[after] - times[after - 1])
    return steps[after - 1] + share * (steps[after] - steps[after - 1])
