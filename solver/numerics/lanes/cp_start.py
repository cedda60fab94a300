"""Initial components of a CP factorization."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from solver.numerics import theory
from solver.numerics.lanes.balance import stretch
from solver.spec import CP

Array = npt.NDArray[np.float64]

# How far a planted component goes beyond what the condition asks.
_BEYOND = 1.1


def vectors(model: CP, shape: tuple[int, ...], generator: np.random.Generator, end_gradient: Array) -> list[Array]:
    """The factor of each mode, (size, components), at the start of a lane.

    Entries are independent Gaussians of mean init_mean and standard deviation init_std. Balanced: the vectors of a
    component are scaled to one norm, their product kept. Then each mode is multiplied by its scale, and the first by c
    and the second by 1/c so that unbalancedness is what was asked. Planted: the component best aligned with −∇ℓ(0) is
    scaled up until it meets the escape condition of R21's rank-1 proposition, which takes the least enlargement there.
    """
    factors = [model.init_mean + model.init_std * generator.standard_normal((size, model.components)) for size in shape]
    if model.balanced:
        norms = np.stack([np.linalg.norm(factor, axis=0) for factor in factors])
        common = np.exp(np.log(norms).mean(0))
        factors = [factor * (common / norm) for factor, norm in zip(factors, norms, strict=True)]
    if model.mode_scales is not None:
        factors = [scale * factor for scale, factor in zip(model.mode_scales, factors, strict=True)]
    if model.unbalancedness is not None:
        norms = np.stack([np.linalg.norm(factor, axis=0) for factor in factors])

        def spread(c: float) -> float:
            squares = (norms * np.array([c, 1.0 / c, *[1.0] * (len(norms) - 2)])[:, None]) ** 2
            return float((squares.max(0) - squares.min(0)).max())

        c = stretch(model.unbalancedness, spread)
        factors[0], factors[1] = c * factors[0], factors[1] / c
    if model.planted:
        _plant(factors, end_gradient)
    return factors


def _plant(factors: list[Array], end_gradient: Array) -> None:
    gradient = torch.tensor(end_gradient)
    alignment = theory.component_alignment(gradient, [torch.tensor(factor) for factor in factors])
    best = int(alignment.argmax())
    norms = torch.tensor(np.linalg.norm(factors[0], axis=0))
    reach = theory.escape_condition(gradient, norms, alignment)[best].item()
    norms[best] = 0.0
    if reach > 0.0:
        scale = max(1.0, _BEYOND * norms.max().item() / reach)
        for factor in factors:
            factor[:, best] *= scale
