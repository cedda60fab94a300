"""Symmetric factorization: the law that UUᵀ follows, closed solutions, and what it has in common with two layers."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from solver.numerics.lanes.symmetric_matrix_factorization import factor
from solver.numerics.lanes.symmetric_matrix_factorization_metrics import SymmetricMatrixFactorizationMetrics
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.models.objective import Objective
from solver.numerics.problems.observed import observed_problem
from solver.numerics.streams import stream
from solver.spec import (
    DeepMatrixFactorization,
    GradientFlow,
    MatrixCompletion,
    MatrixProblem,
    MatrixSensing,
    Record,
    SymmetricMatrixFactorization,
)
from tests.solver.numerics.building import NEVER, build, build_symmetric

LOSSES = ["mean", "half-sum", "huber"]
SYMMETRIC = MatrixCompletion(shape=(6, 6), rank=2, observations=20, symmetric=True)
MODEL = SymmetricMatrixFactorization(init="gaussian", init_scale=0.3)


def frame_of(problem: MatrixProblem, model: SymmetricMatrixFactorization = MODEL, rates: int = 6) -> dict[str, Any]:
    """What is recorded of the start."""
    problems, _, start = build_symmetric(problem, model)
    size = problems[0].shape[0]
    metrics = SymmetricMatrixFactorizationMetrics(
        problems[0], model.resolved_width((size, size)), Record(rates=rates), GradientFlow()
    )
    known = dict.fromkeys(("step", "time", "elapsed_s", "evaluations", "step_size", "method", "rejections"), 0.0)
    return dict(zip(metrics.series, metrics.measure(start[0], known), strict=True))


def end_gradient(problem: MatrixProblem, u: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """∇ℓ(UUᵀ) by central differences of the loss written out: no code of the package but the data."""
    drawn = observed_problem(problem, 0)

    def value(end: np.ndarray[Any, Any]) -> float:
        r = drawn.observe(end) - drawn.values
        if problem.loss == "huber":
            d = problem.huber_delta
            return float(np.where(np.abs(r) <= d, r**2 / 2, d * (np.abs(r) - d / 2)).mean())
        return float((r**2).mean() if problem.loss == "mean" else (r**2).sum() / 2)

    end, result = u @ u.T, np.zeros((len(u), len(u)))
    for place in np.ndindex(result.shape):
        nudge = np.zeros_like(result)
        nudge[place] = 1e-5
        result[place] = (value(end + nudge) - value(end - nudge)) / 2e-5
    return result


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("mask", ["uniform", "symmetric"])
def test_a_singular_value_moves_at_four_sigma_gamma(loss: str, mask: str) -> None:
    """dσ_r/dt = 4 σ_r γ_r with γ_r = −u_rᵀ ∇ℓ u_r, whatever the loss's normalisation, and without observed pairs, too.

    Measured on the flow of U itself, with the gradient in U by differences of ℓ(UUᵀ).
    """
    spec = msgspec.structs.replace(SYMMETRIC, loss=loss, mask=mask, huber_delta=0.3)
    u = factor(MODEL, 6, stream(0, "initialisation"))
    gradient = end_gradient(spec, u)
    sigma, vectors = np.linalg.eigh(u @ u.T)
    gamma = -np.einsum("ir,ij,jr->r", vectors, gradient, vectors)

    def of_factor(nudged: np.ndarray[Any, Any]) -> float:
        _, objective, _ = build_symmetric(spec, MODEL)
        flat = torch.tensor(nudged.reshape(1, -1))
        return float(objective.loss_and_gradient(objective.factors(flat), objective.factors()))

    slope = np.zeros_like(u)
    for place in np.ndindex(u.shape):
        nudge = np.zeros_like(u)
        nudge[place] = 1e-6
        slope[place] = (of_factor(u + nudge) - of_factor(u - nudge)) / 2e-6
    h = 1e-5
    ahead, behind = (np.linalg.eigvalsh((u - s * h * slope) @ (u - s * h * slope).T) for s in (1.0, -1.0))
    np.testing.assert_allclose((ahead - behind) / (2.0 * h), 4.0 * sigma * gamma, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", [MatrixCompletion, MatrixSensing])
@pytest.mark.parametrize("width", [None, 3, 9])
def test_recorded_rates_are_the_law_and_the_law_is_the_formula(kind: type, loss: str, width: int | None) -> None:
    """Balance is trivial: the law 4σγ and the chain rule through U agree from any start, and with what is measured."""
    problem = kind(shape=(6, 6), rank=2, observations=20, symmetric=True, loss=loss, huber_delta=0.3)
    n = min(6, width or 6)
    frame = frame_of(problem, msgspec.structs.replace(MODEL, width=width), rates=n)
    np.testing.assert_allclose(frame["predicted_rates"], frame["predicted_rates_balanced"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(frame["singular_value_rates"], frame["predicted_rates"], rtol=1e-4, atol=1e-8)


def test_norms_are_those_of_a_semidefinite_matrix() -> None:
    """The nuclear norm is the trace, and the gradient's norm that of the one factor; no determinant, no balance."""
    problems, objective, start = build_symmetric(SYMMETRIC, MODEL)
    frame, u = frame_of(SYMMETRIC), start[0].view(6, 6)
    evaluated = objective.evaluate(objective.factors(start))
    assert frame["nuclear_norm"] == pytest.approx(torch.trace(u @ u.T).item(), rel=1e-12)
    assert frame["schatten_2_over_n"] == pytest.approx(frame["nuclear_norm"], rel=1e-12)
    assert frame["gradient_norm"] == pytest.approx(torch.linalg.vector_norm(evaluated.gradient.flat).item(), rel=1e-12)
    assert frame["train_loss"] == pytest.approx(evaluated.losses.item(), rel=1e-12)
    assert problems[0].ground_truth is not None
    error = np.linalg.norm((u @ u.T).numpy() - problems[0].ground_truth) / np.linalg.norm(problems[0].ground_truth)
    assert frame["normalised_reconstruction_error"] == pytest.approx(error, rel=1e-12)
    assert not {"unbalancedness", "det_sign", "log_abs_det", "unobserved_entry"} & set(frame)


