"""The figures of the papers, forming: a quantity of every lane against what is swept, or against another quantity."""

from __future__ import annotations

import math
import statistics
from array import array
from collections.abc import Callable, Iterable, Sequence

import msgspec

from solver import settings
from solver.claims.claim import Witness, witnesses_of
from solver.claims.laws import law_factor, law_points, n_factors
from solver.counterexample import counterexample
from solver.history import History, LaneHistory, worded
from solver.records import number
from solver.spec import CP, Autoencoder, Observed, Problem, RunSpec
from tui.draw.cells import DIM
from tui.draw.curves import Curve
from tui.draw.palette import MARKS, series_colour
from tui.shown.bands import quartiles
from tui.text import label

# Lanes are told apart by what else is swept; so many curves are drawn at most.
_MOST_CURVES = 12
_LAW_POINTS = 40
HOLLOW = "○"
_MOST_KNOWN = 4
_SMALLEST_EIGENVALUE = 1e-7


class Figure(msgspec.Struct, frozen=True):
    """One picture over the lanes of a run, as a row of the list."""

    title: str
    x_name: str
    curves: Callable[[History], list[Curve]]
    short: str = ""
    x_log: bool = False
    y_log: bool = False
    opens: bool = True
    """Whether a run opens with it."""
    of_ends: bool = False
    """Whether it is made of the ends of lanes, so that those under way say little yet."""

    @property
    def key(self) -> str:
        """What the row is known by."""
        return f"figure {self.title}"


def figures(spec: RunSpec) -> list[Figure]:
    """The figures that a run of these settings makes, the most telling first. They remember what took long."""
    return [figure for make in _MAKERS for figure in make(spec)]


def _problems(spec: RunSpec) -> list[Problem]:
    """What the lanes fit, of lanes that fit the same once; kinds and shapes may differ."""
    return list({msgspec.json.encode(lane.spec.problem): lane.spec.problem for lane in settings.lanes(spec)}.values())


def _learns_from_examples(spec: RunSpec) -> bool:
    return any(problem.largest_batch is not None for problem in _problems(spec))


def _of_counterexample(spec: RunSpec) -> list[Figure]:
    if all(counterexample(problem) is None for problem in _problems(spec)):
        return []
    title = "size of the unobserved entry against loss, which falls to the left"
    return [Figure(title, "loss ←", _entry_curves, "|w| and loss", x_log=True, y_log=True)]


def _of_ranks(spec: RunSpec) -> list[Figure]:
    """Where a model learns from examples, and its rank is swept."""
    if len(spec.sweep.get("model.components", [])) < 2 or not _learns_from_examples(spec):
        return []
    variants = [getattr(lane.spec.problem, "variant", "") for lane in settings.lanes(spec)]

    def curves(history: History) -> list[Curve]:
        return _error_curves(history, variants)

    return [Figure("error: open marks test, filled ones training", "rank R", curves, "error and R", of_ends=True)]


GAP = "test − training error"
_EXAMPLES = {"problem.train_images": ("images", True), "model.components": ("rank R", False)}
"""What the complexity of a problem of examples is held against: with the x axis, and whether it is logarithmic."""


def _of_complexity(spec: RunSpec) -> list[Figure]:
    """The talk's slide on complexity: what a predictor of low rank fits, it fits on unseen examples too."""
    if not _learns_from_examples(spec):
        return []
    return [_gap_figure(field) for field in _EXAMPLES if len(spec.sweep.get(field, [])) > 1]


def _gap_figure(field: str) -> Figure:
    x_name, is_log = _EXAMPLES[field]
    return Figure(
        f"{GAP} against {x_name}",
        x_name,
        lambda history: _swept_curves(history, field, GAP),
        f"gap/{x_name.split()[-1]}",
        x_log=is_log,
        opens=False,
        of_ends=True,
    )


def _of_observations(spec: RunSpec) -> list[Figure]:
    if len(spec.sweep.get("problem.observations", [])) < 2:
        return []
    found = [_against_observations("reconstruction_error", "reconstruction error", y_log=True)]
    modes = {problem.n_modes for problem in _problems(spec) if isinstance(problem, Observed)}
    if 2 in modes:
        found.append(_against_observations("effective_rank", "effective rank"))
        found.append(_against_observations("nuclear_norm", "nuclear norm"))
    if modes - {2} and spec.record.cp_rank:
        found.append(_against_observations("cp_rank", "estimated CP rank"))
    return found


