"""The page of settings, of runs side by side: those that differ first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tui.draw.cells import DIM, TEXT
from tui.shown.differences import flat
from tui.shown.lines import Line
from tui.text import inert
from tui.watch.seen import Seen


def lines(runs: Sequence[Seen], width: int) -> list[Line]:
    """A line for each setting, a column for each run: those that differ first."""
    settings = [flat(one.order.spec) for one in runs]
    names = list(dict.fromkeys(name for one in settings for name in one))
    differing = [name for name in names if len({one.get(name, "–") for one in settings}) > 1]
    same = [name for name in names if name not in differing]
    room = min(max([len("setting"), *map(len, names)]) + 2, max(12, width // 2))
    column = max(8, (width - room) // len(runs) - 1)

    def line(name: str, values: Iterable[str]) -> str:
        cells = [inert(name, room - 1).ljust(room), *(inert(value, column).ljust(column + 1) for value in values)]
        return inert("".join(cells).rstrip(), width)

    told: list[Line] = [(line("setting", (one.name for one in runs)), DIM)]
    told += [(line(name, (one.get(name, "–") for one in settings)), TEXT) for name in differing]
    told += [("all settings are the same", TEXT)] * (not differing) + [("", TEXT), ("the same in all", DIM)]
    return told + [(line(name, (settings[0].get(name, "–"),)), DIM) for name in same]
