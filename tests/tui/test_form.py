"""The settings form by keys: going to a field, what differs from the preset, saved and edited as text."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from textual.pilot import Pilot

import presets
from tests.tui.driving import opened, text_of, until
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
