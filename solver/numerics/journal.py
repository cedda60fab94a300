"""The run as it is written down: records to the log, claims judged on the way, commands heard in between."""

from __future__ import annotations

import errno
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from solver import claims, settings
from solver.control import LOOK_EVERY_S, Ear
from solver.history import History
from solver.lock import Lock
from solver.log import DiskFull, Writer
from solver.records import NOT_RESUMED, AnyRecord, Ending, Event, Frame, LaneEnding, Picture, Schema, State, now
from solver.rundir import Order

# How often a run that waits for room on the disk looks for it.
_DISK_LOOK_S = 0.2
# Claims are judged over the whole history: first after so many frames of all lanes, then whenever there are so many
# times as many, and where twice as many lanes have ended. So it costs a few of the last judgement, however long the
# run, and the log depends on the spec alone.
_FIRST_FRAMES = 100
_MORE_FRAMES = 1.25
_MORE_LANES = 2


class Journal:
    """Writes records, waiting where the disk is full, and listens for commands in between."""

    def __init__(self, writer: Writer, ear: Ear, order: Order, lock: Lock) -> None:
        self._writer = writer
        self._ear = ear
        self._lock = lock
        self._order = order
        self._history = History()
        self._lanes: list[settings.LaneSpec] = []
        self._n_frames, self._frames_due = 0, _FIRST_FRAMES
        self._n_ended, self._ended_due = 0, 1
        states = sum(isinstance(record, State) for record in writer.found)
        self.n_records = writer.n - states
        """Records in the log, state lines left out: their number depends on clocks."""
        self.outcomes = {record.lane: record.outcome for record in writer.found if isinstance(record, LaneEnding)}
        """Outcomes of lanes that ended before the run was taken up."""
        self.hold: Callable[[bool], None] = lambda _: None
        """Hears that the run waits, and that it goes on."""
        self._clocks: dict[int, int] = {}
        self._made: Counter[str] = Counter()
        self.judging_s = 0.0
        """Seconds in which claims were judged."""

    @property
    def n_lines(self) -> int:
        """Lines in the log, damaged ones and state lines included."""
        return self._writer.n

    def rewind(self, n_records: int, made: list[str], n_lines: int | None = None) -> None:
        """Goes on where a checkpoint was saved: after the first ``n_lines`` lines, less the records named by ``made``.

        Without ``n_lines``, as in checkpoints of old, after the first ``n_records`` records that are not state lines;
        a line that was damaged since would then be missing from the count.

        What the log has besides will mostly be made a second time, and is not written again. It is told by what it
        says, not counted: a stop writes last states that nobody makes again, in an order that depends on clocks.
        """
        for record in self._writer.found:
            self._note_clocks(record)
        found = zip(self._writer.found_n, self._writer.found, strict=True)
        numbered = [(n, record) for n, record in found if not isinstance(record, State)]
        cut = n_records if n_lines is None else sum(n < n_lines for n, _ in numbered)
        records = [record for _, record in numbered]
        beyond = [record for record in records[cut:] if not _comes_from_outside(record)]
        earlier, kept = Counter(made), []
        for record in records[:cut]:
            if earlier[name := self._name(record)]:
                earlier[name] -= 1
            else:
                kept.append(record)
        self._made = Counter(made) + Counter(self._name(record) for record in beyond)
        self._note(kept)
        self._writer.found.clear()
        self._writer.found_n.clear()

    def made(self) -> list[str]:
        """Names of the records in the log that a run taken up from here would make, or have made, beside it."""
        return list(self._made.elements())

    def write(self, record: AnyRecord) -> None:
        if isinstance(record, State):
            self._append(record)
            return
        self._note_clocks(record)
        if self._made and self._made[name := self._name(record)]:
            self._made -= Counter([name])
        else:
            self.n_records += 1
            self._append(record)
        if self._note([record]):
            self.judge()

    def _note_clocks(self, record: AnyRecord) -> None:
        if isinstance(record, Schema):
            self._clocks = {lane.index: lane.series.index("elapsed_s") for lane in record.lanes}

    def _name(self, record: AnyRecord) -> str:
        """What the record says, clocks left out, in short."""
        if isinstance(record, Frame) and record.lane in self._clocks:
            values = list(record.values)
            values[self._clocks[record.lane]] = 0
            record = Frame(lane=record.lane, values=values)
        return hashlib.blake2b(msgspec.json.encode(record), digest_size=12).hexdigest()

    def judge(self, *, at_end: bool = False) -> None:
        """Writes each claim whose numbers or verdict have changed; at the end only stopped lanes keep it open."""
        if not self._order.preset.claims or not self._history.lanes:
            return
        self._lanes = self._lanes or settings.lanes(self._order.spec)
        began = time.perf_counter()
        judged = claims.judge(self._order.preset.claims, self._history, self._lanes, at_end=at_end)
        self.judging_s += time.perf_counter() - began
        for claim in judged:
            if self._history.claims.get(claim.name) != claim:
                self.write(claim)

    def _note(self, records: Sequence[AnyRecord]) -> bool:
        """Keeps what claims are judged from, and says whether they are to be judged anew.

        A run without claims need not remember what it has written.
        """
        if not self._order.preset.claims:
            return False
        self._history.apply(record for record in records if not isinstance(record, Picture))
        self._n_frames += sum(isinstance(record, Frame) for record in records)
        # Lanes that somebody stops end all at once, and are judged with the run.
        self._n_ended += sum(isinstance(one, LaneEnding) and not one.outcome.is_unfinished for one in records)
        is_due = self._n_frames >= self._frames_due or self._n_ended >= self._ended_due
        while self._n_frames >= self._frames_due:
            self._frames_due = int(self._frames_due * _MORE_FRAMES)
        while self._n_ended >= self._ended_due:
            self._ended_due *= _MORE_LANES
        return is_due

    def _append(self, record: AnyRecord) -> None:
        """Writes one line, whatever room it has to wait for. Raises DiskFull where the run is to stop instead."""
        try:
            self._writer.append(record)
            return
        except DiskFull:
            self._wait_for_room(record)
        self.write(State(state="running", wall=now()))

    def _wait_for_room(self, record: AnyRecord) -> None:
        given_up_at = time.monotonic() + self._order.detached_limit_s
        self.hold(True)
        with self._ear.idle():
            while True:
                self._ear.listen()
                if self._ear.stop_reason or time.monotonic() >= given_up_at:
                    raise DiskFull(errno.ENOSPC, "the disk is full, and the run was to wait for room no longer")
                self._lock.say("paused" if self._ear.is_paused else "waiting-for-disk")
                time.sleep(_DISK_LOOK_S)
                try:
                    self._writer.append(record)
                    break
                except DiskFull:
                    continue
        self._lock.say("running")
        self.hold(False)

    def listen(self) -> None:
        """Hears commands; a pause is written down, and lasts until it is over or the run is to stop."""
        if not self._ear.is_due():
            return
        self._ear.listen()
        if not self._ear.is_paused or self._ear.stop_reason:
            return
        with self._ear.idle():
            self.write(State(state="paused", wall=now()))
            self.hold(True)
            self._lock.say("paused")
            while self._ear.is_paused and not self._ear.stop_reason:
                time.sleep(LOOK_EVERY_S)
                self._ear.listen()
        self._lock.say("running")
        self.hold(False)
        self.write(State(state="running", wall=now()))


def _comes_from_outside(record: AnyRecord) -> bool:
    """Whether it tells of an end that somebody brought about: another such end is another record, if in equal words."""
    if isinstance(record, Event):
        return record.name.startswith(NOT_RESUMED)
    return isinstance(record, Ending) or (isinstance(record, LaneEnding) and record.outcome.is_unfinished)
