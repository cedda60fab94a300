"""The sharpness of a loss: the largest eigenvalue of its Hessian over all trained numbers."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics.models.objective import Objective

MOST_PRODUCTS = 40
"""Hessian–vector products of one value at most; each takes two gradients."""
# The eigenvalue is known to this part of itself: it lies nearer by the square of that where the next is apart.
_TOLERANCE = 1e-4
# Central differences of the gradient are most exact at the cube root of the rounding error.
_RELATIVE_STEP = 6e-6


def sharpness(objective: Objective, parameters: Float[Tensor, " parameters"]) -> float:
    """λ_max of ∇²ℓ at the parameters of a single lane; NaN where the loss is not finite.

    By the Lanczos process, which is power iteration that forgets nothing: of as many products it takes the best
    estimate, and it finds the largest eigenvalue where a negative one is as large. It begins at the same vector every
    time, so a state has one sharpness. Ends at a residual of 1e-4 of the eigenvalue, or after ``MOST_PRODUCTS``; what
    it gives then is a lower bound.
    """
    n = len(parameters)
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(n, generator=generator, dtype=torch.float64)
    basis = (direction / torch.linalg.vector_norm(direction)).unsqueeze(0)
    diagonal: list[float] = []
    beside: list[float] = []
    largest = math.nan
    for _ in range(min(n, MOST_PRODUCTS)):
        product = hessian_product(objective, parameters, basis[-1])
        diagonal.append((product @ basis[-1]).item())
        if not math.isfinite(diagonal[-1]):
            return math.nan
        values, vectors = torch.linalg.eigh(_tridiagonal(diagonal, beside))
        largest = values[-1].item()
        # Twice, since once leaves what rounding has made of the first time.
        for _ in range(2):
            product = product - basis.T @ (basis @ product)
        length = torch.linalg.vector_norm(product).item()
        if length * abs(vectors[-1, -1].item()) <= _TOLERANCE * abs(largest):
            break
        beside.append(length)
        basis = torch.cat([basis, (product / length).unsqueeze(0)])
    return largest


def hessian_product(
    objective: Objective, parameters: Float[Tensor, " parameters"], direction: Float[Tensor, " parameters"]
) -> Float[Tensor, " parameters"]:
    """∇²ℓ times a unit vector, by central differences of the gradient: right to about 1e-9 of what it is made of."""
    # Of a single factor the gradient is linear, and its own size says nothing of how far that goes.
    size = torch.linalg.vector_norm(parameters).item() if len(objective.shapes) > 1 else 1.0
    step = _RELATIVE_STEP * (size if size > 0.0 else 1.0)
    out, differences = objective.factors(), []
    for sign in (1.0, -1.0):
        at = objective.factors((parameters + sign * step * direction).unsqueeze(0))
        objective.bound(at, out)()
        differences.append(out.flat[0].clone())
    return (differences[0] - differences[1]) / (2.0 * step)


def _tridiagonal(diagonal: list[float], beside: list[float]) -> Tensor:
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    if beside:
        off = torch.diag(torch.tensor(beside, dtype=torch.float64), 1)
        matrix += off + off.T
    return matrix
