"""Rodas4: its orders, its stiff end, and what it says of the 2 × 2 counterexample."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from solver.numerics.lanes import lane_run
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.problems.observed import observed_problem
from solver.settings import decode, lanes
from solver.spec import DeepMatrixFactorization, GradientFlow, MatrixCompletion, MatrixProblem
from tests.solver.numerics.building import NEVER, build
from tests.solver.running import exported, history_of, ran

PROBLEM = MatrixCompletion(shape=(3, 3), rank=1, observations=7)
MODEL = DeepMatrixFactorization(depth=3, init_scale=0.3)


def exact(time: float) -> Tensor:
    _, layers, start = build(PROBLEM, MODEL)
    method = GradientFlowMethod(
        layers, start, GradientFlow(rtol=1e-12, atol=1e-15, method="dormand-prince"), max_time=time
    )
    assert method.times is not None
    while method.times[0] < time:
        method.advance(0, NEVER)
    return method.parameters(0)


def fixed_steps(n_steps: int, time: float) -> tuple[Tensor, Tensor]:
    """States a third into the last of equal steps, and at its end, with the control overruled."""
    _, layers, start = build(PROBLEM, MODEL)
    method = GradientFlowMethod(layers, start, GradientFlow(rtol=1e-2, atol=1e30, method="rosenbrock"))
    for _ in range(n_steps):
        method._h = [time / n_steps]
        assert method.advance(0, NEVER) == [True]
    return method.inside(0, 1 / 3), method.parameters(0)


def test_the_method_has_order_four() -> None:
    target = exact(4.0)
    errors = [torch.linalg.vector_norm(fixed_steps(n, 4.0)[1] - target).item() for n in (64, 128, 256)]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert orders[-1] == pytest.approx(4.0, abs=0.2), (errors, orders)


def test_dense_output_has_order_three() -> None:
    """A third into one step of size h, from the same start; the error of one step is of order four."""
    errors = [torch.linalg.vector_norm(fixed_steps(1, h)[0] - exact(h / 3)).item() for h in (0.1, 0.05, 0.025)]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert orders[-1] == pytest.approx(4.0, abs=0.3), (errors, orders)


def test_both_integrators_follow_one_flow() -> None:
    """At a tight tolerance the explicit and the implicit method end at the same state."""
    _, layers, start = build(PROBLEM, MODEL)
    method = GradientFlowMethod(layers, start, GradientFlow(rtol=1e-9, atol=1e-12, method="rosenbrock"), max_time=20.0)
    assert method.times is not None
    while method.times[0] < 20.0:
        method.advance(0, NEVER)
    torch.testing.assert_close(method.parameters(0), exact(20.0), rtol=0, atol=1e-7)


def test_lanes_step_by_themselves_and_can_be_dropped() -> None:
    _, layers, start = build(PROBLEM, MODEL, seeds=(0, 1, 2))
    together = GradientFlowMethod(layers, start, GradientFlow(method="rosenbrock"))
    for _ in range(4):
        together.advance(0, NEVER)
    together.keep([1])
    for _ in range(4):
        together.advance(0, NEVER)
    _, alone_layers, alone_start = build(PROBLEM, MODEL, seeds=(1,))
    alone = GradientFlowMethod(alone_layers, alone_start, GradientFlow(method="rosenbrock"))
    for _ in range(8):
        alone.advance(0, NEVER)
    assert together.times == pytest.approx(alone.times)
    torch.testing.assert_close(together.parameters(0), alone.parameters(0), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("depth", [3, 4])
def test_the_counterexample_reaches_its_loss_in_few_evaluations(depth: int) -> None:
    """R20: |w| = 70.7 at loss 1e-4, after millions of steps of gradient descent and at most 4,000 evaluations here."""
    made = ran("det-2x2", {"seeds": 2, "record.rates": 0}, {"model.depth": [depth], "model.det_sign": ["positive"]})
    for lane in exported(made).lanes:
        assert lane.outcome is not None
        assert lane.outcome.kind == "converged"
        assert lane.final["evaluations"] <= 4_000
        loss = lane.final["train_loss"]
        assert abs(lane.final["unobserved_entry"]) * math.sqrt(2.0 * loss) == pytest.approx(1.0, abs=0.01)
        bounds, entries = lane.series.unobserved_entry_bound, lane.series.unobserved_entry
        assert bounds is not None
        assert entries is not None
        assert all(abs(w or 0.0) >= (bound or 0.0) for w, bound in zip(entries, bounds, strict=True))


def test_the_flow_of_the_counterexample_is_that_of_gradient_descent() -> None:
    """Gradient descent with small steps, the papers' method, passes through the same entries at the same times."""
    made = ran(
        "det-2x2",
        {"stop.max_time": 60.0, "seeds": 1, "record.rates": 0},
        {"model.depth": [3], "model.det_sign": ["positive"]},
    )
    series = exported(made).lanes[0].series
    (lane,) = lanes(made.order().spec)
    assert isinstance(lane.spec.problem, MatrixProblem)
    start = lane_run(lane, observed_problem(lane.spec.problem, lane.spec.seed)).start().numpy()
    layers = [start[4 * j : 4 * j + 4].reshape(2, 2).copy() for j in range(3)]
    step, entries, times = 1e-3, [], np.arange(0, 60_001)
    for _ in times:
        end = layers[2] @ layers[1] @ layers[0]
        entries.append(end[0, 0])
        residual = end - np.array([[end[0, 0], 1.0], [1.0, 0.0]])
        gradients = [
            (layers[2] @ layers[1]).T @ residual,
            layers[2].T @ residual @ layers[0].T,
            residual @ (layers[1] @ layers[0]).T,
        ]
        layers = [layer - step * gradient for layer, gradient in zip(layers, gradients, strict=True)]
    found = np.interp(np.array(series.time, dtype=float), times * step, entries)
    recorded = np.array(series.unobserved_entry, dtype=float)
    assert np.abs(found - recorded).max() < 2e-2 * np.abs(recorded).max()


