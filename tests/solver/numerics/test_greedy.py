"""Greedy low-rank solutions: each a stationary point that flow descends to, and the plateaus and jumps made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from solver import jumps
from solver.claims.greedy import plateaus
from solver.costs import costs_of
from solver.costs.matrix import MatrixCosts
from solver.numerics.baselines.greedy import Greedy
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.models.deep_matrix_factorization import DeepMatrixFactorizationObjective
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import ObservedProblem, observed_problem
from solver.records import number
from solver.spec import GradientFlow, MatrixCompletion, MatrixSensing, Record, RunSpec
from tests.solver.numerics.building import CPU, fully_observed

PROBLEM = MatrixCompletion(shape=(12, 10), rank=3, observations=80)


def greedy_of(problem: ObservedProblem, most: int = 8) -> Greedy:
    greedy = Greedy(problem, most)
    while not greedy.is_done:
        greedy.advance()
    return greedy


def flowed(problem: ObservedProblem, start: NDArray[np.float64], rank: int) -> float:
    """The loss where gradient flow on two factors of the rank comes to rest, from near ``start``."""
    rows, columns = problem.shape
    u, sigma, vt = np.linalg.svd(start, full_matrices=False)
    above, below = u[:, :rank] * np.sqrt(sigma[:rank]), np.sqrt(sigma[:rank])[:, None] * vt[:rank]
    flat = torch.tensor(np.concatenate([below.ravel(), above.ravel()])).unsqueeze(0)
    loss = loss_of([problem], torch.float64, CPU)
    objective = DeepMatrixFactorizationObjective([columns, rank, rows], loss, 1, torch.float64, CPU)
    method = GradientFlowMethod(objective, flat, GradientFlow(rtol=1e-6))
    before = math.inf
    while not 0.0 <= before - method.losses[0] < 1e-12 * before or method.steps[0] < 50:
        before = method.losses[0]
        for _ in range(20):
            method.advance(0, -math.inf)
    return method.losses[0]


@pytest.mark.parametrize("seed", [0, 1])
def test_each_solution_is_where_the_flow_from_the_one_before_comes_to_rest(seed: int) -> None:
    problem = observed_problem(PROBLEM, seed)
    greedy = greedy_of(problem)
    losses = jumps.losses(greedy.values())
    assert losses[0] == pytest.approx(problem.zero_loss, rel=1e-12)
    assert losses[-1] <= 1e-12 * losses[0]
    solutions = greedy.state()["solutions"].numpy()
    for rank in range(1, len(losses) - 1):
        before, gradient = solutions[rank - 1], problem.back(problem.observe(solutions[rank - 1]) - problem.values)
        u, _, vt = np.linalg.svd(-gradient)
        added = 1e-3 * max(float(np.linalg.norm(before, 2)), 1.0)
        assert flowed(problem, before + added * np.outer(u[:, 0], vt[0]), rank) == pytest.approx(losses[rank], rel=1e-5)


def test_of_a_fully_observed_matrix_they_are_its_best_approximations() -> None:
    """Eckart and Young: what is left at rank k is the sum of the squares of the singular values beyond."""
    problem = observed_problem(fully_observed(6, 7), 0)
    sigma = np.linalg.svd(problem.values.reshape(6, 7), compute_uv=False)
    values = greedy_of(problem).values()
    expected = [0.5 * float(np.sum(sigma[k:] ** 2)) for k in range(7)]
    assert jumps.losses(values) == pytest.approx(expected, rel=1e-9, abs=1e-12 * expected[0])
    # Each pair pulls with what is missing of its own singular value, the same at every solution before.
    assert values["sizes"] == pytest.approx(sigma.tolist(), rel=1e-6)
    pulls = values["pulls"]
    assert isinstance(pulls, list)
    assert pulls == pytest.approx([sigma[k] for k in range(6) for _ in range(k + 1)], rel=1e-6)
    assert jumps.runners_up(values)[:5] == pytest.approx((sigma[1:] / sigma[:-1]).tolist(), rel=1e-6)


def test_it_goes_on_from_where_it_was_and_takes_measurements_too() -> None:
    problem = observed_problem(MatrixSensing(shape=(6, 6), rank=2, observations=30), 0)
    whole = greedy_of(problem).values()
    begun = Greedy(problem, 8)
    begun.advance()
    taken_up = Greedy(problem, 8)
    taken_up.restore(begun.state())
    while not taken_up.is_done:
        taken_up.advance()
    assert taken_up.values() == whole
    assert len(jumps.losses(Greedy(problem, 1).values())) == 1


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_jumps_of_a_fully_observed_matrix_are_in_closed_form(depth: int) -> None:
    """dσ/dt = Nσ^(2−2/N) m with the missing m frozen: from s to m/2, one value after the other as they do not touch."""
    values = greedy_of(observed_problem(fully_observed(3, 3, seed=2), 0)).values()
    sigma = [number(size) for size in values["sizes"]]  # type: ignore[union-attr]
    times = jumps.jump_times(values, 1e-4, depth)
    for time, m in zip(times, sigma, strict=True):
        if depth == 2:
            expected = math.log(m / 2 / 1e-4) / (2 * m)
        else:
            p = 1.0 - 2.0 / depth
            expected = (1e-4**-p - (m / 2) ** -p) / ((depth - 2) * m)
        assert time == pytest.approx(expected, rel=1e-6)


def test_a_pair_without_pull_is_not_foretold() -> None:
    greedy: dict[str, object] = {"losses": [1.0, 0.5, 0.1], "pulls": [2.0, -1.0, 0.0], "sizes": [1.0, 1.0]}
    assert len(jumps.jump_times(greedy, 1e-3, 3)) == 1  # type: ignore[arg-type]
    assert jumps.jump_times({}, 1e-3, 3) == []


def test_plateaus_are_where_the_logarithm_falls_slowest() -> None:
    """A loss with rests at 1, .3 and .02 between falls; the end at 1e-6 is none."""
    times = np.linspace(0.0, 40.0, 4001)
    steps = [(10.0, 1.0, 0.3), (20.0, 0.3, 0.02), (30.0, 0.02, 1e-6)]
    logs = sum(0.5 * (1 + np.tanh((times - at) * 4)) * (math.log(low) - math.log(high)) for at, high, low in steps)
    assert plateaus(times.tolist(), np.exp(logs).tolist()) == pytest.approx([1.0, 0.3, 0.02], rel=1e-3)
    assert plateaus(times.tolist(), np.exp(-times).tolist()) == []
    assert plateaus([], []) == []


@pytest.mark.parametrize(
    ("problem", "ranks"),
    [
        (MatrixCompletion(shape=(20, 20), rank=2, observations=200), 4),
        (MatrixCompletion(shape=(50, 50), rank=3, observations=800), 2),
        (MatrixCompletion(shape=(100, 30), rank=4, observations=1500), 5),
        (MatrixCompletion(shape=(100, 100), rank=5, observations=2000), 5),
        # 111 degrees of freedom: nothing says where to go, and the solver goes to its limit at rank 2.
        (MatrixCompletion(shape=(20, 20), rank=3, observations=130), 2),
    ],
    ids=["small", "some", "long", "large", "scarce"],
)
def test_the_estimate_foretells_their_gradients_within_a_factor_of_three(
    problem: MatrixCompletion, ranks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: what one takes is measured where the estimate says it."""
    n_gradients = 0
    counted = DeepMatrixFactorizationObjective.loss_and_gradient

    def counting(*arguments: Any) -> Any:
        nonlocal n_gradients
        n_gradients += 1
        return counted(*arguments)

    monkeypatch.setattr(DeepMatrixFactorizationObjective, "loss_and_gradient", counting)
    greedy_of(observed_problem(problem, 0), ranks)
    costs = costs_of(RunSpec(problem=problem, record=Record(greedy_ranks=ranks)))
    assert isinstance(costs, MatrixCosts)
    assert n_gradients / 3 < costs.greedy_gradients() < 3 * n_gradients


def test_what_is_computed_beside_a_run_is_estimated_together() -> None:
    """Greedy solutions and the one of least nuclear norm take their time one after the other; neither, none."""

    def shared_s(greedy_ranks: int, nuclear_norm: bool) -> float:
        record = Record(greedy_ranks=greedy_ranks, nuclear_norm=nuclear_norm)
        return costs_of(RunSpec(problem=PROBLEM, record=record)).shared().seconds

    assert shared_s(0, False) == 0.0
    assert shared_s(3, True) == pytest.approx(shared_s(3, False) + shared_s(0, True))
    assert 0.0 < shared_s(1, False) < shared_s(2, False) < shared_s(3, False)
    assert shared_s(3, False) == shared_s(32, False), "fitted at the rank of the ground truth"
