"""Files that are damaged or hostile, runs that vanish, and modes that meet: nothing is brought down."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from solver import npz, rundir, runs, truth
from solver.records import Event, LaneSchema, Picture, Schema
from solver.refusal import BadSetting
from tests.tui import logs
from tests.tui.driving import app_of, caught_up, chart_text, live, opened, text_of, until
from tui import headless, memory
from tui.commands import main
from tui.keys import Keys
from tui.screens.dialogs import NotesDialog
from tui.screens.live import LiveScreen
from tui.screens.runs import RunsScreen
from tui.screens.settings import SettingsScreen

pytestmark = pytest.mark.usefixtures("stand_in")


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"name":"\xff"}', b"[" * 5000, b'{"sort": "nonsense", "looks": {}}', b"null"]
)
async def test_notes_and_memory_that_cannot_be_read_are_none(data: bytes) -> None:
    made = logs.run_in_state("ended")
    made.notes.write_bytes(data)
    memory.path().write_bytes(data)
    async with opened(run=made) as pilot:
        await caught_up(pilot)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        assert made.id in text_of(pilot)


@pytest.mark.parametrize("cut", [0, 1, 50, 200, 400])
def test_a_problem_file_of_any_damage_is_no_truth(cut: int, tmp_path: Path) -> None:
    import numpy as np

    path = tmp_path / "problem.npz"
    arrays: dict[str, Any] = {"0.shape": np.array([2.0, np.inf]), "0.ground_truth": np.zeros(4)}
    np.savez(path, **arrays)
    assert truth.read(path) == []
    data = path.read_bytes()
    path.write_bytes(data[:cut])
    assert truth.read(path) == []
    for place in range(0, len(data), 37):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        assert isinstance(truth.read(path), list)
    arrays = {"0.shape": np.array([(1, 2.0)], dtype=[("a", "i8"), ("b", "f8")])}
    np.savez(path, **arrays)
    assert truth.read(path) == []
    with pytest.raises(ValueError, match=r"damaged|NumPy"):
        npz.read(path)


@pytest.mark.parametrize(
    ("name", "shape", "levels", "largest"),
    [
        ("end_matrix", [2, 2], "???", 1.0),
        ("end_matrix", [0, 5], "", 1.0),
        ("end_matrix", [2, 2], "????", float("inf")),
        ("end_matrix", [4], "????", 1.0),
        ("end_matrix", [-2, -2], "????", 1.0),
        ("overlap", [1, 2, 2], "????", 1.0),
        ("end_tensor", [2, 2], "????", 1.0),
        ("component_pictures", [4], "????", 1.0),
        ("end_matrix", [2, 2], "\x00\x1b~\u2028", 1.0),
    ],
)
async def test_pictures_of_the_wrong_shape_are_not_drawn(
    name: str, shape: list[int], levels: str, largest: float
) -> None:
    made = logs.made_run()
    picture = Picture(lane=2, step=5, name=name, shape=shape, largest=largest, levels=levels)
    logs.write(made, [logs.lanes_of(made), *logs.under_way(5), picture])
    with logs.held(made):
        async with opened(run=made) as pilot:
            await caught_up(pilot, 5)
            await pilot.press("7", "7", "7", "plus", "shift+down", "z")
            assert pilot.app.is_running
            assert all(character.isprintable() or character == "\n" for character in text_of(pilot))


async def test_a_run_that_vanishes_under_the_app_is_a_sentence_and_its_pin_is_let_go() -> None:
    made, other = logs.run_in_state("ended"), logs.made_run("20260102-000000-mf-depth-0001")
    logs.write(other, [logs.lanes_of(other), *logs.ended("converged", "x")])
    async with opened(run=made) as pilot:
        await caught_up(pilot)
        app_of(pilot).pin(other)
        live(pilot).lay_over()
        assert set(live(pilot).others) == {other.id}
        shutil.rmtree(other.path)
        shutil.rmtree(made.path)
        for key in ("c", "escape", "p", "p", "f", "e", "escape", "3", "w", "w", "v"):
            await pilot.press(key)
        await until(pilot, lambda: not app_of(pilot).pinned)
        assert pilot.app.is_running


async def test_another_axis_in_a_replay_stays_at_the_moment_and_a_zoom_is_let_go() -> None:
    async with opened(run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        await pilot.press("3", "comma", *["comma"] * 30)
        assert screen.place == 28
        frames = [len(lane) for lane in screen.seen().history.lanes]
        await pilot.press("t")
        assert [len(lane) for lane in screen.seen().history.lanes] == frames
        await pilot.press("escape")
        assert screen.place is None
        await pilot.press("plus", "plus", "left")
        assert screen.chart.plot.is_zoomed
        await pilot.press("t")
        assert not screen.chart.plot.is_zoomed
        assert screen.chart.plot.cursor is None


async def test_a_replay_plays_while_the_picture_is_frozen() -> None:
    made = logs.run_in_state("running")
    with logs.held(made):
        async with opened(run=made) as pilot:
            screen = await caught_up(pilot)
            await pilot.press("v", "w")
            await until(pilot, lambda: (screen.place or 0) > 2)


async def test_a_hostile_name_is_inert_where_it_is_edited_and_a_lane_s_words_where_they_are_drawn() -> None:
    made = logs.made_run()
    made.write_notes(rundir.Notes(name="\x1b[31mred\x07", tags=["\u202ex"]))
    words = {"problem.dataset": "\x1b]0;title\x07", "seed": 0}
    lanes = [LaneSchema(index=k, parameters=words, series=logs.SERIES, problem=0) for k in range(3)]
    event = Event(lane=0, name="x", text="y")
    logs.write(made, [Schema(version=1, lanes=lanes), *logs.under_way(5), event])
    with logs.held(made):
        async with opened(run=made) as pilot:
            await caught_up(pilot, 5)
            for key in ("1", "left", "5", "i", "6", "slash"):
                await pilot.press(key)
                assert all(character.isprintable() or character == "\n" for character in text_of(pilot))
            await pilot.press("escape", "r", "m")
            await until(pilot, lambda: isinstance(pilot.app.screen, NotesDialog))
            assert pilot.app.screen.query_one("#name", Input).value == "\ufffd[31mred\ufffd"


def test_pictures_from_the_command_line_touch_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No memory is written, keys that act on the run are refused, and so is a run without records."""
    made = logs.run_in_state("ended")
    before = sorted(path.name for path in runs.data_home().rglob("*"))
    out = tmp_path / "x.svg"
    assert main(["export", made.id, "--format", "svg", "--keys", "3,y", "--out", str(out)]) == 0
    assert "training loss" in out.read_text()
    assert sorted(path.name for path in runs.data_home().rglob("*")) == before
    for keys in ("s", "space", "banana", "q"):
        assert main(["export", made.id, "--format", "svg", "--keys", keys]) == 2
        assert "does not choose what is shown" in capsys.readouterr().err
    empty = logs.made_run("20260103-000000-mf-depth-0002")
    assert main(["export", empty.id, "--format", "screen"]) == 2
    assert "recorded nothing" in capsys.readouterr().err
    assert main(["export", made.id, "--format", "svg", "--size", "3x3"]) == 2
    with pytest.raises(BadSetting):
        headless.captured(made, "svg", ["s"], (80, 24))


