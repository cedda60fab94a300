"""What the papers predict: rates of singular values and components, how long a plateau lasts, who leaves it first."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics import thin

_MOST_ESCAPE_STEPS = 20_000
_ESCAPE_CHANGE = 0.02
# A singular value below this part of the largest is zero.
_NO_RANK = 1e-10


def singular_spaces(
    matrix: Float[Tensor, "rows columns"],
) -> tuple[Float[Tensor, "rows rank"], Float[Tensor, "columns rank"]] | None:
    """Left and right singular vectors of a matrix of low rank, by falling singular value; None for one of full rank."""
    factors = thin.factors_of(matrix)
    u, singular_values, vt = torch.linalg.svd(matrix, full_matrices=False) if factors is None else thin.svd(*factors)
    rank = numerical_rank(singular_values)
    return (u[:, :rank], vt[:rank].T) if 0 < rank < min(matrix.shape) else None


def numerical_rank(singular_values: Float[Tensor, " values"]) -> int:
    """How many singular values (the largest first) are no rounding of zero beside the largest."""
    return int((singular_values > _NO_RANK * singular_values[0]).sum())


def balanced_rates(
    singular_values: Float[Tensor, " values"], alignment: Float[Tensor, " values"], depth: int
) -> Float[Tensor, " values"]:
    """dσ_r/dt = N σ_r^(2−2/N) γ_r, for balanced layers (A19 Theorem 3) and balanced components (R21 Theorem 1).

    ``depth`` N is the number of layers or modes; ``alignment`` is γ_r = −u_rᵀ ∇ℓ(W) v_r, or that of a component.
    """
    return depth * singular_values ** (2.0 - 2.0 / depth) * alignment


def symmetric_rates(
    singular_values: Float[Tensor, " values"], alignment: Float[Tensor, " values"]
) -> Float[Tensor, " values"]:
    """dσ_r/dt = 4 σ_r γ_r of W = UUᵀ, for any U; ``alignment`` is γ_r = −u_rᵀ ∇ℓ(W) u_r, with ℓ's own normalisation.

    dU/dt = −(∇ℓ + ∇ℓᵀ)U makes dW/dt = −(∇ℓ + ∇ℓᵀ)W − W(∇ℓ + ∇ℓᵀ), and dσ_r/dt = u_rᵀ (dW/dt) u_r. Two layers that are
    not tied have 2 σ_r γ_r: there each has half of the gradient.
    """
    return 4.0 * singular_values * alignment


def any_initialisation_rates(
    above: Sequence[Float[Tensor, "values _"]], turned: Sequence[Float[Tensor, "values _"]]
) -> Float[Tensor, " values"]:
    """dσ_r/dt = Σ_j u_rᵀ A_j A_jᵀ (−∇ℓ) B_jᵀ B_j v_r, A_j = W_N…W_{j+1}, B_j = W_{j−1}…W_1, for any layers.

    Written with the layer gradients G_j = A_jᵀ ∇ℓ B_jᵀ: the sum of −(A_jᵀ u_r)ᵀ G_j (B_j v_r). ``above`` has A_jᵀ u_r,
    ``turned`` G_j B_j v_r, for each layer from W_1 on.
    """
    return -torch.stack([torch.linalg.vecdot(a, g) for a, g in zip(above, turned, strict=True)]).sum(0)


def component_alignment(
    end_gradient: Float[Tensor, "*shape"], vectors: list[Float[Tensor, "_ components"]]
) -> Float[Tensor, " components"]:
    """γ_r = ⟨−∇ℓ, ⊗_n w_r^n/‖w_r^n‖⟩, the gradient contracted with one normalised vector a mode (R21 Theorem 1)."""
    unit = [vector / torch.linalg.vector_norm(vector, dim=0).clamp_min(1e-300) for vector in vectors]
    contracted: Tensor = torch.tensordot(end_gradient, unit[-1], dims=([end_gradient.ndim - 1], [0]))
    for vector in reversed(unit[:-1]):
        contracted = (contracted * vector).sum(-2)
    return -contracted


def any_component_rates(
    norms: Float[Tensor, "modes components"], alignment: Float[Tensor, " components"]
) -> Float[Tensor, " components"]:
    """dσ_r/dt = γ_r σ_r² Σ_n 1/‖w_r^n‖², for any initialisation; ``norms`` are ‖w_r^n‖."""
    return alignment * norms.prod(0).square() * norms.square().clamp_min(1e-300).reciprocal().sum(0)


def frozen_escape_time(sigma: float, alignment: float, depth: int) -> float:
    """t* = σ_0^(−(1−2/N)) / ((N−2) γ), when dσ/dt = N σ^(2−2/N) γ with constant γ blows up; for depth N ≥ 3.

    With σ_0 the initial scale and γ = ‖∇ℓ(0)‖₂ it bounds the first plateau of a matrix factorization from below: γ_r is
    at most that while the end matrix is small. Infinite for depth 1 and 2, whose σ never blows up.
    """
    if depth < 3 or sigma <= 0 or alignment <= 0:
        return math.inf
    return float(sigma ** -(1.0 - 2.0 / depth) / ((depth - 2) * alignment))


def decoupled_escape_times(
    end_gradient: Float[Tensor, "*shape"], vectors: list[Float[Tensor, "_ components"]], size: float
) -> Float[Tensor, " components"]:
    """When each component, flowing alone in the constant field −∇ℓ(0), reaches norm ``size``; infinite if it shrinks.

    While all components are small the field hardly changes and they do not feel each other, so dw_r^n/dt is −∇ℓ(0)
    contracted with the component's other vectors (R21, proof of the rank-1 proposition). Integrated with the classical
    Runge–Kutta method; a step moves a vector by a fiftieth of itself at most.
    """
    state = [vector.clone() for vector in vectors]
    n = vectors[0].shape[1]
    times = torch.zeros(n, dtype=vectors[0].dtype)
    reached = torch.full((n,), math.inf, dtype=vectors[0].dtype)
    for _ in range(_MOST_ESCAPE_STEPS):
        norms = torch.stack([torch.linalg.vector_norm(vector, dim=0) for vector in state])
        arrived = (norms.prod(0) >= size) & torch.isinf(reached)
        reached = torch.where(arrived, times, reached)
        # Once one has arrived, those that are already later can no longer be first.
        if bool((torch.isfinite(reached) | (times > reached.min())).all()):
            break
        slopes = _decoupled_slopes(end_gradient, state)
        speed = torch.stack([torch.linalg.vector_norm(slope, dim=0) for slope in slopes])
        h = _ESCAPE_CHANGE * (norms / speed.clamp_min(1e-300)).amin(0)
        half = [w + 0.5 * h * k for w, k in zip(state, slopes, strict=True)]
        second = _decoupled_slopes(end_gradient, half)
        half = [w + 0.5 * h * k for w, k in zip(state, second, strict=True)]
        third = _decoupled_slopes(end_gradient, half)
        last = _decoupled_slopes(end_gradient, [w + h * k for w, k in zip(state, third, strict=True)])
        state = [
            w + h / 6.0 * (a + 2.0 * b + 2.0 * c + d)
            for w, a, b, c, d in zip(state, slopes, second, third, last, strict=True)
        ]
        times = times + h
    return reached


def _decoupled_slopes(end_gradient: Tensor, vectors: list[Tensor]) -> list[Tensor]:
    """−∇ℓ contracted with all vectors of a component but one, for each one.

    By halves of the modes, as a gradient is: two products of matrices for all components, and sums over a half.
    """
    split = len(vectors) // 2
    left, right = vectors[:split], vectors[split:]
    rows = math.prod(len(vector) for vector in left)
    unfolded = end_gradient.reshape(rows, -1)
    return _within(-unfolded @ _outer(right), left) + _within(-unfolded.T @ _outer(left), right)


def _outer(vectors: list[Tensor]) -> Tensor:
    """Outer products of each component's vectors, flattened: (entries, components)."""
    product = vectors[0]
    for vector in vectors[1:]:
        product = (product.unsqueeze(1) * vector).reshape(-1, vector.shape[1])
    return product


