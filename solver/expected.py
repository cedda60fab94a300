"""What a preset says is to be seen: the things to look for, whether they have happened, and the result in a sentence.

A preset says it in words that are read here, so that a person's own preset can say it too:

- ``claim low-rank-recovery`` has happened where the claim holds;
- ``event recovered depth=3`` where such a milestone was passed in a lane with that setting;
- ``cause sign depth=2`` where such a lane ended for that cause;
- ``reconstruction_error depth=3 < 1e-4`` where all such lanes have ended and the median of their newest values is so,
  ``max train_loss < 1e-6`` where the largest is; the other side may be such a value too, and
  ``ground_truth:nuclear_norm`` is the number of a baseline.
"""

from __future__ import annotations

import math
import operator
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from solver.records import number
from solver.refusal import BadSetting
from solver.series import BY_NAME

if TYPE_CHECKING:
    # Read by who has a history anyway: what only lists runs need not wait for them.
    from solver.history import History, LaneHistory
    from solver.milestones import Milestone


class LookFor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to look for."""

    say: str
    """A sentence."""
    short: str = ""
    """The same in a few words, for a line beside the chart."""
    show: str = ""
    """The row of the live view that shows it: a series, a claim, or the beginning of a title; or several, parted by |,
    of which the first that a run has is meant.
    """
    when: str = ""
    """When it has happened; empty for what is told and not judged."""


class Result(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What has come out, where certain claims hold."""

    when: list[str] = []
    """Claims that all have to hold."""
    say: str
    """A sentence in which {reconstruction_error depth=3} stands for the median of such lanes, {lanes} for how many."""


Seen = Literal["yes", "no", "open"]
"""Whether something has happened, has not and will not, or is still open."""

_AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "median": statistics.median,
    "min": min,
    "max": max,
    "mean": statistics.fmean,
}
_RELATIONS = {"<": operator.lt, ">": operator.gt}
_SERIES = re.compile(r"(\|?)(?:([a-z_]\w*):)?([a-z_]\w*)(?:\.(\d+))?\1")
_PLACE = re.compile(r"\{([^{}]*)\}")


class _Lanes(msgspec.Struct, frozen=True):
    """The lanes whose swept settings have these values, by the last word of the field."""

    values: tuple[tuple[str, str], ...]

    def of(self, history: History) -> list[LaneHistory]:
        return [lane for lane in history.lanes if all(_has(lane, *one) for one in self.values)]


def _has(lane: LaneHistory, name: str, text: str) -> bool:
    # A variant and the variant of images are two fields of one name.
    return any(_is(value, text) for field, value in lane.parameters.items() if field.rpartition(".")[2] == name)


def _is(value: Any, text: str) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(text) == float(value)
        except ValueError:
            return False
    return str(value).lower() == text.lower()


class _Value(msgspec.Struct, frozen=True):
    """One number of a run: the median, say, of a series over some lanes."""

    aggregate: str
    baseline: str
    """What the lanes are held against, whose number is meant; empty for their own."""
    series: str
    rank: int
    """Which of a vector's numbers, the first is 1; 0 for a scalar."""
    magnitude: bool
    lanes: _Lanes

    def of(self, history: History) -> float:
        """NaN where a lane has none, or there is no such lane."""
        found = [
            self._newest(lane) if not self.baseline else self._of_baseline(history, lane)
            for lane in self.lanes.of(history)
        ]
        if not found or not all(math.isfinite(value) for value in found):
            return math.nan
        try:
            return _AGGREGATES[self.aggregate](found)
        except OverflowError:
            return math.nan

    def _of_baseline(self, history: History, lane: LaneHistory) -> float:
        value = history.baselines.get(lane.problem, {}).get(self.baseline, {}).get(self.series)
        return math.nan if value is None or isinstance(value, list) else number(value)

    def _newest(self, lane: LaneHistory) -> float:
        columns = lane.vectors.get(self.series, [])
        column = columns[self.rank - 1] if 0 < self.rank <= len(columns) else lane.columns.get(self.series)
        value = column[-1] if column else lane.summary.get(self.series, math.nan)
        return abs(value) if self.magnitude else value


def _lanes(words: Sequence[str], where: str) -> _Lanes:
    parted = [word.partition("=") for word in words]
    wrong = [word for word, sign, value in parted if not (word and sign and value)]
    if wrong:
        raise BadSetting(f"{where}: {wrong[0]!r} names no lanes, as depth=3 does")
    return _Lanes(tuple((name, value) for name, _, value in parted))


def _value(words: Sequence[str], where: str) -> _Value:
    aggregate, rest = (words[0], words[1:]) if words and words[0] in _AGGREGATES else ("median", words)
    found = _SERIES.fullmatch(rest[0]) if rest else None
    if found is None or found[3] not in {*BY_NAME, *_SUMMARIES}:
        said = rest[0] if rest else ""
        raise BadSetting(
            f"{where}: {said!r} is no series, as reconstruction_error is: `implicit-tui schema` lists them"
        )
    return _Value(aggregate, found[2] or "", found[3], int(found[4] or 0), bool(found[1]), _lanes(rest[1:], where))