def _of_prediction(spec: RunSpec) -> list[Figure]:
    """Where it is foretold which component escapes."""
    specs = [lane.spec for lane in settings.lanes(spec)]
    if sum(isinstance(one.model, CP) and isinstance(one.problem, Observed) for one in specs) < 2:
        return []
    title = "foretold component and the largest other, at the end"
    return [Figure(title, "lane", _foretold_curves, "foretold", y_log=True, opens=False, of_ends=True)]


def _foretold_curves(history: History) -> list[Curve]:
    """Of every lane the norm of the component that was foretold at its start, and the largest norm of the others."""
    right, other = [], []
    for lane in history.lanes:
        foretold, columns = lane.summary.get("predicted_component", -1.0), lane.vectors.get("component_norms", [])
        if not 0.0 <= foretold < len(columns) or not columns[0]:
            continue
        index = int(foretold)
        norms = [column[-1] for place, column in enumerate(columns) if place != index]
        right.append((float(lane.index + 1), columns[index][-1]))
        other.append((float(lane.index + 1), max(norms, default=math.nan)))
    return [
        Curve(
            name,
            series_colour(colour),
            array("d", (x for x, _ in points)),
            array("d", (y for _, y in points)),
            mark,
            points=True,
            joined=False,
        )
        for name, colour, points, mark in (("the largest other", 1, other, "x"), ("the one foretold", 0, right, "●"))
        if points
    ]


def _law(spec: RunSpec) -> list[Figure]:
    """Measured rates over γ against what moves, on the line of the law; where rates are recorded."""
    if not spec.record.rates:
        return []
    lanes = settings.lanes(spec)
    if not any(counterexample(lane.spec.problem) is None and lane.spec.optimizer.HAS_TIME for lane in lanes):
        return []
    known: dict[tuple[int, int], list[tuple[float, float]]] = {}

    def points(witness: Witness) -> list[tuple[float, float]]:
        # All of a lane's frames are gone through: once for each number of frames.
        key = witness.history.index, len(witness.history)
        if key not in known:
            if len(known) > _MOST_KNOWN * len(lanes):
                known.clear()
            known[key] = sorted(law_points(witness))
        return known[key]

    def curves(history: History) -> list[Curve]:
        found = []
        for witness in witnesses_of(history, lanes):
            lane, n, cloud = witness.history, n_factors(witness), points(witness)
            if not cloud:
                continue
            x, y = array("d", (size for size, _ in cloud)), array("d", (rate for _, rate in cloud))
            along = array("d", (x[0] * (x[-1] / x[0]) ** (k / _LAW_POINTS) for k in range(_LAW_POINTS + 1)))
            factor = law_factor(witness)
            law = array("d", (factor * size ** (2.0 - 2.0 / n) for size in along))
            named = "N" if factor == n else f"{factor}"
            found.append(Curve(f"{named} σ^{2.0 - 2.0 / n:.3g}", DIM, along, law))
            found.append(Curve(label(history, lane), series_colour(lane.index), x, y, path=True, joined=False))
        return sorted(found, key=lambda curve: curve.colour != DIM)

    return [Figure("rate over γ against σ: the law", "σ", curves, "the law", x_log=True, y_log=True, opens=False)]


def _against_observations(series: str, name: str, *, y_log: bool = False) -> Figure:
    return Figure(
        f"{name} against observations",
        "obs.",
        lambda history: _swept_curves(history, "problem.observations", series),
        f"{name.split()[-1]}/entries",
        y_log=y_log,
        of_ends=True,
    )


def newest(lane: LaneHistory, series: str) -> float:
    """The newest value of a series, or a number of the final state; NaN where there is none."""
    if series == GAP:
        return newest(lane, "test_error") - newest(lane, "train_error")
    column = lane.columns.get(series)
    return column[-1] if column else lane.summary.get(series, math.nan)


def _swept_curves(history: History, field: str, series: str) -> list[Curve]:
    """Medians over seeds with their quartiles, one curve for each other swept value; baselines dim beside.

    Lanes under way stand hollow where they are now: no median holds what may be far from its end.
    """
    groups: dict[str, dict[float, list[float]]] = {}
    going: dict[str, list[tuple[float, float]]] = {}
    for lane in history.lanes:
        if len(lane) and field in lane.parameters:
            value, name, x = newest(lane, series), _others(lane, field), float(lane.parameters[field])
            ended = groups.setdefault(name, {})
            if not math.isfinite(value):
                continue
            if lane.outcome is None:
                going.setdefault(name, []).append((x, value))
            else:
                ended.setdefault(x, []).append(value)
    curves = []
    for index, (name, points) in enumerate(list(groups.items())[:_MOST_CURVES]):
        curves.append(_curve(name, index, points, MARKS[index] if index < len(MARKS) else ""))
        curves += _under_way(going.get(name, []), index)
    return [*_baseline_curves(history, field, series), *curves]


