"""Axes: limits that stay put while data grow, ticks at 1-2-5 steps or decades, and numbers as short labels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import msgspec


class Scale(msgspec.Struct, frozen=True):
    """A range of values laid over pixels, linear or logarithmic (then both ends are positive)."""

    low: float
    high: float
    log: bool = False

    def fraction(self, value: float) -> float:
        """Where the value lies, 0 at ``low`` and 1 at ``high``."""
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def placing(self, size: float, flip: bool = False) -> Callable[[float], float]:
        """``fraction`` times ``size`` (counted from the other end with ``flip``), quick for many values."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        slope = size / (high - low)
        start = -low * slope
        if flip:
            slope, start = -slope, size - start
        log = math.log
        if self.log:
            return lambda value: log(value) * slope + start
        return lambda value: value * slope + start

    def value(self, fraction: float) -> float:
        """The value at a fraction of the range; the inverse of ``fraction``."""
        if self.log:
            return math.exp(math.log(self.low) + fraction * (math.log(self.high) - math.log(self.low)))
        return self.low + fraction * (self.high - self.low)


def nice(low: float, high: float, log: bool, before: Scale | None = None, room: float = 0.0) -> Scale:
    """Limits at round values that hold ``low`` and ``high``.

    The scale ``before`` is kept while the data fit it and fill half of it, so that the picture does not jump with every
    new point. ``room`` is how much of the range is left free above data that still grow (linear scales): each new limit
    redraws everything, and that is what costs bytes. On a logarithmic scale both values must be positive.
    """
    if before is not None and before.log == log and before.low <= low and high <= before.high:
        filled = before.fraction(high) - before.fraction(low)
        if filled >= 0.45:
            return before
    if log:
        bottom, top = _decade_below(low), _decade_above(high)
        return Scale(bottom, top if top > bottom else bottom * 10.0, True)
    if high - low <= 1e-12 * max(abs(low), abs(high)) or high - low < 1e-300:
        # One value, or as good as one: it gets room above and below.
        pad = abs(low) * 0.1 if abs(low) > 1e-300 else 1.0
        low, high = low - pad, high + pad
    high += room * (high - low)
    step = _step((high - low) / 4.0)
    bottom, top = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Scale(bottom, top)


def ticks(scale: Scale, most: int) -> list[float]:
    """At most ``most`` round values inside the scale: decades (or every k-th), else multiples of 1, 2 or 5.

    A logarithmic scale that holds less than two decades has 1, 2 and 5 in each, or even steps where it holds less.
    """
    if most < 1:
        return []
    if scale.log:
        first, last = math.ceil(math.log10(scale.low) - 1e-9), math.floor(math.log10(scale.high) + 1e-9)
        if last - first >= 1:
            every = max(1, -(-(last - first + 1) // most))
            start = -(-first // every) * every
            return [10.0**exponent for exponent in range(start, last + 1, every)]
        finer = [factor * 10.0**exponent for exponent in range(first - 1, last + 1) for factor in (1.0, 2.0, 5.0)]
        inside = [value for value in finer if scale.low <= value <= scale.high]
        if 2 <= len(inside) <= most:
            return inside
    span = scale.high - scale.low
    step = _step(span / most)
    while span / step + 1 > most + 1e-9 and step < span * 4:
        step = _step(step * 1.01)
    first = math.ceil(scale.low / step - 1e-9)
    last = math.floor(scale.high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def even_ticks(scale: Scale, most: int, cells: int) -> list[float]:
    """Round values of which each is as many of ``cells`` from the next; none where none of them fall so.

    At most ``most``, and not half as many as there could be.
    """
    usual = ticks(scale, most)
    for fewer in range(most, 1, -1):
        values = ticks(scale, fewer)
        if len(values) < max(3, len(usual) // 2):
            break
        places = [cell_of(scale.fraction(value), cells) for value in values]
        if len({after - before for before, after in itertools.pairwise(places)}) == 1:
            return values
    return []


def cell_of(fraction: float, cells: int) -> int:
    """Which of the cells along an axis a fraction of it lies in, the ends in the middle of the first and the last."""
    return math.floor(fraction * (cells - 1) + 0.5)


def labels(values: list[float]) -> list[str]:
    """The ticks' values, each in at most seven characters where four digits tell them apart, else in more."""
    short = [label(value) for value in values]
    for digits in (6, 8, 11):
        if len(set(short)) == len(short):
            break
        short = [f"{value:.{digits}g}" for value in values]
    return short


def label(value: float) -> str:
    """A tick's value in at most seven characters."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    magnitude = abs(value)
    if magnitude >= 1e15 or magnitude < 1e-3:
        mantissa, _, exponent = f"{value:.3g}".partition("e")
        if not exponent:
            mantissa, _, exponent = f"{value:.1e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(exponent)}"
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if magnitude >= 10 * size or (magnitude >= size and magnitude % size == 0):
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"


def _step(least: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is at least ``least``."""
    power = 10.0 ** math.floor(math.log10(least))
    for factor in (1.0, 2.0, 5.0):
        if factor * power >= least * (1 - 1e-12):
            return factor * power
    return 10.0 * power


def _decade_below(value: float) -> float:
    return 10.0 ** math.floor(math.log10(value) + 1e-9)


def _decade_above(value: float) -> float:
    return 10.0 ** math.ceil(math.log10(value) - 1e-9)
