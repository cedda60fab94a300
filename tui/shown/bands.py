"""Medians and quartiles over the seeds of a lane: curves recorded at different places, laid on one grid."""

from __future__ import annotations

import math
import statistics
from array import array
from collections.abc import Sequence

_GRID = 160
# Fewer values have no quartiles worth the name.
FEWEST_SEEDS = 3


def band(
    xs: Sequence[array[float]], ys: Sequence[array[float]], *, log: bool, held: Sequence[bool] = ()
) -> tuple[array[float], array[float], array[float], array[float]]:
    """x, lower quartile, median and upper quartile; straight lines between points.

    From where every curve has begun to where the first ends, but those that are ``held`` keep their last value: a lane
    that has ended stays where it is. With ``log`` the grid is even on a logarithmic axis. Empty where the curves have
    no stretch in common.
    """
    grid = _grid(xs, held or [False] * len(xs), log=log)
    low, middle, high = array("d"), array("d"), array("d")
    for values in zip(*(_on(grid, x, y) for x, y in zip(xs, ys, strict=True)), strict=True):
        first, second, third = quartiles(values) if all(map(math.isfinite, values)) else (math.nan,) * 3
        low.append(first)
        middle.append(second)
        high.append(third)
    return grid, low, middle, high


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile; of fewer than three values the smallest and largest.

    Between neighbours in proportion, the smallest and largest included (method 7 of Hyndman and Fan 1996).
    """
    if len(values) < FEWEST_SEEDS:
        return min(values), statistics.median(values), max(values)
    first, second, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, second, third


def _grid(xs: Sequence[array[float]], held: Sequence[bool], *, log: bool) -> array[float]:
    if not xs or not all(len(x) > 1 for x in xs):
        return array("d")
    goes_on = [x[-1] for x, is_held in zip(xs, held, strict=True) if not is_held]
    start, stop = max(x[0] for x in xs), min(goes_on) if goes_on else max(x[-1] for x in xs)
    if log:
        # From the first place that a logarithmic axis has.
        start = max(start, max(next((value for value in x if value > 0.0), math.inf) for x in xs))
    if not start < stop < math.inf:
        return array("d")
    if log:
        ratio = math.log(stop / start)
        return array("d", (start * math.exp(ratio * k / (_GRID - 1)) for k in range(_GRID)))
    return array("d", (start + (stop - start) * k / (_GRID - 1) for k in range(_GRID)))


def _on(grid: array[float], x: array[float], y: array[float]) -> array[float]:
    """The curve at the places of the grid, which rise and do not lie before it; after its end its last value."""
    found, after, last = array("d"), 1, len(x) - 1
    for place in grid:
        while x[after] < place and after < last:
            after += 1
        x0, x1, y0 = x[after - 1], x[after], y[after - 1]
        share = (place - x0) / (x1 - x0) if x1 > x0 else 1.0
        found.append(y0 + min(1.0, max(0.0, share)) * (y[after] - y0))
    return found
