"""Timing in turns, and the small tables that come of it."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence

import torch


def interleaved(calls: dict[str, Callable[[], object]], rounds: int, steps: int = 1) -> dict[str, float]:
    """Median µs a step of each, where a call takes ``steps`` of them.

    Taken in turns, so that a slow moment of the machine meets all of them; the first round warms up.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            synchronise()
            if turn:
                times[name].append((time.perf_counter() - begin) / steps * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def synchronise() -> None:
    """Waits for the device, where there is one besides the processor."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The power of the size with which the cost grows: the slope of a line through both logarithms."""
    x, y = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    fitted: float = statistics.linear_regression(x, y).slope
    return fitted


def readable(value: float) -> str:
    """Three significant digits, without an exponent where it is short."""
    if value == 0 or not math.isfinite(value):
        return str(value)
    if abs(value) < 1e-3:
        return f"{value:.1e}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"