def _within(half: Tensor, vectors: list[Tensor]) -> list[Tensor]:
    """``half`` (entries of these modes, components) contracted with all of a component's vectors but one."""
    modes = string.ascii_lowercase[: len(vectors)]
    shaped = half.reshape(*(len(vector) for vector in vectors), -1)
    slopes = []
    for n in range(len(vectors)):
        others = [f"{mode}z" for m, mode in enumerate(modes) if m != n]
        rest = [vector for m, vector in enumerate(vectors) if m != n]
        slopes.append(torch.einsum(",".join([f"{modes}z", *others]) + f"->{modes[n]}z", shaped, *rest))
    return slopes


def escape_condition(
    end_gradient: Float[Tensor, "*shape"], norms: Float[Tensor, " components"], alignment: Float[Tensor, " components"]
) -> Float[Tensor, " components"]:
    """‖w_r‖·(γ_r/‖∇ℓ(0)‖)^(1/(N−2)): the component whose value exceeds every other's ‖w_r′‖ escapes first (R21).

    ``norms`` are ‖w_r^n(0)‖, the same for every mode n of a balanced start, and ``alignment`` is γ_r at ∇ℓ(0). A
    component with γ_r ≤ 0 has 0. Sufficient, not necessary.
    """
    order = end_gradient.ndim
    share: Tensor = (alignment / torch.linalg.vector_norm(end_gradient)).clamp_min(0.0)
    return norms * share ** (1.0 / (order - 2))
