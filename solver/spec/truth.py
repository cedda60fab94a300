"""What can be chosen of a matrix's ground truth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from solver.spec.base import Positive

# Smaller singular values are rounding beside the first, and no longer part of a rank that can be measured.
_WIDEST_SPECTRUM = 1e8
Spectrum = Annotated[tuple[Positive, ...], Meta(min_length=1, max_length=1000)]
ConditionNumber = Annotated[float, Meta(ge=1, le=_WIDEST_SPECTRUM)]


class MatrixTruth:
    """What can be chosen of a matrix's ground truth.

    The kinds that have these fields name them again: msgspec takes fields from one base alone.
    """

    __slots__ = ()

    spectrum: Spectrum | None
    """Singular values of the random ground truth, largest first; its rank and Frobenius norm follow from them."""
    condition_number: ConditionNumber | None
    """Largest over smallest of the rank's singular values, the others evenly spaced between their logarithms."""
    symmetric: bool
    """Whether the random ground truth is symmetric and positive semidefinite, UUᵀ with a Gaussian U."""
    ground_truth: str | None
    """A dense matrix, CSV without a header or NPY, relative to the TOML file; replaces the random ground truth."""

    def _check_chosen(self, shape: tuple[int, ...], rank: int | None, frobenius_norm: float | None) -> None:
        """Raises ValueError where what is chosen contradicts itself, the shape, or what is set beside it."""
        beside = {
            "rank": rank,
            "frobenius_norm": frobenius_norm,
            "spectrum": self.spectrum,
            "condition_number": self.condition_number,
            "symmetric": self.symmetric or None,
        }
        for name, value in beside.items() if self.ground_truth is not None else ():
            if value is not None:
                raise ValueError(f"{name} describes a random ground truth, but ground_truth is given: leave {name} out")
        shown = " × ".join(str(size) for size in shape)
        if self.symmetric and shape[0] != shape[1]:
            raise ValueError(f"symmetric needs a square matrix, and shape is {shown}: make shape square")
        if self.condition_number is not None and self.spectrum is not None:
            raise ValueError("spectrum and condition_number are both given: keep one of the two")
        if self.spectrum is None:
            return
        if len(self.spectrum) > min(shape):
            raise ValueError(
                f"spectrum has {len(self.spectrum)} values, and shape {shown} at most {min(shape)}: shorten it"
            )
        if any(after > before for before, after in itertools.pairwise(self.spectrum)):
            raise ValueError(f"spectrum {_listed(self.spectrum)} does not fall: write the largest value first")
        if self.spectrum[0] > _WIDEST_SPECTRUM * self.spectrum[-1]:
            raise ValueError(
                f"spectrum falls from {self.spectrum[0]:g} to {self.spectrum[-1]:g}, by more than "
                f"{_WIDEST_SPECTRUM:g}: leave out what is rounding beside the first"
            )
        if rank is not None and rank != len(self.spectrum):
            raise ValueError(
                f"rank {rank} is not that of spectrum, which has {len(self.spectrum)} values: leave it out"
            )
        norm = math.hypot(*self.spectrum)
        if frobenius_norm is not None and not math.isclose(frobenius_norm, norm, rel_tol=1e-6):
            raise ValueError(f"frobenius_norm {frobenius_norm:g} is not that of spectrum, {norm:.6g}: leave it out")

    def _spectrum(self, rank: int, norm: float) -> tuple[float, ...] | None:
        """The chosen singular values, largest first; None where factors are drawn."""
        if self.condition_number is None:
            return self.spectrum
        exponents = [1.0 - place / (rank - 1) for place in range(rank)] if rank > 1 else [0.0]
        values = [self.condition_number**exponent for exponent in exponents]
        scale = norm / math.hypot(*values)
        return tuple(scale * value for value in values)


def _listed(values: Sequence[float]) -> str:
    """The first of them, as a person reads a list."""
    shown = ", ".join(f"{value:g}" for value in values[:4])
    return f"[{shown}, …]" if len(values) > 4 else f"[{shown}]"
