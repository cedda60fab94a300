"""A run directory that grows, followed by the feed: everything arrives in order and once, and ends are certain."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from solver import log
from solver.log import Writer
from solver.records import AnyRecord, Event, Frame
from solver.rundir import RunDirectory
from tests.tui import logs
from tests.waiting import stays, until
from tui.watch import feed as feeds
from tui.watch.feed import Feed

Follow = Callable[[RunDirectory], Feed]


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Follow]:
    """Feeds that have begun, whose threads end with the test."""
    followed: list[Feed] = []

    def begin(made: RunDirectory) -> Feed:
        feed = Feed(made)
        followed.append(feed)
        feed.start()
        return feed

    yield begin
    for feed in followed:
        feed.close()
        until(lambda feed=feed: not feed._thread.is_alive(), 5.0)  # type: ignore[misc]


def numbered(first: int, n: int, length: int = 0) -> list[AnyRecord]:
    return [Event(lane=None, name="n", text=f"{k}" + " " * length) for k in range(first, first + n)]


def write_bytes(made: RunDirectory, data: bytes) -> None:
    with made.log.open("ab") as file:
        file.write(data)


def collect(feed: Feed, n: int) -> list[AnyRecord]:
    """The next ``n`` records, however many calls they take, and none beyond them."""
    found: list[AnyRecord] = []

    def enough() -> bool:
        found.extend(feed.take())
        return len(found) >= n

    until(enough)
    assert stays(lambda: not feed.take(), 0.12)
    return found


def test_records_of_a_log_that_grows_arrive_in_order_and_once(follow: Follow) -> None:
    made = logs.made_run()
    begun = [logs.lanes_of(made), *logs.under_way(5)]
    with logs.held(made):
        logs.write(made, begun)
        feed = follow(made)
        assert collect(feed, len(begun)) == begun
        writer = Writer(made.log)
        for start in range(0, 30, 10):
            more = numbered(start, 10)
            for record in more:
                writer.append(record)
            assert collect(feed, 10) == more
        writer.close()
        assert feed.damaged == 0


def test_records_written_while_they_are_taken_are_neither_lost_nor_doubled(follow: Follow) -> None:
    made, expected = logs.made_run(), numbered(0, 3000)
    with logs.held(made):
        feed = follow(made)
        writing = threading.Thread(target=logs.write, args=(made, expected))
        writing.start()
        found: list[AnyRecord] = []

        def enough() -> bool:
            found.extend(feed.take())
            return len(found) >= len(expected)

        until(enough)
        writing.join()
        assert found == expected
        assert stays(lambda: not feed.take(), 0.12)


def test_a_log_that_is_not_there_yet_is_waited_for(follow: Follow) -> None:
    made = logs.made_run()
    feed = follow(made)
    until(lambda: feed.caught_up)
    assert stays(lambda: not feed.solver_gone), "a solver that has not begun is not gone"
    logs.write(made, numbered(0, 3))
    assert collect(feed, 3) == numbered(0, 3)
    until(lambda: feed.solver_gone)


def test_half_a_line_is_no_record_until_it_is_whole(follow: Follow) -> None:
    made = logs.made_run()
    with logs.held(made):
        feed = follow(made)
        data = log.line(numbered(0, 1)[0], 0)
        write_bytes(made, data[:20])
        until(lambda: feed.caught_up)
        assert stays(lambda: not feed.take(), 0.2)
        write_bytes(made, data[20:])
        assert collect(feed, 1) == numbered(0, 1)
        assert feed.damaged == 0


class Watched(log.Reader):
    """Remembers what the feed said of itself whenever something more was read."""

    def __init__(self, feed: Feed, made: RunDirectory) -> None:
        super().__init__(made.log)
        self.feed = feed
        self.said: list[tuple[bool, bool]] = []

    def read(self, limit: int = 1 << 26) -> Iterator[AnyRecord]:
        records = list(super().read(limit))
        if records:
            self.said.append((self.feed.caught_up, self.feed.solver_gone))
        return iter(records)


def test_a_long_log_comes_in_pieces_and_the_solver_is_gone_only_after_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a screen would take what it has for all there is, and the run for ended."""
    monkeypatch.setattr(feeds, "_PIECE_BYTES", 5000)
    made, expected = logs.made_run(), numbered(0, 100, length=500)
    logs.write(made, expected)
    feed = Feed(made)
    watched = feed._reader = Watched(feed, made)
    made.lock.touch()
    feed.start()
    until(lambda: feed.solver_gone)
    assert feed.take() == expected
    assert feed.caught_up
    assert len(watched.said) >= 10
    assert set(watched.said) == {(False, False)}
    feed.close()
    until(lambda: not feed._thread.is_alive())


