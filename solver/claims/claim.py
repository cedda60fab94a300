"""What a claim is: a statement of the papers, a statistic of a run, and what the statistic should be."""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from solver.history import History, LaneHistory
from solver.records import Claim, Relation, Value, Verdict, number
from solver.settings import LaneSpec
from solver.spec import CP, DeepMatrixFactorization, Observed, RunSpec

T = TypeVar("T")


class Witness:
    """A lane as a claim sees it: its settings and what it has recorded."""

    def __init__(self, history: LaneHistory, spec: RunSpec, baselines: dict[str, dict[str, Value]]) -> None:
        self.history = history
        self.spec = spec
        self.baselines = baselines
        """Of the lane's problem, by name."""
        self._made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What several claims need of the lane, made by the first of them."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    @property
    def observed(self) -> Observed:
        """The problem of a lane that fits a matrix or a tensor."""
        assert isinstance(self.spec.problem, Observed)
        return self.spec.problem

    @property
    def layers(self) -> DeepMatrixFactorization:
        """The model of a lane that trains layers."""
        assert isinstance(self.spec.model, DeepMatrixFactorization)
        return self.spec.model

    @property
    def components(self) -> CP:
        """The model of a lane that trains components."""
        assert isinstance(self.spec.model, CP)
        return self.spec.model

    def last(self, series: str) -> float:
        """The newest value of a scalar series; NaN where there is none."""
        column = self.history.columns.get(series)
        return column[-1] if column else math.nan

    def lasts(self, series: str) -> list[float]:
        """The newest values of a vector series."""
        return [column[-1] for column in self.history.vectors.get(series, []) if len(column)]

    def baseline(self, name: str, value: str) -> float:
        """A number of a baseline; NaN where it is not there."""
        found = self.baselines.get(name, {}).get(value)
        return math.nan if found is None or isinstance(found, list) else number(found)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A statistic of a run, and what it should be."""

    value: float
    expected: float
    tolerance: float
    text: str
    """The statistic in words, with its numbers."""
    witnesses: list[Any]
    """The lanes it rests on (Witness)."""


class Inapplicable(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing can be said of a run: what the statement supposes is not so."""

    reason: str
    witnesses: list[Any]
    """The lanes that could change that while they are under way (Witness)."""


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A claim before any run."""

    name: str
    rests_on: tuple[str, ...]
    """The recorded series and final numbers that the statistic is made of."""
    statement: str
    """What the papers say."""
    source: str
    statistic: str
    """What is measured, as a formula in words."""
    reason: str
    """Why the tolerance is what it is."""
    premise: str
    """What the statement supposes: the lanes and states that it is judged on."""
    false_in: str
    """A run in which it is false, or why only a falsified record is."""
    relation: Relation
    measure: Callable[[list[Witness]], Measured | Inapplicable | None]
    """The statistic of the lanes; None where what it needs is not recorded."""

    def judge(self, witnesses: list[Witness], *, at_end: bool) -> Claim:
        """The claim on a run as far as it has come."""
        try:
            measured = self.measure(witnesses)
        except Exception as error:
            # A statistic that nobody foresaw to be undefined must not cost the run that it is about.
            said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            told = f"its statistic cannot be computed on this run ({said[:160]}): {self.statistic}"
            return self._claim(told, math.nan, math.nan, math.nan, "not-applicable" if at_end else "pending")
        concerned = witnesses if measured is None else measured.witnesses
        unfinished = any(_is_unfinished(witness.history, at_end=at_end) for witness in concerned)
        if measured is None:
            verdict: Verdict = "pending" if unfinished or not at_end else "not-applicable"
            return self._claim(f"not recorded here: {self.statistic}", math.nan, math.nan, math.nan, verdict)
        if isinstance(measured, Inapplicable):
            verdict = "pending" if unfinished or not at_end else "not-applicable"
            return self._claim(measured.reason, math.nan, math.nan, math.nan, verdict)
        if math.isnan(measured.value) and all(math.isfinite(one.last("train_loss")) for one in concerned):
            # No lane broke down: it is the statistic that is none, as a gap between zeros.
            told = f"undefined on this run: {measured.text}"
            return self._claim(told, math.nan, math.nan, math.nan, "pending" if unfinished else "not-applicable")
        judged: Verdict = "holds" if _compare(self.relation, measured) else "fails"
        verdict = "pending" if unfinished else judged
        return self._claim(measured.text, measured.value, measured.expected, measured.tolerance, verdict)

    def concerned(self, witnesses: list[Witness]) -> list[int]:
        """The lanes that the claim rests on; none before it can be measured."""
        with contextlib.suppress(Exception):
            measured = self.measure(witnesses)
            return [] if measured is None else [witness.history.index for witness in measured.witnesses]
        return []

    def _claim(self, text: str, value: float, expected: float, tolerance: float, verdict: Verdict) -> Claim:
        return Claim(
            name=self.name,
            text=text,
            source=self.source,
            measured=_finite(value),
            expected=_finite(expected),
            tolerance=_finite(tolerance),
            verdict=verdict,
            relation=self.relation,
        )


def _is_unfinished(lane: LaneHistory, *, at_end: bool) -> bool:
    """Whether a lane may still go on; one that was stopped from outside can be taken up again."""
    return not at_end if lane.outcome is None else lane.outcome.is_unfinished


def _compare(relation: Relation, measured: Measured) -> bool:
    if not math.isfinite(measured.value):
        return False
    if relation == "at-least":
        return measured.value >= measured.expected - measured.tolerance
    if relation == "at-most":
        return measured.value <= measured.expected + measured.tolerance
    return abs(measured.value - measured.expected) <= measured.tolerance


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def witnesses_of(history: History, lanes: Sequence[LaneSpec]) -> list[Witness]:
    """Every lane that has recorded something."""
    return [
        Witness(recorded, lane.spec, history.baselines.get(recorded.problem, {}))
        for recorded, lane in zip(history.lanes, lanes, strict=False)
        if len(recorded)
    ]


# A lane has fitted its data where it converged, or where the loss is at most this part of what it began with.
_FITTED = 0.1


def has_fitted(witness: Witness) -> bool:
    """Whether the lane's loss is what was asked for, or small against the one it began with."""
    losses, outcome = witness.history.columns["train_loss"], witness.history.outcome
    if outcome is not None and outcome.kind == "converged":
        return True
    return len(losses) > 0 and 0.0 <= losses[-1] <= _FITTED * losses[0] < math.inf


def grouped(witnesses: Iterable[Witness], key: Callable[[Witness], Any]) -> dict[Any, list[Witness]]:
    """Lanes of equal ``key`` together, in the order of the keys."""
    groups: dict[Any, list[Witness]] = {}
    for witness in witnesses:
        groups.setdefault(key(witness), []).append(witness)
    return dict(sorted(groups.items()))


def median(values: Iterable[float]) -> float:
    """The median; NaN for none, or where one is NaN."""
    found = list(values)
    return math.nan if not found or any(math.isnan(value) for value in found) else statistics.median(found)


def mean(values: Iterable[float]) -> float:
    """The mean; NaN for none."""
    found = list(values)
    return math.fsum(found) / len(found) if found else math.nan


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the least-squares line through (x, y); NaN where x has no spread."""
    try:
        return statistics.linear_regression(*zip(*points, strict=True)).slope
    except (statistics.StatisticsError, TypeError):
        return math.nan
