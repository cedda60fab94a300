"""The journal alone, with a writer and an ear that only note what they are asked, and claims that count frames."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from solver.control import Ear
from solver.history import History
from solver.lock import Lock, Word
from solver.log import DiskFull, Reader, Writer
from solver.numerics import journal as journals
from solver.numerics.journal import Journal
from solver.records import (
    SCHEMA_VERSION,
    AnyRecord,
    Claim,
    Ending,
    Event,
    Frame,
    LaneEnding,
    LaneSchema,
    Outcome,
    OutcomeKind,
    Schema,
    State,
)
from solver.rundir import Order, PresetInfo
from solver.settings import LaneSpec
from solver.spec import RunSpec

ORDER = Order(spec=RunSpec(), preset=PresetInfo(name="one"), created="2026")
SERIES = ["step", "elapsed_s", "train_loss"]
SCHEMA = Schema(
    version=SCHEMA_VERSION,
    lanes=[LaneSchema(index=k, parameters={"seed": k}, series=SERIES, problem=k) for k in range(2)],
)
RUNNING = State(state="running", wall="now")


def frame(step: int, lane: int = 0, clock: float = 0.0) -> Frame:
    return Frame(lane=lane, values=[step, clock, 0.5])


def ended(lane: int, kind: OutcomeKind = "converged") -> LaneEnding:
    return LaneEnding(lane=lane, outcome=Outcome(kind=kind, reason="so"))


class Kept(Writer):
    """A log in memory, on a disk that is full for the next ``full`` writes."""

    def __init__(self, found: Sequence[AnyRecord] = ()) -> None:
        self.found, self.found_n, self.n = list(found), list(range(len(found))), len(found)
        self._lines = list(found)
        self.written: list[AnyRecord] = []
        self.full = 0

    def append(self, record: AnyRecord) -> None:
        if self.full:
            self.full -= 1
            raise DiskFull(errno.ENOSPC, "no space left")
        self.written.append(record)
        self.n += 1

    def lines(self) -> list[AnyRecord]:
        return [*self._lines, *self.written]


class Told(Ear):
    """Hears that the run should wait at these looks, and a stop at another."""

    def __init__(self) -> None:
        self.stop_reason, self.before_s, self.is_paused = "", 0.0, False
        self.looks, self.stop_at = 0, -1
        self.pauses: Sequence[int] = ()

    def is_due(self) -> bool:
        return True

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        yield

    def listen(self) -> None:
        self.looks += 1
        self.is_paused = self.looks in self.pauses
        if self.looks == self.stop_at:
            self.stop_reason = "it was asked to stop"


class Board(Lock):
    """Notes what is said."""

    def __init__(self) -> None:
        self.said: list[Word] = []

    def say(self, word: Word) -> None:
        self.said.append(word)


class Kit:
    """A journal with its stand-ins; ``held`` is what workers hear."""

    def __init__(
        self, found: Sequence[AnyRecord] = (), claims: Sequence[str] = (), detached_limit_s: float = 1e9
    ) -> None:
        self.writer, self.ear, self.board = Kept(found), Told(), Board()
        info = PresetInfo(name="one", claims=list(claims))
        order = Order(spec=RunSpec(), preset=info, created="2026", detached_limit_s=detached_limit_s)
        self.journal = Journal(self.writer, self.ear, order, self.board)
        self.held: list[bool] = []
        self.journal.hold = self.held.append

    def write(self, *records: AnyRecord) -> list[AnyRecord]:
        """The lines that these records make."""
        before = len(self.writer.written)
        for record in records:
            self.journal.write(record)
        return self.writer.written[before:]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody sleeps; how long it would have been."""
    seconds: list[float] = []
    monkeypatch.setattr(journals, "time", SimpleNamespace(sleep=seconds.append, monotonic=lambda: sum(seconds)))
    return seconds


# What has been written.


def test_records_are_written_as_they_come_and_counted_without_state_lines() -> None:
    kit = Kit([SCHEMA, RUNNING, frame(0), RUNNING])
    assert kit.journal.n_records == 2
    records: list[AnyRecord] = [frame(1), RUNNING, Event(lane=None, name="said", text="so"), frame(2)]
    assert kit.write(*records) == records
    assert kit.journal.n_records == 5


def test_the_same_record_twice_is_written_twice() -> None:
    """The schema is, for safety; only what a run makes a second time after it was taken up is not."""
    assert Kit().write(SCHEMA, SCHEMA, frame(0), frame(0)) == [SCHEMA, SCHEMA, frame(0), frame(0)]


