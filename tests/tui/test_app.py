"""The app: what each key does, what each state looks like at each size, and that nothing brings it down."""

from __future__ import annotations

import contextlib
import json
import os
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.widgets import Input, OptionList, Select, Static

import presets
from solver import control, fields, runs, settings
from solver.records import Ending, Event, Outcome, State
from solver.spec import MatrixCompletion
from tests import golden
from tests.tui import logs
from tests.tui.driving import StandIn, caught_up, live, opened, text_of, until
from tui import keys
from tui.app import ImplicitApp
from tui.screens.dialogs import HelpScreen, QuitDialog
from tui.screens.export import ExportDialog
from tui.screens.home import HomeScreen
from tui.screens.live import LiveScreen
from tui.screens.runs import RunsScreen
from tui.screens.settings import SettingsScreen
from tui.shown import form
from tui.widgets.chart import Chart
from tui.widgets.quantity_list import QuantityList

pytestmark = pytest.mark.usefixtures("stand_in")

GOLDEN = Path(__file__).parent / "golden"
SIZES = [(40, 12), (60, 15), (80, 24), (120, 40), (200, 60)]


@pytest.mark.parametrize("state", ["running", "paused", "ended", "failed"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_live_view_looks_as_it_should(state: str, size: tuple[int, int]) -> None:
    """Golden texts; run with UPDATE_GOLDEN=1 to accept what is drawn now, then read the difference."""
    made = logs.run_in_state(state)
    holding = logs.held(made) if state in ("running", "paused") else contextlib.nullcontext()
    with holding:
        async with opened(size, run=made) as pilot:
            await caught_up(pilot)
            shown = text_of(pilot) + "\n"
    kept = GOLDEN / f"live-{state}-{size[0]}x{size[1]}.txt"
    if golden.is_updating():
        golden.accept(kept, shown, "textual", "rich")
    assert shown == kept.read_text()


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_first_screen_names_every_preset_and_what_it_shows(size: tuple[int, int]) -> None:
    async with opened(size) as pilot:
        shown = text_of(pilot)
        assert "mf-depth" in shown
        assert "mf-dynamics" in shown
        assert "enter run" in shown
        assert "q quit" in shown
        if size[0] >= 60:
            assert "Matrix completion: depth finds low rank" in shown


async def test_below_the_least_size_one_sentence_is_shown() -> None:
    async with opened((39, 11)) as pilot:
        shown = text_of(pilot).strip()
        assert shown.startswith("too small: 40 × 12 needed")


async def test_enter_runs_the_preset_on_the_warmed_solver(stand_in: StandIn) -> None:
    async with opened() as pilot:
        await until(pilot, lambda: pilot.app._solvers._warm is not None)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        assert len(stand_in.given) == 1
        assert stand_in.given[0].order().preset.name == "mf-depth"
        assert "starting" in text_of(pilot)


async def test_frames_that_come_are_drawn() -> None:
    made = logs.made_run()
    with logs.held(made):
        async with opened(run=made) as pilot:
            screen = live(pilot)
            assert "waiting for the solver" in text_of(pilot)
            logs.write(made, [logs.lanes_of(made), *logs.under_way(5)])
            await caught_up(pilot, 5)
            before = screen.query_one(Chart).rows
            logs.write(made, [logs.frame(lane, t) for t in range(5, 30) for lane in range(3)])
            await caught_up(pilot, 30)
            assert screen.query_one(Chart).rows != before


async def test_freezing_holds_the_picture_and_loses_nothing() -> None:
    made = logs.made_run()
    logs.write(made, [logs.lanes_of(made), *logs.under_way(5)])
    with logs.held(made):
        async with opened(run=made) as pilot:
            screen = await caught_up(pilot, 5)
            await pilot.press("v")
            assert "frozen" in text_of(pilot)
            before = screen.query_one(Chart).rows
            logs.write(made, [logs.frame(lane, t) for t in range(5, 30) for lane in range(3)])
            await pilot.pause(0.4)
            assert screen.query_one(Chart).rows == before
            await pilot.press("v")
            await caught_up(pilot, 30)


async def test_pause_resume_and_stop_are_commands_to_the_run() -> None:
    made = logs.run_in_state("running")
    with logs.held(made):
        async with opened(run=made) as pilot:
            await caught_up(pilot)
            await pilot.press("space")
            logs.write(made, [State(state="paused", wall="")])
            await until(pilot, lambda: "paused" in text_of(pilot))
            await pilot.press("space", "s")
    commands = [
        msgspec.json.decode(line, type=control.Message).command for line in made.control.read_bytes().splitlines()
    ]
    assert commands == ["pause", "resume", "stop"]


async def test_a_solver_that_dies_is_one_sentence_and_the_app_stays_usable() -> None:
    made = logs.run_in_state("running")
    with logs.held(made):
        async with opened(run=made) as pilot:
            await caught_up(pilot)
            assert "running" in text_of(pilot)
    async with opened(run=made) as pilot:
        await until(pilot, lambda: "ended without a word" in text_of(pilot))
        await pilot.press("2")
        assert "effective rank" in text_of(pilot)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, HomeScreen)


async def test_quantities_lanes_and_axes_are_chosen_by_key() -> None:
    async with opened(run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        chart = screen.query_one(Chart)

        def legend() -> str:
            return chart.rows[0][0]

        assert legend().startswith("singular values  ━1 depth 1  ━2 depth 2  ━3 depth 3")
        await pilot.press("3")
        assert legend().startswith("training loss (log)")
        await pilot.press("y")
        assert legend().startswith("training loss  ")
        await pilot.press("l")
        assert "depth 1" in legend()
        assert "depth 2" not in legend()
        await pilot.press("l", "l", "l")
        assert "depth 3" in legend()
        await pilot.press("t")
        assert "time" in chart.rows[-1][0]
        await pilot.press("1", "down")
        assert legend().startswith("σ₁")
        await pilot.press("x")
        assert "100" in chart.rows[-1][0]
        await pilot.press("z")
        await until(pilot, lambda: chart.size.width > 110)


async def test_a_click_chooses_a_quantity() -> None:
    async with opened(run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        listed = [text.strip() for text, _ in screen.query_one(QuantityList).rows]
        place = next(place for place, text in enumerate(listed) if text.startswith("effective rank"))
        await pilot.click(QuantityList, offset=(3, place))
        assert screen.query_one(Chart).rows[0][0].startswith("effective rank")


async def test_the_export_goes_where_it_is_told_and_replaces_only_when_asked_twice(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    target.write_text("old")
    async with opened(run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        path = pilot.app.screen.query_one(Input)
        for bad, said in ((str(tmp_path), "is a directory"), (str(tmp_path / "x.txt"), "must end in .json")):
            path.value = bad
            await pilot.press("enter")
            await until(pilot, lambda said=said: said in str(pilot.app.screen.query_one("#said", Static).render()))  # type: ignore[misc]
        path.value = str(target)
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: "enter again replaces it" in text_of(pilot))
        assert target.read_text() == "old"
        await pilot.press("enter")
        await until(pilot, lambda: target.read_text() != "old")
        assert json.loads(target.read_text())["outcome"]["kind"] == "converged"
        await until(pilot, lambda: "exported to" in text_of(pilot))


async def test_the_form_shows_the_message_at_the_field_and_runs_only_what_is_right(stand_in: StandIn) -> None:
    async with opened() as pilot:
        await pilot.press("n")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, SettingsScreen) and pilot.app.screen.query("#form Input")
        )
        screen = pilot.app.screen
        assert "3 lanes" in text_of(pilot)

        def message(field: str) -> str:
            return "".join(str(m.render()) for m in screen.query(".message").results(Static) if m.name == field)

        def entry(field: str) -> Input:
            return next(widget for widget in screen.query(Input) if widget.name == field)

        for field, bad, said in (
            ("problem.observations", "10001", "at most 10000"),
            ("problem.rank", "0", "at least 1"),
            ("problem.shape", "[0, 3]", "at least 1"),
            ("model.depth", "1, 1", "twice"),
            ("model.init_scale", "-1", "above 0"),
            ("stop.train_loss", "nan", "above 0"),
            ("seed", "-1", "at least 0"),
            ("threads", "two", "whole number"),
            ("problem.observations", "0", "at least 1"),
            ("problem.rank", "101", "at most 100"),
            ("problem.shape", "[3]", "a list of at least 2 values"),
            ("problem.frobenius_norm", "0", "above 0"),
            ("problem.noise", "-1", "at least 0"),
            ("problem.entries", "[[0, 1, 1.0], [0, 1, 2.0]]", "twice"),
            ("problem.file", "absent.csv", "cannot be read"),
            ("problem.test_fraction", "0.5", "no file is given"),
            ("model.depth", "2.5", "whole number"),
            ("model.hidden_width", "0", "at least 1"),
            ("optimizer.rtol", "1.5", "at most 0.01"),
            ("optimizer.atol", "-1.5", "at least 0"),
            ("stop.max_steps", "0", "at least 1"),
            ("stop.max_time", "-1.5", "above 0"),
            ("stop.max_seconds", "inf", "finite"),
            ("record.every", "1", "at least 100"),
            ("record.per_step", "17", "at most 16"),
            ("record.rates", "99", "at most 32"),
            ("seeds", "0", "at least 1"),
            ("device", "tpu", "auto, cpu, cuda, cuda:N or cuda:N,M"),
        ):
            good = entry(field).value
            entry(field).value = bad
            await until(pilot, lambda field=field, said=said: said in message(field))  # type: ignore[misc]
            await pilot.press("f5")
            assert stand_in.given == []
            entry(field).value = good
            await until(pilot, lambda field=field: not message(field))  # type: ignore[misc]
        entry("model.depth").value = "2, 4"
        entry("seeds").value = "3"
        await until(pilot, lambda: "6 lanes" in text_of(pilot))
        await pilot.press("f5")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        spec = stand_in.given[0].order().spec
        assert spec.sweep == {"model.depth": [2, 4]}
        assert spec.seeds == 3


async def test_plain_letters_are_typed_while_a_field_has_focus() -> None:
    async with opened() as pilot:
        await pilot.press("n")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, SettingsScreen) and pilot.app.screen.query("#form Input")
        )
        field = next(widget for widget in pilot.app.screen.query(Input) if widget.name == "problem.file")
        field.focus()
        await pilot.press("q", "e", "r", "question_mark")
        assert field.value == "qer?"
        assert isinstance(pilot.app.screen, SettingsScreen)


