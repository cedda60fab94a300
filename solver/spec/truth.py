"""What can be chosen of the ground truth of a matrix, and of a tensor."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from solver.spec.base import Dimension, Positive
from solver.spec.mode_tree import mode_tree

# Smaller singular values are rounding beside the first, and no longer part of a rank that can be measured.
_WIDEST_SPECTRUM = 1e8
Spectrum = Annotated[tuple[Positive, ...], Meta(min_length=1, max_length=1000)]
HierarchicalRank = Annotated[tuple[Dimension, ...], Meta(min_length=1, max_length=3)]
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


class TensorTruth:
    """What can be chosen of a tensor's ground truth. The kinds that have the field name it again."""

    __slots__ = ()

    ht_rank: HierarchicalRank | None
    """Hierarchical rank of the random ground truth, level by level of the tree that halves the modes, leaves first
    (R22); replaces rank.
    """

    def _check_hierarchical(self, shape: tuple[int, ...], rank: int | None) -> None:
        """Raises ValueError where what is chosen contradicts itself, the shape, or what is set beside it."""
        if self.ht_rank is None:
            return
        if rank is not None:
            raise ValueError("rank and ht_rank are both given: keep one of the two")
        tree, said = mode_tree(len(shape), 2), f"ht_rank {_listed(self.ht_rank)}"
        if len(self.ht_rank) != tree.n_levels:
            raise ValueError(
                f"{said} has {len(self.ht_rank)} values, and the tree that halves {len(shape)} modes has "
                f"{tree.n_levels} levels: give one for each, from the leaves up"
            )
        if any(above > below for below, above in itertools.pairwise(self.ht_rank)):
            raise ValueError(f"{said} grows toward the root, where no rank is larger than below it: write none larger")
        for node in tree.nodes[1:]:
            rows = math.prod(shape[mode] for mode in node.modes)
            most, wanted = min(rows, math.prod(shape) // rows), self.ht_rank[tree.nodes[node.parent].level - 1]
            if wanted > most:
                shown = " × ".join(str(size) for size in shape)
                raise ValueError(
                    f"{said} is more than some unfolding of shape {shown} can have, at most {most} there: lower it"
                )


def _listed(values: Sequence[float]) -> str:
    """The first of them, as a person reads a list."""
    shown = ", ".join(f"{value:g}" for value in values[:4])
    return f"[{shown}, …]" if len(values) > 4 else f"[{shown}]"