@pytest.mark.parametrize("own", [{"start": "r"}, {"pause": "spce"}, {"pause": "/"}, {"zoom-in": "0"}])
def test_keys_that_cannot_be_are_refused(own: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match="keys"):
        Keys(own)


def test_keys_are_read_as_they_are_typed() -> None:
    table = Keys({"zoom-in": "+", "export": "!", "help": "f1", "freeze": ",", "replay-back": "<"})
    assert table.own == {
        "zoom-in": "plus",
        "export": "exclamation_mark",
        "help": "f1",
        "freeze": "comma",
        "replay-back": "less_than_sign",
    }


async def test_leaving_a_run_goes_back_to_where_it_was_opened_from() -> None:
    made = logs.run_in_state("ended")
    async with opened() as pilot:
        await pilot.press("r", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        await caught_up(pilot)
        await pilot.press("5", "plus")
        await until(pilot, lambda: "nothing to zoom" in text_of(pilot))
        await pilot.press("1")
        assert chart_text(pilot).startswith("singular values")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
    assert made.path.exists()


async def test_the_form_keeps_the_order_of_the_lanes() -> None:
    import presets

    preset = presets.load("det-2x2")
    async with opened(preset=preset) as pilot:
        await until(
            pilot, lambda: isinstance(pilot.app.screen, SettingsScreen) and pilot.app.screen.query("#form Input")
        )
        screen = pilot.app.screen
        assert isinstance(screen, SettingsScreen)
        assert screen._spec is not None
        assert list(screen._spec.sweep) == list(preset.decode(preset.raw).sweep)
        assert "lanes = 2 det sign × 4 depth" in text_of(pilot)
