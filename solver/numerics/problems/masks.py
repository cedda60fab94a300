"""Which entries of a ground truth are observed, where they are not drawn alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from solver.spec import MatrixCompletion

Flat = npt.NDArray[np.int64]


def masked(spec: MatrixCompletion, generator: np.random.Generator) -> Flat:
    """(observations,): the observed entries of a mask that is not uniform, counted row by row; none comes twice.

    Fewer observations are a prefix of more; of the symmetric mask but for one entry.
    """
    n = spec.resolved_observations
    rows, columns = spec.resolved_shape
    if spec.mask == "symmetric":
        return _pairs(rows, n, generator)
    if spec.mask == "block":
        return generator.permutation(np.flatnonzero(~_block(spec)))[:n]
    log_rates = -spec.mask_skew * np.log1p(generator.permutation(rows).astype(np.float64))[:, None]
    if spec.mask == "popularity":
        log_rates = log_rates - spec.mask_skew * np.log1p(generator.permutation(columns).astype(np.float64))
    # Each entry waits for an exponential time at its rate, and the first are observed: drawn one after the other
    # without replacement, by their rates. In logarithms no rate is too small.
    waited = np.log(generator.standard_exponential((rows, columns))) - log_rates
    return np.argsort(waited, axis=None, kind="stable")[:n].astype(np.int64)


def mirrored(noise: npt.NDArray[np.float64], indices: Flat) -> npt.NDArray[np.float64]:
    """``noise`` of observed entries (observations,) with that of (i, j) at (j, i) too, where both are observed.

    ``indices`` is (observations, 2).
    """
    pairs = np.sort(indices, axis=1)
    _, first, of_pair = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    same: npt.NDArray[np.float64] = noise[first[of_pair.reshape(-1)]]
    return same


def _block(spec: MatrixCompletion) -> npt.NDArray[np.bool_]:
    rows, columns = spec.resolved_shape
    height, width = spec.missing_block
    missing = np.zeros((rows, columns), dtype=np.bool_)
    missing[rows - height :, columns - width :] = True
    return missing


def _pairs(size: int, n: int, generator: np.random.Generator) -> Flat:
    """Entries (i, j) with (j, i) beside each, exactly ``n`` of them: the diagonal makes up for an odd number."""
    upper, lower = np.triu_indices(size)
    order = generator.permutation(len(upper))
    i, j = upper[order], lower[order]
    ends = np.cumsum(np.where(i == j, 1, 2))
    taken = int(np.searchsorted(ends, n, side="right"))
    chosen = list(range(taken))
    if n > (ends[taken - 1] if taken else 0):
        # One entry is wanting, and the next is a pair.
        later = np.flatnonzero(i[taken:] == j[taken:])
        if len(later):
            chosen.append(taken + int(later[0]))
        else:
            chosen.remove(int(np.flatnonzero(i[:taken] == j[:taken])[-1]))
            chosen.append(taken)
    i, j = i[chosen], j[chosen]
    both = np.stack([i * size + j, j * size + i], axis=1)
    is_kept = np.stack([np.ones(len(i), dtype=np.bool_), i != j], axis=1)
    kept: Flat = both[is_kept].astype(np.int64)
    return kept
