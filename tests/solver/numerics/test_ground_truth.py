"""Ground truths that are chosen: their singular values and vectors; and those drawn, which stay as they were."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.numerics.problems.observed import observed_problem
from solver.numerics.streams import stream
from solver.spec import MatrixCompletion, MatrixProblem, MatrixSensing

KINDS = pytest.mark.parametrize("kind", [MatrixCompletion, MatrixSensing])


def truth_of(spec: MatrixProblem, seed: int = 0) -> npt.NDArray[np.float64]:
    truth = observed_problem(spec, seed).ground_truth
    assert truth is not None
    return truth


def spectrum_of(truth: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    sigma: npt.NDArray[np.float64] = np.linalg.svd(truth, compute_uv=False).astype(np.float64)
    return sigma


@KINDS
def test_the_singular_values_are_those_that_were_asked_for(kind: type) -> None:
    truth = truth_of(kind(shape=(30, 20), observations=300, spectrum=(10.0, 5.0, 1.0)))
    np.testing.assert_allclose(spectrum_of(truth)[:3], [10.0, 5.0, 1.0], rtol=1e-12)
    assert spectrum_of(truth)[3] < 1e-13


@given(
    values=st.lists(st.floats(1e-3, 1e4), min_size=1, max_size=6),
    shape=st.tuples(st.integers(6, 12), st.integers(6, 12)),
    seed=st.integers(0, 2**40),
)
def test_any_spectrum_is_met(values: list[float], shape: tuple[int, int], seed: int) -> None:
    """To 1e-10 of the largest, whatever the seed; and it says the rank and the norm."""
    wanted = tuple(sorted(values, reverse=True))
    spec = MatrixCompletion(shape=shape, observations=20, spectrum=wanted)
    found = spectrum_of(truth_of(spec, seed))
    np.testing.assert_allclose(found[: len(wanted)], wanted, rtol=0, atol=1e-10 * wanted[0])
    assert np.all(found[len(wanted) :] < 1e-10 * wanted[0])
    assert spec.resolved_rank == len(wanted)
    assert spec.resolved_frobenius_norm == pytest.approx(np.linalg.norm(found), rel=1e-10)


@KINDS
@pytest.mark.parametrize(("rank", "number"), [(5, 100.0), (2, 7.5), (4, 1.0), (1, 1.0), (3, 1e8)])
def test_a_condition_number_spaces_the_values_geometrically_at_the_asked_norm(
    kind: type, rank: int, number: float
) -> None:
    spec = kind(shape=(12, 15), rank=rank, observations=90, condition_number=number, frobenius_norm=3.0)
    found = spectrum_of(truth_of(spec))[:rank]
    assert np.linalg.norm(found) == pytest.approx(3.0, rel=1e-12)
    np.testing.assert_allclose(found, found[0] * np.geomspace(1.0, 1.0 / number, rank), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found, spec.resolved_spectrum, rtol=0, atol=1e-12)
    usual = MatrixCompletion(shape=(12, 15), rank=rank, observations=90, condition_number=number)
    assert np.mean(truth_of(usual) ** 2) == pytest.approx(1.0, rel=1e-12), "the norm is the usual one unless set"


def test_the_singular_vectors_are_the_seeds_and_stay_as_the_values_change() -> None:
    """So that a sweep over the condition number changes nothing else."""
    specs = [MatrixCompletion(shape=(9, 8), rank=3, observations=40, condition_number=k) for k in (2.0, 50.0)]
    (u, _, vt), (other_u, _, other_vt) = (np.linalg.svd(truth_of(spec, 4)) for spec in specs)
    np.testing.assert_allclose(np.abs((u.T @ other_u).diagonal())[:3], 1.0, rtol=1e-9)
    np.testing.assert_allclose(np.abs((vt @ other_vt.T).diagonal())[:3], 1.0, rtol=1e-9)
    assert not np.allclose(truth_of(specs[0], 4), truth_of(specs[0], 5))
    np.testing.assert_array_equal(
        observed_problem(specs[0], 4).indices,
        observed_problem(MatrixCompletion(shape=(9, 8), observations=40), 4).indices,
    )


def test_singular_vectors_have_no_direction_that_they_prefer() -> None:
    """The mean of u uᵀ over many seeds is the identity over n, within five standard errors."""
    n, n_seeds = 4, 400
    spec = MatrixCompletion(shape=(n, n), observations=8, spectrum=(1.0,))
    mean = np.mean([truth_of(spec, seed) @ truth_of(spec, seed).T for seed in range(n_seeds)], axis=0)
    np.testing.assert_allclose(mean, np.eye(n) / n, atol=5 * math.sqrt(2.0) / n / math.sqrt(n_seeds))


@KINDS
def test_a_ground_truth_of_gaussian_factors_is_drawn_as_ever(kind: type) -> None:
    """Bit by bit: factors from the stream, one after the other, their product scaled to the norm."""
    generator = stream(11, "ground truth")
    left, right = generator.standard_normal((7, 2)), generator.standard_normal((6, 2))
    product = left @ right.T
    expected = product * (math.sqrt(42) / np.linalg.norm(product))
    np.testing.assert_array_equal(truth_of(kind(shape=(7, 6), rank=2, observations=20), 11), expected)


@KINDS
@pytest.mark.parametrize("chosen", [{}, {"spectrum": (7.0, 2.0, 0.5)}, {"condition_number": 30.0, "rank": 3}])
def test_a_symmetric_ground_truth_is_symmetric_and_positive_semidefinite(kind: type, chosen: dict[str, Any]) -> None:
    """To the last bit; its eigenvalues are the singular values asked for, and its trace their sum."""
    spec = kind(shape=(15, 15), observations=100, symmetric=True, **(chosen or {"rank": 3}))
    truth = truth_of(spec)
    np.testing.assert_array_equal(truth, truth.T)
    eigenvalues = np.linalg.eigvalsh(truth)[::-1]
    assert eigenvalues[2] > 1e-3 > 1e-12 > np.abs(eigenvalues[3:]).max()
    assert np.linalg.norm(truth) == pytest.approx(spec.resolved_frobenius_norm, rel=1e-12)
    assert np.trace(truth) == pytest.approx(spectrum_of(truth).sum(), rel=1e-12)
    if spec.resolved_spectrum is not None:
        np.testing.assert_allclose(eigenvalues[:3], spec.resolved_spectrum, rtol=1e-10)


def test_a_symmetric_ground_truth_can_be_observed_in_pairs_or_not() -> None:
    spec = MatrixCompletion(shape=(10, 10), rank=2, observations=40, symmetric=True)
    for mask, n_pairs in (("symmetric", 40), ("uniform", 0)):
        problem = observed_problem(msgspec.structs.replace(spec, mask=mask), 1)
        assert problem.indices is not None
        there = {tuple(index) for index in problem.indices.tolist()}
        assert sum((j, i) in there for i, j in there) >= n_pairs
        if mask == "uniform":
            assert any((j, i) not in there for i, j in there)
