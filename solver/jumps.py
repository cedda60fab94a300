"""When a deep factorization leaves each plateau, foretold from the greedy solutions of its problem."""

from __future__ import annotations

import math
from collections.abc import Sequence

from solver.records import Value, number

FORETOLD = "predicted-jump"
"""The name of the events that say when; a lane's are in the order of their ranks."""


def losses(greedy: dict[str, Value]) -> list[float]:
    """The losses of the greedy solutions by rank, from rank 0 on; empty where they were not computed."""
    return _numbers(greedy, "losses")


def runners_up(greedy: dict[str, Value]) -> list[float]:
    """Of each rank but the last, the second singular value of the gradient over the first."""
    second = _numbers(greedy, "runners_up")
    return [b / row[-1] if row[-1] > 0.0 else math.nan for b, row in zip(second, _pulls(greedy), strict=False)]


def jump_times(greedy: dict[str, Value], start: float, depth: int) -> list[float]:
    """Flow times at which the pair of rank 1, 2, … has grown from ``start`` to half of what it comes to.

    It moves at N σ^(2−2/N) γ with γ its pull at the solution of each rank, while that is the present one: between the
    jumps before. A pair whose pull is negative waits where it is.
    """
    times: list[float] = []
    for row, size in zip(_pulls(greedy), _numbers(greedy, "sizes"), strict=False):
        needed = _distance(start, 0.5 * size, depth)
        # Plateaus that are over: from one jump to the next, each with its own pull.
        begins = [0.0, *times]
        for pull, begin, end in zip(row, begins, [*begins[1:], math.inf], strict=False):
            covered = max(0.0, pull) * (end - begin) if pull > 0.0 else 0.0
            if covered >= needed and pull > 0.0:
                times.append(begin + needed / pull)
                break
            needed -= covered
        else:
            return times
        if times != sorted(times):
            return times[:-1]
    return times


def _distance(start: float, end: float, depth: int) -> float:
    """∫ dσ / (N σ^(2−2/N)) from ``start`` to ``end``: what γ times time has to come to."""
    if not 0.0 < start < end:
        return 0.0
    if depth == 2:
        return 0.5 * math.log(end / start)
    power = 2.0 / depth - 1.0
    return float(end**power - start**power) / (depth * power)


def _pulls(greedy: dict[str, Value]) -> list[Sequence[float]]:
    """By rank k = 1, 2, … the pulls of its pair at the solutions of rank 0 … k − 1."""
    flat, begin = _numbers(greedy, "pulls"), 0
    found: list[Sequence[float]] = []
    while begin < len(flat):
        end = begin + len(found) + 1
        found.append(flat[begin:end])
        begin = end
    return found


def _numbers(greedy: dict[str, Value], name: str) -> list[float]:
    values = greedy.get(name)
    return [number(value) for value in values] if isinstance(values, list) else []
