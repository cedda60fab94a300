"""The counterexample's facts: which problems it is, its bound, the table of minimisers, each against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.counterexample import Counterexample, counterexample
from solver.numerics.baselines.minimisers import minimisers
from solver.spec import MatrixCompletion, MatrixSensing

ENTRIES: list[tuple[int | float, ...]] = [(0, 1, 1.0), (1, 0, 2.0), (1, 1, 0.5)]


def test_the_problem_is_known_by_its_entries() -> None:
    found = counterexample(MatrixCompletion(entries=ENTRIES, loss="half-sum"))
    assert found == Counterexample(size=2, z=1.0, z_prime=2.0, epsilon=0.5, loss_scale=1.0)
    mean = counterexample(MatrixCompletion(entries=ENTRIES))
    assert mean is not None
    assert mean.half_sum(0.2) == pytest.approx(0.3)
    larger: list[tuple[int | float, ...]] = [
        (i, j, float(i == j)) for i in range(3) for j in range(3) if (i, j) not in [(0, 0), (0, 1), (1, 0)]
    ]
    found = counterexample(MatrixCompletion(entries=[*larger, (0, 1, 1.0), (1, 0, -1.0)]))
    assert found is not None
    assert (found.size, found.diverging_sign) == (3, -1.0)


def of_shape(rows: int, columns: int) -> list[tuple[int | float, ...]]:
    """R20's entries with z = z′ = 1, ε = 0 in a matrix of this shape."""
    truth = np.eye(rows, columns)
    truth[:2, :2] = [[0.0, 1.0], [1.0, 0.0]]
    return [(i, j, float(truth[i, j])) for i, j in np.ndindex(rows, columns) if (i, j) != (0, 0)]


@pytest.mark.parametrize("shape", [(5, 10), (10, 5), (2, 3), (4, 4)])
def test_it_need_not_be_square(shape: tuple[int, int]) -> None:
    """The identity goes on along the diagonal; one entry that is not, or that is not given, makes another problem."""
    entries = of_shape(*shape)
    found = counterexample(MatrixCompletion(entries=entries, loss="half-sum"))
    assert found == Counterexample(size=min(shape), z=1.0, z_prime=1.0, epsilon=0.0, loss_scale=1.0)
    *_, last = entries
    others = [[*entries[:-1], (*last[:2], 0.5)], entries[:-2] + entries[-1:]]
    assert all(counterexample(MatrixCompletion(entries=other, shape=shape)) is None for other in others)


@pytest.mark.parametrize(
    "problem",
    [
        MatrixCompletion(),
        MatrixSensing(),
        MatrixCompletion(entries=ENTRIES[:2]),
        MatrixCompletion(entries=[*ENTRIES, (0, 0, 1.0)]),
        MatrixCompletion(entries=[(0, 0, 1.0), (1, 0, 2.0), (1, 1, 0.5)]),
        MatrixCompletion(entries=[(0, 1, 0.0), (1, 0, 2.0), (1, 1, 0.5)]),
        MatrixCompletion(entries=[(0, j, 1.0) for j in range(1, 4)]),
        MatrixCompletion(entries=ENTRIES, loss="huber"),
    ],
)
def test_other_problems_are_not_it(problem: MatrixCompletion | MatrixSensing) -> None:
    assert counterexample(problem) is None


def test_the_bound_is_the_paper_s() -> None:
    """R20 for z = z′ = 1, ε = 0: |w| ≥ (1−√(2ℓ))²/√(2ℓ) below ℓ = ½, and runs follow 1/√(2ℓ): 70.7 at 1e-4."""
    plain = Counterexample(size=2, z=1.0, z_prime=1.0, epsilon=0.0, loss_scale=1.0)
    for loss in (0.3, 1e-2, 1e-4):
        root = math.sqrt(2 * loss)
        assert plain.bound(loss) == pytest.approx((1 - root) ** 2 / root)
        assert plain.ratio(1 / root, loss) == pytest.approx(1.0)
    assert plain.bound(0.5) == 0.0
    assert 1 / math.sqrt(2e-4) == pytest.approx(70.7, abs=0.02)


@given(st.floats(0.2, 3), st.floats(0.2, 3), st.floats(-1, 1), st.floats(1e-3, 0.1), st.integers(0, 2**31))
def test_no_matrix_of_that_loss_and_sign_is_below_the_bound(
    z: float, z_prime: float, epsilon: float, loss: float, seed: int
) -> None:
    """Random residuals of loss ℓ, and the least |w| that gives the determinant the sign of z·z′."""
    example = Counterexample(size=2, z=z, z_prime=z_prime, epsilon=epsilon, loss_scale=1.0)
    residual = np.random.default_rng(seed).standard_normal(3)
    residual *= math.sqrt(2 * loss) / np.linalg.norm(residual)
    w_12, w_21, w_22 = z + residual[0], z_prime + residual[1], epsilon + residual[2]
    least = w_12 * w_21 / abs(w_22) if w_12 * w_21 > 0 else 0.0
    assert least >= example.bound(loss) * (1 - 1e-12)


