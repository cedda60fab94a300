"""Metrics against closed forms, and the law against rates measured on the flow."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from solver.numerics import theory
from solver.numerics.lanes.deep_matrix_factorization_metrics import DeepMatrixFactorizationMetrics
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.spectrum import effective_rank, norms
from solver.records import Value
from solver.spec import DeepMatrixFactorization, GradientDescent, GradientFlow, MatrixCompletion, Record
from tests.solver.numerics.building import build

POSITIVE = arrays(np.float64, st.integers(1, 8), elements=st.floats(1e-6, 1e6))
KNOWN = {"step": 1, "time": 0.0, "elapsed_s": 0.0, "evaluations": 1, "step_size": 0.1}


def measured(
    problem: MatrixCompletion, model: DeepMatrixFactorization, steps: int = 0, rates: int = 8
) -> dict[str, Value]:
    """The frame of a state some steps down the flow, by name."""
    problems, layers, start = build(problem, model)
    method = GradientFlowMethod(layers, start, GradientFlow(rtol=1e-8))
    while method.steps[0] < steps:
        method.advance(0, -math.inf)
    of_lane = DeepMatrixFactorizationMetrics(problems[0], layers.widths, Record(rates=rates), GradientDescent())
    return dict(zip(of_lane.series, of_lane.measure(method.parameters(0), KNOWN), strict=True))


@given(POSITIVE, st.floats(1e-3, 1e3))
def test_effective_rank_ignores_scale(values: np.ndarray, factor: float) -> None:
    sigma = torch.tensor(values)
    assert effective_rank(sigma) == pytest.approx(effective_rank(factor * sigma), rel=1e-9)


@given(POSITIVE)
def test_effective_rank_lies_between_one_and_the_number_of_values(values: np.ndarray) -> None:
    assert 1 - 1e-9 <= effective_rank(torch.tensor(values)) <= len(values) + 1e-9


def test_effective_rank_of_equal_values_is_their_number_and_of_zero_is_zero() -> None:
    assert effective_rank(torch.full((5,), 3.0, dtype=torch.float64)) == pytest.approx(5.0, rel=1e-12)
    assert effective_rank(torch.tensor([2.0, 0.0], dtype=torch.float64)) == pytest.approx(1.0, rel=1e-12)
    assert effective_rank(torch.zeros(4, dtype=torch.float64)) == 0.0


@pytest.mark.parametrize("w", [0.0, 0.5, 3.0, 70.0])
def test_norms_of_the_counterexample_have_their_closed_forms(w: float) -> None:
    """W = [[w, 1], [1, 0]] has singular values (s ± |w|)/2 with s = sqrt(w² + 4) and determinant −1 (R20)."""
    entries: list[tuple[float, ...]] = [(0, 0, w), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)]
    problems, layers, _ = build(MatrixCompletion(entries=entries), DeepMatrixFactorization(depth=1))
    matrix = torch.tensor([w, 1.0, 1.0, 0.0], dtype=torch.float64)
    of_lane = DeepMatrixFactorizationMetrics(problems[0], layers.widths, Record(rates=0), GradientDescent())
    frame = dict(zip(of_lane.series, of_lane.measure(matrix, KNOWN), strict=True))
    s = math.sqrt(w * w + 4)
    assert frame["singular_values"] == pytest.approx([(s + w) / 2, (s - w) / 2], rel=1e-9)
    assert frame["nuclear_norm"] == pytest.approx(s, rel=1e-12)
    assert frame["frobenius_norm"] == pytest.approx(math.sqrt(w * w + 2), rel=1e-12)
    assert frame["spectral_norm"] == pytest.approx((s + w) / 2, rel=1e-12)
    assert frame["det_sign"] == -1.0
    assert frame["log_abs_det"] == pytest.approx(0.0, abs=1e-12)
    assert frame["train_loss"] == pytest.approx(0.0, abs=1e-24)


def test_schatten_norm_has_exponent_two_over_depth() -> None:
    sigma = torch.tensor([3.0, 1.0], dtype=torch.float64)
    assert norms(sigma, 4)["schatten_2_over_n"] == pytest.approx((math.sqrt(3) + 1) ** 2, rel=1e-12)
    assert norms(sigma, 1)["schatten_2_over_n"] == pytest.approx(math.sqrt(10), rel=1e-12)


def test_errors_of_the_zero_matrix_are_one() -> None:
    problem = MatrixCompletion(shape=(9, 7), rank=2, observations=30, frobenius_norm=3.0)
    frame = measured(problem, DeepMatrixFactorization(depth=3, init_scale=1e-30))
    assert frame["reconstruction_error"] == pytest.approx(1.0, rel=1e-9)
    assert frame["normalised_reconstruction_error"] == pytest.approx(1.0, rel=1e-9)


def test_the_determinant_of_a_product_far_below_float64_is_still_known() -> None:
    """Det of 1e-12·I in 60 dimensions is 1e-720, which no float holds; its logarithm is exact."""
    problem = MatrixCompletion(shape=(60, 60), rank=2, observations=600)
    frame = measured(problem, DeepMatrixFactorization(depth=3, init="identity", init_scale=1e-12))
    assert frame["log_abs_det"] == pytest.approx(60 * math.log(1e-12), rel=1e-9)
    assert frame["det_sign"] == 1.0


def test_series_that_do_not_apply_are_absent() -> None:
    problem = MatrixCompletion(shape=(4, 6), rank=1, observations=10)
    frame = measured(problem, DeepMatrixFactorization(depth=1))
    assert not {"det_sign", "log_abs_det", "unbalancedness", "held_out_error"} & set(frame)
    assert "reconstruction_error" in frame


@pytest.mark.parametrize("init", ["gaussian", "orthogonal", "balanced"])
@pytest.mark.parametrize(("shape", "depth"), [((12, 12), 3), ((8, 12), 2), ((12, 9), 5), ((7, 7), 1)])
def test_the_any_initialisation_law_equals_measured_rates(init: str, shape: tuple[int, int], depth: int) -> None:
    """dσ_r/dt by the formula against σ after short flows, extrapolated; the flow at rtol 1e-10, the match to 1e-5."""
    problem = MatrixCompletion(shape=shape, rank=2, observations=40)
    model = DeepMatrixFactorization(depth=depth, init=init, init_scale=0.2)  # type: ignore[arg-type]
    problems, layers, start = build(problem, model)
    of_lane = DeepMatrixFactorizationMetrics(problems[0], layers.widths, Record(rates=3), GradientDescent())
    warm = GradientFlowMethod(layers, start, GradientFlow(rtol=1e-10, atol=1e-15), max_time=4.0)
    assert warm.times is not None
    while warm.times[0] < 4.0:
        warm.advance(0, -math.inf)
    at = warm.parameters(0)
    frame = dict(zip(of_lane.series, of_lane.measure(at, KNOWN), strict=True))

    def sigma_after(time: float) -> torch.Tensor:
        flow = GradientFlowMethod(layers, at.unsqueeze(0), GradientFlow(rtol=1e-10, atol=1e-15), max_time=time)
        assert flow.times is not None
        while flow.times[0] < time:
            flow.advance(0, -math.inf)
        spectrum: torch.Tensor = torch.linalg.svdvals(of_lane.end_matrix(flow.parameters(0)))
        return spectrum[:3]

    now = torch.linalg.svdvals(of_lane.end_matrix(at))[:3]
    h = 2e-3
    slopes = [(sigma_after(h / 2**k) - now) * 2**k / h for k in range(4)]
    # Richardson: forward differences have errors in h, h², h³.
    for order in (1, 2, 3):
        pairs = itertools.pairwise(slopes)
        slopes = [(2**order * fine - coarse) / (2**order - 1) for coarse, fine in pairs]
    largest = slopes[0].abs().max().item()
    np.testing.assert_allclose(frame["predicted_rates"], slopes[0], rtol=1e-5, atol=1e-6 * largest)  # type: ignore[arg-type]
    np.testing.assert_allclose(frame["singular_value_rates"], slopes[0], rtol=1e-5, atol=1e-6 * largest)  # type: ignore[arg-type]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_balanced_law_holds_for_a_balanced_start(depth: int) -> None:
    problem = MatrixCompletion(shape=(10, 8), rank=2, observations=50)
    frame = measured(problem, DeepMatrixFactorization(depth=depth, init="balanced", init_scale=0.1), steps=5)
    np.testing.assert_allclose(frame["predicted_rates_balanced"], frame["predicted_rates"], rtol=1e-5, atol=1e-9)  # type: ignore[arg-type]


def test_the_balanced_law_fails_for_an_unbalanced_start() -> None:
    """The two formulas are not the same statement: far from balance the balanced one is off."""
    problem = MatrixCompletion(shape=(10, 8), rank=2, observations=50)
    frame = measured(problem, DeepMatrixFactorization(depth=3, init="gaussian", init_scale=0.5))
    balanced, exact = np.array(frame["predicted_rates_balanced"]), np.array(frame["predicted_rates"])
    assert np.abs(balanced - exact).max() > 0.1 * np.abs(exact).max()


def test_rates_of_equal_singular_values_are_not_a_number() -> None:
    """All singular values of an identity start coincide: none has a derivative by itself."""
    problem = MatrixCompletion(shape=(6, 6), rank=2, observations=20)
    frame = measured(problem, DeepMatrixFactorization(depth=2, init="identity"))
    assert frame["singular_value_rates"] == ["nan"] * 6


def test_pictures_of_the_state_just_measured_are_those_of_that_state() -> None:
    problems, layers, start = build(MatrixCompletion(shape=(8, 8), rank=2, observations=40), DeepMatrixFactorization())
    of_lane = DeepMatrixFactorizationMetrics(problems[0], layers.widths, Record(), GradientDescent())
    first, second = start[0], 1.5 * start[0].flip(0)
    alone = [of_lane.pictured(state, with_end_matrix=True) for state in (first, second)]
    of_lane.measure(first, KNOWN)
    at_once, other = (of_lane.pictured(state, with_end_matrix=True) for state in (first, second))
    of_lane.measure(first, KNOWN)
    of_other = of_lane.pictured(second, with_end_matrix=True)
    for found, wanted in ((at_once, alone[0]), (other, alone[1]), (of_other, alone[1])):
        assert found.keys() == wanted.keys() == {"end_matrix", "overlap"}
        assert all(torch.equal(values, wanted[name]) for name, values in found.items())


def test_a_state_that_is_not_finite_is_recorded_as_such() -> None:
    problem = MatrixCompletion(shape=(3, 3), rank=1, observations=5)
    problems, layers, start = build(problem, DeepMatrixFactorization(depth=2))
    of_lane = DeepMatrixFactorizationMetrics(problems[0], layers.widths, Record(), GradientDescent())
    frame = dict(zip(of_lane.series, of_lane.measure(start[0] * math.inf, KNOWN), strict=True))
    assert frame["step"] == 1
    assert frame["nuclear_norm"] == "nan"
    assert frame["singular_values"] == ["nan"] * 3


@pytest.mark.parametrize("depth", [3, 4, 6])
def test_the_frozen_escape_time_is_where_the_closed_form_blows_up(depth: int) -> None:
    """σ(t) = (σ_0^(−(1−2/N)) − (N−2)γt)^(−N/(N−2)) solves the law and its base reaches zero at t*."""
    sigma, alignment = 1e-3, 0.07
    time = theory.frozen_escape_time(sigma, alignment, depth)
    base = sigma ** -(1 - 2 / depth) - (depth - 2) * alignment * time
    assert base == pytest.approx(0.0, abs=1e-9)
    assert theory.frozen_escape_time(sigma, alignment, 2) == math.inf
