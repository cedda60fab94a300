"""What must be beaten: predictors that know no interaction of rows and columns; and what can be taken out first.

The additive model predicts μ + a_i + b_j: the mean, and what each row and column adds to it. The additions are least
squares in which each is drawn to zero as by DAMPING entries without any (Koren, Bell, Volinsky 2009, as their baseline
predictors), found by ALTERNATIONS rounds of one mode after the other, the last mode first. So with more modes.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import fsum

import msgspec

DAMPING = 5.0
ALTERNATIONS = 10


class Biases(msgspec.Struct, frozen=True, kw_only=True):
    """A mean, and for each mode what its indices add; nothing for a mode that adds none."""

    mean: float
    modes: list[array[float]]

    def at(self, indices: Sequence[Sequence[int]]) -> list[float]:
        """Predictions of entries, whose places are given mode by mode."""
        found = [self.mean] * (len(indices[0]) if indices else 0)
        for added, places in zip(self.modes, indices, strict=True):
            if added:
                found = [value + added[place] for value, place in zip(found, places, strict=True)]
        return found


def constant(values: Sequence[float], n_modes: int) -> Biases:
    """The mean alone."""
    return Biases(mean=_mean(values), modes=[array("d") for _ in range(n_modes)])


def means_of_mode(indices: Sequence[Sequence[int]], values: Sequence[float], shape: Sequence[int], mode: int) -> Biases:
    """The mean of each index of one mode, drawn towards that of all; that of all where an index has no entry."""
    mean = _mean(values)
    modes = [array("d") for _ in shape]
    modes[mode] = _added(indices[mode], [value - mean for value in values], shape[mode])
    return Biases(mean=mean, modes=modes)


def additive(indices: Sequence[Sequence[int]], values: Sequence[float], shape: Sequence[int]) -> Biases:
    """What every mode adds to the mean."""
    mean = _mean(values)
    modes = [array("d", bytes(8 * size)) for size in shape]
    # Of what is left when everything else is taken out.
    left = [value - mean for value in values]
    for _ in range(ALTERNATIONS):
        for mode in range(len(shape) - 1, -1, -1):
            added, places = modes[mode], indices[mode]
            left = [value + added[place] for value, place in zip(left, places, strict=True)]
            added = modes[mode] = _added(places, left, shape[mode])
            left = [value - added[place] for value, place in zip(left, places, strict=True)]
    return Biases(mean=mean, modes=modes)


def _added(places: Sequence[int], left: Sequence[float], size: int) -> array[float]:
    sums, counts = [0.0] * size, [DAMPING] * size
    for place, value in zip(places, left, strict=True):
        sums[place] += value
        counts[place] += 1.0
    return array("d", (total / count for total, count in zip(sums, counts, strict=True)))


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)


def predictors(indices: Sequence[Sequence[int]], values: Sequence[float], shape: Sequence[int]) -> dict[str, Biases]:
    """Each by its name: the constant, the means of each mode, and the additive model, linear in who and what."""
    names = ("row_means", "column_means") if len(shape) == 2 else [f"mode_{mode}_means" for mode in range(len(shape))]
    found = {"constant": constant(values, len(shape))}
    found |= {name: means_of_mode(indices, values, shape, mode) for mode, name in enumerate(names)}
    return found | {"linear": additive(indices, values, shape)}


def errors(predicted: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Mean squared error, and that divided by the mean square of the values; NaN where these are all zero."""
    squared = fsum((guess - value) ** 2 for guess, value in zip(predicted, values, strict=True)) / len(values)
    size = fsum(value * value for value in values) / len(values)
    return squared, squared / size if size else float("nan")
