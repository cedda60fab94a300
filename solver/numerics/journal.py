"""The run as it is written down: records to the log, claims judged on the way, commands heard in between."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence

from solver import claims, settings
from solver.control import Ear
from solver.history import History
from solver.log import DiskFull, Writer
from solver.records import AnyRecord, Frame, LaneEnding, State
from solver.rundir import Order

# How often a run that waits for room on the disk looks for it.
_DISK_LOOK_S = 1.0
# Claims are judged anew after so many frames of all lanes, and whenever a lane ends.
_FRAMES_BETWEEN_CLAIMS = 100


class Journal:
    """Writes records, waiting where the disk is full, and listens for commands in between."""

    def __init__(self, writer: Writer, ear: Ear, order: Order) -> None:
        self._writer = writer
        self._ear = ear
        self._order = order
        self._history = History()
        self._lanes: list[settings.Lane] = []
        self._n_frames = 0
        states = sum(isinstance(record, State) for record in writer.found)
        self.n_records = writer.n - states
        """Records in the log, state lines left out: their number depends on clocks."""
        self.outcomes = {record.lane: record.outcome for record in writer.found if isinstance(record, LaneEnding)}
        """Outcomes of lanes that ended before the run was taken up."""
        self._skip = 0

    def rewind(self, n_records: int, *, again: bool) -> None:
        """Goes on after the first ``n_records`` records, where a checkpoint was saved.

        With ``again`` those that the log has beyond them are made a second time, and not written again.
        """
        kept = [record for record in self._writer.found if not isinstance(record, State)][:n_records]
        self._note(kept)
        self._skip = self.n_records - n_records if again else 0
        self._writer.found.clear()

    def write(self, record: AnyRecord) -> None:
        if not isinstance(record, State):
            if self._skip:
                self._skip -= 1
            else:
                self.n_records += 1
                self._append(record)
            self._note([record])
            if isinstance(record, LaneEnding) or (
                isinstance(record, Frame) and self._n_frames % _FRAMES_BETWEEN_CLAIMS == 0
            ):
                self.judge()
            return
        self._append(record)

    def judge(self, *, at_end: bool = False) -> None:
        """Writes each claim whose numbers or verdict have changed; at the end only stopped lanes keep it open."""
        if not self._order.preset.claims or not self._history.lanes:
            return
        self._lanes = self._lanes or settings.lanes(self._order.spec)
        for claim in claims.judge(self._order.preset.claims, self._history, self._lanes, at_end=at_end):
            if self._history.claims.get(claim.name) != claim:
                self.write(claim)

    def _note(self, records: Sequence[AnyRecord]) -> None:
        """Keeps what claims are judged from; a run without claims need not remember what it has written."""
        if not self._order.preset.claims:
            return
        self._history.apply(records)
        self._n_frames += sum(isinstance(record, Frame) for record in records)

    def _append(self, record: AnyRecord) -> None:
        waited = False
        while True:
            try:
                self._writer.append(record)
                break
            except DiskFull:
                waited = True
                time.sleep(_DISK_LOOK_S)
        if waited:
            self.write(State(state="running", wall=now()))

    def listen(self, hold: Callable[[bool], None]) -> None:
        """Hears commands; a pause is written down, and ``hold`` hears of it."""

        def on_pause(paused: bool) -> None:
            hold(paused)
            self.write(State(state="paused" if paused else "running", wall=now()))

        self._ear.listen(on_pause)


def now() -> str:
    """UTC, ISO 8601, to the millisecond."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
