"""What the papers predict: rates of singular values, and how long a plateau lasts."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def balanced_rates(
    singular_values: Float[Tensor, " values"], alignment: Float[Tensor, " values"], depth: int
) -> Float[Tensor, " values"]:
    """dσ_r/dt = N σ_r^(2−2/N) γ_r, for balanced layers (A19 Theorem 3).

    ``alignment`` is γ_r = −u_rᵀ ∇ℓ(W) v_r.
    """
    return depth * singular_values ** (2.0 - 2.0 / depth) * alignment


def any_initialisation_rates(
    layers: list[Tensor], gradients: list[Tensor], u: Float[Tensor, "rows values"], v: Float[Tensor, "columns values"]
) -> Float[Tensor, " values"]:
    """dσ_r/dt = Σ_j u_rᵀ A_j A_jᵀ (−∇ℓ) B_jᵀ B_j v_r, A_j = W_N…W_{j+1}, B_j = W_{j−1}…W_1, for any layers.

    Written with the layer gradients G_j = A_jᵀ ∇ℓ B_jᵀ: the sum of −(A_jᵀ u_r)ᵀ G_j (B_j v_r).
    """
    below = [v]
    for layer in layers[:-1]:
        below.append(layer @ below[-1])
    rates = torch.zeros(u.shape[1], dtype=u.dtype)
    above = u
    for layer, gradient, b in zip(reversed(layers), reversed(gradients), reversed(below), strict=True):
        rates -= (above * (gradient @ b)).sum(0)
        above = layer.T @ above
    return rates


def frozen_escape_time(sigma: float, alignment: float, depth: int) -> float:
    """t* = σ_0^(−(1−2/N)) / ((N−2) γ), when dσ/dt = N σ^(2−2/N) γ with constant γ blows up; for depth N ≥ 3.

    With σ_0 the initial scale and γ = ‖∇ℓ(0)‖₂ it bounds the first plateau of a matrix factorization from below: γ_r is
    at most that while the end matrix is small. Infinite for depth 1 and 2, whose σ never blows up.
    """
    if depth < 3 or sigma <= 0 or alignment <= 0:
        return math.inf
    return float(sigma ** -(1.0 - 2.0 / depth) / ((depth - 2) * alignment))
