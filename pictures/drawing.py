"""A picture drawn from the kept runs: the same bytes whenever and wherever, so that a stale one is known."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Static

import presets
from pictures import runs_kept
from pictures.scenes import THEMES, Picture
from solver.rundir import RunDirectory
from tui import exporting
from tui.app import ImplicitApp
from tui.config import Config
from tui.screens.export import ExportDialog
from tui.screens.live import LiveScreen
from tui.screens.settings import SettingsScreen

SCREENS = runs_kept.RUNS.parent

_LOOK_S = 0.05
_MOST_LOOKS = 400
# Longer than the list of quantities waits for its next numbers.
_STILL_S = 0.2
# What stands in the place of a directory that is another one each time.
_HOME = "~/.local/share/implicit-tui"


@contextlib.contextmanager
def home() -> Iterator[dict[str, RunDirectory]]:
    """The kept runs, by preset, as all the runs that there are, with the settings of nobody."""
    # NO_COLOR and what a person's own presets or memory say would be seen.
    changed = {"IMPLICIT_TUI_HOME": "", "XDG_CONFIG_HOME": "", "NO_COLOR": "", "SSH_CONNECTION": ""}
    before = {name: os.environ.get(name) for name in changed}
    with tempfile.TemporaryDirectory(prefix="implicit-tui-pictures-") as made:
        for name in changed:
            os.environ.pop(name, None)
        os.environ["IMPLICIT_TUI_HOME"], os.environ["XDG_CONFIG_HOME"] = made, f"{made}/config"
        try:
            yield {preset: runs_kept.unpack(preset, Path(made) / "runs") for preset in runs_kept.PRESETS}
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def drawn(some: Sequence[Picture]) -> dict[str, str]:
    """These pictures as SVG, by the names of their files."""
    with home() as kept:
        return {picture.file_name: draw(picture, kept) for picture in some}


def draw(picture: Picture, kept: dict[str, RunDirectory]) -> str:
    """The picture as SVG. Raises RuntimeError where the screen does not come to rest."""
    scene, found = picture.scene, list[str]()
    run = kept[scene.preset]
    app = ImplicitApp(
        run=run if scene.begin in ("run", "export") else None,
        preset=presets.load(scene.preset) if scene.begin == "settings" else None,
        config=Config(theme=THEMES[picture.theme]),
        is_visitor=True,
    )
    app.animation_level = "none"

    async def look(pilot: Pilot[object]) -> None:
        try:
            await _arrive(pilot, app, picture, run)
            found.append(await _at_rest(pilot, app))
        finally:
            app.exit()

    asyncio.run(app.run_async(headless=True, size=picture.size, auto_pilot=look))
    return found[0]


async def _arrive(pilot: Pilot[object], app: ImplicitApp, picture: Picture, run: RunDirectory) -> None:
    scene = picture.scene
    for _ in range(_MOST_LOOKS):
        await pilot.pause(_LOOK_S)
        if _is_there(app.screen, scene.begin):
            break
    else:
        raise RuntimeError(f"{picture.file_name}: its screen did not appear")
    _redraw(app)
    if scene.begin == "runs":
        app.show_runs()
    if scene.begin == "export":
        app.push_screen(ExportDialog(Path("~") / run.id, with_pictures=True))
    await pilot.pause(_LOOK_S)
    for key in scene.keys:
        await pilot.press(key)


def _is_there(screen: Screen[object], begin: str) -> bool:
    if begin in ("run", "export"):
        return isinstance(screen, LiveScreen) and screen.is_caught_up()
    if begin == "settings":
        return isinstance(screen, SettingsScreen) and bool(screen.query("#form Input"))
    return bool(screen.query(Static))


async def _at_rest(pilot: Pilot[object], app: ImplicitApp) -> str:
    """The screen once it shows the same twice."""
    before = ""
    for _ in range(_MOST_LOOKS):
        _redraw(app)
        await pilot.pause(_STILL_S)
        _hide_what_changes(app.screen)
        await pilot.pause()
        now = exporting.screen_svg(app)
        if now == before:
            return now
        before = now
    raise RuntimeError("the screen does not come to rest")


def _redraw(app: ImplicitApp) -> None:
    for screen in app.screen_stack:
        if isinstance(screen, LiveScreen):
            screen.redraw()


def _hide_what_changes(screen: Screen[object]) -> None:
    """A blinking cursor, and the directory of this drawing."""
    for field in screen.query(Input):
        field.cursor_blink = False
    own = os.environ["IMPLICIT_TUI_HOME"]
    for line in screen.query(Static):
        said = str(line.render())
        if own in said:
            line.update(said.replace(own, _HOME))
