"""The talk's table *quantity | minimiser*, computed: which unobserved entry makes each norm, and the rank, smallest."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from solver.counterexample import Counterexample
from solver.numerics.spectrum import effective_rank
from solver.records import Value, plain

Spectra = npt.NDArray[np.float64]

# Entries tried, in units of √|z·z′|: dense near zero, out to where a quantity that keeps falling is near its infimum.
_FARTHEST = 1e5
_N_TRIED = 1201
# Smallest fall, relative, over the last decade that counts as falling for ever.
_STILL_FALLING = 1e-9
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def minimisers(example: Counterexample) -> dict[str, Value]:
    """Each quantity's infimum over w, as ``quantity``, and the w that attains it, as ``quantity.at``; inf if none does.

    Quantities of W(w), the matrix that fits all observations exactly: Schatten-p norms for p = 1/2, 2/3, 1 (nuclear),
    2 (Frobenius) and ∞ (spectral), the effective rank, and the distance from the matrices of lower rank (the smallest
    singular value).
    """
    table: dict[str, Value] = {}
    unit = math.sqrt(abs(example.z * example.z_prime))
    for name, quantity in _QUANTITIES.items():
        at, least = _least(_along(example, quantity), unit)
        table[name] = plain(least)
        table[f"{name}.at"] = plain(at)
    return table


def _along(example: Counterexample, quantity: Callable[[Spectra], float]) -> Callable[[float], float]:
    """The quantity of W(w), as a function of w."""
    return lambda w: quantity(_spectrum(example, w))


def _spectrum(example: Counterexample, w: float) -> Spectra:
    matrix = np.eye(example.size)
    matrix[:2, :2] = [[w, example.z], [example.z_prime, example.epsilon]]
    return np.linalg.svd(matrix, compute_uv=False).astype(np.float64)


def _schatten(p: float) -> Callable[[Spectra], float]:
    return lambda sigma: float(np.sum(sigma**p) ** (1.0 / p))


_QUANTITIES: dict[str, Callable[[Spectra], float]] = {
    "schatten_1_2": _schatten(0.5),
    "schatten_2_3": _schatten(2.0 / 3.0),
    "nuclear_norm": lambda sigma: float(sigma.sum()),
    "frobenius_norm": lambda sigma: float(np.linalg.norm(sigma)),
    "spectral_norm": lambda sigma: float(sigma[0]),
    "effective_rank": lambda sigma: effective_rank(torch.tensor(sigma)),
    "distance_from_lower_rank": lambda sigma: float(sigma[-1]),
}


def _least(quantity: Callable[[float], float], unit: float) -> tuple[float, float]:
    """(w, value) of the least value on the real line; w is ±inf where the quantity falls towards it for ever.

    ``unit`` is the size of an entry that matters.
    """
    far = _FARTHEST * unit
    tried = unit * np.sinh(np.linspace(-math.asinh(_FARTHEST), math.asinh(_FARTHEST), _N_TRIED))
    values = np.array([quantity(float(w)) for w in tried])
    inner = [k for k in range(1, _N_TRIED - 1) if values[k] <= min(values[k - 1], values[k + 1])]
    found = [_golden(quantity, float(tried[k - 1]), float(tried[k + 1])) for k in inner]
    best = min(found, key=lambda at_and_value: at_and_value[1], default=(math.nan, math.inf))
    for sign in (1.0, -1.0):
        # Where both ends fall alike, +inf stands for both.
        before, end = quantity(sign * far / 10.0), quantity(sign * far)
        if before - end > _STILL_FALLING * abs(end) and end < best[1]:
            return sign * math.inf, end
    return best if found else (sign * math.inf, end)


def _golden(quantity: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Golden-section search in an interval with one minimum; a minimum at a kink is found like any other."""
    for _ in range(100):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if quantity(left) <= quantity(right):
            high = right
        else:
            low = left
    # Rounded to what a search by comparison can tell.
    w = 0.5 * (low + high)
    w = 0.0 if abs(w) < 1e-7 else w
    return w, quantity(w)
