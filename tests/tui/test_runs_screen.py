"""The list of runs: found, sorted, named, compared, deleted and brought back."""

from __future__ import annotations

import os
import time

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input

from solver import runs
from solver.rundir import Notes, RunDirectory
from tests.tui import logs
from tests.tui.driving import app_of, live, opened, text_of, until
from tui.screens.dialogs import NotesDialog, PruneDialog
from tui.screens.live import LiveScreen
from tui.screens.runs import RunsScreen

pytestmark = pytest.mark.usefixtures("stand_in")


def some_runs() -> list[RunDirectory]:
    """Four runs of different names, sizes and tags."""
    made = []
    for k, name in enumerate(("alpha", "beta", "gamma", "delta")):
        run = logs.made_run(f"2026010{k + 1}-000000-mf-depth-000{k}")
        logs.write(run, [logs.lanes_of(run), *logs.ended("converged" if k % 2 else "diverged", "x")])
        run.write_notes(Notes(name=name, note=f"note {k}", tags=["even"] if k % 2 == 0 else ["odd", "kept"]))
        (run.path / "extra").write_bytes(b"x" * (4 - k) * 100_000)
        made.append(run)
    return made


async def listed(pilot: Pilot[None]) -> RunsScreen:
    await pilot.press("r")
    await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
    screen = pilot.app.screen
    assert isinstance(screen, RunsScreen)
    return screen


def names(screen: RunsScreen) -> list[str]:
    return [one.name for one in screen._shown]


async def test_runs_are_sorted_by_any_column_and_back_and_the_order_is_remembered() -> None:
    some_runs()
    async with opened() as pilot:
        screen = await listed(pilot)
        assert names(screen) == ["delta", "gamma", "beta", "alpha"], "newest first"
        table = screen.query_one(DataTable)
        screen._sort_by("size")
        assert names(screen) == ["alpha", "beta", "gamma", "delta"]
        screen._sort_by("size")
        assert names(screen) == ["delta", "gamma", "beta", "alpha"]
        screen._sort_by("state")
        assert [one.state for one in screen._shown] == ["converged", "converged", "diverged", "diverged"]
        await pilot.press("o")
        assert app_of(pilot).memory.sort == "preset"
        await pilot.press("O")
        assert app_of(pilot).memory.descending
        assert len(table.columns) == 7
        await pilot.click(DataTable, offset=(6, 0))
        assert app_of(pilot).memory.sort == "run"
    async with opened() as pilot:
        await listed(pilot)
        assert "by run" in text_of(pilot)


async def test_a_filter_shows_the_runs_with_all_of_its_words_and_escape_lets_it_go() -> None:
    some_runs()
    async with opened() as pilot:
        screen = await listed(pilot)
        await pilot.press("slash", *"odd", "space", *"del")
        assert names(screen) == ["delta"]
        assert "1 of 4 runs" in text_of(pilot)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        assert live(pilot).directory.read_notes().name == "delta"
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        await pilot.press("slash", *"beta", "escape")
        await until(pilot, lambda: "4 runs" in text_of(pilot))


async def test_a_run_is_given_a_name_a_note_and_tags() -> None:
    made = some_runs()
    async with opened() as pilot:
        await listed(pilot)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(pilot.app.screen, NotesDialog))
        pilot.app.screen.query_one("#name", Input).value = "  the one \x1b[31m"
        pilot.app.screen.query_one("#tags", Input).value = "a, b,,"
        await pilot.press("enter")
        await until(pilot, lambda: "the one" in text_of(pilot))
        assert "\x1b" not in text_of(pilot)
    assert made[3].read_notes() == Notes(name="the one \x1b[31m", note="note 3", tags=["a", "b"])
    made[3].notes.write_text("{")
    assert made[3].read_notes() == Notes()


async def test_deleted_runs_come_back_by_undo_and_are_gone_after_leaving() -> None:
    made = some_runs()
    async with opened() as pilot:
        screen = await listed(pilot)
        await pilot.press("space", "space", "x")
        await until(pilot, lambda: names(screen) == ["beta", "alpha"])
        assert len(runs.list_runs()) == 2
        await pilot.press("x")
        await until(pilot, lambda: names(screen) == ["alpha"] or names(screen) == ["beta"])
        await pilot.press("u", "u")
        await until(pilot, lambda: len(names(screen)) == 4)
        assert made[3].read_notes().name == "delta"
        await pilot.press("u")
        await until(pilot, lambda: "nothing was deleted here" in text_of(pilot))
        await pilot.press("x", "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, RunsScreen))
        await until(pilot, lambda: len(list(runs.runs_home().iterdir())) == 3)


async def test_a_live_run_is_not_deleted() -> None:
    made = logs.run_in_state("running")
    with logs.held(made):
        async with opened() as pilot:
            await listed(pilot)
            await pilot.press("x")
            await until(pilot, lambda: "stop them first" in text_of(pilot))
    assert runs.list_runs()


async def test_old_runs_are_pruned_after_saying_what_would_go_and_can_be_brought_back() -> None:
    made = some_runs()
    long_ago = time.time() - 40 * 86_400
    for run in made[:3]:
        for path in [*run.path.iterdir(), run.path]:
            os.utime(path, (long_ago, long_ago))
    async with opened() as pilot:
        screen = await listed(pilot)
        await pilot.press("P")
        await until(pilot, lambda: isinstance(pilot.app.screen, PruneDialog))
        await until(pilot, lambda: "0 runs would be deleted" in text_of(pilot))
        pilot.app.screen.query_one("#keep", Input).value = "2"
        await until(pilot, lambda: "2 runs would be deleted" in text_of(pilot))
        pilot.app.screen.query_one("#days", Input).value = "x"
        await until(pilot, lambda: "both are numbers" in text_of(pilot))
        pilot.app.screen.query_one("#days", Input).value = "30"
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: names(screen) == ["delta", "gamma"])
        await pilot.press("u")
        await until(pilot, lambda: len(names(screen)) == 4)


async def test_marked_runs_are_compared() -> None:
    some_runs()
    async with opened() as pilot:
        await listed(pilot)
        await pilot.press("c")
        await until(pilot, lambda: "space marks them" in text_of(pilot))
        await pilot.press("space", "space", "c")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        assert live(pilot).directory.read_notes().name == "delta"
        assert [other.name for other in live(pilot).others.values()] == ["gamma"]


def test_what_was_hidden_long_ago_is_purged_and_what_was_just_now_is_not() -> None:
    made = some_runs()
    hidden = runs.hide(made[0])
    assert hidden is not None
    runs.purge(3600.0)
    assert hidden.exists()
    assert runs.restore(hidden)
    assert made[0].path.exists()
    hidden = runs.hide(made[0])
    runs.purge(0.0)
    assert hidden is not None
    assert not hidden.exists()
    assert not runs.restore(hidden)
