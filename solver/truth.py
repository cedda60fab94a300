"""What a run's problems are, read from problem.npz: the ground truth, and which of its entries are observed."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

import msgspec

from solver import npz


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """One problem; entries are counted row by row."""

    shape: tuple[int, ...]
    ground_truth: array[float] | None
    """None where only entries are given, or where it was not kept."""
    observed: dict[int, float]
    """The observed entries by place; empty for measurements and images."""


def read(path: Path) -> list[Truth]:
    """The problems of problem.npz; none where it is missing or damaged."""
    try:
        arrays = npz.read(path)
        found: list[Truth] = []
        while f"{len(found)}.shape" in arrays:
            found.append(_problem(arrays, len(found)))
    except (OSError, ValueError, KeyError, IndexError, OverflowError, TypeError):
        return []
    return found


def _problem(arrays: dict[str, tuple[tuple[int, ...], array[float]]], k: int) -> Truth:
    shape = tuple(int(size) for size in arrays[f"{k}.shape"][1])
    kept = arrays.get(f"{k}.ground_truth")
    is_whole = kept is not None and len(kept[1]) == math.prod(shape)
    strides = [math.prod(shape[mode + 1 :]) for mode in range(len(shape))]
    observed: dict[int, float] = {}
    if f"{k}.indices" in arrays:
        (n, modes), indices = arrays[f"{k}.indices"]
        values = arrays[f"{k}.values"][1]
        for entry in range(n):
            place = sum(int(indices[entry * modes + mode]) * strides[mode] for mode in range(modes))
            observed[place] = values[entry]
    return Truth(shape=shape, ground_truth=kept[1] if kept is not None and is_whole else None, observed=observed)
