"""What a run has recorded so far, column by column: the picture that live view, replay and export share."""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from solver.log import Reader
from solver.records import (
    NOT_RESUMED,
    SCHEMA_VERSION,
    AnyRecord,
    Baseline,
    Claim,
    Ending,
    Event,
    Frame,
    LaneEnding,
    LaneSchema,
    Outcome,
    Picture,
    Schema,
    Snapshot,
    State,
    Summary,
    Value,
    number,
)
from solver.series import BY_NAME, VECTORS
from solver.variants import NAMED

_NEEDED = {"step", "elapsed_s", "train_loss"}


class LaneHistory:
    """The recorded states of one lane."""

    def __init__(self, schema: LaneSchema) -> None:
        self.index = schema.index
        self.parameters: dict[str, Any] = schema.parameters
        self.problem = schema.problem
        self.series = schema.series
        self._step = schema.series.index("step")
        self.columns: dict[str, array[float]] = {name: array("d") for name in schema.series if name not in VECTORS}
        """Scalar series by name."""
        self.vectors: dict[str, list[array[float]]] = {name: [] for name in schema.series if name in VECTORS}
        """Vector series by name, one array for each rank r or component."""
        self.snapshots: dict[str, Snapshot] = {}
        """The latest snapshot of each name."""
        self.pictures: dict[str, list[Picture]] = {}
        """All pictures of each name, by rising step."""
        self.summary: dict[str, float] = {}
        """Numbers of the final state that no frame has."""
        self.outcome: Outcome | None = None

    def __len__(self) -> int:
        return len(self.columns["step"])

    def extend(self, frames: Sequence[Frame]) -> None:
        """Takes frames up, in their order. Raises ValueError, and takes up none, where one is not of this lane.

        Many at once: reading a long log is mostly this, and a column at a time is what arrays are fast at.
        """
        if any(len(frame.values) != len(self.series) for frame in frames):
            raise ValueError(f"a frame of lane {self.index} has not {len(self.series)} values")
        found: list[tuple[list[array[float]], list[Sequence[float]]]] = []
        for name, values in zip(self.series, zip(*(frame.values for frame in frames), strict=True), strict=True):
            columns = self.vectors.get(name)
            if columns is None:
                column = _numbers(values)
                _check_whole(name, column)
                found.append(([self.columns[name]], [column]))
                continue
            n = len(columns) or (len(values[0]) if isinstance(values[0], list) else -1)
            if not all(isinstance(value, list) and len(value) == n for value in values):
                raise ValueError(f"a frame of lane {self.index} has not {n} values of {name}")
            new = columns or [array("d") for _ in range(n)]
            found.append((new, [_numbers(one) for one in zip(*values, strict=True)]))
        steps = [*self.columns["step"][-1:], *found[self._step][1][0]]
        if any(later < earlier for earlier, later in itertools.pairwise(steps)):
            raise ValueError(f"a frame of lane {self.index} goes back from step {steps[0]:g}")
        for name, (new, numbers) in zip(self.series, found, strict=True):
            if name in self.vectors:
                self.vectors[name] = new
            for column, more in zip(new, numbers, strict=True):
                column.extend(more)


def _check_whole(name: str, numbers: Sequence[float]) -> None:
    """Raises ValueError where a series counts, or stands for words, and these numbers do neither."""
    series = BY_NAME.get(name)
    if series is None or series.shape not in ("count", "word"):
        return
    most = len(series.words) - 1 if series.words else math.inf
    if not all(0 <= value <= most and value < math.inf for value in numbers):
        raise ValueError(f"{name} that is no {series.shape}")


def _numbers(values: Sequence[Value]) -> Sequence[float]:
    """These values as numbers. Raises ValueError for words other than nan and inf, for lists, and beyond range."""
    try:
        # All numbers, nearly always.
        return array("d", values)  # type: ignore[arg-type]
    except TypeError:
        if any(isinstance(value, list) for value in values):
            raise ValueError("a list in the place of a number") from None
        return [number(value) for value in values]  # type: ignore[arg-type]
    except OverflowError as error:
        raise ValueError(str(error)) from None


def _is_sound(schema: Schema) -> bool:
    """Whether each lane stands at its place, with every series once, and those among them that all screens need."""
    return bool(schema.lanes) and all(
        lane.index == place and len(set(lane.series)) == len(lane.series) and set(lane.series) >= _NEEDED
        for place, lane in enumerate(schema.lanes)
    )


