"""What a preset says to look for: a line for each beside the chart, ticked when it has happened, and all as a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from solver import expected
from solver.expected import LookFor
from tui.draw.cells import DIM, STRONG, TEXT
from tui.draw.palette import BAD, GOOD
from tui.shown.lines import Line, wrapped
from tui.text import inert
from tui.watch.seen import Seen

_SIGNS = {"yes": ("✓", GOOD), "no": ("✗", BAD), "open": ("·", DIM)}

# What is told and not judged.
_TOLD = ("›", DIM)


class Bullet(NamedTuple):
    """One thing to look for, as a line."""

    sign: str
    colour: int
    text: str
    show: str
    """The row that shows it, as the preset names it."""


def of(seen: Seen) -> list[LookFor]:
    """What the run's preset says; older runs say it in sentences alone."""
    return [LookFor(say=one) if isinstance(one, str) else one for one in seen.order.preset.look_for]


def bullets(seen: Seen) -> list[Bullet]:
    """A line for each, with what has become of it."""
    found = []
    for one in of(seen):
        sign, colour = _SIGNS[expected.seen(one, seen.history, seen.milestones)] if one.when else _TOLD
        found.append(Bullet(sign, colour, inert(one.short or one.say, 400), one.show))
    return found


def lines(seen: Seen, width: int) -> list[Line]:
    """The preset's idea, all that there is to look for in full, and where it comes from."""
    preset = seen.order.preset
    told: list[Line] = [(inert(preset.title, 200), STRONG), *wrapped(preset.idea, TEXT, width, ""), ("", TEXT)]
    for one, bullet in zip(of(seen), bullets(seen), strict=True):
        told.append((f"{bullet.sign} {bullet.text}", bullet.colour if bullet.colour != DIM else STRONG))
        if one.short:
            told += wrapped(one.say, TEXT, width)
        told.append(("", TEXT))
    return told + wrapped(f"Source: {preset.source}" if preset.source else "", DIM, width, "")


def count(seen: Seen) -> str:
    """How many have happened."""
    found = bullets(seen)
    return f"{sum(one.sign == '✓' for one in found)}/{len(found)}" if found else ""


def names(found: Sequence[Bullet]) -> list[str]:
    """The rows that show them, in order."""
    return [one.show for one in found if one.show]