def _under_way(points: list[tuple[float, float]], colour: int) -> list[Curve]:
    """Hollow marks for lanes that go on, without a line."""
    if not points:
        return []
    points.sort()
    x, y = array("d", (x for x, _ in points)), array("d", (y for _, y in points))
    return [Curve("", series_colour(colour), x, y, HOLLOW, points=True, joined=False)]


def _others(lane: LaneHistory, field: str) -> str:
    """The lane's other swept values; its name in the legend."""
    told = [(name, value) for name, value in lane.parameters.items() if name not in (field, "seed")]
    return " ".join(worded(name, value) for name, value in told) or "median"


def _curve(name: str, colour: int, points: dict[float, list[float]], mark: str, *, dim: bool = False) -> Curve:
    ordered = sorted(points.items())
    return Curve(
        name,
        DIM if dim else series_colour(colour),
        array("d", (x for x, _ in ordered)),
        array("d", (statistics.median(values) for _, values in ordered)),
        mark,
        array("d", (quartiles(values)[0] for _, values in ordered)),
        array("d", (quartiles(values)[2] for _, values in ordered)),
        points=True,
    )


_BASELINE_NAMES = {"nuclear_norm": "least norm", "ground_truth": "ground truth", "linear": "linear"}


def _baseline_curves(history: History, field: str, series: str) -> list[Curve]:
    curves = []
    for index, (baseline, name) in enumerate(_BASELINE_NAMES.items()):
        points: dict[float, list[float]] = {}
        done: set[int] = set()
        for lane in history.lanes:
            value = history.baselines.get(lane.problem, {}).get(baseline, {}).get(series)
            if lane.problem in done or value is None or isinstance(value, list) or not math.isfinite(number(value)):
                continue
            done.add(lane.problem)
            if field in lane.parameters:
                points.setdefault(float(lane.parameters[field]), []).append(number(value))
        if points and any(value > 0 for values in points.values() for value in values):
            curves.append(_curve(name, index, points, "nt0"[index], dim=True))
    return curves


_VARIANTS = {"original": ("o", "•"), "random-images": ("△", "▲"), "random-labels": ("□", "■")}
"""With the marks of test and training error."""


def _error_curves(history: History, variants: Sequence[str]) -> list[Curve]:
    """Training and test error against rank for each variant: six curves; constant and linear predictors dim beside.

    ``variants`` are those of the images, by lane.
    """
    curves = []
    for colour, (variant, marks) in enumerate(_VARIANTS.items()):
        for part, mark in zip(("test", "train"), marks, strict=True):
            points: dict[float, list[float]] = {}
            going: list[tuple[float, float]] = []
            for lane, own in zip(history.lanes, variants, strict=False):
                if own == variant and len(lane) and "model.components" in lane.parameters:
                    rank, value = float(lane.parameters["model.components"]), newest(lane, f"{part}_error")
                    if lane.outcome is None:
                        going.append((rank, value))
                    else:
                        points.setdefault(rank, []).append(value)
            curves += _under_way(going, colour)
            if points:
                means = {rank: [math.fsum(values) / len(values)] for rank, values in points.items()}
                # One entry in the legend for both.
                name = variant.replace("-", " ") if part == "test" else ""
                curves.append(_curve(name, colour, means, mark))
    ranks = sorted({x for curve in curves for x in curve.x})
    if ranks:
        for name in ("constant", "linear"):
            value = _mean_baseline(history, variants, name, "test_error")
            if math.isfinite(value):
                x = array("d", (ranks[0], ranks[-1]))
                curves.insert(0, level(name, x, value))
    return curves


def level(name: str, x: array[float], value: float) -> Curve:
    """A level line with its name at the right end, where the legend need not say it."""
    return Curve("", DIM, x, array("d", (value, value)), name)


def _mean_baseline(history: History, variants: Sequence[str], name: str, value: str) -> float:
    """Mean over the problems with original data."""
    problems = {lane.problem for lane, own in zip(history.lanes, variants, strict=False) if own == "original"}
    found = [history.baselines.get(problem, {}).get(name, {}).get(value) for problem in sorted(problems)]
    numbers = [number(item) for item in found if item is not None and not isinstance(item, list)]
    return math.fsum(numbers) / len(numbers) if numbers else math.nan


