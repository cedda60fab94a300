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
    singular_values = end.singular_values
    n = min(n_values, len(singular_values))
    u, v = end.u[:, : n + _BESIDE], end.vt[: n + _BESIDE].T
    speed, scale = _speed(layers, gradients, u, v), singular_values[0].item()
    if speed == 0.0 or scale == 0.0:
        return torch.zeros(n, dtype=torch.float64)
    if not speed < math.inf:
        # A lane about to diverge: its values may be finite when their rates no longer are.
        return torch.full((n,), math.nan, dtype=torch.float64)
    distances = gaps(singular_values)[:n]
    change = _RELATIVE_CHANGE * scale
    usable = distances * _CHANGE_OF_GAP >= SMALLEST_CHANGE * scale
    if usable.any():
        change = min(change, _CHANGE_OF_GAP * distances[usable].min().item())
    delta = change / speed
    # Euler both ways: the errors of second order are the same on both sides and cancel in the difference.
    behind, ahead = _moved(layers, gradients, v, delta)[:, :n]
    return torch.where(usable, (ahead - behind) / (2.0 * delta), math.nan)


def _speed(
    layers: Sequence[Tensor], gradients: Sequence[Tensor], u: Float[Tensor, "rows k"], v: Float[Tensor, "columns k"]
) -> float:
    """The larger of ‖dW/dt V‖_F and ‖Uᵀ dW/dt‖_F of the flow: how fast what these vectors see of W moves."""
    below, above = v, u
    of_v, of_u = torch.zeros_like(v), torch.zeros_like(u)
    for layer, gradient in zip(layers, gradients, strict=True):
        of_v = layer @ of_v - gradient @ below
        below = layer @ below
    for layer, gradient in zip(reversed(layers), reversed(gradients), strict=True):
        of_u = layer.T @ of_u - gradient.T @ above
        above = layer.T @ above
    return float(torch.maximum(torch.linalg.vector_norm(of_v), torch.linalg.vector_norm(of_u)))


def _moved(
    layers: Sequence[Tensor], gradients: Sequence[Tensor], v: Float[Tensor, "columns k"], delta: float
) -> Float[Tensor, "2 values"]:
    """The largest singular values of the end matrices a step of δ behind and ahead, the largest first."""
    steps = torch.tensor([delta, -delta], dtype=v.dtype).view(2, 1, 1)
    moved = [torch.addcmul(layer, steps, gradient) for layer, gradient in zip(layers, gradients, strict=True)]
    image = v.expand(2, -1, -1)
    for layer in moved:
        image = layer @ image
    image = torch.linalg.qr(image).Q
    for layer in reversed(moved):
        image = layer.mT @ image
    values: Tensor = torch.linalg.svdvals(image)
    return values
