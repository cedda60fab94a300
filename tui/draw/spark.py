"""A series as one row of blocks."""

from __future__ import annotations

import math
from array import array

_BLOCKS = "▁▂▃▄▅▆▇█"


def spark(values: array[float], width: int, log: bool) -> str:
    """The whole series squeezed into ``width`` cells, from its smallest to its largest value.

    Cells without a drawable value (not finite; not positive on a log scale) are spaces.
    """
    n = len(values)
    if not n or width < 1:
        return " " * max(0, width)
    picked = []
    cells = min(width, n)
    for cell in range(cells):
        # From the first value to the newest, so that a rise in the first steps is not lost.
        value = values[round(cell * (n - 1) / max(1, cells - 1))] if cells > 1 else values[-1]
        if log:
            picked.append(math.log(value) if 0 < value < math.inf else math.nan)
        else:
            picked.append(value if math.isfinite(value) else math.nan)
    known = [value for value in picked if value == value]
    if not known:
        return " " * width
    low, high = min(known), max(known)
    span = high - low
    text = "".join(
        " " if value != value else _BLOCKS[min(7, int((value - low) / span * 8)) if span > 0 else 3] for value in picked
    )
    return text.ljust(width)
