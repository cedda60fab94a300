"""The spectral norm of a matrix that is known by its products alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

_MOST_PRODUCTS = 300
# The value is off by about the square of this where the next one is apart, and by this at most.
_TOLERANCE = 1e-10

_Product = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


def spectral_norm(times: _Product, transposed_times: _Product, n_columns: int) -> float:
    """σ_1 by Golub and Kahan's bidiagonalisation, which forgets nothing, to a residual of 1e-10 of it.

    It begins at the same vector every time, so a matrix has one norm.
    """
    vector = np.random.default_rng(0).standard_normal(n_columns)
    right = [vector / np.linalg.norm(vector)]
    left: list[npt.NDArray[np.float64]] = []
    diagonal: list[float] = []
    beside: list[float] = []
    largest = 0.0
    for _ in range(min(n_columns, _MOST_PRODUCTS)):
        found = _apart_from(times(right[-1]), left)
        diagonal.append(float(np.linalg.norm(found)))
        bidiagonal = np.diag(diagonal) + np.diag(beside, 1)
        u, values, _ = np.linalg.svd(bidiagonal)
        largest = float(values[0])
        if diagonal[-1] == 0.0:
            break
        left.append(found / diagonal[-1])
        found = _apart_from(transposed_times(left[-1]), right)
        length = float(np.linalg.norm(found))
        if length * abs(float(u[-1, 0])) <= _TOLERANCE * largest:
            break
        beside.append(length)
        right.append(found / length)
    return largest


def _apart_from(vector: npt.NDArray[np.float64], basis: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """What of it is orthogonal to all of these; twice, since once leaves what rounding has made of the first time."""
    if not basis:
        return vector
    rows = np.stack(basis)
    for _ in range(2):
        vector = vector - rows.T @ (rows @ vector)
    return vector
