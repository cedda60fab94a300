"""Problems: their scale, their streams, and CSV files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from solver.numerics import cp_rank
from solver.numerics.problems.observed import observed_problem
from solver.refusal import BadSetting
from solver.spec import MatrixCompletion, MatrixSensing, TensorCompletion


def test_the_ground_truth_has_its_rank_and_norm() -> None:
    problem = observed_problem(MatrixCompletion(shape=(40, 30), rank=4, observations=100), seed=1)
    assert problem.ground_truth is not None
    sigma = np.linalg.svd(problem.ground_truth, compute_uv=False)
    assert sigma[3] > 1e-3 > 1e-10 > sigma[4]
    assert np.mean(problem.ground_truth**2) == pytest.approx(1.0, rel=1e-12)
    small = observed_problem(MatrixCompletion(shape=(4, 3), rank=1, observations=5, frobenius_norm=2.5), seed=1)
    assert small.ground_truth is not None
    assert np.linalg.norm(small.ground_truth) == pytest.approx(2.5, rel=1e-12)


def test_fewer_observations_are_a_prefix_of_more_and_none_comes_twice() -> None:
    many = observed_problem(MatrixCompletion(shape=(20, 30), observations=500), seed=7)
    few = observed_problem(MatrixCompletion(shape=(20, 30), observations=80), seed=7)
    assert many.indices is not None
    assert few.indices is not None
    np.testing.assert_array_equal(many.indices[:80], few.indices)
    np.testing.assert_array_equal(many.values[:80], few.values)
    assert len(set(map(tuple, many.indices.tolist()))) == 500


def test_noise_is_a_stream_of_its_own() -> None:
    """Noise changes the observed values and nothing else of the problem."""
    clean = observed_problem(MatrixCompletion(shape=(50, 50), observations=2000), seed=3)
    noisy = observed_problem(MatrixCompletion(shape=(50, 50), observations=2000, noise=0.3), seed=3)
    np.testing.assert_array_equal(clean.ground_truth, noisy.ground_truth)
    np.testing.assert_array_equal(clean.indices, noisy.indices)
    assert (noisy.values - clean.values).std() == pytest.approx(0.3, rel=0.1)


def test_the_two_losses_have_their_coefficients() -> None:
    assert observed_problem(MatrixCompletion(observations=50), 0).loss_coefficient == pytest.approx(1 / 50)
    assert observed_problem(MatrixCompletion(observations=50, loss="half-sum"), 0).loss_coefficient == 0.5
    huber = observed_problem(MatrixCompletion(observations=50, loss="huber"), 0)
    assert huber.loss_coefficient == pytest.approx(0.5 / 50)


def test_measurements_are_as_large_as_entries_and_a_prefix_of_more() -> None:
    """The mean square of what is observed of a matrix of mean-square entry 1 is 1, for sensing as for completion."""
    many = observed_problem(MatrixSensing(shape=(20, 20), rank=2, observations=300), seed=4)
    few = observed_problem(MatrixSensing(shape=(20, 20), rank=2, observations=50), seed=4)
    assert many.measurements is not None
    assert few.measurements is not None
    assert many.ground_truth is not None
    np.testing.assert_array_equal(many.measurements[:50], few.measurements)
    np.testing.assert_allclose(many.values, many.measurements @ many.ground_truth.reshape(-1))
    assert np.mean(many.values**2) == pytest.approx(1.0, rel=0.25)


def test_a_tensor_has_its_cp_rank_and_norm() -> None:
    """Three components give unfoldings of rank three in every mode, and a fit by three components without error."""
    problem = observed_problem(TensorCompletion(shape=(5, 6, 7), rank=3, observations=50, frobenius_norm=1.0), seed=2)
    truth = problem.ground_truth
    assert truth is not None
    assert np.linalg.norm(truth) == pytest.approx(1.0, rel=1e-12)
    for mode in range(3):
        sigma = np.linalg.svd(cp_rank.unfolded(truth, mode), compute_uv=False)
        assert sigma[2] > 1e-3 > 1e-12 > sigma[3]
    assert cp_rank.estimate(truth, 0.01) == 3
    assert problem.indices is not None
    np.testing.assert_array_equal(problem.values, truth[tuple(problem.indices.T)])


@pytest.mark.parametrize("loss", ["mean", "half-sum", "huber"])
@pytest.mark.parametrize("kind", [MatrixCompletion, MatrixSensing])
def test_the_gradient_at_zero_is_that_of_the_loss(kind: type, loss: str) -> None:
    """Against finite differences of the loss written out, in random directions."""
    problem = observed_problem(kind(shape=(4, 5), rank=1, observations=12, loss=loss, huber_delta=0.3), seed=0)
    direction = np.random.default_rng(0).standard_normal((4, 5))

    def value(t: float) -> float:
        residual = problem.observe(t * direction) - problem.values
        if loss == "huber":
            size = np.abs(residual)
            return float(np.where(size <= 0.3, size**2 / 2, 0.3 * (size - 0.15)).mean())
        return float((residual**2).mean() if loss == "mean" else (residual**2).sum() / 2)

    slope = (value(1e-6) - value(-1e-6)) / 2e-6
    assert np.sum(problem.gradient_at_zero() * direction) == pytest.approx(slope, rel=1e-6)


def test_holding_out_everything_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("0,0,1\n1,1,1\n")
    with pytest.raises(BadSetting, match="leaves none to train on"):
        observed_problem(MatrixCompletion(file=str(path), test_fraction=0.9), seed=0)


def test_values_are_kept_exactly() -> None:
    problem = observed_problem(MatrixCompletion(entries=[(0, 1, math.pi), (1, 0, -1e-300)]), seed=0)
    assert problem.shape == (2, 2)
    assert problem.values.tolist() == [math.pi, -1e-300]