def test_a_wrong_branch_is_announced_and_never_converges() -> None:
    """With ε = .1 one start of four is led to w_22 < 0.

    It says so when it is settled, and ends as failed, not as converged.
    """
    made = ran(
        "det-2x2",
        {"problem.entries": [[0, 1, 1.0], [1, 0, 1.0], [1, 1, 0.1]], "seeds": 4, "record.rates": 0},
        {"model.depth": [3], "model.det_sign": ["positive"]},
    )
    history = history_of(made)
    outcomes = [lane.outcome for lane in history.lanes]
    stopped = [lane for lane in history.lanes if lane.outcome is not None and lane.outcome.kind == "stopped"]
    assert [outcome.kind for outcome in outcomes if outcome].count("converged") == 3
    assert len(stopped) == 1
    assert stopped[0].outcome is not None
    assert stopped[0].outcome.cause == "branch"
    assert "cannot fall below ε²/2 = 0.005" in stopped[0].outcome.reason
    announced = [event for event in history.events if event.name == "wrong-branch"]
    assert [event.lane for event in announced] == [stopped[0].index]
    assert min(stopped[0].columns["train_loss"]) > 0.9 * 0.005


def test_depth_two_loses_its_sign_and_says_so() -> None:
    """In fixed precision the smaller singular value drowns; the lane ends there instead of converging falsely."""
    made = ran("det-2x2", {"seeds": 3, "record.rates": 0}, {"model.depth": [2], "model.det_sign": ["positive"]})
    for lane in exported(made).lanes:
        assert lane.outcome is not None
        assert (lane.outcome.kind, lane.outcome.cause) == ("stopped", "sign")
        assert 1e-3 < lane.final["train_loss"] < 5e-2


def test_a_determinant_below_rounding_ends_the_lane() -> None:
    """Layers whose determinant cannot be told from zero: the sign that is computed is noise."""
    raw = {
        "problem": {
            "kind": "matrix-completion",
            "entries": [[0, 1, 1.0], [1, 0, 1.0], [1, 1, 0.0]],
            "loss": "half-sum",
        },
        "model": {"kind": "deep-matrix-factorization", "depth": 2, "init": "balanced", "det_sign": "positive"},
    }
    (lane,) = lanes(decode(raw))
    assert isinstance(lane.spec.problem, MatrixProblem)
    run = lane_run(lane, observed_problem(lane.spec.problem, 0))
    regular = torch.tensor([1.0, 0.5, 0.0, 1.0, 1.0, 0.0, 0.5, 1.0], dtype=torch.float64)
    assert run.watch(regular, 1, 0.3) == ([], None)
    singular = torch.tensor([3.0, 1.0, 1.5, 0.5 + 1e-16, 1.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    _, outcome = run.watch(singular, 7, 0.3)
    assert outcome is not None
    assert outcome.cause == "sign"


@pytest.mark.parametrize("det_sign", ["positive", "any"])
def test_a_step_that_jumps_across_a_vanishing_determinant_ends_the_lane(det_sign: str) -> None:
    """At a loose tolerance and a small loss Rodas4 leaps over det W = 0; from there it would converge falsely."""
    made = ran(
        "det-2x2",
        {"seed": 1, "seeds": 1, "record.rates": 0, "optimizer.rtol": 1e-2, "stop.train_loss": 1e-12},
        {"model.depth": [3], "model.det_sign": [det_sign]},
    )
    (lane,) = exported(made).lanes
    assert lane.outcome is not None
    signs = lane.series.det_sign
    assert signs is not None
    assert (signs[0], signs[-1]) == (1.0, -1.0)
    assert (lane.outcome.kind, lane.outcome.cause) == ("stopped", "sign")
    assert lane.final["train_loss"] > 1e-12
