"""The solution of least nuclear norm: against an interior-point solver, its own duality gap, and known recoveries."""

from __future__ import annotations

from typing import Any

import clarabel
import numpy as np
import pytest
import scipy.sparse
import torch

from solver.numerics.baselines.nuclear_norm import NuclearNorm
from solver.numerics.problems.observed import ObservedProblem, observed_problem
from solver.spec import MatrixCompletion, MatrixSensing

SPECS: list[MatrixCompletion | MatrixSensing] = [
    MatrixCompletion(shape=(8, 8), rank=2, observations=40),
    MatrixCompletion(shape=(6, 9), rank=1, observations=25),
    MatrixCompletion(shape=(7, 5), rank=3, observations=30, noise=0.5),
    MatrixSensing(shape=(6, 6), rank=1, observations=20),
    MatrixSensing(shape=(5, 7), rank=2, observations=30, noise=0.3),
]


def solved(problem: ObservedProblem, tolerance: float, slack: float = 1e-3) -> NuclearNorm:
    program = NuclearNorm(problem, tolerance, slack=slack)
    while not program.is_done:
        program.advance()
    return program


def by_interior_points(problem: ObservedProblem, delta: float) -> float:
    """The least value of the same program as a semidefinite one.

    It minimises ½ tr Z over Z = [[A, W], [Wᵀ, B]] ⪰ 0 with |⟨A_i, W⟩ − y_i| ≤ δ.
    Clarabel wants the upper triangle of Z column by column, off-diagonal entries times √2.
    """
    rows, columns = problem.shape
    size = rows + columns
    place = {(i, j): j * (j + 1) // 2 + i for j in range(size) for i in range(j + 1)}
    n = len(place)
    cost = np.zeros(n)
    for i in range(size):
        cost[place[i, i]] = 0.5
    measurements = problem.measurements
    if measurements is None:
        measurements = np.zeros((len(problem.values), rows * columns))
        measurements[np.arange(len(problem.values)), problem.flat_indices] = 1.0
    seen = np.zeros((len(problem.values), n))
    for i in range(rows):
        for j in range(columns):
            seen[:, place[i, rows + j]] = measurements[:, i * columns + j] / np.sqrt(2.0)
    a = scipy.sparse.csc_matrix(np.concatenate([seen, -seen, -np.eye(n)]))
    b = np.concatenate([problem.values + delta, delta - problem.values, np.zeros(n)])
    cones: list[Any] = [clarabel.NonnegativeConeT(2 * len(problem.values)), clarabel.PSDTriangleConeT(size)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    solution = clarabel.DefaultSolver(scipy.sparse.csc_matrix((n, n)), cost, a, b, cones, settings).solve()
    return float(solution.obj_val)


@pytest.mark.parametrize("slack", [1e-3, 0.0])
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{type(spec).__name__}-{spec.shape}")
def test_the_least_nuclear_norm_is_that_of_an_interior_point_solver(
    spec: MatrixCompletion | MatrixSensing, slack: float
) -> None:
    """Two methods that share no idea find one value; the matrix need not be unique."""
    problem = observed_problem(spec, 1)
    delta = slack * float(np.sqrt(np.mean(problem.values**2))) if problem.measurements is None else 0.0
    program = solved(problem, 1e-7, slack)
    value = by_interior_points(problem, max(delta, 1e-9))
    assert program.gap <= 1e-7
    assert torch.linalg.svdvals(program.solution).sum().item() == pytest.approx(value, rel=2e-6)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{type(spec).__name__}-{spec.shape}")
def test_the_solution_satisfies_its_constraints(spec: MatrixCompletion | MatrixSensing) -> None:
    problem = observed_problem(spec, 2)
    program = solved(problem, 1e-5)
    off = np.abs(problem.observe(program.solution.numpy()) - problem.values).max()
    width = 1e-3 * np.sqrt(np.mean(problem.values**2))
    assert off <= (width if problem.measurements is None else 1e-9) * (1 + 1e-9)


@pytest.mark.parametrize("spec", SPECS[:3], ids=lambda spec: f"{spec.shape}")
def test_what_the_slack_saves_lies_between_the_two_bounds(spec: MatrixCompletion) -> None:
    """With slack the norm is smaller, by at most δ times the sum of the exact program's multipliers.

    The bound that the relaxed program gives on the exact one holds, and tells most of the difference.
    """
    problem = observed_problem(spec, 1)
    exact, relaxed = solved(problem, 1e-7, 0.0), solved(problem, 1e-7)
    norms = [torch.linalg.svdvals(program.solution).sum().item() for program in (exact, relaxed)]
    saved = norms[0] - norms[1]
    assert 1e-5 * norms[0] < saved < 1e-2 * norms[0]
    assert norms[1] + 0.9 * saved < relaxed.exact_bound <= norms[0]
    assert exact.exact_bound == pytest.approx(norms[0], rel=2e-7)
    assert np.abs(problem.observe(exact.solution.numpy()) - problem.values).max() == 0.0


def test_enough_entries_recover_the_matrix() -> None:
    """Candès and Recht: with most entries observed the ground truth is the solution."""
    problem = observed_problem(MatrixCompletion(shape=(20, 20), rank=1, observations=350), 0)
    program = solved(problem, 1e-6, 0.0)
    assert problem.ground_truth is not None
    assert np.abs(program.solution.numpy() - problem.ground_truth).max() < 1e-8


def test_going_on_from_a_saved_state_changes_nothing() -> None:
    problem = observed_problem(SPECS[0], 0)
    whole = solved(problem, 1e-6)
    half = NuclearNorm(problem, 1e-6, slack=1e-3)
    half.advance()
    again = NuclearNorm(problem, 1e-6, slack=1e-3)
    again.restore(half.state())
    while not again.is_done:
        again.advance()
    assert again.iterations == whole.iterations
    torch.testing.assert_close(again.solution, whole.solution, rtol=0, atol=0)


def test_a_zero_matrix_is_its_own_solution() -> None:
    program = solved(observed_problem(MatrixCompletion(entries=[(0, 0, 0.0), (1, 1, 0.0)]), 0), 1e-6)
    assert program.solution.abs().max() == 0.0
