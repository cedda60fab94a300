"""A series as one row: a thin line of braille dots, or steps where there is no braille."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from tui.draw.canvas import Canvas, Marker

_LEVELS: dict[Marker, str] = {"block": "▁▂▃▄▅▆▇█", "ascii": ".:-=+*#%"}
# Where a series that stays as it is stands.
_STILL = 0.44


def spark(values: array[float], width: int, log: bool, marker: Marker = "braille") -> str:
    """The whole series squeezed into ``width`` cells, from its smallest to its largest value.

    Places without a drawable value (not finite; not positive on a log scale) are blank.
    """
    if not len(values) or width < 1:
        return " " * max(0, width)
    if marker != "braille":
        return _stairs(_picked(values, width, log), _LEVELS[marker]).ljust(width)
    picked = _picked(values, 2 * width, log)
    canvas = Canvas(width, 1, "braille")
    before: tuple[int, int] | None = None
    for column, share in enumerate(picked):
        if share is None:
            before = None
            continue
        dot = round((1.0 - share) * (canvas.dots_down - 1))
        canvas.line(*(before or (column, dot)), column, dot, 0)
        before = column, dot
    return canvas.rows()[0][0]


def _picked(values: array[float], most: int, log: bool) -> list[float | None]:
    """So many values at most, evenly from the first to the newest, each as its share of the way up."""
    n = len(values)
    cells = min(most, n)
    picked: list[float] = []
    for cell in range(cells):
        # From the first value to the newest, so that a rise in the first steps is not lost.
        value = values[round(cell * (n - 1) / max(1, cells - 1))] if cells > 1 else values[-1]
        if log:
            picked.append(math.log(value) if 0 < value < math.inf else math.nan)
        else:
            picked.append(value if math.isfinite(value) else math.nan)
    known = [value for value in picked if value == value]
    low, span = min(known, default=0.0), max(known, default=0.0) - min(known, default=0.0)
    return [None if value != value else (value - low) / span if 0 < span < math.inf else _STILL for value in picked]


def _stairs(shares: Sequence[float | None], levels: str) -> str:
    return "".join(" " if share is None else levels[min(7, int(share * 8))] for share in shares)