def _entry_curves(history: History) -> list[Curve]:
    """|w| of every lane against its loss, and the bound that holds while the determinant has the sign of z·z′."""
    curves = []
    for lane in history.lanes:
        if "unobserved_entry" not in lane.columns or not len(lane):
            continue
        losses, entries = lane.columns["train_loss"], lane.columns["unobserved_entry"]
        x, y = _rising(losses, (abs(value) for value in entries))
        mark = MARKS[lane.index] if lane.index < len(MARKS) else ""
        curves.append(Curve(label(history, lane), series_colour(lane.index), x, y, ""))
        if mark and len(x):
            # The curve is drawn from its end at the smallest loss: the mark belongs there.
            curves.append(Curve(label(history, lane), series_colour(lane.index), x[:1], y[:1], mark))
    longest = max((lane for lane in history.lanes if "unobserved_entry_bound" in lane.columns), key=len, default=None)
    if longest is not None:
        x, y = _rising(longest.columns["train_loss"], longest.columns["unobserved_entry_bound"])
        if any(value > 0 for value in y):
            curves.insert(0, Curve("bound for the sign of z·z′", DIM, x, y, ""))
    return curves


def _rising(x: Iterable[float], y: Iterable[float]) -> tuple[array[float], array[float]]:
    """The points in the order of rising x, which a chart wants."""
    ordered = sorted((a, b) for a, b in zip(x, y, strict=False) if math.isfinite(a) and math.isfinite(b))
    return array("d", (a for a, _ in ordered)), array("d", (b for _, b in ordered))


def _of_codes(spec: RunSpec) -> list[Figure]:
    """J20: what linear layers between encoder and decoder do to the rank of codes, and to the error."""
    networks = {
        lane.index: lane.spec.model for lane in settings.lanes(spec) if isinstance(lane.spec.model, Autoencoder)
    }
    if not networks:
        return []
    title = "spectrum of codes by place, over the largest"
    spectra = Figure(title, "place", _spectrum_curves, "spectrum", y_log=True, opens=False, of_ends=True)
    if len({network.linear_layers for network in networks.values()}) < 2:
        return [spectra]

    def of(series: str, name: str, *, y_log: bool = False) -> Figure:
        def curves(history: History) -> list[Curve]:
            return _code_curves(history, networks, series)

        short = f"{name.split()[0]}/layers"
        return Figure(f"{name} against layers", "layers", curves, short, y_log=y_log, opens=False, of_ends=True)

    return [spectra, of("code_effective_rank", "rank of codes"), of("test_error", "error of new images", y_log=True)]


def _spectrum_curves(history: History) -> list[Curve]:
    """The newest eigenvalues of the codes' covariance, the first being 1: J20's figure. Medians over seeds."""
    groups: dict[str, dict[float, list[float]]] = {}
    for lane in history.lanes:
        points = groups.setdefault(_others(lane, "seed"), {})
        for place, column in enumerate(lane.vectors.get("code_spectrum", []), start=1):
            # What is smaller is rounding.
            if column and column[-1] > _SMALLEST_EIGENVALUE:
                points.setdefault(float(place), []).append(column[-1])
    named = [(name, points) for name, points in groups.items() if points][:_MOST_CURVES]
    return [_curve(name, index, points, "") for index, (name, points) in enumerate(named)]


def _code_curves(history: History, networks: dict[int, Autoencoder], series: str) -> list[Curve]:
    """Medians with quartiles, of linear layers and of those with a ReLU behind each; both begin without layers."""
    curves = []
    for colour, (name, nonlinear) in enumerate((("linear layers", False), ("with a ReLU each", True))):
        points: dict[float, list[float]] = {}
        going: list[tuple[float, float]] = []
        for lane in history.lanes:
            network = networks.get(lane.index)
            value = newest(lane, series) if len(lane) else math.nan
            if network is None or not math.isfinite(value):
                continue
            if network.linear_layers and network.nonlinear is not nonlinear:
                continue
            if lane.outcome is None:
                going.append((float(network.linear_layers), value))
            else:
                points.setdefault(float(network.linear_layers), []).append(value)
        # A lane without layers alone is no control.
        if any(points) or any(x for x, _ in going):
            curves.append(_curve(name, colour, points, MARKS[colour]))
            curves += _under_way(going, colour)
    return curves


_MAKERS: tuple[Callable[[RunSpec], list[Figure]], ...] = (
    _of_counterexample,
    _of_ranks,
    _of_complexity,
    _of_observations,
    _of_codes,
    _of_prediction,
    _law,
)
"""What makes figures of a run's settings, the most telling first."""
