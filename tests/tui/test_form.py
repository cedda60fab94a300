"""The settings form by keys: going to a field, what differs from the preset, saved and edited as text."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Select

import presets
from solver import settings
from tests.tui.driving import app_of, opened, text_of, until
from tui.screens.finder import Finder
from tui.screens.settings import SettingsScreen
from tui.widgets.setting import Setting

pytestmark = pytest.mark.usefixtures("stand_in")


@contextlib.asynccontextmanager
async def form_of(name: str = "mf-depth", size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[None]]:
    async with opened(size, preset=presets.load(name)) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen) and pilot.app.screen.query(Setting))
        await pilot.pause()
        yield pilot


def setting(pilot: Pilot[None], field: str) -> Setting:
    return next(one for one in pilot.app.screen.query(Setting) if one.field == field)


async def typed(pilot: Pilot[None], text: str) -> None:
    names = {" ": "space", ".": "full_stop", "-": "minus", "_": "underscore", ",": "comma", "/": "slash"}
    await pilot.press(*(names.get(letter, letter) for letter in text))


async def gone_to(pilot: Pilot[None], words: str) -> None:
    await pilot.press("f3")
    await until(pilot, lambda: isinstance(pilot.app.screen, Finder))
    await typed(pilot, words)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen))
    await pilot.pause()


async def test_a_field_is_gone_to_by_a_part_of_its_name_and_typing_replaces_what_stands_there() -> None:
    """From anywhere by f3, from a list of words by / as well; the finder shows the values as they stand."""
    async with form_of() as pilot:
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(pilot.app.screen, Finder))
        assert "model.init_scale  0.001" in text_of(pilot)
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
