"""The sharpness against exact Hessians, a closed form, and what a lane records of it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from solver.numerics.sharpness import hessian_product, sharpness
from solver.spec import CP, DeepMatrixFactorization, MatrixCompletion, MatrixSensing, TensorCompletion
from solver.spec.problems import MatrixProblem
from tests.solver.numerics.building import build, build_components, fully_observed
from tests.solver.running import history_of, ran


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize(
    "problem",
    [
        MatrixCompletion(shape=(6, 8), rank=2, observations=30),
        MatrixSensing(shape=(5, 5), rank=1, observations=20, loss="half-sum"),
    ],
)
def test_it_is_the_largest_eigenvalue_of_the_exact_hessian(problem: MatrixProblem, depth: int, scale: float) -> None:
    """Near zero as well, where a negative eigenvalue is as large and power iteration would swing between the two."""
    _, layers, start = build(problem, DeepMatrixFactorization(depth=depth, init_scale=scale))
    hessian = layers.hessian(layers.factors(start))[0]
    exact = torch.linalg.eigvalsh(hessian)[-1].item()
    assert sharpness(layers, start[0]) == pytest.approx(exact, rel=1e-4)
    direction = torch.nn.functional.normalize(torch.sin(torch.arange(len(start[0]), dtype=torch.float64)), dim=0)
    product = hessian_product(layers, start[0], direction)
    torch.testing.assert_close(product, hessian @ direction, rtol=1e-7, atol=1e-8 * hessian.abs().max().item())


def test_of_components_it_is_that_of_autograd() -> None:
    problem = TensorCompletion(shape=(3, 4, 3), rank=1, observations=20)
    (drawn,), components, start = build_components(problem, CP(components=3, init_std=0.5))
    observed, target = torch.tensor(drawn.flat_indices), torch.tensor(drawn.values)

    def loss(flat: Tensor) -> Tensor:
        parts = [part[0] for part in components.view(flat.unsqueeze(0)).parts]
        tensor = torch.einsum("ar,br,cr->abc", *parts).reshape(-1)
        return (tensor[observed] - target).square().mean()

    hessian: Tensor = torch.autograd.functional.hessian(loss, start[0])  # type: ignore[no-untyped-call]
    exact = torch.linalg.eigvalsh(hessian)[-1].item()
    assert sharpness(components, start[0]) == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_at_a_balanced_solution_it_is_the_closed_form(depth: int) -> None:
    """N σ_1^(2−2/N) for ½‖W − M‖²: layers U S^(1/N) Vᵀ chained, which give M exactly."""
    (drawn,), layers, _ = build(fully_observed(5, 5), DeepMatrixFactorization(depth=depth))
    matrix = torch.tensor(drawn.back(drawn.values))
    u, sigma, vt = torch.linalg.svd(matrix)
    root = torch.diag(sigma ** (1.0 / depth))
    parts = [root @ vt, *[root] * (depth - 2), u @ root]
    flat = torch.cat([part.reshape(-1) for part in parts])
    assert sharpness(layers, flat) == pytest.approx(depth * sigma[0].item() ** (2.0 - 2.0 / depth), rel=1e-6)


def test_of_a_tied_factor_it_is_that_of_the_one_factor() -> None:
    """At UUᵀ = M, ½‖UUᵀ − M‖² has the largest curvature 4σ_1 in U, along the top vector."""
    changes = {"problem.shape": [6, 6], "problem.spectrum": [2.0, 1.0], "problem.observations": 36}
    changes |= {"problem.symmetric": True, "problem.loss": "half-sum", "model.kind": "symmetric-matrix-factorization"}
    made = ran("mf-depth", changes | {"record.sharpness": True, "stop.train_loss": 1e-10}, {})
    (lane,) = history_of(made).lanes
    assert lane.columns["sharpness"][-1] == pytest.approx(8.0, rel=1e-4)


def test_where_the_loss_is_not_finite_it_is_no_number() -> None:
    _, layers, start = build(MatrixCompletion(shape=(4, 4), rank=1, observations=9), DeepMatrixFactorization(depth=3))
    assert math.isnan(sharpness(layers, torch.full_like(start[0], 1e200)))


def test_lanes_record_it_where_asked_with_the_limit_of_their_step_size() -> None:
    """2/η of gradient descent; a flow has no step to be too long, and Adam's are no multiples of the gradient."""
    changes = {"problem.shape": [6, 6], "problem.rank": 1, "problem.observations": 36, "record.sharpness": True}
    sweeps: dict[str, list[Any]] = {"model.depth": [2], "optimizer.kind": ["gradient-flow", "gradient-descent", "adam"]}
    flow, descent, adam = history_of(
        ran("mf-depth", changes | {"stop.max_steps": 20}, sweeps | {"optimizer.step_size": [0.1]})
    ).lanes
    for lane in (flow, descent, adam):
        assert all(math.isfinite(value) for value in lane.columns["sharpness"])
    assert set(descent.columns["stability_limit"]) == {20.0}
    assert "stability_limit" not in flow.columns
    assert "stability_limit" not in adam.columns


def test_rates_of_a_lane_about_to_diverge_do_not_end_the_run() -> None:
    """Its values are finite when its speed no longer is, and the states beside it cannot be decomposed."""
    made = ran("sharpness", {"model.init_scale": 1.0}, {"model.depth": [2], "optimizer.kind": ["gradient-descent"]})
    outcome = made.outcome()
    assert outcome is not None
    assert outcome.kind == "diverged"
