"""The live view of a run without a terminal: opened, keys pressed, and its chart or its screen as a picture."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual.pilot import Pilot

from solver import history
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tui import exporting
from tui.app import ImplicitApp
from tui.config import Config
from tui.draw.paper import Width
from tui.export import CHARTS, Format, picture
from tui.keys import Keys, of
from tui.screens.live import LiveScreen
from tui.shown.origin import origin
from tui.text import inert

_LOOK_S = 0.05
# What such keys do can be seen in a picture, and changes nothing else.
_GROUPS = ("look", "chart")


def _check(pressed: Sequence[str], table: Keys) -> None:
    actions = [action for action in of("live") if action.group in _GROUPS and action.name != "choose"]
    allowed = {key for action in actions for key in table.keys(action).split(",")}
    for key in pressed:
        if key not in allowed:
            shown = ", ".join(sorted(allowed))
            raise BadSetting(f"--keys {inert(key, 20)} does not choose what is shown: take some of {shown}")


def captured(
    directory: RunDirectory,
    kind: Format,
    keys: Sequence[str],
    size: tuple[int, int],
    config: Config | None = None,
    width: Width = "talk",
) -> bytes:
    """The chart, so wide, or the screen, after everything recorded was read and these keys were pressed.

    Raises BadSetting for a run that has recorded nothing, and for keys that do more than choose what is shown.
    """
    if not history.read(directory.log).lanes:
        raise BadSetting(f"run {directory.id} has recorded nothing yet: there is no picture of it")
    told = origin(directory.id, directory.order())
    drawn: list[str] = []
    app = ImplicitApp(run=directory, config=config, is_visitor=True)
    _check(keys, app.keys)

    async def look(pilot: Pilot[object]) -> None:
        screen = app.screen
        while not (isinstance(screen, LiveScreen) and screen.is_caught_up()):
            await pilot.pause(_LOOK_S)
            screen = app.screen
        await pilot.press(*keys)
        await pilot.pause(4 * _LOOK_S)
        if isinstance(app.screen, LiveScreen):
            app.screen.redraw()
            await pilot.pause(_LOOK_S)
        drawn.append(screen.chart.as_svg(told, width) if kind in CHARTS else exporting.screen_svg(app))
        app.exit()

    asyncio.run(app.run_async(headless=True, size=size, auto_pilot=look))
    return picture(kind, drawn[0])