def test_outcomes_are_those_that_the_log_had() -> None:
    kit = Kit([SCHEMA, ended(0, "stopped"), ended(1), ended(0, "max-steps")])
    assert {lane: outcome.kind for lane, outcome in kit.journal.outcomes.items()} == {0: "max-steps", 1: "converged"}


# Taken up again.


def test_what_lies_beyond_the_checkpoint_is_not_written_a_second_time() -> None:
    """It is made again with other clocks, and each once: what comes after is new."""
    kit = Kit([RUNNING, SCHEMA, frame(0, clock=1.0), frame(1, clock=2.0), RUNNING, frame(2, clock=3.0)])
    kit.journal.rewind(2, [])
    assert kit.journal.n_records == 4
    assert kit.write(frame(1, clock=7.0), frame(2, clock=8.0)) == []
    assert kit.journal.n_records == 4
    assert kit.write(frame(3, clock=9.0), frame(1, clock=9.5)) == [frame(3, clock=9.0), frame(1, clock=9.5)]
    assert kit.journal.n_records == 6


def test_a_record_is_told_by_what_it_says_and_not_by_its_place() -> None:
    """Workers end their last turns in an order that depends on clocks."""
    kit = Kit([SCHEMA, frame(1), frame(1, lane=1), frame(2)])
    kit.journal.rewind(1, [])
    others = [frame(1, lane=1, clock=5.0), frame(3), frame(2), frame(1)]
    assert kit.write(*others) == [frame(3)]


def test_other_numbers_than_the_clock_tell_records_apart() -> None:
    """Those of another lane, step or value are other records."""
    kit = Kit([SCHEMA, frame(1)])
    kit.journal.rewind(1, [])
    assert kit.write(frame(1, lane=1), frame(2)) == [frame(1, lane=1), frame(2)]


def test_of_equal_records_beyond_the_checkpoint_as_many_are_left_out_as_there_are() -> None:
    event = Event(lane=0, name="said", text="so")
    kit = Kit([SCHEMA, event, event])
    kit.journal.rewind(1, [])
    assert kit.write(event, event, event) == [event]


def test_an_end_from_outside_is_written_anew() -> None:
    """Another stop is another record, in equal words; a lane that ended by itself ended once."""
    ending = Ending(outcome=Outcome(kind="stopped", reason="so"), wall="now", elapsed_s=1.0)
    kit = Kit([SCHEMA, ended(0, "stopped"), ended(1), ending])
    kit.journal.rewind(1, [])
    assert kit.write(ended(0, "stopped"), ended(1), ending) == [ended(0, "stopped"), ending]


def test_what_was_made_beyond_an_earlier_checkpoint_is_remembered_by_the_next() -> None:
    """A run taken up twice: the last state of the first stop is beside what is made, and must not be doubled."""
    first = Kit([SCHEMA, frame(0), frame(1), frame(7)])
    first.journal.rewind(2, [])
    assert first.write(frame(1), frame(2)) == [frame(2)]
    # Frame 7 is in the log and was not made again yet: so says the checkpoint that is saved here.
    n_records, made = first.journal.n_records, first.journal.made()
    assert (n_records, len(made)) == (5, 1)
    second = Kit(first.writer.lines())
    second.journal.rewind(n_records, made)
    assert second.journal.made() == made
    assert second.write(frame(3), frame(7, clock=3.0), frame(7)) == [frame(3), frame(7)]
    assert second.journal.made() == []


def test_made_and_what_lies_beyond_add_up() -> None:
    first = Kit([SCHEMA, frame(5), frame(5)])
    first.journal.rewind(1, [])
    log = [*first.writer.lines(), frame(5), frame(6)]
    kit = Kit(log)
    kit.journal.rewind(first.journal.n_records, first.journal.made())
    assert kit.write(*[frame(5)] * 4, frame(6), frame(6)) == [frame(5), frame(6)]


def test_a_journal_that_was_not_rewound_has_made_nothing() -> None:
    kit = Kit([SCHEMA, frame(0)])
    kit.write(frame(1))
    assert kit.journal.made() == []


