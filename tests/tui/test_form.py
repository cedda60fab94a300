"""The settings form by keys: going to a field, what differs from the preset, saved and edited as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static

import presets
from bench.terminal import COMMAND
from solver import fields, runs, settings
from solver.refusal import BadSetting
from solver.spec import MatrixCompletion
from tests import waiting
from tests.tui.driving import app_of, opened, text_of, until
from tests.tui.filling import form_of, gone_to, setting, typed
from tests.tui.screen import Watched
from tui import editor, terminal
from tui.commands import main
from tui.screens.dialogs import SaveDialog
from tui.screens.finder import Finder
from tui.screens.settings import SettingsScreen
from tui.shown import form
from tui.widgets.setting import Setting

pytestmark = pytest.mark.usefixtures("stand_in")


async def test_a_field_is_gone_to_by_a_part_of_its_name_and_typing_replaces_what_stands_there() -> None:
    """From anywhere by f3, from a list of words by / as well; the finder shows the values as they stand."""
    async with form_of() as pilot:
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(pilot.app.screen, Finder))
        assert "problem.observations  2000" in text_of(pilot)
        await typed(pilot, "init_sc")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.focused is setting(pilot, "model.init_scale").entry)
        await typed(pilot, "0.01")
        assert setting(pilot, "model.init_scale").text == "0.01"
        await gone_to(pilot, "hidden")
        await typed(pilot, "/7")
        assert setting(pilot, "model.hidden_width").text == "/7", "where a field is typed in, / is a letter"
        await gone_to(pilot, "hidden")
        await typed(pilot, "70")
        assert setting(pilot, "model.hidden_width").text == "70", "the field that has the focus, too"


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("rank", "problem.rank"),
        ("scale 0.001", "model.init_scale"),
        ("seeds", "seeds"),
        ("optimizer kind", "optimizer.kind"),
    ],
)
async def test_the_field_of_that_name_comes_first(words: str, field: str) -> None:
    async with form_of() as pilot:
        await gone_to(pilot, words)
        assert pilot.app.screen.focused is setting(pilot, field).entry


async def test_the_size_is_found_and_escape_changes_nothing() -> None:
    async with form_of() as pilot:
        await gone_to(pilot, "size")
        assert pilot.app.screen.focused is pilot.app.screen.query_one("#size")
        await pilot.press("f3", "x", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen))
        assert pilot.app.screen.focused is pilot.app.screen.query_one("#size")


async def test_a_form_that_is_left_at_once_has_nothing_to_settle() -> None:
    """The wait for the first picture may end after the run has begun, without widgets: it took the app along."""
    async with form_of() as pilot:
        left = pilot.app.screen
        assert isinstance(left, SettingsScreen)
        pilot.app.pop_screen()
        await until(pilot, lambda: not left.query("#explained"))
        left._settle()


def title(pilot: Pilot[None]) -> str:
    return text_of(pilot).splitlines()[0]


async def test_what_differs_from_the_preset_is_marked_and_counted_as_it_is_typed() -> None:
    """By a sign and a number, not by colour alone; another way to write the same value is no difference."""
    async with form_of() as pilot:
        assert title(pilot).strip() == "settings · Matrix completion: depth finds low rank"
        await gone_to(pilot, "init_scale")
        await typed(pilot, "1e-3")
        assert "changed" not in title(pilot)
        await typed(pilot, "1")
        await until(pilot, lambda: "● 1 changed" in title(pilot))
        assert "● init_scale" in text_of(pilot)
        await gone_to(pilot, "depth")
        await typed(pilot, "1, 2")
        await until(pilot, lambda: "● 2 changed" in title(pilot))
        await typed(pilot, ",3")
        await until(pilot, lambda: "● 1 changed" in title(pilot))
        await gone_to(pilot, "noise")
        await typed(pilot, "0")
        await pilot.pause()
        assert "● 1 changed" in title(pilot), "the default, typed out"


async def test_a_key_sets_a_field_back_to_the_preset_and_says_to_what() -> None:
    async with form_of() as pilot:
        await pilot.press("f6")
        await until(pilot, lambda: "problem.kind is as in the preset" in text_of(pilot))
        await gone_to(pilot, "depth")
        await typed(pilot, "4")
        await pilot.press("f6")
        await until(pilot, lambda: "model.depth reset to 1, 2, 3" in text_of(pilot))
        assert setting(pilot, "model.depth").text == "1, 2, 3"
        assert "changed" not in title(pilot)
        await gone_to(pilot, "noise")
        await typed(pilot, "1")
        await pilot.press("f6")
        await until(pilot, lambda: "problem.noise reset to its default, 0" in text_of(pilot))
        await gone_to(pilot, "size")
        await pilot.press("f6")
        await until(pilot, lambda: "go to the field that is to be reset" in text_of(pilot))


async def test_words_and_kinds_are_set_back_with_all_that_hangs_on_them() -> None:
    """A problem of another kind brings another model along, and both come back as the preset has them."""
    async with form_of("det-2x2") as pilot:

        async def chosen(field: str, word: str) -> None:
            setting(pilot, field).entry.value = word
            await until(pilot, lambda: setting(pilot, field).text == word and setting(pilot, field).differs)

        before = {one.field: one.text for one in pilot.app.screen.query(Setting)}
        await chosen("problem.loss", "mean")
        await gone_to(pilot, "problem.loss")
        await pilot.press("f6")
        await until(pilot, lambda: setting(pilot, "problem.loss").text == "half-sum")
        await chosen("problem.kind", "tensor-completion")
        await until(pilot, lambda: setting(pilot, "model.kind").text == "cp")
        assert setting(pilot, "model.kind").differs
        await gone_to(pilot, "problem.kind")
        await pilot.press("f6")
        await until(pilot, lambda: setting(pilot, "model.kind").text == "deep-matrix-factorization")
        await until(pilot, lambda: "changed" not in title(pilot))
        assert {one.field: one.text for one in pilot.app.screen.query(Setting)} == before


async def test_a_list_of_words_is_set_back_where_one_word_stands() -> None:
    preset = presets.load("det-2x2")
    raw = settings.apply(preset.raw, [("model.det_sign", "positive")])
    raw["sweep"] = {"model.depth": [1, 2]}
    raw["model"]["det_sign"] = "positive"
    async with opened(preset=preset) as pilot:
        app_of(pilot).edit(preset, raw)
        await until(pilot, lambda: len(pilot.app.screen.query(Setting)) > 10)
        await until(pilot, lambda: "● 2 changed" in title(pilot))
        await gone_to(pilot, "det_sign")
        await pilot.press("f6")
        await until(pilot, lambda: setting(pilot, "model.det_sign").text == "positive, negative")


async def test_the_chosen_size_is_what_fields_are_compared_with() -> None:
    async with form_of() as pilot:
        pilot.app.screen.query_one("#size", Select).value = "paper"
        await until(pilot, lambda: setting(pilot, "model.depth").text == "1, 2, 3, 4")
        assert "changed" not in title(pilot)
        await gone_to(pilot, "seeds")
        await typed(pilot, "1")
        await until(pilot, lambda: "● 1 changed" in title(pilot))
        await pilot.press("f6")
        await until(pilot, lambda: "seeds reset to 5" in text_of(pilot))


async def test_a_size_that_is_no_good_is_a_sentence_and_a_wrong_word_can_be_put_right(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[run]\nseed = 0\n[run.problem]\nkind = "matrix-completion"\nloss = "least"\n[paper]\n"x.y" = 1\n')
    async with opened(preset=presets.read(path)) as pilot:
        await until(pilot, lambda: len(pilot.app.screen.query(Setting)) > 10)
        await until(pilot, lambda: "problem.loss must be" in text_of(pilot))
        pilot.app.screen.query_one("#size", Select).value = "paper"
        await until(pilot, lambda: "x.y is not a setting" in text_of(pilot))
        await gone_to(pilot, "problem.loss")
        await typed(pilot, "mean")
        await until(pilot, lambda: "1 lane" in text_of(pilot))


KINDS = [(part, kind) for part, kinds in fields.KINDS.items() for kind in kinds]


@pytest.mark.parametrize(("part", "kind"), KINDS, ids=[kind for _, kind in KINDS])
def test_every_field_is_explained_with_what_it_may_be_and_what_serves_without_it(part: str, kind: str) -> None:
    raw = {part: {"kind": kind}}
    for field in fields.names(raw):
        said = form.explanation(field, raw, form.value(field, raw))
        assert len(said.meaning) > 15, field
        without = ("problem.entries", "problem.file", "problem.ground_truth", "problem.dataset", "sweep")
        if field not in without and not field.endswith(".kind"):
            assert any(fact.startswith(("limits: ", "choices: ")) for fact in said.facts), field
        if form.default(field, raw):
            assert any("default: " in fact for fact in said.facts), field
        for width, lines in ((38, 2), (78, 3)):
            shown = said.fitted(width, lines)
            assert max(len(line) for line in shown.splitlines()) <= width
            everything = " ".join(said.whole().split()).removeprefix(field)
            assert shown.endswith(" …") or shown.split()[-1] == everything.rstrip(".").split()[-1], "a cut has its sign"


async def test_a_field_is_explained_whole_beside_the_form_and_in_short_below_a_narrow_one() -> None:
    async with form_of(size=(100, 30)) as pilot:
        await gone_to(pilot, "optimizer.rtol")
        await typed(pilot, "1e-5")
        shown = " ".join(" ".join(line[60:].split()) for line in text_of(pilot).splitlines())
        said = form.explanation("optimizer.rtol", presets.load("mf-depth").raw, "0.0001")
        for paragraph in said.whole().split("\n\n"):
            assert " ".join(paragraph.split()) in " ".join(shown.split())
        assert "preset: 0.0001" in shown or "preset and default: 0.0001" in shown
        assert "optimizer.rtol: " not in text_of(pilot), "said once"
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "optimizer.rtol: " in text_of(pilot))
        await until(pilot, lambda: "● rtol" in text_of(pilot))


def test_limits_are_said_in_words() -> None:
    raw = presets.load("mf-depth").raw
    assert fields.limits(raw, "model.depth") == "a whole number from 1 to 32"
    assert fields.limits(raw, "model.init_scale") == "a number above 0"
    assert fields.limits(raw, "model.hidden_width") == "a whole number from 1 to 20000, or nothing"
    assert fields.limits(raw, "problem.test_fraction") == "a number of at least 0 and below 1"
    assert fields.limits(raw, "problem.shape") == "a list of 2 to 8 whole numbers from 1 to 20000, or nothing"
    assert fields.limits(raw, "device") == "auto, cpu, cuda, cuda:N or cuda:N,M"
    assert fields.limits(raw, "seed") == "a whole number of at least 0"
    assert fields.limits({"problem": {"kind": "image-tensor"}}, "problem.targets") == "a list of 2 numbers"


async def saved(pilot: Pilot[None], name: str) -> None:
    await pilot.press("f7")
    await until(pilot, lambda: isinstance(pilot.app.screen, SaveDialog))
    await typed(pilot, name)
    await pilot.press("enter")


async def test_settings_are_saved_as_a_preset_of_one_s_own_which_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """It lies where own presets are looked for, is in the list at once, and says of itself what its model does."""
    async with opened() as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen) and pilot.app.screen.query(Setting))
        await gone_to(pilot, "init_scale")
        await typed(pilot, "0.01")
        await saved(pilot, "ten-times")
        await until(pilot, lambda: "saved as" in text_of(pilot) and "implicit-tui run ten-times" in text_of(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "ten-times" in text_of(pilot))
        await pilot.press("end")
        await until(pilot, lambda: "As mf-depth, with model.init_scale 0.01." in text_of(pilot))
    preset, base = presets.load("ten-times"), presets.load("mf-depth")
    assert preset.path.parent == presets.own_directory()
    assert (preset.title, preset.claims, preset.look_for) == (base.title, base.claims, base.look_for)
    assert preset.decode(preset.raw) == base.decode(settings.apply(base.raw, [("model.init_scale", 0.01)]))
    assert main(["run", "ten-times", "--dry-run"]) == 0
    assert "lanes: 3" in capsys.readouterr().out


async def test_names_that_are_none_or_taken_are_refused_in_a_sentence_and_one_s_own_replaced_when_asked_twice() -> None:
    async with form_of() as pilot:
        for name, said in (
            ("mf-depth", "mf-depth is a built-in preset, which stays: choose another name"),
            ("a/b", "must be 1 to 40 letters, digits, - or _"),
            ("-x", "begin with a letter or digit"),
        ):
            await saved(pilot, name)
            await until(pilot, lambda said=said: said in str(pilot.app.screen.query_one("#said", Static).render()))  # type: ignore[misc]
            await pilot.press("escape")
        await saved(pilot, "mine")
        await until(pilot, lambda: "saved as" in text_of(pilot))
        await gone_to(pilot, "seeds")
        await typed(pilot, "2")
        await saved(pilot, "mine")
        await until(pilot, lambda: "you have a preset mine: enter again replaces it" in text_of(pilot))
        assert "seeds" not in presets.load("mine").raw
        await pilot.press("enter")
        await until(pilot, lambda: presets.load("mine").raw.get("seeds") == 2)
        await typed(pilot, "0")
        await gone_to(pilot, "seeds")
        await typed(pilot, "0")
        await pilot.press("f7")
        await until(pilot, lambda: "these settings cannot run yet" in text_of(pilot))


async def test_a_directory_that_cannot_be_written_is_a_sentence() -> None:
    presets.own_directory().parent.mkdir(parents=True)
    presets.own_directory().write_text("a file in its place")
    async with form_of() as pilot:
        await saved(pilot, "mine")
        await until(pilot, lambda: "nothing was saved" in text_of(pilot))


async def test_where_the_terminal_cannot_be_lent_editing_is_refused_in_a_sentence() -> None:
    async with form_of() as pilot:
        await pilot.press("f8")
        await until(pilot, lambda: "no terminal here that an editor could have" in text_of(pilot))


@pytest.mark.slow
def test_an_editor_has_the_terminal_and_what_it_leaves_is_checked(tmp_path: Path) -> None:
    """In a terminal, under the parent that keeps it. Each script is an editor: $1 is the file."""
    script, seen = tmp_path / "script", tmp_path / "seen"
    environment = {"VISUAL": "", "EDITOR": f"sh {script}"}
    with Watched([COMMAND, "mf-depth"], environment=environment) as watched:
        watched.until(lambda shown: "init_scale" in shown and "f8 editor" in shown)
        scripts = (
            ('sed -i "s/init_scale = 0.001/init_scale = 0.01/" "$1"', "the settings are as written"),
            (":", "the settings are as they were"),
            ("exit 3", "ended with status 3"),
            # As ctrl+c would: it is for the editor alone.
            ("kill -INT 0; sleep 5", "ended with status 130"),
            # And ctrl+z, after which it goes on.
            (f'kill -STOP $$; cp "$1" {seen}; sed -i "s/rank = 5/rank = 0/" "$1"', "problem.rank must be"),
            ('echo "seed = [" > "$1"', "not valid TOML"),
            (f'cp "$1" {seen}.refused', "the settings are as they were"),
            ('rm "$1"', "no such file"),
            ("printf '\\377' > \"$1\"", "is not UTF-8"),
        )
        for place, (written, said) in enumerate(scripts):
            begun = tmp_path / f"begun-{place}"
            script.write_text(f"touch {begun}\n{written}\n")
            watched.press("f8")
            watched.until(lambda shown, begun=begun, said=said: begun.exists() and said in shown)  # type: ignore[misc]
        assert "init_scale = 0.01" in seen.read_text(), "what was taken over stands in the form"
        assert Path(f"{seen}.refused").read_text().startswith("# ✗ this is not valid TOML"), "what was not is kept"
        watched.press("f5")
        # To its end: the run goes on without the window, and no test leaves one.
        watched.until(lambda shown: "✓ converged" in shown)
    waiting.until(lambda: not any(run.is_solving() for run in runs.list_runs()))


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"VISUAL": "/no/such/editor -x"}, "the editor /no/such/editor is no use (no such file or directory)"),
        ({"EDITOR": "'vi"}, "EDITOR is no command (no closing quotation): quote it as for a shell"),
        ({"VISUAL": " ", "EDITOR": "a b"}, "the editor a is no use"),
        ({}, "the editor vi is no use"),
    ],
)
def test_an_editor_that_is_not_there_is_one_sentence(
    environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lend(command: list[str]) -> int:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(terminal, "lend", lend)
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, environment.get(name, ""))
    with pytest.raises(BadSetting) as refused:
        editor.edited("")
    assert str(refused.value).startswith(said)


async def test_a_spectrum_typed_in_the_form_takes_the_place_of_rank_and_norm() -> None:
    """A list is one value and no sweep; several lists sweep. What the preset says of the rank is let go."""
    async with form_of() as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, SettingsScreen)
        await gone_to(pilot, "spectrum")
        await typed(pilot, "9, 4, 1")
        await until(pilot, lambda: screen._spec is not None)
        assert screen._spec is not None
        problem = screen._spec.problem
        assert isinstance(problem, MatrixCompletion)
        assert (problem.spectrum, problem.resolved_rank) == ((9.0, 4.0, 1.0), 3)
        assert "problem.spectrum" not in screen._spec.sweep
        setting(pilot, "problem.spectrum").put("[9, 4], [2, 1]")
        await until(pilot, lambda: screen._spec is not None and "problem.spectrum" in screen._spec.sweep)
        setting(pilot, "problem.spectrum").put("1, 4")
        await until(pilot, lambda: "write the largest value first" in text_of(pilot))


async def test_a_matrix_of_one_s_own_lets_go_of_the_random_one_and_keeps_what_is_observed(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.outer(np.arange(1.0, 51.0), np.ones(49)))
    async with form_of() as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, SettingsScreen)
        setting(pilot, "problem.ground_truth").put(str(tmp_path / "w.npy"))
        await until(pilot, lambda: screen._spec is not None and screen._spec.problem.known_shape == (50, 49))
        assert screen._spec is not None
        problem = screen._spec.problem
        assert isinstance(problem, MatrixCompletion)
        assert (problem.rank, problem.resolved_observations) == (None, 2000)
        setting(pilot, "problem.mask").put("block")
        await until(pilot, lambda: screen._spec is None and "outside the missing block" in text_of(pilot))


async def test_a_long_run_is_told_which_width_would_make_it_short() -> None:
    """Below what it takes: what to set, both estimates, and that the rank is capped; gone once it is set."""
    async with form_of() as pilot:
        # A rank whose spectra are not found by their largest values alone, which depth 1 would be short with.
        for field, value in (("shape", "3000,3000"), ("observations", "90000"), ("rank", "101")):
            setting(pilot, f"problem.{field}").query_one(Input).value = value
        await until(pilot, lambda: "model.hidden_width = " in text_of(pilot))
        told = " ".join(text_of(pilot).split())
        assert "it caps the rank at" in told
        assert "depth 1 has no hidden layer" in told
        setting(pilot, "model.hidden_width").query_one(Input).value = "50"
        await until(pilot, lambda: "model.hidden_width = " not in text_of(pilot))
