"""The configuration: what it may say, what it changes, and what is said of one that is wrong."""

from __future__ import annotations

import tomllib

import pytest
from textual.widgets import OptionList

import presets
from solver import settings
from solver.refusal import BadSetting
from tests.tui import logs
from tests.tui.driving import StandIn, app_of, caught_up, opened, text_of, until
from tui import config, keys
from tui.commands import main
from tui.config import Config, Defaults, Notify
from tui.screens.live import LiveScreen

pytestmark = pytest.mark.usefixtures("stand_in")


def written(text: str) -> None:
    path = config.path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_what_show_prints_is_a_file_that_says_the_same() -> None:
    own = Config(
        theme="nord",
        markers="ascii",
        title=False,
        notify=Notify(bell=True, desktop="osc777"),
        keys={"pause": "p,space", "pin": "P", "prune": "ctrl+p"},
        defaults=Defaults(threads=2),
    )
    written(config.as_toml(own))
    read = config.read()
    assert (read.theme, read.markers, read.defaults) == ("nord", "ascii", Defaults(threads=2))
    assert (read.title, read.notify) == (False, own.notify)
    assert {action.id: keys.Keys(read.keys).keys(action) for action in keys.ACTIONS} == {
        action.id: keys.Keys(own.keys).keys(action) for action in keys.ACTIONS
    }
    assert tomllib.loads(config.as_toml(Config()))["frames_per_s"] == 10.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('markers = "dots"', "markers must be braille, block or ascii"),
        ("frames_per_s = 99", "frames_per_s must be a number from 0.5 to 30"),
        ("thme = 1", "there is no line thme, choose from theme,"),
        ('[defaults]\nsizes = "quick"', "there is no line sizes in defaults"),
        ('[defaults]\nsize = "huge"', "defaults.size must be quick, default or paper"),
        ('[defaults]\ndevice = "tpu"', "device must be auto, cpu, cuda, cuda:N or cuda:N,M"),
        ("title = 1", "title must be true or false"),
        ('[notify]\ndesktop = "growl"', "notify.desktop must be none, osc9 or osc777"),
        ("[notify]\nbel = true", "there is no line bel in notify, choose from bell, desktop"),
        ("notify = true", "notify must be a table of bell, desktop"),
        ('[keys]\npaus = "p"', "keys.paus is no action (do you mean pause?)"),
        ('[keys]\npause = "s"', "taken by"),
        ('[keys]\npause = ""', "empty"),
        ("theme = [", "is not valid TOML"),
    ],
)
def test_a_wrong_line_is_one_sentence_that_names_it(
    text: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written(text)
    with pytest.raises(BadSetting, match=r"config\.toml"):
        config.read()
    assert main(["config", "validate"]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_the_commands_say_path_and_theme(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "path"]) == 0
    assert capsys.readouterr().out.strip() == str(config.path())
    written('theme = "nope"')
    assert main(["config", "validate"]) == 2
    assert "textual-dark" in capsys.readouterr().err
    written('theme = "nord"')
    assert main(["config", "validate"]) == 0
    assert main(["config", "show"]) == 0
    assert 'theme = "nord"' in capsys.readouterr().out


async def test_keys_of_one_s_own_act_and_are_shown_and_the_old_ones_are_free() -> None:
    own = Config(keys={"log-y": "Y", "help": "h"}, markers="block")
    async with opened(run=logs.run_in_state("ended"), config=own) as pilot:
        screen = await caught_up(pilot)
        chart = screen.chart
        await pilot.press("3")
        assert chart.rows[0][0].startswith("training loss (log)")
        await pilot.press("y")
        assert chart.rows[0][0].startswith("training loss (log)")
        await pilot.press("Y")
        assert chart.rows[0][0].startswith("training loss  ")
        assert "Y log y" in text_of(pilot)
        assert "h help" in text_of(pilot)
        titles = [command.title for command in app_of(pilot).get_system_commands(pilot.app.screen)]
        assert "log y (Y)" in titles
        await pilot.press("h")
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "HelpScreen")
        assert chart.plot.marker == "block"


async def test_defaults_fill_what_a_preset_leaves_open(stand_in: StandIn) -> None:
    own = Config(theme="nord", defaults=Defaults(size="quick", device="cpu", threads=2))
    async with opened(config=own) as pilot:
        assert pilot.app.theme == "nord"
        assert pilot.app.screen.query_one(OptionList).highlighted == 0
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen))
    spec = stand_in.given[0].order().spec
    preset = presets.load("mf-depth")
    assert spec == preset.decode(settings.apply(preset.at_size("quick"), [("device", "cpu"), ("threads", 2)]))


def test_the_command_line_takes_the_same_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    written('[defaults]\nsize = "quick"')
    assert main(["run", "mf-dynamics", "--dry-run"]) == 0
    quick = capsys.readouterr().out
    assert main(["run", "mf-dynamics", "--dry-run", "--size", "quick"]) == 0
    assert capsys.readouterr().out == quick
    assert main(["run", "mf-dynamics", "--dry-run", "--size", "default"]) == 0
    assert capsys.readouterr().out != quick


def test_completion_knows_commands_presets_options_choices_and_runs(capsys: pytest.CaptureFixture[str]) -> None:
    made = logs.run_in_state("ended")

    def completed(*typed: str) -> list[str]:
        assert main(["completion", "words", "--", *typed]) == 0
        return capsys.readouterr().out.split()

    assert {"run", "config", "mf-depth"} <= set(completed())
    assert {"--size", "--set", "det-2x2"} <= set(completed("run"))
    assert completed("run", "mf-depth", "--size") == ["quick", "default", "paper"]
    assert {made.id, "latest", "--format"} <= set(completed("export"))
    assert {"path", "show", "validate"} <= set(completed("config"))
    for shell in ("bash", "zsh", "fish"):
        assert main(["completion", shell]) == 0
        assert "implicit-tui completion words" in capsys.readouterr().out
