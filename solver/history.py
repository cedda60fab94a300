"""What a run has recorded so far, column by column: the picture that live view, replay and export share."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from solver.log import Reader
from solver.records import (
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
from solver.series import VECTORS


class LaneHistory:
    """The recorded states of one lane."""

    def __init__(self, schema: LaneSchema) -> None:
        self.index = schema.index
        self.parameters: dict[str, Any] = schema.parameters
        self.problem = schema.problem
        self.series = schema.series
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

    def append(self, frame: Frame) -> None:
        for name, value in zip(self.series, frame.values, strict=True):
            if not isinstance(value, list):
                self.columns[name].append(number(value))
                continue
            columns = self.vectors[name]
            if not columns:
                columns.extend(array("d") for _ in value)
            for column, item in zip(columns, value, strict=True):
                column.append(number(item))


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

    def apply(self, records: Iterable[AnyRecord]) -> bool:
        """Takes up new records; says whether there were any."""
        any_new = False
        for record in records:
            any_new = True
            self._apply(record)
        return any_new

    def _apply(self, record: AnyRecord) -> None:
        if isinstance(record, Frame):
            if 0 <= record.lane < len(self.lanes):
                self.lanes[record.lane].append(record)
        elif isinstance(record, Schema):
            # Written twice for safety; the second says nothing new.
            self.lanes = self.lanes or [LaneHistory(lane) for lane in record.lanes]
        elif isinstance(record, Event):
            self.events.append(record)
        elif isinstance(record, State):
            self.state = record.state
            if self.ending is not None:
                # Taken up again after it was stopped: what ended then goes on.
                self.ending = None
                for lane in self.lanes:
                    if lane.outcome is not None and lane.outcome.is_unfinished:
                        lane.outcome = None
        elif isinstance(record, Claim):
            self.claims[record.name] = record
        elif isinstance(record, Baseline):
            self.baselines.setdefault(record.problem, {})[record.name] = record.values
        elif isinstance(record, Summary):
            if 0 <= record.lane < len(self.lanes):
                self.lanes[record.lane].summary = {name: number(value) for name, value in record.values.items()}
        elif isinstance(record, Snapshot):
            if 0 <= record.lane < len(self.lanes):
                self.lanes[record.lane].snapshots[record.name] = record
        elif isinstance(record, Picture):
            if 0 <= record.lane < len(self.lanes) and record.is_sound:
                self.lanes[record.lane].pictures.setdefault(record.name, []).append(record)
        elif isinstance(record, LaneEnding):
            if 0 <= record.lane < len(self.lanes):
                self.lanes[record.lane].outcome = record.outcome
        else:
            self.ending = record
            self.state = record.outcome.kind

    def elapsed_s(self) -> float:
        """Solver seconds so far."""
        if self.ending is not None:
            return self.ending.elapsed_s
        return max((lane.columns["elapsed_s"][-1] for lane in self.lanes if len(lane)), default=0.0)

    def label(self, lane: LaneHistory) -> str:
        """The lane's swept fields in short; its seed only where lanes differ in it."""
        seeds = {other.parameters.get("seed") for other in self.lanes}
        told = [(name, value) for name, value in lane.parameters.items() if name != "seed" or len(seeds) > 1]
        words = [f"{name.rpartition('.')[2].replace('_', ' ')} {_short(value)}" for name, value in told]
        return " · ".join(words) or f"seed {lane.parameters.get('seed', 0)}"


def read(path: Path) -> History:
    """All that the log at ``path`` has said."""
    history = History()
    history.apply(Reader(path).whole())
    return history


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else text[:23] + "…"