@given(
    st.integers(3, 5),
    st.floats(0.5, 3),
    st.floats(0.5, 3),
    st.floats(-1, 1),
    st.floats(1e-3, 0.1),
    st.integers(0, 2**31),
)
def test_no_larger_matrix_of_that_loss_and_sign_is_below_the_bound(
    size: int, z: float, z_prime: float, epsilon: float, loss: float, seed: int
) -> None:
    """The determinant is det C·(w − aᵀ C⁻¹ b): random residuals, half of them none on the identity, give its root."""
    example = Counterexample(size=size, z=z, z_prime=z_prime, epsilon=epsilon, loss_scale=1.0)
    generator = np.random.default_rng(seed)
    residual = generator.standard_normal((size, size))
    residual[0, 0] = 0.0
    residual[2:, 2:] *= generator.integers(0, 2)
    residual *= math.sqrt(2 * loss) / np.linalg.norm(residual)
    matrix = np.eye(size)
    matrix[:2, :2] = [[0.0, z], [z_prime, epsilon]]
    matrix += residual
    c = matrix[1:, 1:]
    root = matrix[0, 1:] @ np.linalg.solve(c, matrix[1:, 0])
    # Beyond the root the determinant has the sign of det C; before it, the other.
    reaches_zero = np.linalg.det(c) * root * z * z_prime <= 0.0
    least = 0.0 if reaches_zero else abs(root)
    assert least >= example.bound(loss) * (1 - 1e-12)


def test_the_bound_of_a_larger_matrix_is_hardly_less_and_silent_sooner() -> None:
    square, large = (Counterexample(size=n, z=3.0, z_prime=3.0, epsilon=0.0, loss_scale=1.0) for n in (2, 5))
    root = math.sqrt(2e-4)
    assert square.bound(1e-4) - large.bound(1e-4) == pytest.approx(root**2 / (2 * (1 - root)))
    assert square.bound(0.2) > large.bound(0.2) == 0.0


def test_the_table_of_minimisers_is_the_talk_s() -> None:
    """With z = z′ = 1, ε = 0: nuclear 2, Frobenius √2, spectral 1, all at w = 0.

    The rank and the distance from lower rank have theirs only at infinity.
    """
    example = counterexample(MatrixCompletion(entries=[(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)]))
    assert example is not None
    table = minimisers(example)
    for name, value in {
        "nuclear_norm": 2.0,
        "frobenius_norm": math.sqrt(2.0),
        "spectral_norm": 1.0,
        "schatten_1_2": 4.0,
        "schatten_2_3": 2.0**1.5,
    }.items():
        assert table[name] == pytest.approx(value, rel=1e-9), name
        assert table[f"{name}.at"] == pytest.approx(0.0, abs=1e-6), name
    assert table["effective_rank"] == pytest.approx(1.0, abs=1e-6)
    assert table["distance_from_lower_rank"] == pytest.approx(0.0, abs=2e-5)
    assert table["effective_rank.at"] == table["distance_from_lower_rank.at"] == "inf"


@pytest.mark.parametrize("size", [1e-3, 0.1, 30.0])
def test_the_table_does_not_depend_on_the_unit(size: float) -> None:
    example = counterexample(MatrixCompletion(entries=[(0, 1, size), (1, 0, size), (1, 1, 0.0)]))
    assert example is not None
    table = minimisers(example)
    assert table["nuclear_norm"] == pytest.approx(2.0 * size, rel=1e-9)
    assert table["effective_rank"] == pytest.approx(1.0, abs=1e-6)
    assert table["distance_from_lower_rank"] == pytest.approx(0.0, abs=2e-5 * size)
    assert table["effective_rank.at"] == table["distance_from_lower_rank.at"] == "inf"


def test_with_epsilon_the_rank_one_completion_is_found() -> None:
    """ε = ½, z·z′ = 2: the determinant vanishes at w = 4, where the rank is 1; the Frobenius norm still wants w = 0."""
    example = counterexample(MatrixCompletion(entries=ENTRIES))
    assert example is not None
    table = minimisers(example)
    assert table["effective_rank"] == pytest.approx(1.0, abs=1e-9)
    assert table["effective_rank.at"] == pytest.approx(4.0, abs=1e-6)
    assert table["frobenius_norm.at"] == pytest.approx(0.0, abs=1e-6)
