"""Products through a narrow layer, decomposed by their two thin factors: exact to rounding, never multiplied out."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from solver.costs.thin import LARGE

# Of vectors that are tried first, and what of a matrix is left over where they span it.
_FIRST_WIDTH, _ROUNDING = 16, 1e-13

Left = Float[Tensor, "rows width"]
Right = Float[Tensor, "width columns"]


def svd(left: Left, right: Right) -> tuple[Tensor, Tensor, Tensor]:
    """U, σ and Vᵀ of ``left @ right``, as many as the width: Q_1 and Q_2 of either factor, and an SVD of R_1 R_2ᵀ."""
    q_left, r_left = torch.linalg.qr(left)
    q_right, r_right = torch.linalg.qr(right.mT)
    u, singular_values, vt = torch.linalg.svd(r_left @ r_right.mT, full_matrices=False)
    return q_left @ u, singular_values, vt @ q_right.mT


def core(left: Left, right: Right) -> Float[Tensor, "at_left at_right"]:
    """A small matrix with the singular values of ``left @ right`` that are not zero."""
    return _triangle(left) @ _triangle(right.mT).mT


def singular_values(left: Left, right: Right) -> Float[Tensor, " values"]:
    """Those of ``left @ right``, as many as the width at most; all others are zero."""
    values: Tensor = torch.linalg.svdvals(core(left, right))
    return values


def _triangle(tall: Float[Tensor, "size width"]) -> Float[Tensor, "at_most_width width"]:
    """R of a QR decomposition."""
    triangle: Tensor = torch.linalg.qr(tall, mode="r").R
    return triangle


def factors_of(matrix: Float[Tensor, "rows columns"]) -> tuple[Left, Right] | None:
    """Q and QᵀM of a large matrix of low rank, whose product it is to rounding; None for one of another kind.

    Q spans the products of the matrix with Gaussian vectors, of which so many are taken that nothing is left over; they
    are the same every time.
    """
    width, generator = _FIRST_WIDTH, torch.Generator().manual_seed(0)
    while matrix.numel() >= LARGE and 4 * width <= min(matrix.shape):
        drawn = torch.randn(matrix.shape[1], width, generator=generator, dtype=matrix.dtype)
        left = torch.linalg.qr(matrix @ drawn).Q
        right = left.mT @ matrix
        left_over = torch.linalg.vector_norm(torch.addmm(matrix, left, right, alpha=-1.0))
        if left_over <= _ROUNDING * torch.linalg.vector_norm(matrix):
            return left, right
        width *= 4
    return None


def singular_values_of(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, " values"]:
    """All of any matrix; of a large one of low rank at least those that are not zero."""
    factors = factors_of(matrix)
    values: Tensor = torch.linalg.svdvals(matrix) if factors is None else singular_values(*factors)
    return values