async def test_another_kind_brings_its_own_fields() -> None:
    async with opened() as pilot:
        await pilot.press("n")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, SettingsScreen) and pilot.app.screen.query("#form Input")
        )
        screen = pilot.app.screen
        kind = next(widget for widget in screen.query(Select) if widget.name == "optimizer.kind")
        kind.value = "group-rmsprop"
        await until(pilot, lambda: any(widget.name == "optimizer.alpha" for widget in screen.query(Input)))
        assert not any(widget.name == "optimizer.rtol" for widget in screen.query(Input))


async def test_what_was_typed_stays_when_a_kind_changes_and_own_data_displace_the_random_problem(
    tmp_path: Path, stand_in: StandIn
) -> None:
    (tmp_path / "r.csv").write_text("0,0,1\n1,1,2\n2,0,3\n")
    async with opened() as pilot:
        await pilot.press("n")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, SettingsScreen) and pilot.app.screen.query("#form Input")
        )
        screen = pilot.app.screen

        def entry(field: str) -> Input:
            return next(widget for widget in screen.query(Input) if widget.name == field)

        entry("seeds").value = "2"
        next(widget for widget in screen.query(Select) if widget.name == "optimizer.kind").value = "adam"
        await until(pilot, lambda: any(widget.name == "optimizer.beta1" for widget in screen.query(Input)))
        assert entry("seeds").value == "2"
        for text in ("~", "~d", "~nosuch/x.csv", str(tmp_path / "r.csv")):
            entry("problem.file").value = text
            await pilot.pause(0.02)
        await until(pilot, lambda: "6 lanes" in text_of(pilot))
        await pilot.press("f5")
        await until(pilot, lambda: stand_in.given)
    spec = stand_in.given[0].order().spec
    assert isinstance(spec.problem, MatrixCompletion)
    assert spec.problem.shape == (3, 2)
    assert spec.problem.rank is None


