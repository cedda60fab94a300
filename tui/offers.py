"""What the palette offers: the actions of the screen it was called from, presets, runs, themes and frame rates."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.app import SystemCommand
from textual.screen import Screen

import presets
from solver import runs
from solver.refusal import BadSetting
from tui import keys
from tui.host import Host
from tui.text import inert

# Of many runs those that one may still have in mind.
_NEWEST = 40
_RATES = (30.0, 10.0, 5.0, 2.0)


def of(host: Host, screen: Screen[object], place: keys.Place) -> Iterable[SystemCommand]:
    """Help and the words first, then what can be done here, then where else one can go."""
    for action in sorted(keys.of(place), key=lambda one: one.name not in keys.FIRST):
        if action.in_palette:
            name = f"{'screen' if action.places else 'app'}.{action.name}"
            label = f"{action.label} ({host.keys.shown(action)})"
            yield SystemCommand(label, action.help, _acting(host, screen, name))
    for name in presets.names():
        yield SystemCommand(f"preset {inert(name, 40)}", "Run this preset.", lambda name=name: _run(host, name))
    for run in runs.list_runs()[: -_NEWEST - 1 : -1]:
        told = run.read_notes().name
        title = f"open {inert(told, 40)} · {inert(run.id, 60)}" if told else f"open {inert(run.id, 60)}"
        yield SystemCommand(title, "Show this run, live or replayed.", lambda run=run: host.open_run(run))
    for theme in host.available_themes:
        yield SystemCommand(
            f"theme {theme}", "Take this theme, and keep it.", lambda theme=theme: host.take_theme(theme)
        )
    for rate in _RATES:
        help_ = "Draw a live run so often; fewer are fewer bytes over a thin connection."
        yield SystemCommand(f"frames {rate:g} per second", help_, lambda rate=rate: host.take_rate(rate))


def _acting(host: Host, screen: Screen[object], name: str) -> Callable[[], None]:
    def act() -> None:
        host.run_worker(host.run_action(name, screen))

    return act


def _run(host: Host, name: str) -> None:
    try:
        preset = presets.load(name)
    except BadSetting as error:
        host.complain(str(error))
        return
    host.run_preset(preset, host.start_of(preset))
