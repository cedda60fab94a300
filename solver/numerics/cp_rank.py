"""How many components a tensor needs: alternating least squares, and the estimate of the CP rank made with it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_SWEEPS = 100
_STARTS = 3
# A sweep that gains less than this of the error is the last one.
_LEAST_GAIN = 1e-4
_MOST_COMPONENTS = 24


def estimate(tensor: Array, tolerance: float, most: int = _MOST_COMPONENTS) -> int | None:
    """The least number of components that fit ``tensor`` to a relative Frobenius error of ``tolerance``.

    An estimate: the CP rank itself is hard to compute, and the fit may miss a better one. None where ``most``
    components do not reach it; 0 for the zero tensor.
    """
    if not np.any(tensor):
        return 0
    return next((n for n in range(1, most + 1) if distance(tensor, n, tolerance) <= tolerance), None)


def distance(tensor: Array, n_components: int, enough: float = 0.0) -> float:
    """The least relative Frobenius error of a fit by so many components that several starts find.

    The first start takes leading singular vectors of the unfoldings, the others are random, of a fixed seed. Stops at
    an error of ``enough``.
    """
    norm = float(np.linalg.norm(tensor))
    if norm == 0.0:
        return 0.0
    generator = np.random.default_rng(0)
    best = 1.0
    for start in range(_STARTS):
        factors = [
            _leading(unfolded(tensor, mode), n_components, generator)
            if start == 0
            else generator.standard_normal((tensor.shape[mode], n_components))
            for mode in range(tensor.ndim)
        ]
        best = min(best, _fit(tensor, factors, norm, enough))
        if best <= enough:
            break
    return best


def unfolded(tensor: Array, mode: int) -> Array:
    """(size of the mode, all other entries)."""
    return np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)


def _leading(matrix: Array, n: int, generator: np.random.Generator) -> Array:
    vectors = np.linalg.svd(matrix, full_matrices=False)[0][:, :n]
    missing = n - vectors.shape[1]
    return np.concatenate([vectors, generator.standard_normal((len(vectors), missing))], axis=1) if missing else vectors


def _fit(tensor: Array, factors: list[Array], norm: float, enough: float) -> float:
    """Alternating least squares from ``factors``; returns the relative error it ends at."""
    error = 1.0
    for _ in range(_SWEEPS):
        for mode in range(tensor.ndim):
            rest = [factor for m, factor in enumerate(factors) if m != mode]
            product = rest[0]
            for factor in rest[1:]:
                product = (product[:, None, :] * factor[None, :, :]).reshape(-1, product.shape[1])
            gram = np.prod([factor.T @ factor for factor in rest], axis=0)
            matrix = unfolded(tensor, mode)
            right = matrix @ product
            factors[mode] = right @ np.linalg.pinv(gram, rcond=1e-12, hermitian=True)
        # The last mode's least squares give the error without building the tensor: ‖T‖² − ⟨T, fit⟩.
        fit = float(np.sum(right * factors[mode]))
        now = float(np.sqrt(max(0.0, 1.0 - fit / norm**2)))
        if now <= enough or error - now < _LEAST_GAIN * error:
            return now
        error = now
    return error
