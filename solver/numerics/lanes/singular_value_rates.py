"""How fast the largest singular values of an end matrix move, measured: differences over a short step of the flow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics.lanes.end_matrix import Decomposed
from solver.numerics.spectrum import SMALLEST_CHANGE, gaps

# The step moves the end matrix by this part of σ_1 at most …
_RELATIVE_CHANGE = 1e-4
# … and by this part of the smallest gap between the singular values concerned, since σ bends on that scale.
_CHANGE_OF_GAP = 1e-2
# Vectors beside those of the values asked for: what these turn towards is mostly there.
_BESIDE = 4


def measured_rates(
    layers: Sequence[Tensor], gradients: Sequence[Tensor], end: Decomposed, n_values: int
) -> Float[Tensor, " values"]:
    """dσ_r/dt of the ``n_values`` largest, or all that ``end`` has: central differences of σ over ±δ of the flow.

    σ of the layers moved by ∓δ of their gradients are those of the moved product by itself: it is applied to the right
    singular vectors of where it was, which spans its own left ones to first order in δ, and decomposed within that span
    (Rayleigh & Ritz; Stewart & Sun, Matrix Perturbation Theory, §V.4). The error is of second order and the same ahead
    and behind, so that differences have one of third, as those of whole decompositions have. Products with few vectors
    are all that it takes, and have less rounding than n×n ones.

    δ is limited by the smallest gap between the singular values concerned; one closer to a neighbour than any usable δ
    can tell apart has no derivative here, and NaN.
    """
    n = min(n_values, len(end.singular_values))
    # As plain numbers, which a dozen of are quicker than tensors.
    known: list[float] = end.singular_values[: n + 1].tolist()
    u, v = end.u[:, : n + _BESIDE], end.vt[: n + _BESIDE].T
    speed, scale = _speed(layers, gradients, u, v), known[0]
    if speed == 0.0 or scale == 0.0:
        return torch.zeros(n, dtype=torch.float64)
    if not speed < math.inf:
        # A lane about to diverge: its values may be finite when their rates no longer are.
        return torch.full((n,), math.nan, dtype=torch.float64)
    least = SMALLEST_CHANGE * scale / _CHANGE_OF_GAP
    distances = gaps(known)[:n]
    usable = [distance for distance in distances if distance >= least]
    delta = min([_RELATIVE_CHANGE * scale, *(_CHANGE_OF_GAP * distance for distance in usable)]) / speed
    # Euler both ways: the errors of second order are the same on both sides and cancel in the difference.
    ahead, behind = (_moved(layers, gradients, v, step)[:n] for step in (delta, -delta))
    rates = (ahead - behind) / (2.0 * delta)
    rates[[distance < least for distance in distances]] = math.nan
    return rates


def _speed(
    layers: Sequence[Tensor], gradients: Sequence[Tensor], u: Float[Tensor, "rows k"], v: Float[Tensor, "columns k"]
) -> float:
    """The larger of ‖dW/dt V‖_F and ‖Uᵀ dW/dt‖_F of the flow: how fast what these vectors see of W moves."""
    transposed = [layer.T for layer in reversed(layers)], [gradient.T for gradient in reversed(gradients)]
    return max(_speed_at(layers, gradients, v), _speed_at(*transposed, u))


def _speed_at(layers: Sequence[Tensor], gradients: Sequence[Tensor], vectors: Float[Tensor, "columns k"]) -> float:
    """‖dW/dt X‖_F."""
    images, moving = vectors, gradients[0] @ vectors
    for below, layer, gradient in zip(layers, layers[1:], gradients[1:], strict=False):
        images = below @ images
        moving = torch.addmm(gradient @ images, layer, moving)
    return float(torch.linalg.vector_norm(moving))


def _moved(
    layers: Sequence[Tensor], gradients: Sequence[Tensor], v: Float[Tensor, "columns k"], delta: float
) -> Float[Tensor, " values"]:
    """The largest singular values of the end matrix after a step of δ, the largest first."""
    moved = [torch.add(layer, gradient, alpha=-delta) for layer, gradient in zip(layers, gradients, strict=True)]
    image = v
    for layer in moved:
        image = layer @ image
    image = torch.linalg.qr(image).Q
    for layer in reversed(moved):
        image = layer.T @ image
    values: Tensor = torch.linalg.svdvals(image)
    return values
