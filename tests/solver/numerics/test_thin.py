"""Thin factors: their decompositions are those of the product, and frames through them are those of the whole."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.costs.thin import is_sparse, is_thin
from solver.numerics import theory, thin
from solver.numerics.lanczos import spectral_norm
from solver.numerics.lanes import deep_matrix_factorization_metrics as matrix_metrics
from solver.numerics.lanes.deep_matrix_factorization_metrics import DeepMatrixFactorizationMetrics
from solver.numerics.lanes.end_matrix import ThinMatrix, WholeMatrix
from solver.numerics.lanes.symmetric_matrix_factorization_metrics import SymmetricMatrixFactorizationMetrics
from solver.numerics.models import deep_matrix_factorization as models
from solver.numerics.models.deep_matrix_factorization import objective_of
from solver.numerics.problems.given import Given
from solver.numerics.problems.losses import EntryLoss, SparseEntryLoss
from solver.numerics.problems.observed import ObservedProblem, observed_problem
from solver.spec import DeepMatrixFactorization, GradientDescent, MatrixCompletion, Record
from tests.solver.numerics.building import CPU, build

KNOWN = {"step": 1, "time": 0.0, "elapsed_s": 0.0, "evaluations": 1, "step_size": 0.1}


def factors_of(seed: int, rows: int, width: int, columns: int, spread: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Gaussian factors whose columns and rows differ in size by powers of ten."""
    generator = np.random.default_rng(seed)
    sizes = 10.0 ** (-spread * generator.random(width))
    left = generator.standard_normal((rows, width)) * sizes
    right = generator.standard_normal((width, columns)) * generator.permutation(sizes)[:, None]
    return torch.tensor(left), torch.tensor(right)


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12), st.integers(1, 40), st.sampled_from([0.0, 3, 8])
)
def test_the_decomposition_of_a_product_is_the_full_one(
    seed: int, rows: int, width: int, columns: int, spread: float
) -> None:
    """To 1e-12 of σ_1, whatever the sizes and however they are graded; vectors are orthonormal and make the product."""
    left, right = factors_of(seed, rows, width, columns, spread)
    product = left @ right
    full = torch.linalg.svdvals(product)
    tolerance = 1e-12 * full[0].item()
    u, sigma, vt = thin.svd(left, right)
    values = thin.singular_values(left, right)
    n = min(len(full), len(sigma))
    torch.testing.assert_close(sigma[:n], full[:n], rtol=0, atol=tolerance)
    torch.testing.assert_close(values, sigma, rtol=0, atol=tolerance)
    assert float(sigma[n:].sum() + full[n:].sum()) <= 40 * tolerance
    torch.testing.assert_close(u @ torch.diag(sigma) @ vt, product, rtol=0, atol=tolerance)
    k = len(sigma)
    torch.testing.assert_close(u.T @ u, torch.eye(k, dtype=u.dtype), rtol=0, atol=1e-12)
    torch.testing.assert_close(vt @ vt.T, torch.eye(k, dtype=u.dtype), rtol=0, atol=1e-12)


