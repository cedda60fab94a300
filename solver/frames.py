"""Recorded states by name: a frame of the log with its series, as it is read while a run goes on."""

from __future__ import annotations

import msgspec

from solver.records import AnyRecord, Frame, LaneSchema, Schema, Value, number
from solver.series import BY_NAME, VECTORS

Named = float | int | str | list[float]


class NamedFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded state of a lane, by the names that the export has for its series, too."""

    lane: int
    values: dict[str, Named]
    """Numbers, of vector series lists, of ``method`` its word; NaN where a number was not measured."""

    @property
    def step(self) -> int:
        """Accepted steps of the lane; states inside a step have that of the step before."""
        return int(self.values["step"])  # type: ignore[arg-type]


class Namer:
    """Gives the frames of one log their names, which its first line has; ``take`` is given every record in order."""

    def __init__(self) -> None:
        self.lanes: list[LaneSchema] = []

    def take(self, record: AnyRecord) -> NamedFrame | None:
        """The state that a record is; None where it is something else, or damage that checksums do not show."""
        if isinstance(record, Schema):
            # Written twice for safety; the second says nothing new.
            self.lanes = self.lanes or record.lanes
            return None
        if not isinstance(record, Frame) or not 0 <= record.lane < len(self.lanes):
            return None
        names = self.lanes[record.lane].series
        try:
            pairs = zip(names, record.values, strict=True)
            return NamedFrame(lane=record.lane, values={name: _named(name, value) for name, value in pairs})
        except (ValueError, TypeError, IndexError, OverflowError):
            return None


def _named(name: str, value: Value) -> Named:
    """A value of the log as what its series says it is. Raises ValueError, TypeError or IndexError where it is none."""
    if name in VECTORS or isinstance(value, list):
        if not isinstance(value, list):
            raise TypeError(f"{name} that is no list")
        return [number(one) for one in value]
    series = BY_NAME.get(name)
    if series is not None and series.shape == "count":
        return int(number(value))
    if series is not None and series.shape == "word":
        return series.words[int(number(value))]
    return number(value)
