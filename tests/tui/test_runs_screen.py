"""The list of runs: found, sorted, named, compared, deleted and brought back."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from solver import results, runs
from solver.expected import Result
from solver.records import AnyRecord, Claim, Verdict
from solver.rundir import Notes, Order, RunDirectory
from tests.tui import logs
from tests.tui.driving import app_of, live, opened, text_of, until
from tui.screens.columns import ColumnsDialog
from tui.screens.dialogs import NotesDialog, PruneDialog
from tui.screens.live import LiveScreen
from tui.screens.runs import RunsScreen
from tui.shown.run_rows import COLUMNS
from tui.widgets.run_table import RunTable

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


def claims(*verdicts: Verdict) -> list[AnyRecord]:
    """The claims of mf-depth with these verdicts."""
    named = zip(logs.made_run("20250101-000000-x-0000").order().preset.claims, verdicts, strict=True)
    return [
        Claim(name=name, text="x", source="y", measured=1.5, expected=1.0, tolerance=0.0, verdict=verdict)
        for name, verdict in named
    ]


def names(screen: RunsScreen) -> list[str]:
    return [one.name for one in screen._shown]


async def test_runs_are_sorted_by_any_column_and_back_and_the_order_is_remembered() -> None:
    some_runs()
    async with opened() as pilot:
        screen = await listed(pilot)
        assert names(screen) == ["delta", "gamma", "beta", "alpha"], "newest first"
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
        await pilot.click(RunTable, offset=(6, 0))
        assert app_of(pilot).memory.sort == "state"
    async with opened() as pilot:
        await listed(pilot)
        assert "by state" in text_of(pilot)


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


def a_run(k: int, name: str, *records: AnyRecord, n_frames: int = logs.N_FRAMES) -> RunDirectory:
    made = logs.made_run(f"2026010{k}-000000-mf-depth-000{k}")
    made.write_notes(Notes(name=name))
    logs.write(made, [logs.lanes_of(made), *logs.under_way(n_frames), *records])
    return made


def ending(kind: str) -> list[AnyRecord]:
    return logs.ended(kind, "that was all")[-4:]


async def test_the_list_says_what_came_of_each_run_and_sorts_by_it() -> None:
    """Claims, error and rank are those of the log; a run without a value stands last whichever way it is sorted."""
    judged = claims("holds", "holds", "fails", "not-applicable", "not-applicable")
    a_run(1, "good", *judged[:2], *ending("converged"), n_frames=50)
    a_run(2, "bad", *judged, *ending("max-steps"), n_frames=10)
    (logs.made_run("20260103-000000-mf-depth-0003").path / "log.jsonl").write_bytes(b"noise")
    shutil.rmtree(runs.runs_home() / "20250101-000000-x-0000")
    async with opened((150, 40)) as pilot:
        screen = await listed(pilot)
        await until(pilot, lambda: "2/3 ✗" in text_of(pilot))
        shown = text_of(pilot)
        assert "2/5 …" in shown
        assert "0.02" in shown, "1 / (1 + 49), the last error of every lane"
        assert "1:00" in shown, "60 s"
        screen._sort_by("error")
        assert names(screen)[:2] == ["good", "bad"]
        await pilot.press("O")
        assert names(screen)[:2] == ["bad", "good"]
        assert names(screen)[2].startswith("20260103")
        screen._sort_by("claims")
        assert names(screen)[0] == "bad", "two thirds hold of those that can be judged"


async def test_runs_under_way_stand_first_and_say_how_far_they_are() -> None:
    made = a_run(1, "under way", n_frames=20)
    a_run(2, "newer", *ending("converged"))
    with logs.held(made):
        async with opened() as pilot:
            screen = await listed(pilot)
            assert names(screen) == ["under way", "newer"]
            await until(pilot, lambda: "▶ running 28%" in text_of(pilot))
            assert "28% of the way" in text_of(pilot)
            logs.write(made, ending("converged"))
            await until(pilot, lambda: names(screen) == ["newer", "under way"])
            await until(pilot, lambda: "running" not in text_of(pilot))


async def test_columns_are_ticked_and_remembered() -> None:
    some_runs()
    async with opened() as pilot:
        screen = await listed(pilot)
        await pilot.press("C")
        await until(pilot, lambda: isinstance(pilot.app.screen, ColumnsDialog))
        lines = [str(option.prompt) for option in pilot.app.screen.query_one(OptionList).options]
        assert lines[0].startswith("● state")
        for place, name in enumerate(COLUMNS):
            pilot.app.screen.query_one(OptionList).highlighted = place
            ticked = str(pilot.app.screen.query_one(OptionList).options[place].prompt).startswith("●")
            if ticked != (name in ("run", "note", "size")):
                await pilot.press("space")
            if name == "size":
                await pilot.press("o")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.query_one(RunTable).names == ["run", "size", "note"]
        assert names(screen)[0] == "alpha", "the largest"
    async with opened() as pilot:
        assert (await listed(pilot)).query_one(RunTable).names == ["run", "size", "note"]


@pytest.mark.parametrize(
    "size", [(40, 12), (80, 24), (80, 40), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}"
)
async def test_a_page_on_the_run_stands_beside_the_list_or_below_it_where_there_is_room(size: tuple[int, int]) -> None:
    made = a_run(1, "x", *claims("fails", "holds", "fails", "holds", "not-applicable"), *ending("converged"))
    order = made.order()
    changed = msgspec.structs.replace(order, spec=msgspec.structs.replace(order.spec, seed=7))
    made.spec.write_bytes(msgspec.json.encode(changed))
    shutil.rmtree(runs.runs_home() / "20250101-000000-x-0000")
    async with opened(size) as pilot:
        screen = await listed(pilot)
        await until(pilot, lambda: "converged" in text_of(pilot))
        if size[0] < 80:
            assert screen.query_one(RunTable).names[:2] == ["state", "preset"]
            return
        await until(pilot, lambda: "2/4 ✗" in text_of(pilot))
        shown = text_of(pilot)
        assert ("that was all" in shown) == (size != (80, 24))
        if size != (80, 24):
            assert "✗ singular-value-law  1.5 ≈ 1" in shown
            assert "mf-depth, but" in shown
            assert "seed 7" in shown


async def test_an_end_that_the_preset_foresees_is_a_good_one_and_the_result_is_in_its_words() -> None:
    made = a_run(1, "x", *ending("max-steps"))
    order = made.order()
    info = msgspec.structs.replace(
        order.preset,
        claims=[],
        foresees={"max-steps": "so many steps are given"},
        results=[Result(say="Depth 3 comes to {reconstruction_error depth=3}.")],
    )
    async with opened() as pilot:
        await listed(pilot)
        await until(pilot, lambda: "■ max-steps: that was all" in text_of(pilot))
    made.spec.write_bytes(msgspec.json.encode(msgspec.structs.replace(order, preset=info)))
    async with opened() as pilot:
        await listed(pilot)
        await until(pilot, lambda: "✓ max-steps: Depth 3 comes to 0.01667." in text_of(pilot))
        assert "as foreseen" in text_of(pilot)


async def test_a_log_that_has_not_changed_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    some_runs()
    read: list[str] = []
    found = results.read

    def counting(run: RunDirectory, order: Order, shown: Callable[[float], str]) -> results.Results:
        read.append(run.id)
        return found(run, order, shown)

    monkeypatch.setattr(results, "read", counting)
    async with opened() as pilot:
        await listed(pilot)
        await until(pilot, lambda: len(read) == 4)
        await pilot.press("escape")
        screen = await listed(pilot)
        screen._read()
        made = a_run(9, "another")
        await until(pilot, lambda: read[4:] == [made.id])
        await pilot.pause(0.1)
        assert len(read) == 5
