"""An end matrix as frames look at it: whole, or as two thin factors that are never multiplied out."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics import spectrum, thin
from solver.numerics.partial_spectrum import PartialSpectrum, partial_spectrum
from solver.numerics.problems.observed import Array, Indices

# Of a thin one so many entries are there at a time, and so many numbers of its factors, which are to stay in a cache.
_ENTRIES, _NUMBERS = 2**20, 2**17


class Decomposed(NamedTuple):
    """A singular value decomposition, the largest values first; of a thin or large matrix not as many as it has."""

    u: Float[Tensor, "rows values"]
    singular_values: Float[Tensor, " values"]
    vt: Float[Tensor, "values columns"]


class EndMatrix(ABC):
    """W of one lane, in float64 on the CPU."""

    @abstractmethod
    def largest(self) -> float:
        """The size of its largest entry, or a bound on it; NaN where one is that."""

    @abstractmethod
    def decomposed(self) -> Decomposed:
        """Singular values and vectors."""

    @abstractmethod
    def singular_values(self) -> Float[Tensor, " values"]:
        """Those alone, which take half the time."""

    def norms(self, singular_values: Float[Tensor, " values"], depth: int) -> dict[str, float]:
        """Effective rank and norms, where these are its singular values as they were found here."""
        return spectrum.norms(singular_values, depth)

    @abstractmethod
    def at(self, indices: Indices) -> Array:
        """The entries at these (entries, 2) places."""

    @abstractmethod
    def squared_distance(self, other: Float[Tensor, "rows columns"]) -> Float[Tensor, ""]:
        """‖W − other‖_F²."""

    @abstractmethod
    def whole(self) -> Float[Tensor, "rows columns"]:
        """All entries."""


class WholeMatrix(EndMatrix):
    """All entries are there."""

    def __init__(self, entries: Float[Tensor, "rows columns"]) -> None:
        self._entries = entries

    def largest(self) -> float:
        return self._entries.abs().max().item()

    def decomposed(self) -> Decomposed:
        return Decomposed(*torch.linalg.svd(self._entries, full_matrices=False))

    def singular_values(self) -> Tensor:
        values: Tensor = torch.linalg.svdvals(self._entries)
        return values

    def at(self, indices: Indices) -> Array:
        found: Array = self._entries.numpy()[tuple(indices.T)]
        return found

    def squared_distance(self, other: Tensor) -> Tensor:
        return (self._entries - other).square().sum()

    def whole(self) -> Tensor:
        return self._entries


class LargeMatrix(WholeMatrix):
    """The largest singular values alone are found, and what the others add up to; all where these do not stand out."""

    def __init__(self, entries: Float[Tensor, "rows columns"], n_values: int) -> None:
        super().__init__(entries)
        self._n_values = n_values

    @functools.cached_property
    def _partial(self) -> PartialSpectrum | None:
        return partial_spectrum(self._entries, self._n_values)

    def decomposed(self) -> Decomposed:
        found = self._partial
        return super().decomposed() if found is None else Decomposed(found.u.mT, found.singular_values, found.vt)

    def singular_values(self) -> Tensor:
        return super().singular_values() if self._partial is None else self._partial.singular_values

    def norms(self, singular_values: Tensor, depth: int) -> dict[str, float]:
        """And what they, and the singular values, may be off by."""
        if self._partial is None:
            return super().norms(singular_values, depth) | {"singular_values_error": 0.0, "norms_error": 0.0}
        found = self._partial.norms(2.0 / depth)
        return {
            "effective_rank": found.effective_rank,
            "nuclear_norm": found.nuclear,
            "frobenius_norm": torch.linalg.vector_norm(self._entries).item(),
            "spectral_norm": singular_values[0].item(),
            "schatten_2_over_n": found.schatten,
            "singular_values_error": self._partial.error,
            "norms_error": found.error,
        }


class ThinMatrix(EndMatrix):
    """W = left @ right through a narrow layer."""

    def __init__(self, left: Float[Tensor, "rows width"], right: Float[Tensor, "width columns"]) -> None:
        self._left, self._right = left, right

    def largest(self) -> float:
        """At most ‖left‖_F ‖right‖_F."""
        return float(torch.linalg.vector_norm(self._left) * torch.linalg.vector_norm(self._right))

    def decomposed(self) -> Decomposed:
        return Decomposed(*thin.svd(self._left, self._right))

    def singular_values(self) -> Tensor:
        return thin.singular_values(self._left, self._right)

    def at(self, indices: Indices) -> Array:
        right = self._right.T.contiguous()
        found = np.empty(len(indices))
        n = max(1, _NUMBERS // right.shape[1])
        for start in range(0, len(indices), n):
            rows, columns = torch.from_numpy(np.ascontiguousarray(indices[start : start + n].T))
            found[start : start + n] = torch.linalg.vecdot(self._left[rows], right[columns]).numpy()
        return found

    def squared_distance(self, other: Tensor) -> Tensor:
        n = max(1, _ENTRIES // other.shape[1])
        pieces = [slice(start, start + n) for start in range(0, len(other), n)]
        return torch.stack([(self._left[piece] @ self._right - other[piece]).square().sum() for piece in pieces]).sum()

    def whole(self) -> Tensor:
        return self._left @ self._right
