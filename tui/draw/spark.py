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
    for cell in range(min(width, n)):
        # The last point of each cell, so that the newest value is always the rightmost one.
        value = values[((cell + 1) * n) // min(width, n) - 1]
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