async def test_the_palette_over_the_live_view_has_its_actions() -> None:
    async with opened(run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        await pilot.press("colon")
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "CommandPalette")
        assert isinstance(pilot.app, ImplicitApp)
        titles = [command.title for command in pilot.app.get_system_commands(pilot.app.screen)]
        assert "freeze (v)" in titles
        assert "settings (n)" not in titles


async def test_quitting_over_an_attached_live_run_asks_too() -> None:
    made = logs.run_in_state("running")
    with logs.held(made):
        async with opened(run=made) as pilot:
            await caught_up(pilot)
            await pilot.press("q")
            await until(pilot, lambda: isinstance(pilot.app.screen, QuitDialog))


async def test_a_size_changes_what_the_preset_says() -> None:
    async with opened() as pilot:
        await pilot.press("n")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, SettingsScreen) and pilot.app.screen.query("#form Input")
        )
        screen = pilot.app.screen
        screen.query_one("#size", Select).value = "paper"
        await until(
            pilot, lambda: any(w.name == "model.depth" and w.value == "1, 2, 3, 4" for w in screen.query(Input))
        )


async def test_a_run_s_settings_are_where_a_new_one_starts(stand_in: StandIn) -> None:
    made = logs.run_in_state("ended")
    async with opened(run=made) as pilot:
        await caught_up(pilot)
        await pilot.press("n")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, SettingsScreen) and pilot.app.screen.query("#form Input")
        )
        await pilot.press("f5")
        await until(pilot, lambda: stand_in.given)
    assert stand_in.given[0].order().spec == made.order().spec


