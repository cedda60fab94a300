"""How fast the largest singular values of an end matrix move: by the formula, and measured over a short step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from solver.costs.thin import RATES_LOOK_BESIDE
from solver.numerics import theory
from solver.numerics.lanes.end_matrix import Decomposed
from solver.numerics.spectrum import SMALLEST_CHANGE, gaps

# The step moves the end matrix by this part of σ_1 at most …
_RELATIVE_CHANGE = 1e-4
# … and by this part of the smallest gap between the singular values concerned, since σ bends on that scale.
_CHANGE_OF_GAP = 1e-2


class Rates(NamedTuple):
    """dσ_r/dt of the largest singular values."""

    measured: Float[Tensor, " values"]
    predicted: Float[Tensor, " values"]
    """By the formula for any initialisation."""


def rates(layers: Sequence[Tensor], gradients: Sequence[Tensor], end: Decomposed, n_values: int) -> Rates:
    """Of the ``n_values`` largest, or all that ``end`` has, by central differences of σ over ±δ of the flow.

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
    transposed_layers, transposed_gradients = ([one.mT for one in reversed(these)] for these in (layers, gradients))
    right = _passage(layers, gradients, end.vt[: n + RATES_LOOK_BESIDE])
    left = _passage(transposed_layers, transposed_gradients, end.u[:, : n + RATES_LOOK_BESIDE].mT)
    predicted = theory.any_initialisation_rates(left.images[-2::-1], right.turned)[:n]
    # How fast what these vectors see of W moves.
    speed, scale = max(right.speed(layers), left.speed(transposed_layers)), known[0]
    if speed == 0.0 or scale == 0.0:
        return Rates(torch.zeros(n, dtype=torch.float64), predicted)
    if not speed < math.inf:
        # A lane about to diverge: its values may be finite when their rates no longer are.
        return Rates(torch.full((n,), math.nan, dtype=torch.float64), predicted)
    least = SMALLEST_CHANGE * scale / _CHANGE_OF_GAP
    distances = gaps(known)[:n]
    usable = [distance for distance in distances if distance >= least]
    delta = min([_RELATIVE_CHANGE * scale, *(_CHANGE_OF_GAP * distance for distance in usable)]) / speed
    # Euler both ways: the errors of second order are the same on both sides and cancel in the difference.
    ahead, behind = _moved(layers, gradients, right, delta)[:, :n]
    measured = (ahead - behind) / (2.0 * delta)
    if len(usable) < n:
        measured[[distance < least for distance in distances]] = math.nan
    return Rates(measured, predicted)


class _Passage(NamedTuple):
    """Vectors x on their way through the layers W_1 … W_N, each a row: few of them are multiplied fastest."""

    images: list[Float[Tensor, "k _"]]
    """x, W_1 x, …, W_N…W_1 x."""
    turned: list[Float[Tensor, "k _"]]
    """G_j W_{j−1}…W_1 x of every layer j and its gradient G_j."""

    def speed(self, layers: Sequence[Tensor]) -> float:
        """‖dW/dt X‖_F of the flow."""
        moving = self.turned[0]
        for layer, turned in zip(layers[1:], self.turned[1:], strict=True):
            moving = torch.addmm(turned, moving, layer.mT)
        return float(torch.linalg.vector_norm(moving))


def _passage(layers: Sequence[Tensor], gradients: Sequence[Tensor], vectors: Float[Tensor, "k _"]) -> _Passage:
    images = [vectors]
    for layer in layers:
        images.append(images[-1] @ layer.mT)
    return _Passage(images, [image @ gradient.mT for gradient, image in zip(gradients, images, strict=False)])


def _moved(
    layers: Sequence[Tensor], gradients: Sequence[Tensor], right: _Passage, delta: float
) -> Float[Tensor, "2 values"]:
    """The largest singular values of the end matrix after a step of δ, and after one of −δ; the largest first.

    Both side by side, and no layer is moved as a whole: W_j ∓ δG_j is applied by its parts.
    """
    k = len(right.images[0])
    ways = torch.tensor([-delta, delta], dtype=torch.float64).view(2, 1, 1)
    steps = ways.expand(2, k, 1).reshape(-1, 1)
    image = (right.images[1] + ways * right.turned[0]).view(2 * k, -1)
    for layer, gradient in zip(layers[1:], gradients[1:], strict=True):
        image = torch.addmm((image * steps) @ gradient.mT, image, layer.mT)
    image = torch.linalg.qr(image.view(2, k, -1).mT).Q.mT.reshape(2 * k, -1)
    for layer, gradient in zip(reversed(layers), reversed(gradients), strict=True):
        image = torch.addmm((image * steps) @ gradient, image, layer)
    values: Tensor = torch.linalg.svdvals(image.view(2, k, -1))
    return values
