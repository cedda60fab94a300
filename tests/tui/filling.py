"""The settings form filled in by keys: opened on a preset, gone to a field, typed in."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from textual.pilot import Pilot

import presets
from tests.tui.driving import opened, until
from tui.screens.finder import Finder
from tui.screens.settings import SettingsScreen
from tui.widgets.setting import Setting


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