# Claims.


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[int], bool]]:
    """Frames of each lane whenever claims are judged, and whether that is at the end; a claim is made of the tens."""
    seen: list[tuple[list[int], bool]] = []

    def judge(names: Sequence[str], history: History, lanes: Sequence[LaneSpec], *, at_end: bool) -> list[Claim]:
        assert [lane.index for lane in lanes] == [0]
        counts = [len(lane) for lane in history.lanes]
        seen.append((counts, at_end))
        return [claim(name, sum(counts) // 10) for name in names]

    monkeypatch.setattr(journals, "claims", SimpleNamespace(judge=judge))
    return seen


def claim(name: str, value: int) -> Claim:
    return Claim(name=name, text="so", source="R20", measured=value, expected=None, tolerance=None, verdict="pending")


def test_claims_are_judged_at_a_hundred_frames_and_whenever_there_are_a_quarter_more(
    judged: list[tuple[list[int], bool]],
) -> None:
    """After the frame that makes the number, and after nothing else."""
    kit = Kit(claims=["one", "two"])
    written = kit.write(SCHEMA, *(frame(k // 2, lane=k % 2) for k in range(150)), Event(lane=0, name="a", text="b"))
    assert judged == [([50, 50], False), ([63, 62], False)]
    places = [k for k, record in enumerate(written) if isinstance(record, Claim)]
    assert places == [101, 102, 128, 129]
    assert written[101:103] == [claim("one", 10), claim("two", 10)]
    assert kit.journal.n_records == len(written)


def test_judging_a_run_however_long_costs_a_few_of_its_last_judgement(judged: list[tuple[list[int], bool]]) -> None:
    Kit(claims=["one"]).write(SCHEMA, *(frame(k) for k in range(20_000)))
    assert sum(sum(counts) for counts, _ in judged) < 5 * 20_000
    assert sum(judged[-1][0]) > 20_000 / 1.25


def test_claims_are_judged_where_twice_as_many_lanes_have_ended(judged: list[tuple[list[int], bool]]) -> None:
    """Those that somebody stopped are judged with the run, once."""
    lanes = [LaneSchema(index=k, parameters={}, series=SERIES, problem=0) for k in range(9)]
    kit = Kit(claims=["one"])
    kit.write(Schema(version=SCHEMA_VERSION, lanes=lanes), *(frame(0, lane=k) for k in range(9)))
    asked = []
    for k in range(9):
        kit.write(ended(k))
        asked.append(len(judged))
    assert asked == [1, 2, 2, 3, 3, 3, 3, 4, 4]
    stopped = Kit(claims=["one"])
    stopped.write(Schema(version=SCHEMA_VERSION, lanes=lanes), *(ended(k, "stopped") for k in range(9)))
    assert len(judged) == 4


def test_an_event_after_the_hundredth_frame_judges_nothing_again(judged: list[tuple[list[int], bool]]) -> None:
    kit = Kit(claims=["one"])
    kit.write(SCHEMA, *(frame(k) for k in range(100)), Event(lane=0, name="a", text="b"))
    assert len(judged) == 1


def test_claims_are_judged_whenever_a_lane_ends_and_written_where_they_changed(
    judged: list[tuple[list[int], bool]],
) -> None:
    kit = Kit(claims=["one"])
    kit.write(SCHEMA, frame(0), frame(1))
    assert kit.write(ended(0)) == [ended(0), claim("one", 0)]
    assert kit.write(ended(1)) == [ended(1)], "no number of the claim has changed"
    assert judged == [([2, 0], False), ([2, 0], False)]


def test_at_the_end_claims_are_judged_as_at_the_end(judged: list[tuple[list[int], bool]]) -> None:
    kit = Kit(claims=["one"])
    kit.write(SCHEMA, frame(0))
    kit.journal.judge(at_end=True)
    assert judged == [([1, 0], True)]


def test_a_run_without_claims_or_lanes_judges_nothing(judged: list[tuple[list[int], bool]]) -> None:
    without = Kit()
    without.write(SCHEMA, *(frame(k) for k in range(100)), ended(0))
    without.journal.judge(at_end=True)
    unbegun = Kit(claims=["one"])
    unbegun.journal.judge(at_end=True)
    assert judged == []


def test_claims_go_on_from_what_a_run_taken_up_keeps(judged: list[tuple[list[int], bool]]) -> None:
    """Frames up to the checkpoint count; those beyond it are counted as they are made again, as are their claims."""
    found: list[AnyRecord] = [SCHEMA, *(frame(k) for k in range(100)), claim("one", 10), frame(100)]
    kit = Kit(found, claims=["one"])
    kit.journal.rewind(91, [])
    assert kit.write(*(frame(k) for k in range(90, 102))) == [frame(101)]
    assert judged == [([100, 0], False)]
    kit.write(*(frame(k) for k in range(102, 200)))
    assert judged[1:] == [([125, 0], False), ([156, 0], False), ([195, 0], False)]


def test_what_was_made_beside_the_checkpoint_is_no_part_of_the_history(judged: list[tuple[list[int], bool]]) -> None:
    """The last state of a stop is in the log before the checkpoint, but nobody has come there yet."""
    first = Kit([SCHEMA, frame(0), frame(7)], claims=["one"])
    first.journal.rewind(2, [])
    kit = Kit(first.writer.lines(), claims=["one"])
    kit.journal.rewind(first.journal.n_records, first.journal.made())
    kit.journal.judge()
    assert judged == [([1, 0], False)]


# A full disk, and a pause.


def test_a_full_disk_is_waited_for_and_nothing_is_lost(slept: list[float]) -> None:
    """Workers wait meanwhile; that the run goes on is written down."""
    kit = Kit()
    kit.writer.full = 3
    written = kit.write(SCHEMA)
    assert written[0] == SCHEMA
    assert [record.state for record in written[1:] if isinstance(record, State)] == ["running"]
    assert len(written) == 2
    assert kit.held == [True, False]
    assert kit.board.said == ["waiting-for-disk"] * 3 + ["running"]
    assert (kit.ear.looks, len(slept)) == (3, 3)
    assert min(slept) > 0
    assert kit.journal.n_records == 1
    assert kit.write(frame(0)) == [frame(0)]


def test_a_disk_with_room_is_not_waited_for(slept: list[float]) -> None:
    kit = Kit()
    kit.write(SCHEMA)
    assert (kit.held, kit.ear.looks, slept) == ([], 0, [])


def test_a_stop_while_the_disk_is_full_ends_the_waiting(slept: list[float]) -> None:
    kit = Kit()
    kit.writer.full, kit.ear.stop_at = 1000, 3
    with pytest.raises(DiskFull):
        kit.write(SCHEMA)
    assert (kit.ear.looks, len(slept)) == (3, 2)
    assert kit.writer.written == []


def test_a_disk_that_never_has_room_again_is_not_waited_for_for_ever(slept: list[float]) -> None:
    kit = Kit(detached_limit_s=20.0)
    kit.writer.full = 10**9
    with pytest.raises(DiskFull):
        kit.write(SCHEMA)
    assert sum(slept) == pytest.approx(20.0, abs=0.5)


def test_a_pause_while_the_disk_is_full_is_told_without_it(slept: list[float]) -> None:
    """It lasts until it is over, though there is room meanwhile; the workers go on with it and not before."""
    kit = Kit()
    kit.writer.full, kit.ear.pauses = 3, range(2, 7)
    kit.journal.write(SCHEMA)
    assert kit.board.said == ["waiting-for-disk", "paused", "paused", "running"]
    assert kit.held == [True, False]
    kit.journal.listen()
    assert kit.board.said[4:] == ["paused", "running"]
    assert kit.held == [True, False, True, False]
    states = [record.state for record in kit.writer.written if isinstance(record, State)]
    assert states == ["running", "paused", "running"]


def test_a_pause_whose_line_has_no_room_still_holds_the_workers(slept: list[float]) -> None:
    kit = Kit()
    kit.writer.full, kit.ear.pauses = 2, range(1, 6)
    kit.journal.listen()
    assert kit.held == [True, False, True, False]
    assert kit.ear.looks == 6


def test_a_pause_is_written_and_holds_the_workers(slept: list[float]) -> None:
    kit = Kit()
    kit.ear.pauses = [1]
    kit.journal.listen()
    kit.journal.listen()
    assert [record.state for record in kit.writer.written if isinstance(record, State)] == ["paused", "running"]
    assert len(kit.writer.written) == 2
    assert kit.held == [True, False]
    assert kit.journal.n_records == 0


@pytest.mark.parametrize("damaged", [0, 1, 2, 6], ids=["schema", "second schema", "state", "frame"])
def test_a_line_damaged_before_the_checkpoint_moves_nothing(tmp_path: Path, damaged: int) -> None:
    """The cut is by the numbers of lines: what one flipped bit takes away neither doubles a record nor loses one."""
    log = tmp_path / "log.jsonl"
    writer = Writer(log)
    first = Journal(writer, Told(), ORDER, Board())
    told: list[AnyRecord] = [SCHEMA, SCHEMA, RUNNING, *(frame(step) for step in range(4))]
    for record in told:
        first.write(record)
    n_records, n_lines = first.n_records, first.n_lines
    for step in range(4, 7):
        first.write(frame(step))
    writer.close()
    lines = log.read_bytes().splitlines(keepends=True)
    lines[damaged] = lines[damaged].replace(b"kind", b"kinf")
    log.write_bytes(b"".join(lines))
    again = Writer(log)
    second = Journal(again, Told(), ORDER, Board())
    second.rewind(n_records, [], n_lines)
    for step in range(4, 9):
        second.write(frame(step))
    again.close()
    steps = [record.values[0] for record in Reader(log).whole() if isinstance(record, Frame)]
    assert steps == [step for step in range(9) if step != damaged - 3]
