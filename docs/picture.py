"""Draws a picture of the README from a real run: ``python docs/picture.py RUN docs/live.svg t``, keys last."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from solver import rundir
from tui.app import ImplicitApp
from tui.screens.live import LiveScreen


async def draw(run: str, target: Path, keys: list[str]) -> None:
    """Opens the app on the run at 120 × 36, presses the keys, and saves what it shows."""
    app = ImplicitApp(run=rundir.find(run))
    async with app.run_test(size=(120, 36)) as pilot:
        while not (isinstance(app.screen, LiveScreen) and app.screen.history.ending):
            await pilot.pause(0.1)
        await pilot.press(*keys)
        await pilot.pause(0.5)
        target.write_text(app.export_screenshot(title="implicit-tui"), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(draw(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