async def test_runs_are_listed_opened_and_damaged_ones_marked() -> None:
    logs.run_in_state("ended")
    damaged = logs.made_run("20260101-000000-mf-depth-0001")
    damaged.spec.write_text("{")
    async with opened() as pilot:
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        shown = text_of(pilot)
        assert "2 runs" in shown
        assert "damaged" in shown
        assert "converged" in shown
        await pilot.press("enter")
        await until(pilot, lambda: "data was truncated" in text_of(pilot))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
        await caught_up(pilot)
        assert "converged" in text_of(pilot)


@pytest.mark.parametrize(("answer", "commands"), [("s", ["stop"]), ("l", []), ("escape", None)])
async def test_quitting_with_a_live_run_asks(stand_in: StandIn, answer: str, commands: list[str] | None) -> None:
    async with opened() as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: stand_in.given)
        made = stand_in.given[0]
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuitDialog))
        await pilot.press(answer)
        if commands is None:
            await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
            assert pilot.app.is_running
            return
        await pilot.pause()
    said = made.control.read_bytes().splitlines() if made.control.exists() else []
    assert [msgspec.json.decode(line, type=control.Message).command for line in said] == commands


async def test_quitting_without_a_live_run_does_not_ask(stand_in: StandIn) -> None:
    async with opened() as pilot:
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert pilot.app.return_value is None
    assert not stand_in.alive or not stand_in.given


async def test_help_names_every_action_of_its_screen() -> None:
    async with opened((120, 60), run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        shown = " ".join(str(widget.render()) for widget in pilot.app.screen.query(Static))
        for action in keys.of("live"):
            assert action.help in shown
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, LiveScreen)


async def test_every_action_of_the_table_exists_and_the_palette_has_it() -> None:
    async with opened(run=logs.run_in_state("ended")) as pilot:
        app = pilot.app
        assert isinstance(app, ImplicitApp)
        homes: dict[str, type[object]] = {
            "home": HomeScreen,
            "live": LiveScreen,
            "runs": RunsScreen,
            "settings": SettingsScreen,
        }
        for action in keys.ACTIONS:
            name = f"action_{action.name.partition('(')[0]}"
            for owner in [homes[place] for place in action.places] or [ImplicitApp]:
                assert hasattr(owner, name), f"{owner.__name__} has no {name}"
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert "export (e)" in titles
        assert "quit (q)" in titles


async def test_the_palette_opens_by_its_key() -> None:
    async with opened() as pilot:
        await pilot.press("colon")
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "CommandPalette")


HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://x\x07click\x1b]8;;\x07",
    "[bold red]markup[/]",
    "[@click=app.quit]x[/]",
    "\u202egnp.exe",
    "a\rb\x08c\x00d",
    "$primary %s {0}",
    "x" * 5000,
    "\ud800".encode("utf-8", "replace").decode(),
    "zero\u200bwidth\u2066",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_text_is_inert_wherever_it_is_shown(text: str) -> None:
    """Titles and reasons from files: no escape on the wire, no markup, no click action, no crash."""
    made = logs.made_run(title=text)
    outcome = Outcome(kind="failed", reason=text, cure=text)
    event = Event(lane=0, name="x", text=text)
    logs.write(made, [logs.lanes_of(made), *logs.under_way(5), event, Ending(outcome=outcome, wall="", elapsed_s=1.0)])
    async with opened(run=made) as pilot:
        await until(pilot, lambda: "failed" in text_of(pilot))
        shown = text_of(pilot)
        assert all(character.isprintable() or character == "\n" for character in shown)
        strips = pilot.app.screen._compositor.render_strips()
        assert not any(segment.style and "@click" in segment.style.meta for strip in strips for segment in strip)
        await pilot.press("escape", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        assert all(character.isprintable() or character == "\n" for character in text_of(pilot))


@pytest.mark.parametrize(
    "name", [b"\x1b[31mred", "\u202egnp.exe".encode(), b"a\rb\x08c", b"\xff\xfe", "zero\u200b".encode()]
)
async def test_hostile_names_of_directories_and_files_are_inert_where_they_are_typed(
    name: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The export dialog proposes a file in the current directory, and writes it there; a form shows a preset's file."""
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    odd.mkdir()
    monkeypatch.chdir(odd)
    made = logs.run_in_state("ended")
    async with opened(run=made) as pilot:
        await caught_up(pilot)
        await pilot.press("e")
        await until(pilot, lambda: "Export to a file" in text_of(pilot))
        await pilot.press("home")
        shown = text_of(pilot)
        assert all(character.isprintable() or character == "\n" for character in shown)
        assert str(tmp_path)[:20] in shown
        await pilot.press("enter")
        await until(pilot, lambda: list(odd.iterdir()))
        assert all(character.isprintable() or character == "\n" for character in text_of(pilot))
    assert [path.suffix for path in odd.iterdir()] == [".json"]
    preset = presets.load("mf-depth")
    raw = settings.apply(preset.raw, [("problem.file", f"{name.decode(errors='replace')}.csv")])
    changed = msgspec.structs.replace(preset, raw=raw)
    async with opened(preset=changed) as pilot:
        await until(pilot, lambda: "settings" in text_of(pilot) or "problem" in text_of(pilot))
        assert all(field.render_line(0).text.isprintable() for field in pilot.app.screen.query(Input))


async def test_random_resizes_bring_nothing_down() -> None:
    generator = random.Random(0)
    async with opened(run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        for _ in range(60):
            await pilot.resize_terminal(generator.randrange(1, 220), generator.randrange(1, 70))
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: screen.query_one(Chart).size.width > 60)
        assert "converged" in text_of(pilot)


async def test_random_keys_bring_nothing_down(stand_in: StandIn) -> None:
    generator = random.Random(1)
    pressable = [
        "x",
        "y",
        "z",
        "l",
        "t",
        "v",
        "1",
        "2",
        "3",
        "4",
        "up",
        "down",
        "n",
        "r",
        "e",
        "escape",
        "enter",
        "question_mark",
        "space",
        "s",
        "d",
        "tab",
        "left",
        "f5",
        "colon",
    ]
    async with opened(run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        for _ in range(150):
            await pilot.press(generator.choice(pressable))
        assert pilot.app.is_running


async def test_a_preset_named_on_the_command_line_opens_its_settings() -> None:
    preset = presets.load("mf-dynamics")
    async with opened(preset=preset) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen))
        assert preset.title in text_of(pilot)


async def test_the_home_screen_highlights_and_describes_what_is_chosen() -> None:
    async with opened() as pilot:
        await pilot.press("down")
        assert pilot.app.screen.query_one(OptionList).highlighted == 1
        assert "The staircase" in text_of(pilot)


def test_what_the_form_shows_decodes_to_the_same_spec() -> None:
    """Every field written out and read back, for every kind."""
    for optimizer in fields.KINDS["optimizer"]:
        raw = settings.encode(settings.decode({"optimizer": {"kind": optimizer}, "sweep": {"model.depth": [2, 3]}}))
        plain: list[tuple[str, Any]] = []
        sweeps: list[tuple[str, list[Any]]] = []
        for field in fields.names(raw):
            text = form.value(field, raw)
            if field == "sweep" or not text:
                continue
            value = settings.parse_value(text)
            swept = isinstance(value, list) and field != "problem.shape"
            (sweeps if swept else plain).append((field, value))
        assert settings.decode(settings.apply({}, plain, sweeps)) == settings.decode(raw)


def test_the_data_home_is_not_a_person_s(data_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert runs.runs_home() == data_home / "runs"
    monkeypatch.undo()
    assert runs.runs_home() == data_home / "runs"
