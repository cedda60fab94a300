"""The hand-derived gradients against autograd and finite differences, for every model × problem × loss."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from solver.numerics.models.layers import Layers
from solver.numerics.problems.matrix import MatrixProblem
from solver.spec import DeepMatrixFactorization, MatrixCompletion
from tests.solver.numerics.building import build

CASES = [
    pytest.param(shape, depth, hidden, loss, id=f"{shape[0]}x{shape[1]}-depth{depth}-hidden{hidden}-{loss}")
    for (shape, hidden), depth, loss in itertools.product(
        [((5, 5), None), ((4, 7), None), ((7, 4), 6), ((1, 3), None), ((5, 3), 2)], [1, 2, 3, 5], ["mean", "half-sum"]
    )
]


def reference_loss(problem: MatrixProblem, flat: Tensor, widths: list[int]) -> Tensor:
    """The loss written out as the papers have it, for autograd to differentiate."""
    product, start = torch.eye(widths[0], dtype=flat.dtype), 0
    for inputs, outputs in itertools.pairwise(widths):
        product = flat[start : start + inputs * outputs].reshape(outputs, inputs) @ product
        start += inputs * outputs
    residuals = product[problem.rows, problem.columns] - torch.tensor(problem.values)
    return residuals.square().mean() if problem.loss == "mean" else 0.5 * residuals.square().sum()


def case(
    shape: tuple[int, int], depth: int, hidden: int | None, loss: str
) -> tuple[list[MatrixProblem], Layers, Tensor]:
    problem = MatrixCompletion(shape=shape, rank=1, observations=max(1, shape[0] * shape[1] // 2), noise=0.1, loss=loss)  # type: ignore[arg-type]
    model = DeepMatrixFactorization(depth=depth, hidden_width=hidden, init_scale=0.5)
    return build(problem, model, seeds=(3, 4, 5))


@pytest.mark.parametrize(("shape", "depth", "hidden", "loss"), CASES)
def test_gradient_equals_autograd(shape: tuple[int, int], depth: int, hidden: int | None, loss: str) -> None:
    """Autograd differentiates an independent statement of the loss; three lanes at once must not mix."""
    problems, layers, start = case(shape, depth, hidden, loss)
    gradient = layers.factors()
    losses = layers.loss_and_gradient(layers.factors(start), gradient).clone()
    for lane, problem in enumerate(problems):
        flat = start[lane].clone().requires_grad_()
        expected = reference_loss(problem, flat, layers.widths)
        expected.backward()  # type: ignore[no-untyped-call]
        assert losses[lane].item() == pytest.approx(expected.item(), rel=1e-12)
        torch.testing.assert_close(gradient.flat[lane], flat.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("shape", "depth", "hidden", "loss"), CASES)
def test_gradient_equals_finite_differences(shape: tuple[int, int], depth: int, hidden: int | None, loss: str) -> None:
    """A directional derivative by central differences, which shares no code with the gradient but the loss itself."""
    _, layers, start = case(shape, depth, hidden, loss)
    gradient, scratch = layers.factors(), layers.factors()
    layers.loss_and_gradient(layers.factors(start), gradient)
    direction = torch.tensor(np.random.default_rng(0).standard_normal(start.shape))
    step = 1e-5
    ahead = layers.loss_and_gradient(layers.factors(start + step * direction), scratch).clone()
    behind = layers.loss_and_gradient(layers.factors(start - step * direction), scratch).clone()
    torch.testing.assert_close((ahead - behind) / (2 * step), (gradient.flat * direction).sum(1), rtol=1e-6, atol=1e-8)


def test_lanes_do_not_mix_when_some_are_dropped() -> None:
    """Keeping lanes 2 and 0 gives what these lanes gave in the full batch."""
    _, layers, start = case((4, 7), 3, None, "mean")
    gradient = layers.factors()
    before = layers.loss_and_gradient(layers.factors(start), gradient).clone()
    layers.keep([2, 0])
    kept = layers.factors()
    after = layers.loss_and_gradient(layers.factors(start[[2, 0]]), kept)
    torch.testing.assert_close(after, before[[2, 0]], rtol=1e-12, atol=0)
    torch.testing.assert_close(kept.flat, gradient.flat[[2, 0]], rtol=1e-12, atol=1e-15)
