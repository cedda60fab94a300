"""Pictures of a run: end matrices beside the ground truth, singular vectors, slices of tensors, components."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import msgspec

from solver.history import History, LaneHistory
from solver.records import Picture, Snapshot, number
from solver.truth import Truth
from tui.draw.cells import DIM, Row, fit, widened
from tui.draw.heat import GAP, gallery
from tui.draw.matrix import Panel, View, panels
from tui.text import label


class Scene(msgspec.Struct):
    """What a picture is drawn from."""

    history: History
    lane: LaneHistory | None
    """The lane that was chosen; None leaves the choice to the picture."""
    truths: Sequence[Truth]
    """By problem; none before they are known."""
    start: int = 0
    """The first slice or component, where there are more than fit."""
    view: View = View()


class Drawn(msgspec.Struct, frozen=True):
    """An array of a lane at a step."""

    shape: tuple[int, ...]
    values: list[float]
    step: int


# Fewest and most modes of what is recorded under each name.
_DIMENSIONS = {"end_matrix": (2, 2), "overlap": (2, 2), "end_tensor": (3, 99), "component_pictures": (3, 3)}

_NARROWEST_SLICE = 12


class Pictures(msgspec.Struct, frozen=True):
    """A kind of picture, as a row of the list."""

    title: str
    snapshot: str
    """What is recorded under this name is drawn."""
    draw: Callable[[Scene, LaneHistory, Drawn, int, int], list[Row]]
    short: str = ""

    @property
    def key(self) -> str:
        """What the row is known by."""
        return f"pictures {self.snapshot}"

    def rows(self, scene: Scene, width: int, height: int) -> list[Row]:
        """``height`` rows of ``width``; a sentence while there is nothing yet."""
        lane = scene.lane or self._lane(scene.history)
        drawn = None if lane is None else _newest(lane, self.snapshot)
        if lane is None or drawn is None:
            return fit([("no pictures yet", DIM)], width, height)
        return self.draw(scene, lane, drawn, width, height)

    def _lane(self, history: History) -> LaneHistory | None:
        """The last lane that has such pictures; of images the largest with the original data."""
        lanes = [lane for lane in history.lanes if has(lane, self.snapshot)]
        if self.snapshot == "component_pictures":
            original = [lane for lane in lanes if lane.parameters.get("problem.variant", "original") == "original"]
            return max(original or lanes, key=_n_components, default=None)
        return lanes[-1] if lanes else None


def has(lane: LaneHistory, name: str) -> bool:
    """Whether anything to draw was recorded under this name."""
    return _source(lane, name) is not None


def _n_components(lane: LaneHistory) -> int:
    source = _source(lane, "component_pictures")
    return 0 if source is None else source.shape[0]


def kinds(history: History) -> list[Pictures]:
    """The pictures that any lane of the run has."""
    found = [kind for kind in _KINDS if any(has(lane, kind.snapshot) for lane in history.lanes)]
    # Image lanes have theirs only after a while; the row is there from the beginning.
    if any("train_error" in lane.series for lane in history.lanes) and _COMPONENTS not in found:
        found.append(_COMPONENTS)
    return found


def _source(lane: LaneHistory, name: str) -> Snapshot | Picture | None:
    """What was recorded last: the exact state where that was kept, else a picture; None where it has another shape."""
    snapshot, drawn = lane.snapshots.get(name), lane.pictures.get(name, [])
    newest: Snapshot | Picture | None = drawn[-1] if drawn else None
    if snapshot is not None and (newest is None or snapshot.step >= newest.step):
        newest = snapshot if len(snapshot.values) == math.prod(snapshot.shape) else None
    fewest, most = _DIMENSIONS[name]
    is_sound = newest is not None and fewest <= len(newest.shape) <= most and min(newest.shape) > 0
    return newest if is_sound else None


def _newest(lane: LaneHistory, name: str) -> Drawn | None:
    """The same as numbers, which takes its time for ten thousand of them."""
    source = _source(lane, name)
    if source is None:
        return None
    values = source.values() if isinstance(source, Picture) else [number(value) for value in source.values]
    return Drawn(tuple(source.shape), values, source.step)


def _truth(scene: Scene, lane: LaneHistory) -> Truth | None:
    return scene.truths[lane.problem] if lane.problem < len(scene.truths) else None


def _end_matrix(scene: Scene, lane: LaneHistory, drawn: Drawn, width: int, height: int) -> list[Row]:
    shape, values, step = drawn.shape, drawn.values, drawn.step
    truth = _truth(scene, lane)
    observed = truth.observed if truth is not None else {}
    shown = [Panel("end matrix W", values, observed)]
    if truth is not None and truth.ground_truth is not None and truth.shape == shape:
        target = truth.ground_truth
        difference = [a - b for a, b in zip(values, target, strict=True)]
        shown += [Panel("ground truth W*", target, observed), Panel("W − W*", difference, observed)]
    if observed:
        shown.append(
            Panel("observed entries", [observed.get(place, 0.0) for place in range(len(values))], blank=observed)
        )
    head = f"step {step} · orange + blue −, one scale{_marks(observed, shape, width)} · {label(scene.history, lane)}"
    return fit([(head, DIM)], width, 1) + panels(shown, shape[0], shape[1], width, height - 1, scene.view)


def _marks(observed: dict[int, float], shape: tuple[int, ...], width: int) -> str:
    return " · • observed" if observed and shape[1] * 2 <= width else ""


def _overlap(scene: Scene, lane: LaneHistory, drawn: Drawn, width: int, height: int) -> list[Row]:
    shape, values, step = drawn.shape, drawn.values, drawn.step
    head = f"step {step} · row r, column s: ⟨u_r, u*_s⟩⟨v_r, v*_s⟩ · {label(scene.history, lane)}"
    panel = Panel("1 on the diagonal: vectors found", values)
    return fit([(head, DIM)], width, 1) + panels([panel], shape[0], shape[1], width, height - 1, scene.view)


def _slices(scene: Scene, lane: LaneHistory, drawn: Drawn, width: int, height: int) -> list[Row]:
    """Slices over the last modes, each of the end tensor with that of the ground truth after it."""
    shape, values, step = drawn.shape, drawn.values, drawn.step
    truth = _truth(scene, lane)
    target = truth.ground_truth if truth is not None and truth.shape == shape else None
    rows, columns, depth = shape[0], shape[1], math.prod(shape[2:])
    places = list(itertools.product(*(range(size) for size in shape[2:])))
    first = scene.start % max(1, depth)
    shown: list[tuple[str, Sequence[float]]] = []
    for slice_ in [*range(first, depth), *range(first)]:
        name = ",".join(str(index) for index in places[slice_])
        shown.append((f"W :,:,{name}", values[slice_::depth]))
        if target is not None:
            shown.append(("W* the same", target[slice_::depth]))
    room, across = max(columns, _NARROWEST_SLICE) + GAP, (width + GAP) // (max(columns, _NARROWEST_SLICE) + GAP)
    # A slice and that of the truth stay side by side.
    shown_width = width - room if target is not None and across > 1 and across % 2 else width
    head = f"step {step} · {depth} slices, 7 shows the next · {label(scene.history, lane)}"
    return fit([(head, DIM)], width, 1) + [
        widened(line, width) for line in gallery(_wider(shown, columns), rows, room - GAP, shown_width, height - 1)
    ]


def _wider(shown: list[tuple[str, Sequence[float]]], columns: int) -> list[tuple[str, Sequence[float]]]:
    """Slices narrower than their captions, filled up with nothing."""
    if columns >= _NARROWEST_SLICE:
        return shown
    fill = [math.nan] * (_NARROWEST_SLICE - columns)
    return [
        (
            caption,
            [value for start in range(0, len(values), columns) for value in [*values[start : start + columns], *fill]],
        )
        for caption, values in shown
    ]


def _components(scene: Scene, lane: LaneHistory, drawn: Drawn, width: int, height: int) -> list[Row]:
    (n, rows, columns), values = drawn.shape, drawn.values
    size, start = rows * columns, scene.start % n
    shown = [(f"component {k + 1}", values[k * size : (k + 1) * size]) for k in range(start, n)]
    scale = f"log(w₁/w₀): orange + blue − · {label(scene.history, lane)} · {n} drawn, 7 shows the next"
    head = fit([(scale, DIM)], width, 1)
    return head + gallery(shown, rows, columns, width, height - 1)


_COMPONENTS = Pictures("component pictures", "component_pictures", _components, "components")
_KINDS = [
    Pictures("end matrix and truth", "end_matrix", _end_matrix, "W and W*"),
    Pictures("singular vectors, truth", "overlap", _overlap, "vectors"),
    Pictures("tensor slices", "end_tensor", _slices, "slices"),
    _COMPONENTS,
]
