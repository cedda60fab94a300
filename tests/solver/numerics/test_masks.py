"""Masks: exactly as many entries as were asked for, none twice, and each as unequal as it says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.numerics.problems.observed import observed_problem
from solver.numerics.streams import stream
from solver.spec import MatrixCompletion

MASKS = ["symmetric", "rows", "popularity", "block"]


def mask_of(spec: MatrixCompletion, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Where an entry is observed; every value is the ground truth's there."""
    problem = observed_problem(spec, seed)
    assert problem.indices is not None
    assert problem.ground_truth is not None
    observed = np.zeros(problem.shape, dtype=np.bool_)
    observed[tuple(problem.indices.T)] = True
    assert len(problem.indices) == len(problem.values) == spec.resolved_observations
    assert observed.sum() == spec.resolved_observations, "none comes twice"
    np.testing.assert_array_equal(problem.values, problem.ground_truth[tuple(problem.indices.T)])
    return observed


@given(
    mask=st.sampled_from(MASKS),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    share=st.floats(0.0, 1.0),
    skew=st.floats(0.0, 10.0),
    missing=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**40),
)
def test_the_number_is_exactly_what_was_asked_for(
    mask: str, shape: tuple[int, int], share: float, skew: float, missing: float, seed: int
) -> None:
    if mask == "symmetric":
        shape = (shape[0], shape[0])
    whole = MatrixCompletion(shape=shape, rank=1, observations=1, mask=mask, missing_share=missing, mask_skew=skew)  # type: ignore[arg-type]
    most = shape[0] * shape[1] - int(np.prod(whole.missing_block))
    assert most >= 1
    n = max(1, round(share * most))
    spec = MatrixCompletion(shape=shape, rank=1, observations=n, mask=mask, missing_share=missing, mask_skew=skew)  # type: ignore[arg-type]
    observed = mask_of(spec, seed)
    if mask == "symmetric":
        np.testing.assert_array_equal(observed, observed.T)


@pytest.mark.parametrize("mask", ["rows", "popularity", "block"])
def test_fewer_observations_are_some_of_more(mask: str) -> None:
    few, many = (
        mask_of(MatrixCompletion(shape=(12, 10), rank=1, observations=n, mask=mask), 3)  # type: ignore[arg-type]
        for n in (20, 70)
    )
    assert np.all(many[few])


@pytest.mark.parametrize("n", [1, 2, 7, 8, 15, 24, 25])
def test_symmetric_entries_of_any_number_come_in_pairs(n: int) -> None:
    """An odd number takes one of the diagonal, which is there for every count and seed."""
    for seed in range(20):
        observed = mask_of(MatrixCompletion(shape=(5, 5), rank=1, observations=n, mask="symmetric"), seed)
        np.testing.assert_array_equal(observed, observed.T)


def test_two_symmetric_numbers_of_observations_differ_by_one_entry_that_is_no_part_of_both() -> None:
    for n in range(1, 25):
        few, more = (
            mask_of(MatrixCompletion(shape=(5, 5), rank=1, observations=k, mask="symmetric"), 8) for k in (n, n + 1)
        )
        assert (few & ~more).sum() <= 1


def test_nothing_of_the_block_is_observed_and_everything_outside_it_can_be() -> None:
    """Its sides are the root of the share of the rows' and the columns' number."""
    spec = MatrixCompletion(shape=(20, 30), rank=2, observations=600 - 150, mask="block", missing_share=0.25)
    assert spec.missing_block == (10, 15)
    observed = mask_of(spec)
    assert not observed[10:, 15:].any()
    assert observed[:10].all()
    assert observed[:, :15].all()


def test_a_row_is_observed_at_its_rate() -> None:
    """The first entry of all falls into row k with probability k^−s/Σ, within five standard errors."""
    n_seeds, rows, skew = 800, 4, 1.5
    spec = MatrixCompletion(shape=(rows, 3), rank=1, observations=1, mask="rows", mask_skew=skew)
    hits = np.zeros(rows)
    for seed in range(n_seeds):
        row = int(np.flatnonzero(mask_of(spec, seed).any(axis=1))[0])
        # The order of rows is the first thing that the stream gives.
        hits[stream(seed, "observed entries").permutation(rows)[row]] += 1
    rates = np.arange(1.0, rows + 1) ** -skew
    rates /= rates.sum()
    np.testing.assert_allclose(hits / n_seeds, rates, atol=5 * 0.5 / np.sqrt(n_seeds))


@pytest.mark.parametrize(("mask", "axes"), [("rows", (1,)), ("popularity", (0, 1))])
def test_popular_rows_and_columns_are_observed_more_and_others_alike(mask: str, axes: tuple[int, ...]) -> None:
    """Of 2,000 of 100 × 100 the top tenth has over a quarter where it is popular, otherwise little over a tenth."""
    observed = mask_of(MatrixCompletion(observations=2000, mask=mask))  # type: ignore[arg-type]
    for axis in (0, 1):
        counts = np.sort(observed.sum(axis=axis))[::-1]
        if axis in axes:
            assert counts[:10].sum() > 2000 / 4
            assert counts[10:].min() < 10
        else:
            assert counts[:10].sum() < 2000 / 5


def test_the_largest_skew_observes_whole_rows() -> None:
    observed = mask_of(MatrixCompletion(shape=(6, 8), rank=1, observations=24, mask="rows", mask_skew=10.0))
    assert sorted(observed.sum(axis=1))[-1] == 8
    assert (observed.sum(axis=1) > 0).sum() <= 4


def test_without_skew_popularity_is_none() -> None:
    observed = mask_of(MatrixCompletion(observations=2000, mask="popularity", mask_skew=0.0))
    counts = observed.sum(axis=1)
    assert counts.max() < 20 + 6 * 4.0, "a hypergeometric count of mean 20 and standard deviation 4"


def test_the_noise_of_a_pair_is_one_noise() -> None:
    """(i, j) and (j, i) are one observation of a symmetric matrix; the noise has its standard deviation as ever."""
    spec = MatrixCompletion(shape=(40, 40), rank=1, observations=1000, mask="symmetric", noise=0.5)
    problem = observed_problem(spec, 2)
    assert problem.indices is not None
    assert problem.ground_truth is not None
    noise = problem.values - problem.ground_truth[tuple(problem.indices.T)]
    by_entry = {(int(i), int(j)): value for (i, j), value in zip(problem.indices, noise, strict=True)}
    assert all(by_entry[j, i] == pytest.approx(value, abs=1e-12) for (i, j), value in by_entry.items())
    assert noise.std() == pytest.approx(0.5, rel=0.15)


def test_entries_drawn_alike_are_those_they_ever_were() -> None:
    """Bit by bit: a prefix of one permutation of the stream."""
    expected = stream(5, "observed entries").permutation(63)[:20]
    problem = observed_problem(MatrixCompletion(shape=(7, 9), rank=2, observations=20), 5)
    np.testing.assert_array_equal(problem.flat_indices, expected)