def test_a_thin_matrix_answers_as_the_whole_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries, distances and values of a product that is never multiplied out, in several pieces each."""
    monkeypatch.setattr("solver.numerics.lanes.end_matrix._ENTRIES", 100)
    monkeypatch.setattr("solver.numerics.lanes.end_matrix._NUMBERS", 30)
    left, right = factors_of(0, 23, 4, 17, 1.0)
    of_factors, whole = ThinMatrix(left, right), WholeMatrix(left @ right)
    indices = np.random.default_rng(1).integers(0, (23, 17), (50, 2))
    np.testing.assert_allclose(of_factors.at(indices), whole.at(indices), rtol=1e-12, atol=1e-14)
    assert of_factors.at(indices[:0]).shape == (0,)
    other = torch.randn(23, 17, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(of_factors.squared_distance(other), whole.squared_distance(other), rtol=1e-12, atol=0)
    torch.testing.assert_close(of_factors.whole(), whole.whole(), rtol=1e-12, atol=1e-14)
    assert whole.largest() <= of_factors.largest()


def with_held_out() -> ObservedProblem:
    """A noisy low-rank matrix of which some entries are observed and others held out."""
    spec = MatrixCompletion(shape=(24, 17), rank=3, observations=160, noise=0.1)
    drawn = observed_problem(spec, 0)
    assert drawn.indices is not None
    assert drawn.ground_truth is not None
    return ObservedProblem(
        shape=drawn.shape,
        loss="mean",
        huber_delta=1.0,
        ground_truth=drawn.ground_truth,
        indices=drawn.indices[20:],
        measurements=None,
        values=drawn.values[20:],
        given=Given.split(drawn.indices, drawn.values, 20),
    )


def frame(depth: int, width: int, record: Record, scale: float = 1.0) -> dict[str, Any]:
    problem = with_held_out()
    model = DeepMatrixFactorization(depth=depth, hidden_width=width, init_scale=scale)
    _, _, start = build(MatrixCompletion(shape=(24, 17), rank=3, observations=160), model)
    of_lane = DeepMatrixFactorizationMetrics(problem, model.widths(problem.shape), record, GradientDescent())
    return dict(zip(of_lane.series, of_lane.measure(start[0], KNOWN), strict=True))


@pytest.mark.parametrize("is_sparse_too", [False, True])
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_a_frame_through_thin_factors_is_the_frame_of_the_end_matrix(
    depth: int, is_sparse_too: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every series: spectra, norms, errors, held-out errors, alignment, and rates measured and foretold."""
    record = Record(layers=2, sharpness=True, singular_values=8, rates=8)
    monkeypatch.setattr(matrix_metrics, "is_thin", lambda *_: False)
    whole = frame(depth, 8, record)
    monkeypatch.setattr(matrix_metrics, "is_thin", is_thin)
    monkeypatch.setattr(models, "is_sparse", lambda *_: is_sparse_too)
    found = frame(depth, 8, record)
    assert found.keys() == whole.keys()
    for name, value in whole.items():
        # Rates are differences of values over a step; the largest eigenvalue is known to its residual; roots of what
        # rounding leaves of the whole matrix's zeros add up.
        rtol = {"singular_value_rates": 1e-5, "sharpness": 1e-6, "schatten_2_over_n": 1e-6}.get(name, 1e-10)
        assert found[name] == pytest.approx(value, rel=rtol, abs=1e-12, nan_ok=True), name


@pytest.mark.parametrize("depth", [2, 3])
def test_values_beyond_the_width_are_zero_and_have_no_vectors(depth: int) -> None:
    """A frame holds as many as were asked for, however narrow the layers; log and export count on it."""
    found = frame(depth, 2, Record(singular_values=10, rates=5))
    assert len(found["singular_values"]) == 10
    assert found["singular_values"][2:] == [0.0] * 8
    assert found["singular_values"][1] > 0.0
    for name in ("predicted_rates", "predicted_rates_balanced"):
        assert len(found[name]) == 5
        assert found[name][2:] == [0.0] * 3
    for name in ("singular_value_rates", "truth_alignment"):
        assert len(found[name]) == 5
        assert found[name][2:] == ["nan"] * 3
    assert found["effective_rank"] <= 2.0 + 1e-12


def test_a_state_that_is_not_finite_is_told_by_its_factors() -> None:
    """Neither decomposed nor multiplied out: a lane that diverged ends with a frame that says so."""
    problem = with_held_out()
    of_lane = DeepMatrixFactorizationMetrics(problem, [17, 4, 24], Record(), GradientDescent())
    for bad in (math.nan, math.inf, 1e200):
        state = torch.ones(4 * (17 + 24), dtype=torch.float64)
        state[3] = bad
        values = dict(zip(of_lane.series, of_lane.measure(state, KNOWN), strict=True))
        assert values["singular_values"] == ["nan"] * 16
    assert of_lane.pictured(torch.full((4 * (17 + 24),), math.nan, dtype=torch.float64), with_end_matrix=True) == {}


def test_a_symmetric_frame_is_the_same_through_thin_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = observed_problem(MatrixCompletion(shape=(20, 20), rank=2, observations=90, symmetric=True), 0)
    factor = torch.randn(20 * 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = []
    for decide in (is_thin, lambda *_: False):
        monkeypatch.setattr(matrix_metrics, "is_thin", decide)
        of_lane = SymmetricMatrixFactorizationMetrics(problem, 3, Record(rates=3, singular_values=3), GradientDescent())
        found.append(dict(zip(of_lane.series, of_lane.measure(factor, KNOWN), strict=True)))
    for name, value in found[1].items():
        rtol = 1e-5 if name == "singular_value_rates" else 1e-10
        assert found[0][name] == pytest.approx(value, rel=rtol, abs=1e-12), name


def test_the_overlap_with_the_truth_is_the_same_through_thin_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    """⟨u_r, u*_s⟩ ⟨v_r, v*_s⟩: no sign of a vector is left in it."""
    problem = observed_problem(MatrixCompletion(shape=(24, 17), rank=3, observations=160), 0)
    state = torch.randn(8 * (24 + 17), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = []
    for decide in (is_thin, lambda *_: False):
        monkeypatch.setattr(matrix_metrics, "is_thin", decide)
        of_lane = DeepMatrixFactorizationMetrics(problem, [17, 8, 24], Record(), GradientDescent())
        found.append(of_lane.pictured(state, with_end_matrix=True))
    assert found[0].keys() == found[1].keys() == {"end_matrix", "overlap"}
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], rtol=1e-9, atol=1e-11)
    assert "end_matrix" not in of_lane.pictured(state, with_end_matrix=False)