# Numbers of the final state that no frame has.
_SUMMARIES = frozenset(
    {
        "cp_rank",
        "distance_from_rank_1",
        "best_step",
        "best_held_out_error",
        "best_held_out_rmse",
        "collapse_difference",
        *(f"{whose}accuracy_{n}" for whose in ("", "code_", "encoder_") for n in (100, 1_000)),
    }
)


class Condition(msgspec.Struct, frozen=True):
    """Something that may happen in a run."""

    kind: Literal["claim", "event", "cause", "value"]
    name: str = ""
    lanes: _Lanes = _Lanes(())
    left: _Value | None = None
    right: _Value | float = math.nan
    relation: str = "<"

    def seen(self, history: History, milestones: Sequence[Milestone]) -> Seen:
        """Whether it has happened in the run as far as it has come."""
        if self.kind == "claim":
            claim = history.claims.get(self.name)
            verdicts: dict[str, Seen] = {"holds": "yes", "fails": "no"}
            return "open" if claim is None else verdicts.get(claim.verdict, "open")
        concerned = self.lanes.of(history)
        ended = bool(concerned) and all(lane.outcome is not None for lane in concerned)
        if self.kind == "event":
            places = {lane.index for lane in concerned}
            happened = any(one.name == self.name and one.lane in places for one in milestones)
        elif self.kind == "cause":
            happened = any(lane.outcome is not None and lane.outcome.cause == self.name for lane in concerned)
        else:
            assert self.left is not None
            sides = [self.left] + ([self.right] if isinstance(self.right, _Value) else [])
            lanes = [lane for side in sides for lane in side.lanes.of(history)]
            if not lanes or any(lane.outcome is None for lane in lanes):
                return "open"
            left, right = (side.of(history) if isinstance(side, _Value) else side for side in (self.left, self.right))
            return "open" if math.isnan(left) or math.isnan(right) else _YES_NO[_RELATIONS[self.relation](left, right)]
        return "yes" if happened else "no" if ended else "open"


_YES_NO: dict[bool, Seen] = {True: "yes", False: "no"}


def condition(text: str, where: str) -> Condition:
    """The condition that the words stand for. Raises BadSetting."""
    words = text.split()
    kind = words[0] if words else ""
    if kind in ("claim", "event", "cause"):
        if len(words) < 2:
            raise BadSetting(f"{where}: {text!r} says no name after {kind}")
        if kind == "claim" and len(words) > 2:
            raise BadSetting(f"{where}: {text!r} names lanes, and a claim is on the whole run: leave them out")
        return Condition(kind, words[1], _lanes(words[2:], where))  # type: ignore[arg-type]
    signs = [place for place, word in enumerate(words) if word in _RELATIONS]
    if len(signs) != 1:
        raise BadSetting(f"{where}: {text!r} is no condition, as reconstruction_error depth=3 < 1e-4 is")
    left, right = words[: signs[0]], words[signs[0] + 1 :]
    limit: _Value | float
    try:
        limit = float(right[0]) if len(right) == 1 else _value(right, where)
    except ValueError:
        limit = _value(right, where)
    return Condition("value", left=_value(left, where), right=limit, relation=words[signs[0]])


def seen(one: LookFor, history: History, milestones: Sequence[Milestone]) -> Seen:
    """Whether it has happened; open for what is only told."""
    try:
        return condition(one.when, "when").seen(history, milestones) if one.when else "open"
    except BadSetting:
        # A run of an older or a newer version may say it in other words.
        return "open"


def result(results: Sequence[Result], history: History, shown: Callable[[float], str]) -> str:
    """The first of the sentences whose claims all hold and whose numbers are all there; empty where none is."""
    for one in results:
        verdicts = [history.claims[name].verdict if name in history.claims else "" for name in one.when]
        if any(verdict != "holds" for verdict in verdicts):
            continue
        numbers: dict[str, float] = {}
        for text in places(one.say):
            try:
                numbers[text] = len(history.lanes) if text == "lanes" else _value(text.split(), "say").of(history)
            except BadSetting:
                numbers[text] = math.nan
        if not any(math.isnan(number) for number in numbers.values()):
            return _PLACE.sub(lambda found: shown(numbers[found[1]]), one.say)  # noqa: B023
    return ""


def places(text: str) -> list[str]:
    """What stands in braces."""
    return _PLACE.findall(text)


def check(look_for: Sequence[LookFor], results: Sequence[Result], claims: Sequence[str], where: str) -> None:
    """Raises BadSetting for a condition or a place that says nothing, and for claims that are not the preset's."""
    named = [name for one in results for name in one.when]
    for one in look_for:
        if not one.say.strip():
            raise BadSetting(f"{where}: a thing to look for says nothing: write a sentence in say, or leave it out")
        if one.when:
            found = condition(one.when, f"{where}: look_for")
            named += [found.name] * (found.kind == "claim")
    for text in _places(results):
        if text != "lanes":
            _value(text.split(), f"{where}: results")
    unknown = [name for name in named if name not in claims]
    if unknown:
        raise BadSetting(f"{where} waits for the claim {unknown[0]!r}, which is not among its claims: add it there")


def _places(results: Sequence[Result]) -> Iterator[str]:
    for one in results:
        yield from places(one.say)
