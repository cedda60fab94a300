"""The app driven by keys in this process: opened on something, waited for, read as text; no solver is started."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from textual.pilot import Pilot

import presets
from solver.rundir import RunDirectory
from tests.tui import logs
from tui.app import ImplicitApp
from tui.config import Config
from tui.screens.live import LiveScreen
from tui.widgets.chart import Chart


class StandIn:
    """In place of a solver process: remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[RunDirectory] = []
        self.alive = True

    def give(self, directory: RunDirectory) -> None:
        self.given.append(directory)

    def is_alive(self) -> bool:
        return self.alive

    def release(self) -> None:
        self.alive = False


@contextlib.asynccontextmanager
async def opened(
    size: tuple[int, int] = (120, 40),
    run: RunDirectory | None = None,
    preset: presets.Preset | None = None,
    config: Config | None = None,
) -> AsyncIterator[Pilot[None]]:
    app = ImplicitApp(run=run, preset=preset, config=config)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        yield pilot


async def until(pilot: Pilot[None], condition: Callable[[], Any], tries: int = 400) -> None:
    for _ in range(tries):
        await pilot.pause(0.01)
        if condition():
            return
    raise AssertionError("it did not happen; the screen shows\n" + text_of(pilot))


def text_of(pilot: Pilot[None]) -> str:
    """The screen as text."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def live(pilot: Pilot[None]) -> LiveScreen:
    assert isinstance(pilot.app.screen, LiveScreen)
    return pilot.app.screen


async def caught_up(pilot: Pilot[None], n_frames: int = logs.N_FRAMES) -> LiveScreen:
    screen = live(pilot)
    await until(pilot, lambda: screen.history.lanes and len(screen.history.lanes[-1]) == n_frames)
    await until(pilot, lambda: screen._drawn_look == screen._look())
    await pilot.pause(0.15)
    return screen


def app_of(pilot: Pilot[None]) -> ImplicitApp:
    assert isinstance(pilot.app, ImplicitApp)
    return pilot.app


def chart_text(pilot: Pilot[None]) -> str:
    """What the large picture shows."""
    return "\n".join(text for text, _ in live(pilot).query_one(Chart).rows)