def flowed(objective: Objective, start: Tensor, time: float) -> Tensor:
    optimizer = GradientFlow(rtol=1e-12, atol=1e-15, method="dormand-prince")
    method = GradientFlowMethod(objective, start, optimizer, max_time=time)
    assert method.times is not None
    while method.times[0] < time:
        method.advance(0, NEVER)
    return method.parameters(0)


def diagonal(values: list[float]) -> MatrixCompletion:
    n = len(values)
    entries: list[tuple[float, ...]] = [(i, j, values[i] if i == j else 0.0) for i in range(n) for j in range(n)]
    return MatrixCompletion(entries=entries, loss="half-sum")


@pytest.mark.parametrize("time", [0.3, 1.0, 2.5])
def test_from_the_identity_every_value_follows_its_logistic_curve(time: float) -> None:
    """dσ/dt = 4σ(m − σ) of a fully observed diagonal matrix: σ = m/(1 + (m/α − 1) exp(−4mt))."""
    wanted, alpha = [2.0, 1.0, 0.5], 1e-3
    model = SymmetricMatrixFactorization(init_scale=alpha)
    _, objective, start = build_symmetric(diagonal(wanted), model)
    u = flowed(objective, start, time).view(3, 3)
    m = np.array(wanted)
    expected = m / (1.0 + (m / alpha - 1.0) * np.exp(-4.0 * m * time))
    np.testing.assert_allclose((u @ u.T).numpy(), np.diag(expected), rtol=1e-8, atol=1e-10)


def test_two_layers_that_start_as_one_take_twice_the_time_where_entries_come_in_pairs() -> None:
    """There ∇ℓ is symmetric, and the one factor has the gradients of both layers."""
    spec = msgspec.structs.replace(SYMMETRIC, mask="symmetric")
    _, objective, start = build_symmetric(spec, MODEL)
    u = flowed(objective, start, 0.7).view(6, 6)
    _, layers, _ = build(spec, DeepMatrixFactorization(depth=2))
    first = start[0].view(6, 6)
    pair = torch.cat([first.T.reshape(-1), first.reshape(-1)]).unsqueeze(0)
    below, above = flowed(layers, pair, 1.4).view(2, 6, 6)
    torch.testing.assert_close(above @ below, u @ u.T, rtol=1e-9, atol=1e-11)


def test_the_sharpness_of_a_solution_is_four_times_its_largest_value() -> None:
    """λ_max of the Hessian at the solution of a fully observed matrix, from which a step that settles is advised."""
    problems, objective, _ = build_symmetric(diagonal([3.0, 1.0, 0.2]), MODEL)
    solution = torch.diag(torch.tensor([3.0, 1.0, 0.2], dtype=torch.float64).sqrt()).reshape(1, -1)
    largest = torch.linalg.eigvalsh(objective.hessian(objective.factors(solution))[0])[-1].item()
    assert largest == pytest.approx(12.0, rel=1e-12)
    assert problems[0].sharpness(2, MODEL.law_factor(diagonal([3.0]))) == pytest.approx(largest, rel=1e-12)


@pytest.mark.parametrize("width", [None, 2, 40])
def test_starts_have_the_scale_that_is_said(width: int | None) -> None:
    identity = factor(SymmetricMatrixFactorization(init_scale=0.04, width=width), 20, stream(0, "initialisation"))
    assert identity.shape == (20, width or 20)
    np.testing.assert_allclose(identity @ identity.T, 0.04 * np.diag(np.arange(20) < (width or 20)), atol=1e-15)
    model = SymmetricMatrixFactorization(init="gaussian", init_scale=0.04, width=width)
    drawn = [factor(model, 20, stream(seed, "initialisation")) for seed in range(40)]
    assert np.mean([np.trace(u @ u.T) / 20 for u in drawn]) == pytest.approx(0.04, rel=0.1)