class History:
    """Everything a log has said so far; ``apply`` takes what is new."""

    def __init__(self) -> None:
        self.lanes: list[LaneHistory] = []
        self.events: list[Event] = []
        self.claims: dict[str, Claim] = {}
        self.baselines: dict[int, dict[str, dict[str, Value]]] = {}
        """What the lanes of each problem are held against: by problem, then name."""
        self.state = "starting"
        """starting, running, paused, or the outcome's kind."""
        self.ending: Ending | None = None
        self.not_resumed: Event | None = None
        """Why the last attempt to take the run up came to nothing; None where it did not."""
        self.refused = 0
        """Records that a log of ours cannot hold, and that were left out: damage that checksums do not show."""
        self.is_newer = False
        """Whether the log is of a version that is not known here."""

    def apply(self, records: Iterable[AnyRecord]) -> bool:
        """Takes up new records; says whether there were any."""
        any_new = False
        frames: dict[int, list[Frame]] = {}
        for record in records:
            any_new = True
            if isinstance(record, Frame):
                # No other record asks what frames there are, so they can be taken up together.
                if 0 <= record.lane < len(self.lanes):
                    frames.setdefault(record.lane, []).append(record)
                continue
            try:
                self._apply(record)
            except ValueError:
                self.refused += 1
        for index, some in frames.items():
            self._extend(self.lanes[index], some)
        return any_new

    def _extend(self, lane: LaneHistory, frames: list[Frame]) -> None:
        """Takes frames up together, or one by one where one of them is refused."""
        try:
            lane.extend(frames)
        except ValueError:
            for frame in frames:
                try:
                    lane.extend([frame])
                except ValueError:
                    self.refused += 1

    def _apply(self, record: AnyRecord) -> None:
        if isinstance(record, Schema):
            if record.version > SCHEMA_VERSION:
                self.is_newer = True
                return
            if not _is_sound(record):
                raise ValueError("a schema that no run of ours writes")
            # Written twice for safety; the second says nothing new.
            self.lanes = self.lanes or [LaneHistory(lane) for lane in record.lanes]
        elif isinstance(record, Event):
            self.events.append(record)
            if record.name.startswith(NOT_RESUMED):
                self.not_resumed = record
        elif isinstance(record, State):
            self.state, self.not_resumed = record.state, None
            if self.ending is not None:
                # Taken up again after it was stopped: what ended then goes on.
                self.ending = None
                for lane in self.lanes:
                    if lane.outcome is not None and lane.outcome.is_unfinished:
                        lane.outcome = None
        elif isinstance(record, Claim):
            self.claims[record.name] = record
        elif isinstance(record, Baseline):
            for value in record.values.values():
                _numbers(value if isinstance(value, list) else [value])
            self.baselines.setdefault(record.problem, {})[record.name] = record.values
        elif isinstance(record, Summary):
            if 0 <= record.lane < len(self.lanes):
                numbers = _numbers(list(record.values.values()))
                self.lanes[record.lane].summary = dict(zip(record.values, numbers, strict=True))
        elif isinstance(record, Snapshot):
            if 0 <= record.lane < len(self.lanes):
                _numbers(list(record.values))
                self.lanes[record.lane].snapshots[record.name] = record
        elif isinstance(record, Picture):
            if 0 <= record.lane < len(self.lanes) and record.is_sound:
                self.lanes[record.lane].pictures.setdefault(record.name, []).append(record)
        elif isinstance(record, LaneEnding):
            if 0 <= record.lane < len(self.lanes):
                self.lanes[record.lane].outcome = record.outcome
        elif isinstance(record, Ending):
            self.ending = record
            self.state = record.outcome.kind

    def elapsed_s(self) -> float:
        """Solver seconds so far."""
        if self.ending is not None:
            return self.ending.elapsed_s
        return max((lane.columns["elapsed_s"][-1] for lane in self.lanes if len(lane)), default=0.0)

    def label(self, lane: LaneHistory) -> str:
        """The lane's variant and swept fields in short; its seed only where lanes differ in it."""
        seeds = {other.parameters.get("seed") for other in self.lanes}
        told = [(name, value) for name, value in lane.parameters.items() if name != "seed" or len(seeds) > 1]
        words = [worded(name, value) for name, value in told]
        return " · ".join(words) or f"seed {lane.parameters.get('seed', 0)}"


def read(path: Path) -> History:
    """All that the log at ``path`` has said."""
    history = History()
    history.apply(Reader(path).whole())
    return history


def worded(field: str, value: Any) -> str:
    """What a swept field is in a lane; a variant and a kind are named by their own word."""
    name = field.rpartition(".")[2]
    return _short(value) if field == NAMED or name == "kind" else f"{name.replace('_', ' ')} {_short(value)}"


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else text[:23] + "…"
