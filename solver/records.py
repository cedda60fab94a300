"""What a run writes down: one typed record a line, and the words for how it ended."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

SCHEMA_VERSION = 1

OutcomeKind = Literal["converged", "max-steps", "max-time", "max-seconds", "stopped", "diverged", "failed"]

# The run's outcome is the worst of its lanes', the first of these that any of them has.
WORST_FIRST: tuple[OutcomeKind, ...] = (
    "failed",
    "diverged",
    "stopped",
    "max-seconds",
    "max-time",
    "max-steps",
    "converged",
)

Value = int | float | str | None | list[int | float | str | None]
"""Whole numbers stay whole, so that a record that was read is written as it was."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a lane or a run ended: the kind, one sentence of reason, and what to do about it."""

    kind: OutcomeKind
    reason: str
    cure: str = ""
    """What the person can do; empty where nothing needs doing."""
    cause: str = ""
    """A word for programs: device, memory, input, sign, branch, stationary, precision, patience, disk or killed."""

    @property
    def is_unfinished(self) -> bool:
        """Whether it was ended from outside, and could go on; what ends by itself for a cause is over."""
        return self.kind in ("stopped", "max-seconds") and not self.cause

    def sentence(self) -> str:
        """Reason and cure as one line."""
        return f"{self.reason}: {self.cure}" if self.cure else self.reason


def worst(outcomes: list[Outcome]) -> Outcome:
    """The outcome of a run whose lanes ended so; raises ValueError for no lanes."""
    for kind in WORST_FIRST:
        matching = [outcome for outcome in outcomes if outcome.kind == kind]
        if matching:
            first = matching[0]
            if len(outcomes) == 1:
                return first
            if kind == "converged":
                return Outcome(kind=kind, reason=f"all {len(outcomes)} lanes reached their training loss")
            counted = f"{len(matching)} of {len(outcomes)} lanes, the first of them: {first.reason}"
            return msgspec.structs.replace(first, reason=counted)
    raise ValueError("a run without lanes has no outcome")


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """A line of the log."""


class LaneSchema(msgspec.Struct, frozen=True, kw_only=True):
    """What the frames of one lane hold, in order."""

    index: int
    parameters: dict[str, Any]
    series: list[str]
    problem: int
    """Which problem of problem.npz the lane fits."""


class Schema(Record, frozen=True, tag="schema"):
    """The first line: under it, frames are arrays."""

    version: int
    lanes: list[LaneSchema]


class Frame(Record, frozen=True, tag="frame"):
    """One recorded state of a lane; ``values`` in the order of the lane's series."""

    lane: int
    values: list[Value]


class Snapshot(Record, frozen=True, tag="snapshot"):
    """An array of a lane at a step, flattened row by row."""

    lane: int
    step: int
    name: str
    shape: list[int]
    values: list[int | float | str | None]


# Characters that JSON writes as they are, from the most negative level to the most positive; the middle one is zero.
_FIRST_LEVEL = ord("#")
PICTURE_LEVELS = 28


class Picture(Record, frozen=True, tag="picture"):
    """An array of a lane at a step to look at, in coarse levels: a character for each entry, row by row."""

    lane: int
    step: int
    name: str
    shape: list[int]
    largest: int | float
    """The magnitude of the outermost levels, PICTURE_LEVELS from zero."""
    levels: str
    exact: list[int | float] | None = None
    """The entries themselves, to four digits, where there are few."""

    @property
    def is_sound(self) -> bool:
        """Whether there is a level for every entry."""
        n = math.prod(self.shape)
        is_whole = n == len(self.levels) > 0 and (self.exact is None or len(self.exact) == n)
        return is_whole and min(self.shape) > 0 and math.isfinite(self.largest)

    def values(self) -> list[float]:
        """The entries; where there are many, right to a part in twice PICTURE_LEVELS of the largest."""
        if self.exact is not None:
            return list(self.exact)
        unit, zero = self.largest / PICTURE_LEVELS, _FIRST_LEVEL + PICTURE_LEVELS
        return [(code - zero) * unit for code in self.levels.encode("ascii", "replace")]


def levels_of(values: Sequence[int]) -> str:
    """Whole numbers from −PICTURE_LEVELS to PICTURE_LEVELS as the characters of a picture."""
    return bytes(value + _FIRST_LEVEL + PICTURE_LEVELS for value in values).decode("ascii")


class Summary(Record, frozen=True, tag="summary"):
    """Numbers of a lane's final state that cost too much for every frame: an estimated rank, say."""

    lane: int
    values: dict[str, int | float | str | None]


class Baseline(Record, frozen=True, tag="baseline"):
    """Something to hold the lanes of a problem against: the ground truth, or what another method finds."""

    problem: int
    name: str
    values: dict[str, Value]


NOT_RESUMED = "not-resumed"
"""How the name of an event begins that tells why a run could not be taken up; its cause follows after a hyphen."""


class Event(Record, frozen=True, tag="event"):
    """Something worth a line to a person: where the theory puts a jump, say."""

    lane: int | None
    name: str
    text: str
    step: int | float | None = None
    time: int | float | None = None
    """Flow time."""


Relation = Literal["about", "at-least", "at-most"]
Verdict = Literal["holds", "fails", "not-applicable", "pending"]


class Claim(Record, frozen=True, tag="claim"):
    """A statement of the papers, measured on this run as far as it has come."""

    name: str
    text: str
    """The statistic in words, with its numbers."""
    source: str
    measured: int | float | None
    expected: int | float | None
    tolerance: int | float | None
    verdict: Verdict
    """pending while lanes that it needs are under way; not-applicable where what it needs is not recorded."""
    relation: Relation = "about"
    """How measured and expected compare where the claim holds, within the tolerance."""


class State(Record, frozen=True, tag="state"):
    """The run started, paused or went on; ``wall`` is UTC, ISO 8601."""

    state: Literal["running", "paused", "waiting-for-disk"]
    wall: str


class LaneEnding(Record, frozen=True, tag="lane-ending"):
    """A lane's outcome."""

    lane: int
    outcome: Outcome


class Ending(Record, frozen=True, tag="ending"):
    """The last line of a run that ended by itself."""

    outcome: Outcome
    wall: str
    elapsed_s: float


AnyRecord = Schema | Frame | Snapshot | Picture | Summary | Baseline | Event | Claim | State | LaneEnding | Ending


def plain(value: float) -> float | str:
    """A number as the log holds it: JSON has no NaN and no infinity, so these become words."""
    return value if math.isfinite(value) else str(value)


def number(value: float | str | None) -> float:
    """The number that ``plain`` wrote; None is NaN."""
    return math.nan if value is None else float(value)


def now() -> str:
    """UTC, ISO 8601, to the millisecond."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
