"""The values of curves at a place of the x axis, in the words of the legend."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from tui.draw.cells import DIM
from tui.draw.curves import Curve
from tui.draw.scale import label

_MOST_VALUES = 4


def value_at(curve: Curve, x: float) -> float | None:
    """The y of the recorded point nearest to ``x``; None outside of the curve, and for a path, which has many."""
    n = min(len(curve.x), len(curve.y))
    if not n or curve.path or not curve.x[0] <= x <= curve.x[n - 1]:
        return None
    after = bisect_right(curve.x, x, 0, n)
    before = max(0, after - 1)
    if after < n and curve.x[after] - x < x - curve.x[before]:
        return curve.y[after]
    return curve.y[before]


def _told(curve: Curve, x: float) -> str | None:
    """The value at ``x``; of a curve that has ended before, its last one in brackets."""
    value, n = value_at(curve, x), min(len(curve.x), len(curve.y))
    if value is not None:
        return _short(value)
    return f"({_short(curve.y[n - 1])})" if n and not curve.path and x > curve.x[n - 1] else None


def _short(value: float) -> str:
    return label(float(f"{value:.4g}"))


def readout(curves: Sequence[Curve], x: float) -> list[tuple[str, int, str]]:
    """Entries for the legend: each name and colour once, with the values of its curves at ``x``."""
    entries: dict[tuple[str, int], tuple[str, list[str]]] = {}
    dim = [curve.name for curve in curves if curve.colour == DIM]
    for curve in curves:
        if not curve.name or (curve.colour == DIM and dim.count(curve.name) > 1):
            # Of several lanes' laws one could not tell whose is whose.
            continue
        mark, values = entries.get((curve.name, curve.colour), ("", []))
        value = _told(curve, x)
        if value is not None and len(values) <= _MOST_VALUES:
            values.append(value if len(values) < _MOST_VALUES else "…")
        entries[curve.name, curve.colour] = (mark or curve.mark, values)
    return [(f"{name}: {' '.join(values) or '–'}", colour, mark) for (name, colour), (mark, values) in entries.items()]
