"""Exploring a run by keys and mouse: reading, zooming, finding, replaying, comparing, and that all is reachable."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from solver import runs, settings
from solver.records import LaneSchema, Schema
from solver.rundir import RunDirectory
from tests.solver.running import ran
from tests.tui import logs
from tests.tui.driving import StandIn, app_of, caught_up, chart_text, live, opened, text_of, until
from tui import exporting, keys, memory
from tui.draw.palette import pale
from tui.screens.compare import CompareDialog
from tui.screens.export import ExportDialog
from tui.screens.finder import Finder
from tui.screens.live import LiveScreen
from tui.screens.settings import SettingsScreen
from tui.watch.seen import Seen
from tui.widgets.chart import Chart
from tui.widgets.slider import Slider

pytestmark = pytest.mark.usefixtures("stand_in")


def second_run(depths: list[int] | None = None) -> RunDirectory:
    """Another ended run of the same preset, with other depths."""
    made = logs.made_run("20260102-000000-mf-depth-0001")
    if depths is not None:
        order = made.order()
        raw = settings.apply(settings.encode(order.spec), [], [("model.depth", depths)])
        data = json.loads(made.spec.read_bytes())
        data["spec"] = json.loads(json.dumps(raw))
        made.spec.write_text(json.dumps(data))
    logs.write(made, [logs.lanes_of(made), *logs.ended("converged", "all lanes reached their training loss")])
    return made


async def test_the_cursor_zoom_and_pan_act_by_key() -> None:
    async with opened(run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        plot = screen.chart.plot
        await pilot.press("3", "left", "left")
        assert re.match(r"step 5[789]\d", chart_text(pilot)), chart_text(pilot).splitlines()[0]
        await pilot.press("plus", "plus")
        assert plot.is_zoomed
        assert plot.drawn is not None
        before = plot.drawn.x.low
        await pilot.press("shift+left")
        assert plot.drawn.x.low < before
        await pilot.press("right_square_bracket")
        assert plot.drawn.y.high < plot.drawn.whole_y.high
        await pilot.press("0")
        assert not plot.is_zoomed
        assert chart_text(pilot).startswith("training loss")
        await pilot.press("shift+right")
        await until(pilot, lambda: "+ zooms in" in text_of(pilot))


async def test_the_mouse_reads_zooms_drags_and_goes_to_a_moment() -> None:
    async with opened(run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        chart = screen.query_one(Chart)
        await pilot.click(Chart, offset=(40, 10))
        await until(pilot, lambda: chart_text(pilot).startswith("step "))
        assert chart.plot.drawn is not None
        await pilot._post_mouse_events([_scroll("up")], Chart, (40, 10), 0)
        await until(pilot, lambda: chart.plot.is_zoomed)
        before = chart.plot.drawn.x.low
        await pilot.mouse_down(Chart, offset=(40, 10))
        await pilot.hover(Chart, offset=(60, 10))
        await pilot.mouse_up(Chart, offset=(60, 10))
        assert chart.plot.drawn.x.low < before, "dragged to the right, the picture shows what was left of it"
        await pilot.press("w")
        await until(pilot, lambda: screen.place is not None)
        await pilot.click(Slider, offset=(50, 0))
        await until(pilot, lambda: not screen.is_playing)
        assert screen.place is not None
        assert 0 < screen.place < 59


def _scroll(direction: str) -> type:
    from textual import events

    return events.MouseScrollUp if direction == "up" else events.MouseScrollDown


async def test_finding_a_quantity_an_axis_and_lanes_by_a_part_of_their_name() -> None:
    async with opened(run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)

        async def find(words: str) -> None:
            await pilot.press("slash")
            await until(pilot, lambda: isinstance(pilot.app.screen, Finder))
            await pilot.press(*("space" if letter == " " else letter for letter in words))
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))

        await find("recon")
        assert chart_text(pilot).startswith("reconstruction error (log)")
        await find("axis loss")
        assert chart_text(pilot).startswith("reconstruction error (log) against training loss")
        await find("axis step")
        await find("lane depth 2")
        assert screen.selection.lanes == frozenset({1})
        await find("lanes all")
        assert screen.selection.lanes is None
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(pilot.app.screen, Finder))
        await pilot.press("n", "o", "n", "s", "e", "n", "s", "e", "enter", "down", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))


async def test_words_that_several_lanes_have_choose_those() -> None:
    made = ran("det-2x2", {"seeds": 2}, {"model.depth": [1, 3]})
    async with opened(run=made) as pilot:
        await until(pilot, lambda: live(pilot).history.ending)
        entries = live(pilot)._entries("seed 1 depth 3")
        assert entries[0].text == "lanes  only these 2: seed 1 depth 3"
        await pilot.press("slash", *"seed", "space", "1", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        lanes = live(pilot).selection.lanes or frozenset()
        chosen = [live(pilot).history.lanes[index].parameters["seed"] for index in lanes]
        assert chosen == [1] * 4
        await until(pilot, lambda: "4 of 8 lanes" in text_of(pilot) or live(pilot).history.ending)


async def test_a_replay_shows_every_moment_as_it_was_and_its_claims_as_they_stood() -> None:
    made = ran("mf-depth", {}, {"model.depth": [2, 3]})
    async with opened(run=made) as pilot:
        screen = await _ended(pilot)
        last = screen.history.lanes[1].columns["step"][-1]
        await pilot.press("w")
        await until(pilot, lambda: screen.place is not None and not (screen.place == 0 and not screen.is_playing))
        await pilot.press("w")
        assert not screen.is_playing
        screen.place = 5
        screen.redraw()
        seen = screen.seen()
        moment = screen._moments[5]
        assert all(lane.columns["step"][-1] <= moment for lane in seen.history.lanes)
        assert seen.history.claims["low-rank-recovery"].verdict == "pending"
        assert "replayed" in text_of(pilot)
        assert screen.selection.seen.history is not screen.history
        await pilot.press("full_stop")
        assert screen.place == 6
        await pilot.press("comma", "comma")
        assert screen.place == 4
        await pilot.press("7")
        assert f"step {_latest_picture(seen, moment)}" in chart_text(pilot)
        await pilot.press("v")
        assert screen.place is None
        assert screen.seen().history.lanes[1].columns["step"][-1] == last
        await pilot.press("w", "w")
        screen.place = len(screen._moments) - len(screen._moments) // 8
        await pilot.press("w")
        await until(pilot, lambda: screen.place == len(screen._moments) - 1 and not screen.is_playing, tries=3000)


def _latest_picture(seen: Seen, moment: float) -> int:
    return max(one.step for one in seen.history.lanes[-1].pictures["end_matrix"] if one.step <= moment)


async def _ended(pilot: Pilot[None]) -> LiveScreen:
    screen = live(pilot)
    await until(pilot, lambda: screen.history.ending and screen.is_caught_up())
    return screen


async def test_bands_over_seeds_are_there_and_can_be_taken_apart() -> None:
    made = ran("det-2x2", {"seeds": 3}, {"model.depth": [3], "model.det_sign": ["positive"]})
    async with opened(run=made) as pilot:
        screen = await _ended(pilot)
        await pilot.press("3")
        assert "median, quartiles of 3" in chart_text(pilot)
        assert all(curve.band for curve in screen.chart.curves)
        await pilot.press("b")
        assert "median" not in chart_text(pilot)
        assert len(screen.chart.curves) == 3
    async with opened(run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        await pilot.press("b")
        await until(pilot, lambda: "three seeds" in text_of(pilot))


async def test_runs_are_laid_over_each_other_with_the_settings_that_differ_first() -> None:
    other = second_run([1, 2, 4])
    async with opened((140, 40), run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareDialog))
        assert "1, 2, 4" in text_of(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        await until(pilot, lambda: "mf-depth 0001" in chart_text(pilot))
        names = {curve.name for curve in screen.chart.curves}
        assert {"depth 3", "mf-depth 0001 · depth 4"} <= names
        colours = {curve.name: curve.colour for curve in screen.chart.curves}
        assert len(set(colours.values())) == len(colours)
        assert colours["mf-depth 0001 · depth 1"] == pale(colours["depth 1"]), "the same hue for the same setting"
        assert screen.chart.curves[-1].name == "depth 3", "the run itself is painted last"
        place = next(k for k, item in enumerate(screen.selection.items) if item.title == "settings that differ")
        screen.selection.choose(place)
        screen.redraw()
        lines = chart_text(pilot).splitlines()
        assert lines[1].split()[:2] == ["model.depth", "1,"]
        assert "1, 2, 3" in lines[1]
        assert "1, 2, 4" in lines[1]
        assert "the same in all" in chart_text(pilot)
        assert app_of(pilot).pinned == [], "a comparison is of this run alone"
        await pilot.press("c", "enter")
        await until(pilot, lambda: not screen.others)
        assert [run.id for run in screen.beside] == []
        assert other.path.exists()


async def test_a_pinned_run_lies_over_the_next_one_and_a_fork_over_its_own_settings(stand_in: StandIn) -> None:
    made = logs.run_in_state("ended")
    second_run()
    async with opened(run=made) as pilot:
        await caught_up(pilot)
        await pilot.press("p")
        await until(pilot, lambda: "pinned" in text_of(pilot))
        await pilot.press("r", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        await until(pilot, lambda: "with mf-depth 0000" in text_of(pilot))
        await pilot.press("f")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, SettingsScreen) and pilot.app.screen.query("#form Input")
        )
        next(w for w in pilot.app.screen.query(Input) if w.name == "model.init_scale").value = "0.1"
        await pilot.press("f5")
        await until(pilot, lambda: stand_in.given)
        forked = stand_in.given[0]
        assert forked.order().spec.model.init_scale == 0.1  # type: ignore[union-attr]
        await until(pilot, lambda: set(live(pilot).others) == {made.id, "20260102-000000-mf-depth-0001"})


async def test_how_a_preset_was_looked_at_is_remembered() -> None:
    made = logs.run_in_state("ended")
    async with opened(run=made) as pilot:
        await caught_up(pilot)
        await pilot.press("2", "x", "t", "m", "escape")
    async with opened(run=made) as pilot:
        screen = await caught_up(pilot)
        assert chart_text(pilot).startswith("effective rank")
        assert screen.chart.plot.x_log
        assert screen.chart.plot.marker == "block"
        assert screen.selection.clock == "time"
    (runs.data_home() / "memory.json").write_text("{")
    async with opened(run=made) as pilot:
        await caught_up(pilot)
        assert chart_text(pilot).startswith("singular values")


@pytest.mark.parametrize(
    ("kind", "suffix"), [("csv", ".csv"), ("jsonl", ".jsonl"), ("svg", ".svg"), ("screen", ".screen.svg")]
)
async def test_every_format_is_written_from_the_app(
    kind: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = logs.run_in_state("ended")
    async with opened(run=made) as pilot:
        await caught_up(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        pilot.app.screen.query_one("#kind", Select).value = kind
        await until(pilot, lambda: pilot.app.screen.query_one("#path", Input).value.endswith(suffix))
        await pilot.click("#write")
        target = tmp_path / f"{made.id}{suffix}"
        await until(pilot, target.exists)
    text = target.read_text()
    assert text.startswith({"csv": "lane,", "jsonl": "{", "svg": "<svg", "screen": "<svg"}[kind])
    if kind == "screen":
        assert not re.search("[\u2500-\u259f\u2800-\u28ff]", text)


async def test_the_clipboard_is_reached_through_the_terminal_and_too_much_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []
    async with opened(run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        assert pilot.app._driver is not None
        monkeypatch.setattr(pilot.app._driver, "write", written.append)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        pilot.app.screen.query_one("#kind", Select).value = "svg"
        await pilot.pause()
        await pilot.press("f2")
        await until(pilot, lambda: any("\x1b]52;c;" in text for text in written))
        sent = next(text for text in written if "\x1b]52;c;" in text)
        assert base64.b64decode(sent.partition("52;c;")[2].rstrip("\x07\x1b\\")).decode().startswith("<svg")
        exporting.copy(app_of(pilot), b"x" * 80_000, "json")
        await until(pilot, lambda: "more than terminals take" in text_of(pilot))


def copied(written: list[str]) -> str:
    """What went to the clipboard last."""
    sent = [text for text in written if "\x1b]52;c;" in text]
    return base64.b64decode(sent[-1].partition("52;c;")[2].rstrip("\x07\x1b\\")).decode() if sent else ""


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ([], "<svg"),
        (["c", "s", "v"], "lane,"),
        (["tab", "enter", "down", "down", "enter"], "{"),
        (["j", "s", "o", "n"], "{"),
    ],
    ids=["as it opens", "csv", "jsonl by the list", "json"],
)
async def test_the_clipboard_gets_the_chart_unless_another_format_is_chosen(
    keys: list[str], start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run whole, which the dialog proposes to write, is seldom small enough to be copied."""
    written: list[str] = []
    monkeypatch.setattr(exporting, "_MOST_COPIED", 10_000_000)
    async with opened(run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        assert pilot.app._driver is not None
        monkeypatch.setattr(pilot.app._driver, "write", written.append)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await pilot.press("f2")
        await until(pilot, lambda: copied(written))
        assert copied(written).startswith(start)


async def test_what_is_too_large_to_be_copied_gives_way_to_the_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    async with opened(run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        assert pilot.app._driver is not None
        monkeypatch.setattr(pilot.app._driver, "write", written.append)
        exporting.copy(app_of(pilot), b"x" * 80_000, "csv", "<svg>")
        await until(pilot, lambda: "KiB of csv is more than" in text_of(pilot))
        assert copied(written) == "<svg>"
        exporting.copy(app_of(pilot), b"x" * 80_000, "svg", "<svg>" * 20_000)
        await until(pilot, lambda: "write a file" in text_of(pilot))


@pytest.mark.parametrize(
    ("typed", "suffix"),
    [("svg", ".svg"), ("csv", ".csv"), ("jsonl", ".jsonl"), ("screen.svg", ".screen.svg"), ("", ".json")],
)
async def test_what_is_typed_first_is_the_ending(
    typed: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`e`, svg and enter write a figure: nothing has to be deleted first, and the list of formats follows."""
    monkeypatch.chdir(tmp_path)
    made = logs.run_in_state("ended")
    async with opened(run=made) as pilot:
        await caught_up(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        await pilot.press(*("full_stop" if letter == "." else letter for letter in typed))
        await pilot.pause()
        shown = pilot.app.screen.query_one("#kind", Select).value
        assert shown == suffix.removeprefix(".").removesuffix(".svg" if shown == "screen" else "")
        await pilot.press("enter")
        await until(pilot, lambda: list(tmp_path.iterdir()) and not list(tmp_path.glob(".*")))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [f"{made.id}{suffix}"]


@pytest.mark.parametrize("words", [["down", "down", "down", "down"], ["s", "v", "g"], []])
async def test_a_format_from_the_list_is_written_by_the_next_enter(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list gives the keyboard back to the path, where the format is the one that was there, too."""
    monkeypatch.chdir(tmp_path)
    async with opened(run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        await pilot.press("tab", "enter", *words, "enter")
        await until(pilot, lambda: pilot.app.screen.focused is pilot.app.screen.query_one("#path"))
        await pilot.press("enter")
        await until(pilot, lambda: list(tmp_path.glob("*.svg" if words else "*.json")))


@pytest.mark.parametrize("size", [(40, 12), (80, 24)], ids=["40x12", "80x24"])
async def test_every_action_is_in_the_palette_which_a_click_opens_at_every_size(size: tuple[int, int]) -> None:
    """So every action can be reached by key, by palette, and by mouse alone."""
    async with opened(size, run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        app = app_of(pilot)
        listed = [command.title for command in app.get_system_commands(app.screen)]
        assert [title.partition(" (")[0] for title in listed[:2]] == ["help", "words"]
        assert len(set(listed)) == len(listed), "no two of them read the same"
        for action in keys.of("live"):
            # What is like another one but for its length is that one's brother.
            if action.name != "command_palette" and "far" not in action.name and action.keys != "ctrl+c":
                assert f"{action.label} ({app.keys.shown(action)})" in listed
        for title in (
            "preset mf-depth",
            f"open {live(pilot).directory.id}",
            "theme textual-light",
            "frames 5 per second",
        ):
            assert title in listed
        line = text_of(pilot).splitlines()[-1]
        await pilot.click("#hints", offset=(line.index(": more"), 0))
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "CommandPalette")


async def test_the_palette_changes_theme_and_frame_rate_and_the_theme_is_kept() -> None:
    async with opened(run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        app = app_of(pilot)
        for command in app.get_system_commands(app.screen):
            if command.title in ("theme textual-light", "frames 2 per second"):
                command.callback()
        assert app.theme == "textual-light"
        assert screen.frames_per_s == 2.0
    assert memory.read().theme == "textual-light"
    async with opened() as pilot:
        assert app_of(pilot).theme == "textual-light"
        await pilot.press("f4")
        await until(pilot, lambda: "What the words mean" in text_of(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "What the words mean" not in text_of(pilot))


async def test_space_while_a_run_stops_is_answered() -> None:
    made = logs.run_in_state("running")
    with logs.held(made):
        async with opened(run=made) as pilot:
            screen = await caught_up(pilot)
            await pilot.press("s")
            await until(pilot, lambda: screen.stopping)
            await pilot.press("space")
            await until(pilot, lambda: "stopping at its next step: space" in text_of(pilot))


async def test_a_hint_that_is_clicked_acts_like_its_key() -> None:
    async with opened(run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        line = text_of(pilot).splitlines()[-1]
        await pilot.click("#hints", offset=(line.index("y log y"), 0))
        await until(pilot, lambda: "(log)" in chart_text(pilot))
        await pilot.click("#hints", offset=(line.index("? help"), 0))
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "HelpScreen")


async def test_pictures_and_claims_have_pages_and_zoom() -> None:
    made = ran("mf-depth", {}, {"model.depth": [3]})
    async with opened((120, 40), run=made) as pilot:
        screen = await _ended(pilot)
        await pilot.press("7")
        assert "end matrix W" in chart_text(pilot)
        assert "ground truth W*" in chart_text(pilot)
        assert "observed entries" in chart_text(pilot)
        before = chart_text(pilot)
        await pilot.press("plus", "shift+down")
        assert chart_text(pilot) != before
        assert screen.selection.view.closer == 1
        await pilot.press("0")
        assert chart_text(pilot) == before
        await pilot.press("7")
        assert "vectors found" in chart_text(pilot)
        await pilot.press("i")
        shown = chart_text(pilot)
        for word in ("formula", "source", "tolerance", "the numbers behind it", "reconstruction error"):
            assert word in shown
        seen = [shown]
        for _ in range(8):
            await pilot.press("i")
            seen.append(chart_text(pilot))
        for name in ("gaps-grow-with-depth", "singular-value-law", "rate-formula"):
            assert any(name in page for page in seen)


async def test_a_lane_without_records_yet_breaks_no_page() -> None:
    made = logs.made_run()
    logs.write(made, [Schema(version=1, lanes=[LaneSchema(index=0, parameters={}, series=logs.SERIES, problem=0)])])
    with logs.held(made):
        async with opened(run=made) as pilot:
            await until(pilot, lambda: live(pilot).history.lanes)
            for key in ("5", "i", "6", "7", "w", "comma", "left", "plus", "b", "t", "l", "1", "3"):
                await pilot.press(key)
            assert pilot.app.is_running