def test_the_spectral_norm_by_products_is_that_of_a_decomposition() -> None:
    """Gaussian, of rank 1, of equal values, wider than tall, and zero: never more products than columns."""
    generator = np.random.default_rng(0)
    for matrix in (
        generator.standard_normal((30, 20)),
        np.outer(generator.standard_normal(40), generator.standard_normal(50)),
        np.eye(9),
        generator.standard_normal((3, 80)),
        np.zeros((4, 5)),
    ):
        found = spectral_norm(lambda x, m=matrix: m @ x, lambda y, m=matrix: m.T @ y, matrix.shape[1])  # type: ignore[misc]
        assert found == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-12)


def large(density: float = 0.02) -> ObservedProblem:
    shape = (640, 512)
    generator = np.random.default_rng(0)
    flat = np.sort(generator.choice(640 * 512, int(density * 640 * 512), replace=False))
    indices = np.stack(np.divmod(flat, 512), axis=1)
    values = 3.0 + generator.standard_normal(len(flat))
    return ObservedProblem(
        shape=shape, loss="huber", huber_delta=2.0, ground_truth=None, indices=indices, measurements=None, values=values
    )


def test_the_gradient_at_zero_of_a_large_matrix_has_the_norm_of_its_decomposition() -> None:
    """By products with few entries; the lower bound on the first plateau and the step that settles are made of it."""
    problem = large()
    assert problem.norm_of_gradient_at_zero() == pytest.approx(np.linalg.norm(problem.gradient_at_zero(), 2), rel=1e-10)


def test_few_entries_of_large_matrices_have_a_sparse_loss_and_others_a_dense_one() -> None:
    """By shape, width and number of entries alone, so that a run that is taken up goes on with the loss it had."""
    for problem, widths, kind in (
        (large(), [512, 20, 640], SparseEntryLoss),
        (large(0.3), [512, 20, 640], EntryLoss),
        (large(), [512, 640], EntryLoss),
        (with_held_out(), [17, 4, 24], EntryLoss),
    ):
        objective = objective_of(widths, [problem], torch.float64, CPU)
        assert type(objective._loss) is kind
    assert not is_sparse((943, 1682), 943, 90_000)
    assert is_sparse((943, 1682), 50, 90_000)
    # So narrow that lanes are multiplied together: one must not change its loss when another ends.
    assert not is_sparse((512, 512), 2, 1000)


def test_a_large_objective_is_the_same_by_entries_and_whole() -> None:
    """Losses and gradients of depth 2 and 3 at a size that takes the sparse loss by itself."""
    problem = large()
    for depth in (2, 3):
        widths = [512, *[20] * (depth - 1), 640]
        sparse = objective_of(widths, [problem], torch.float64, CPU)
        dense = models.DeepMatrixFactorizationObjective(
            widths, EntryLoss([problem], torch.float64, CPU), 1, torch.float64, CPU
        )
        state = torch.randn(1, dense.n_parameters, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        found, whole = sparse.evaluate(sparse.factors(state)), dense.evaluate(dense.factors(state))
        for one, other in zip(found[:3], whole[:3], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)
        scale = whole.gradient.flat.abs().max().item()
        torch.testing.assert_close(found.gradient.flat, whole.gradient.flat, rtol=1e-11, atol=1e-12 * scale)
        vectors = torch.randn(512, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(
            sparse.end_gradient_times(vectors), dense.end_gradient_times(vectors), rtol=1e-10, atol=1e-12
        )


def test_the_singular_spaces_of_a_large_truth_of_low_rank_are_those_of_its_decomposition() -> None:
    """Found from a few products with it; of a matrix of full rank there are none, however large."""
    generator = np.random.default_rng(0)
    truth = torch.tensor(
        generator.standard_normal((700, 6)) * 10.0 ** -np.arange(6) @ generator.standard_normal((6, 400))
    )
    spaces = theory.singular_spaces(truth)
    assert spaces is not None
    u, _, vt = torch.linalg.svd(truth, full_matrices=False)
    for found, expected in zip(spaces, (u[:, :6], vt[:6].T), strict=True):
        assert found.shape == expected.shape
        torch.testing.assert_close(found @ found.T, expected @ expected.T, rtol=0, atol=1e-9)
    assert theory.singular_spaces(torch.tensor(generator.standard_normal((520, 510)))) is None
