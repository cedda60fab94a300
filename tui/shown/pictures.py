"""Pictures of a run: end matrices beside the ground truth, singular vectors, slices of tensors, components, images."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import msgspec

from solver.history import History, LaneHistory
from solver.records import Picture, Snapshot, Value, number
from solver.truth import Truth
from tui.draw.cells import DIM, Row, fit, widened
from tui.draw.heat import GAP, gallery
from tui.draw.matrix import Panel, View, panels
from tui.shown import named_matrix
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
# What an autoencoder makes of images, of ways between codes, and of draws.
_IMAGES = ("reconstructions", "interpolations", "samples")
_DIMENSIONS |= dict.fromkeys(_IMAGES, (3, 3))

_NARROWEST_SLICE = 12


class Pictures(msgspec.Struct, frozen=True):
    """A kind of picture, as a row of the list."""

    title: str
    snapshot: str
    """What is recorded under this name is drawn."""
    draw: Callable[[Scene, LaneHistory, Drawn, int, int], list[Row]]
    short: str = ""
    name: str = ""
    """What tells it from another kind that draws the same snapshots."""
    is_paged: bool = False
    """Whether it shows every entry by itself, a part of them at a time, however close one looks."""
    goes_on: bool = False
    """Whether its key shows what follows: the next slice, component or image."""

    @property
    def key(self) -> str:
        """What the row is known by."""
        return f"pictures {self.name or self.snapshot}"

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
    of_classes = [lane for lane in history.lanes if "train_error" in lane.series and "code_spectrum" not in lane.series]
    if of_classes and _COMPONENTS not in found:
        found.append(_COMPONENTS)
    # Errors on held-out entries are those of a file, which has names.
    if any("held_out_rmse" in lane.series and has(lane, "end_matrix") for lane in history.lanes):
        found.append(_NAMED)
    if equals(history):
        found.append(_SOLUTIONS)
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
    shape, step = drawn.shape, drawn.step
    truth = _truth(scene, lane)
    values = drawn.values if truth is None else truth.in_unit(drawn.values)
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


def _named(scene: Scene, lane: LaneHistory, drawn: Drawn, width: int, height: int) -> list[Row]:
    """Given and predicted entries by the names of rows and columns."""
    truth = _truth(scene, lane)
    if truth is None or not truth.ids or truth.shape != drawn.shape:
        return fit([("the names are not known yet", DIM)], width, height)
    best = lane.snapshots.get("best_end_matrix")
    if best is not None and tuple(best.shape) == drawn.shape and len(best.values) == len(drawn.values):
        drawn = Drawn(drawn.shape, [number(value) for value in best.values], best.step)
        head = f"step {drawn.step}, the best of {label(scene.history, lane)}"
    else:
        head = f"step {drawn.step} · {label(scene.history, lane)}"
    return named_matrix.rows(truth, truth.in_unit(drawn.values), width, height, scene.view, head)


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


def _reconstructions(scene: Scene, lane: LaneHistory, drawn: Drawn, width: int, height: int) -> list[Row]:
    """Test images, each with its reconstruction beside it."""
    head = f"step {drawn.step} · test images and what comes back · {label(scene.history, lane)}"
    return _images(scene, drawn, width, height, head, ("image", "comes back"))


def _interpolations(scene: Scene, lane: LaneHistory, drawn: Drawn, width: int, height: int) -> list[Row]:
    head = f"step {drawn.step} · between the codes of two test images · {label(scene.history, lane)}"
    return _images(scene, drawn, width, height, head, tuple(f"{part}/5" for part in range(6)))


def _samples(scene: Scene, lane: LaneHistory, drawn: Drawn, width: int, height: int) -> list[Row]:
    head = f"step {drawn.step} · decoded from a Gaussian fitted to the codes · {label(scene.history, lane)}"
    return _images(scene, drawn, width, height, head, ("sample",))


def _images(scene: Scene, drawn: Drawn, width: int, height: int, head: str, captions: tuple[str, ...]) -> list[Row]:
    """Images of values from 0 to 1, under captions that come round; a round begins in the first column."""
    (n, rows, columns), values, a_round = drawn.shape, drawn.values, len(captions)
    size, first = rows * columns, scene.start * a_round % max(1, n - n % a_round)
    told = [caption if a_round > 2 else f"{caption} {k // a_round + 1}" for k, caption in _rounds(n, captions)]
    shown = [(told[k], values[k * size : (k + 1) * size]) for k in [*range(first, n), *range(first)]]
    across = max(1, (width + GAP) // (columns + GAP))
    # What belongs together stays side by side, as far as there is room.
    wanted = across - across % a_round if across > a_round else across
    gallery_width = wanted * (columns + GAP) - GAP if wanted < across else width
    drawn_rows = gallery(shown, rows, columns, gallery_width, height - 1, _WHITE)
    return fit([(head, DIM)], width, 1) + [widened(line, width) for line in drawn_rows]


def _rounds(n: int, captions: tuple[str, ...]) -> list[tuple[int, str]]:
    return list(zip(range(n), itertools.cycle(captions), strict=False))


def equals(history: History, problem: int | None = None) -> list[LaneHistory]:
    """Lanes of one problem that have ended with equal training losses, the most there are; none of fewer than two.

    Equal are those that converged to the same target, or that are within a factor of two of each other. Of several
    problems with as many the first, unless one is given.
    """
    by_problem: dict[int, list[LaneHistory]] = {}
    for lane in history.lanes:
        if lane.outcome is None or lane.outcome.kind in ("diverged", "failed") or not has(lane, "end_matrix"):
            continue
        if math.isfinite(_loss(lane)) and problem in (None, lane.problem):
            by_problem.setdefault(lane.problem, []).append(lane)
    found = [lanes for place in sorted(by_problem) for lanes in _of_equal_loss(by_problem[place])]
    largest = max(found, key=len, default=[])
    return largest if len(largest) > 1 else []


def _of_equal_loss(lanes: list[LaneHistory]) -> list[list[LaneHistory]]:
    """Sets of such lanes, in their order."""
    targets = {repr(lane.parameters.get("stop.train_loss")) for lane in lanes}
    found = [
        [
            lane
            for lane in lanes
            if lane.outcome is not None
            and lane.outcome.kind == "converged"
            and repr(lane.parameters.get("stop.train_loss")) == target
        ]
        for target in sorted(targets)
    ]
    near = ([lane for lane in lanes if _loss(least) <= _loss(lane) <= _EQUAL * _loss(least)] for least in lanes)
    return [*found, *near]


def _loss(lane: LaneHistory) -> float:
    column = lane.columns.get("train_loss")
    return column[-1] if column else math.nan


def _solutions(scene: Scene, lane: LaneHistory, drawn: Drawn, width: int, height: int) -> list[Row]:
    """End matrices of equal training loss, the ground truth first, each with what it errs by and its rank."""
    lanes = equals(scene.history, None if scene.lane is None else lane.problem)
    if not lanes:
        return fit([("no two lanes of this problem have ended with equal training losses", DIM)], width, height)
    shape, truth = drawn.shape, _truth(scene, lanes[0])
    is_wide = width >= _WITH_WORDS
    least = _WIDE_PANEL if is_wide else _NARROW_PANEL
    room = max(1, (width + GAP) // (least + GAP)) * max(1, (height - 2) // _PANEL_ROWS)
    shown: list[Panel] = []
    if truth is not None and truth.ground_truth is not None and truth.shape == shape and room > 1:
        baseline = scene.history.baselines.get(lanes[0].problem, {}).get("ground_truth", {})
        told = "" if "effective_rank" not in baseline else _rank(baseline["effective_rank"], is_wide=is_wide)
        shown.append(Panel("ground truth W*", truth.ground_truth, notes=("", told)))
    chosen = _spread(lanes, room - len(shown))
    for one in chosen:
        newest = _newest(one, "end_matrix")
        if newest is not None and newest.shape == shape:
            shown.append(Panel(label(scene.history, one), newest.values, notes=_notes(one, is_wide=is_wide)))
    counted = f"{len(lanes)}" if len(chosen) == len(lanes) else f"{len(chosen)} of {len(lanes)}"
    head = f"{counted} solutions of equal {'training loss' if is_wide else 'loss, r: effective rank'}"
    return fit([(head, DIM)], width, 1) + panels(shown, shape[0], shape[1], width, height - 1, scene.view, least)


def _spread(lanes: list[LaneHistory], most: int) -> list[LaneHistory]:
    """The lanes, or as many of them from the first to the last as there is room for."""
    if len(lanes) <= most:
        return lanes
    return [lanes[round(place * (len(lanes) - 1) / max(1, most - 1))] for place in range(most)]


def _rank(value: Value, *, is_wide: bool) -> str:
    return f"{'effective rank' if is_wide else 'r'} {_brief(value)}"


def _notes(lane: LaneHistory, *, is_wide: bool) -> tuple[str, str]:
    """Training loss, error and effective rank, on two lines."""
    error = next((name for name in ("reconstruction_error", "held_out_error") if lane.columns.get(name)), "")
    rank = lane.columns.get("effective_rank")
    loss = f"loss {_brief(_loss(lane))}"
    errs = f"{'error' if is_wide else 'err'} {_brief(lane.columns[error][-1])}" if error else ""
    told = _rank(rank[-1], is_wide=is_wide) if rank else ""
    return (f"{loss}, {errs}" if errs else loss, told) if is_wide else (loss, f"{errs} {told}".strip())


def _brief(value: Value) -> str:
    """A number in two or three digits."""
    known = math.nan if isinstance(value, list) else number(value)
    return f"{known:.3g}" if abs(known) >= 1 else f"{known:.2g}".replace("e-0", "e-")


# Losses that differ by no more than this factor are equal.
_EQUAL = 2.0
# From this width on words are written out; a solution is so wide at least then, and so wide otherwise.
_WITH_WORDS, _WIDE_PANEL, _NARROW_PANEL = 56, 27, 17
# Caption, two notes and three rows of a picture.
_PANEL_ROWS = 6

# The value of a pixel that is on.
_WHITE = 1.0

_COMPONENTS = Pictures("component pictures", "component_pictures", _components, "components", goes_on=True)
_SOLUTIONS = Pictures("solutions of equal loss", "end_matrix", _solutions, "equal losses", "solutions")
_NAMED = Pictures("entries by name", "end_matrix", _named, "entries", "entries", is_paged=True)
_KINDS = [
    Pictures("end matrix and truth", "end_matrix", _end_matrix, "W and W*"),
    Pictures("singular vectors, truth", "overlap", _overlap, "vectors"),
    Pictures("tensor slices", "end_tensor", _slices, "slices", goes_on=True),
    _COMPONENTS,
    Pictures("reconstructions", "reconstructions", _reconstructions, "come back", goes_on=True),
    Pictures("between two codes", "interpolations", _interpolations, "between codes", goes_on=True),
    Pictures("samples", "samples", _samples, goes_on=True),
]
