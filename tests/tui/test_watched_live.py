"""A run that is watched while it grows: what is remembered of it, and the damage in its log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from solver import log
from solver.history import History
from solver.log import Reader
from solver.records import AnyRecord
from tests.tui import logs
from tests.tui.histories import frames, made, quantity, schema, seen
from tests.waiting import until
from tui.draw.palette import is_pale
from tui.shown import traces
from tui.watch import feed as feeds
from tui.watch import replay
from tui.watch.feed import Feed


@pytest.mark.parametrize("bands", [False, True])
def test_a_replay_of_a_run_that_was_watched_live_has_as_many_x_as_y(bands: bool) -> None:
    """What was remembered while the run grew is the lane's own column, which has grown since."""
    written, history, known = schema([({"seed": k}, ["gradient_norm"]) for k in range(3)]), History(), traces.Known()
    history.apply([written])
    for t in range(5):
        for lane in written.lanes:
            history.apply(frames(lane, {"train_loss": [1.0]}, first=t))
        groups = traces.groups(seen(history), (), None)
        traces.curves(quantity("train_loss"), groups, "step", bands=True, log_x=False, known=known)
    groups = traces.groups(seen(replay.at(history, "step", 2.0)), (), None)
    curves = traces.curves(quantity("gradient_norm"), groups, "step", bands=bands, log_x=False, known=known)
    assert all(len(one.x) == len(one.y) and one.x[-1] == 2.0 for one in curves)


def test_medians_of_runs_differ_in_colour_whichever_were_laid_over_before() -> None:
    runs = {name: made([({"seed": k}, {"train_loss": [1.0, 2.0]}) for k in range(3)]) for name in "abc"}
    known = traces.Known()
    for others in ("b", "cb"):
        groups = traces.groups(seen(runs["a"], "a"), [seen(runs[name], name) for name in others], None)
        curves = traces.curves(quantity("train_loss"), groups, "step", bands=True, log_x=False, known=known)
        assert len({one.mark for one in curves}) == 1 + len(others)
        assert [is_pale(one.colour) for one in curves] == [True] * len(others) + [False]


def test_damaged_lines_at_the_end_of_a_log_are_counted_too() -> None:
    directory = logs.made_run()
    directory.log.write_bytes(log.line(logs.START, 0))
    feed = Feed(directory)
    feed.start()
    until(lambda: feed.solver_gone)
    with directory.log.open("ab") as file:
        file.write(b"noise\n" * 3)
    until(lambda: feed._reader.damaged == 3)
    feed.close()
    until(lambda: not feed._thread.is_alive())
    assert feed.damaged == 3


def test_a_piece_of_nothing_but_damage_is_not_the_end_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_PIECE_BYTES", 100)
    directory = logs.made_run()
    directory.log.write_bytes(b"noise\n" * 50 + log.line(logs.START, 50))
    feed = Feed(directory)
    said: list[tuple[bool, bool]] = []

    class Watched(Reader):
        def read(self, limit: int = 1 << 26) -> Iterator[AnyRecord]:
            records: list[AnyRecord] = list(super().read(limit))
            if records:
                said.append((feed.caught_up, feed.solver_gone))
            return iter(records)

    feed._reader = Watched(directory.log)
    feed.start()
    until(lambda: said)
    feed.close()
    assert said == [(False, False)]