def test_what_a_solver_wrote_before_it_went_is_read_before_it_is_gone(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes its only record and lets go of the lock at the very moment at which we ask."""
    made, last = logs.made_run(), numbered(0, 1)
    made.log.touch()
    asked: list[bool] = []

    def is_solving() -> bool:
        if not asked:
            logs.write(made, last)
        asked.append(True)
        return False

    monkeypatch.setattr(made, "is_solving", is_solving)
    feed = follow(made)
    until(lambda: feed.solver_gone)
    assert feed.take() == last


def test_a_solver_is_there_while_it_holds_the_lock_and_again_when_the_run_is_taken_up(follow: Follow) -> None:
    made = logs.made_run()
    logs.write(made, numbered(0, 3))
    with logs.held(made):
        feed = follow(made)
        assert collect(feed, 3) == numbered(0, 3)
        assert stays(lambda: not feed.solver_gone, 0.7)
    until(lambda: feed.solver_gone)
    with logs.held(made):
        until(lambda: not feed.solver_gone)
        logs.write(made, numbered(3, 2))
        assert collect(feed, 2) == numbered(3, 2)


def test_a_run_that_has_ended_is_still_read_where_somebody_appends_to_it(follow: Follow) -> None:
    made = logs.made_run()
    logs.write(made, numbered(0, 1))
    feed = follow(made)
    until(lambda: feed.solver_gone)
    logs.write(made, numbered(1, 1))
    assert collect(feed, 2) == numbered(0, 2)


def test_damaged_lines_are_counted_and_what_is_around_them_arrives(follow: Follow) -> None:
    """A line of noise, one whose checksum is not its own, and one that is missing."""
    made = logs.made_run()
    records = numbered(0, 6)
    lines = [log.line(record, n) for n, record in enumerate(records)]
    write_bytes(made, lines[0] + b"noise\n" + lines[2].replace(b'"2"', b'"8"') + lines[3] + lines[5])
    with logs.held(made):
        feed = follow(made)
        assert collect(feed, 3) == [records[0], records[3], records[5]]
        until(lambda: feed.damaged == 3)
        write_bytes(made, b"noise\n" + log.line(records[1], 7))
        assert collect(feed, 1) == [records[1]]
        until(lambda: feed.damaged == 4)


def test_environment_and_truths_are_read_once_they_are_there(follow: Follow) -> None:
    """The solver writes both some time after it has begun, and a run.json that is cut is as none."""
    import numpy as np

    made = logs.made_run()
    with logs.held(made):
        feed = follow(made)
        until(lambda: feed.caught_up)
        assert (feed.environment, feed.truths, feed.device) == ({}, [], "")
        made.run.write_text('{"environment": ')
        assert stays(lambda: not feed.environment, 0.2)
        made.run.write_text(json.dumps({"environment": {"device": "cpu", "torch": "2.10"}}))
        until(lambda: feed.device == "cpu")
        assert feed.environment == {"device": "cpu", "torch": "2.10"}
        arrays: dict[str, Any] = {"0.shape": np.array([1, 2]), "0.ground_truth": np.array([3.0, 4.0])}
        np.savez(made.path / "part.npz", **arrays)
        assert stays(lambda: not feed.truths, 0.2)
        (made.path / "part.npz").rename(made.problem)
        until(lambda: feed.truths)
        (truth,) = feed.truths
        assert truth.shape == (1, 2)
        assert list(truth.ground_truth or []) == [3.0, 4.0]
        made.run.write_text("{}")
        made.problem.unlink()
        assert stays(lambda: bool(feed.environment and feed.truths), 0.2), "what is known stays known"


def test_closing_ends_the_thread_at_once_and_nothing_more_is_read(follow: Follow) -> None:
    """Also where the solver has gone and the directory is looked at seldom."""
    made = logs.made_run()
    logs.write(made, numbered(0, 1))
    feed = follow(made)
    until(lambda: feed.solver_gone)
    assert feed._thread.daemon, "leaving the app waits for no disk"
    feed.close()
    until(lambda: not feed._thread.is_alive(), 5.0)
    logs.write(made, numbered(1, 1))
    assert feed.take() == numbered(0, 1)
    feed.close()


def test_a_directory_that_vanishes_ends_nothing(follow: Follow) -> None:
    import shutil

    made = logs.made_run()
    with logs.held(made):
        logs.write(made, [logs.lanes_of(made), *logs.under_way(3)])
        feed = follow(made)
        until(lambda: feed.caught_up)
        shutil.rmtree(made.path)
        assert stays(lambda: feed._thread.is_alive() and not feed.solver_gone, 0.7)
        assert any(isinstance(record, Frame) for record in feed.take())
