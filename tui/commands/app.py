"""The app on the terminal."""

from __future__ import annotations

import io
import os
import sys

import presets
from presets import Preset
from solver import runs
from solver.paths import typed
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tui import terminal
from tui.commands.ending import EXIT_BAD_INPUT, complain


def main(target: str | None) -> int:
    """Opens the app; with a target, on the preset, run or file of that name."""
    if target is None:
        return open_on()
    if target in presets.names() or target.endswith(".toml"):
        return open_on(preset=presets.load(target))
    try:
        run = runs.find(target)
    except runs.NoSuchRun:
        run = None
    if run is not None:
        return open_on(run=run)
    if typed(target, "the file").exists():
        return open_on(preset=presets.load(target))
    raise BadSetting(
        f"{target!r} is no command, preset, run or file: `implicit-tui --help` lists the commands, "
        "`implicit-tui presets` the presets"
    )


def open_on(preset: Preset | None = None, run: RunDirectory | None = None) -> int:
    is_browser = "WebDriver" in os.environ.get("TEXTUAL_DRIVER", "")
    streams = (sys.stdin, sys.stdout, sys.__stderr__)
    is_terminal = all(stream is not None and stream.isatty() for stream in streams)
    if not is_browser and not (is_terminal and os.environ.get("TERM", "dumb") != "dumb"):
        complain("the app needs a terminal: use `implicit-tui run mf-depth --out run.json` without one")
        return EXIT_BAD_INPUT
    from tui import config

    chosen = config.read()
    if isinstance(sys.__stderr__, io.TextIOWrapper):
        # What the app paints is UTF-8, whatever the locale says of files.
        sys.__stderr__.reconfigure(encoding="utf-8")
    # Textual waits for its next frame before it paints: the answer to a key comes sooner with more of them, and what is
    # drawn without one is paced by ourselves.
    os.environ.setdefault("TEXTUAL_FPS", "120")

    def paint(parent: terminal.Parent | None) -> int:
        from tui.app import ImplicitApp

        app = ImplicitApp(preset=preset, run=run, config=chosen, parent=parent)
        app.run()
        return app.return_code or 0

    if is_browser:
        return paint(None)
    return terminal.supervise(paint, is_titled=chosen.title and terminal.takes_titles(os.environ.get("TERM", "")))
