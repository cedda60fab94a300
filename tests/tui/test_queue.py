"""Runs that wait: begun in their turn, taken out, deleted, left behind by an app that goes, and started later."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.pilot import Pilot

import presets
from solver import client, runs
from solver.rundir import RunDirectory
from tests.tui import logs
from tests.tui.calling import call
from tests.tui.driving import StandIn, app_of, opened, text_of, until
from tui.commands.resume import check
from tui.screens.dialogs import QuitDialog
from tui.screens.home import HomeScreen
from tui.screens.live import LiveScreen
from tui.screens.runs import RunsScreen
from tui.screens.settings import SettingsScreen
from tui.widgets.run_table import RunTable


class Solvers:
    """A stand-in for each solver that was started."""

    def __init__(self) -> None:
        self.started: list[StandIn] = []

    def start(self, directory: RunDirectory, **_: object) -> StandIn:
        self.started.append(StandIn())
        self.started[-1].give(directory)
        return self.started[-1]

    def presets(self) -> list[str]:
        return [one.given[0].order().preset.name for one in self.started]

    def end_all(self) -> None:
        for one in self.started:
            one.alive = False


@pytest.fixture
def solvers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Solvers]:
    def no_warm() -> None:
        raise OSError

    found = Solvers()
    monkeypatch.setattr(client, "warm", no_warm)
    monkeypatch.setattr(client, "start", found.start)
    yield found
    found.end_all()


async def two_queued(pilot: Pilot[None]) -> None:
    """mf-depth under way; mf-dynamics and low-rank-recovery behind it."""
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
    await pilot.press("escape")
    await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
    await pilot.press("down", "Q", "down", "Q")
    await until(pilot, lambda: len(app_of(pilot).queued()) == 2)


def states(screen: RunsScreen) -> list[tuple[str, str]]:
    return [(one.order.preset.name, one.state) for one in screen.query_one(RunTable).runs if one.order is not None]


async def listed(pilot: Pilot[None]) -> RunsScreen:
    await pilot.press("r")
    await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
    screen = pilot.app.screen
    assert isinstance(screen, RunsScreen)
    await until(pilot, lambda: screen.query_one(RunTable).runs)
    return screen


async def test_queued_runs_begin_one_after_the_other(solvers: Solvers) -> None:
    async with opened() as pilot:
        await two_queued(pilot)
        assert solvers.presets() == ["mf-depth"]
        screen = await listed(pilot)
        assert states(screen)[:3] == [
            ("mf-depth", "starting"),
            ("mf-dynamics", "queued"),
            ("low-rank-recovery", "queued"),
        ], "in their turn, the newest last"
        assert "queued: it begins" not in text_of(pilot)
        await pilot.press("down")
        await until(pilot, lambda: "queued: it begins" in text_of(pilot))
        solvers.started[0].alive = False
        await until(pilot, lambda: len(solvers.started) == 2)
        await pilot.pause(0.7)
        assert solvers.presets() == ["mf-depth", "mf-dynamics"], "the third waits for the second"
        solvers.started[1].alive = False
        await until(pilot, lambda: len(solvers.started) == 3)
        assert app_of(pilot).queued() == []


async def test_with_nothing_under_way_a_queued_run_begins_at_once(solvers: Solvers) -> None:
    async with opened() as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen))
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        assert solvers.presets() == ["mf-depth"]
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen))
        await pilot.press("f9")
        await until(pilot, lambda: "is queued, next" in text_of(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: len(solvers.started) == 2)
        assert len(app_of(pilot).queued()) == 1, "enter still runs at once"


async def test_a_queued_run_is_taken_out_deleted_or_started_out_of_turn(solvers: Solvers) -> None:
    async with opened() as pilot:
        await two_queued(pilot)
        screen = await listed(pilot)
        await pilot.press("down", "s")
        await until(pilot, lambda: ("mf-dynamics", "not started") in states(screen))
        screen.query_one(RunTable).move_cursor(row=1)
        assert states(screen)[1] == ("low-rank-recovery", "queued")
        await pilot.press("x")
        await until(pilot, lambda: len(states(screen)) == 2)
        assert app_of(pilot).queued() == []
        await pilot.press("u")
        await until(pilot, lambda: ("low-rank-recovery", "not started") in states(screen))
        screen.query_one(RunTable).move_cursor(row=[name for name, _ in states(screen)].index("mf-dynamics"))
        await pilot.press("enter")
        await until(pilot, lambda: "it never began: space starts it" in text_of(pilot))
        await pilot.press("space")
        await until(pilot, lambda: len(solvers.started) == 2)
        assert solvers.presets() == ["mf-depth", "mf-dynamics"]


async def test_who_leaves_is_told_what_becomes_of_the_queue_and_it_can_be_started_later(solvers: Solvers) -> None:
    async with opened() as pilot:
        await two_queued(pilot)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuitDialog))
        assert "2 runs wait in the queue, which ends with the app" in text_of(pilot)
        await pilot.press("l")
    assert len(solvers.started) == 1
    left = runs.list_runs()[1:]
    assert [run.state() for run in left] == ["not started"] * 2
    for run in left:
        check(run)
    with logs.held(left[0]):
        assert not left[0].can_resume(), "somebody has it"


async def test_a_run_that_waits_and_was_started_elsewhere_is_not_started_again(solvers: Solvers) -> None:
    async with opened() as pilot:
        await two_queued(pilot)
        first, second = runs.list_runs()[1:]
        first.log.write_bytes(b"")
        with logs.held(second):
            solvers.end_all()
            await pilot.pause(0.7)
            assert len(solvers.started) == 1
            assert app_of(pilot).queued() == []


def test_the_command_line_starts_a_run_that_never_began() -> None:
    """With a solver of its own; what it trains is what was asked for when it was queued."""
    changes = {"problem.shape": [10, 10], "problem.rank": 2, "problem.observations": 50, "stop.max_steps": 5}
    left = runs.create(presets.order_of("mf-depth", changes=changes))
    assert call("resume", left.id, "--quiet").returncode == 0
    assert left.state() == "max-steps"
    assert call("resume", left.id, "--quiet").returncode == 2
