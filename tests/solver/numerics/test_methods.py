"""Methods: identities of a step, convergence orders, scalar references, and known solutions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from solver.numerics.methods.adam import AdamMethod
from solver.numerics.methods.first_order import FirstOrder
from solver.numerics.methods.gradient_descent import GradientDescentMethod
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.methods.group_rmsprop import GroupRMSpropMethod
from solver.numerics.models.deep_matrix_factorization import DeepMatrixFactorizationObjective
from solver.spec import (
    Adam,
    DeepMatrixFactorization,
    GradientDescent,
    GradientFlow,
    GroupRMSprop,
    MatrixCompletion,
)
from tests.solver.numerics.building import MODEL, NEVER, PROBLEM, build, flow_to, fully_observed


def test_a_gradient_step_changes_the_balance_by_exactly_the_squares_of_the_gradients() -> None:
    """W_{j+1}ᵀW_{j+1} − W_jW_jᵀ is conserved to first order; what a step of size h adds is h²(GᵀG − GGᵀ)."""
    _, layers, start = build(PROBLEM, MODEL)
    h = 0.2
    before, gradient = layers.factors(start), layers.factors()
    layers.loss_and_gradient(before, gradient)
    method = GradientDescentMethod(layers, start, GradientDescent(step_size=h))
    method.advance(1, NEVER)
    after = method.factors
    for j in range(2):
        balance = [f.parts[j + 1][0].T @ f.parts[j + 1][0] - f.parts[j][0] @ f.parts[j][0].T for f in (before, after)]
        upper, lower = gradient.parts[j + 1][0], gradient.parts[j][0]
        expected = h * h * (upper.T @ upper - lower @ lower.T)
        torch.testing.assert_close(balance[1] - balance[0], expected, rtol=1e-9, atol=1e-13)


def test_the_flow_conserves_the_balance() -> None:
    _, layers, start = build(PROBLEM, MODEL)
    before, after = layers.factors(start), layers.factors(flow_to(3.0).unsqueeze(0))
    for j in range(2):
        balance = [f.parts[j + 1][0].T @ f.parts[j + 1][0] - f.parts[j][0] @ f.parts[j][0].T for f in (before, after)]
        torch.testing.assert_close(balance[0], balance[1], rtol=0, atol=1e-10)


def test_gradient_descent_leaves_the_flow_at_order_one() -> None:
    exact = flow_to(1.0)
    errors = []
    for n_steps in (64, 128, 256):
        _, layers, start = build(PROBLEM, MODEL)
        method = GradientDescentMethod(layers, start, GradientDescent(step_size=1.0 / n_steps))
        method.advance(n_steps, NEVER)
        errors.append(torch.linalg.vector_norm(method.parameters(0) - exact).item())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(1.0, abs=0.2)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(1.0, abs=0.2)


def fixed_steps(n_steps: int, time: float) -> tuple[GradientFlowMethod, Tensor, Tensor]:
    """The pair with its control overruled, and the states inside its last step: at a third of it and at the end."""
    _, layers, start = build(PROBLEM, MODEL)
    method = GradientFlowMethod(layers, start, GradientFlow(rtol=1e-2, atol=1e30, method="dormand-prince"))
    for _ in range(n_steps):
        method._h = [time / n_steps]
        assert method.advance(0, NEVER) == [True]
    return method, method.inside(0, 1 / 3), method.parameters(0)


def test_the_pair_has_order_five() -> None:
    exact = flow_to(4.0)
    errors = [torch.linalg.vector_norm(fixed_steps(n, 4.0)[2] - exact).item() for n in (16, 32, 64)]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert orders[-1] == pytest.approx(5.0, abs=0.2), (errors, orders)


def test_dense_output_has_order_four() -> None:
    """A third into one step of size h, from the same start; the error of one step is of order five."""
    errors = []
    for h in (0.4, 0.2, 0.1):
        inner = fixed_steps(1, h)[1]
        errors.append(torch.linalg.vector_norm(inner - flow_to(h / 3)).item())
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert orders[-1] == pytest.approx(5.0, abs=0.25), (errors, orders)


def test_the_error_follows_the_tolerance() -> None:
    exact = flow_to(20.0)
    errors = [torch.linalg.vector_norm(flow_to(20.0, rtol) - exact).item() for rtol in (1e-4, 1e-6, 1e-8)]
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert errors[0] < 1e-2


def test_max_time_is_met_exactly() -> None:
    _, layers, start = build(PROBLEM, MODEL)
    method = GradientFlowMethod(layers, start, GradientFlow(), max_time=0.7)
    for _ in range(200):
        method.advance(0, NEVER)
        if method.times == [0.7]:
            break
    assert method.times == [0.7]


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_an_aligned_mode_rises_in_the_time_that_its_law_says(depth: int) -> None:
    """Fully observed diagonal target, identity start: each mode follows dσ/dt = Nσ^(2−2/N)(m − σ) by itself.

    The times from 1e-2 to one half for m = 1 were found by quadrature: 2.30, 3.77 and 4.68 for N = 2, 3, 4.
    """
    expected = {2: 2.30, 3: 3.77, 4: 4.68}[depth]
    entries: list[tuple[float, ...]] = [(i, j, float(i == j)) for i in range(2) for j in range(2)]
    problem = MatrixCompletion(entries=entries, loss="half-sum")
    model = DeepMatrixFactorization(depth=depth, init="identity", init_scale=1e-2)
    _, layers, start = build(problem, model)
    method = GradientFlowMethod(layers, start, GradientFlow(rtol=1e-9, atol=1e-12))
    assert method.times is not None
    # The loss of W = σI is (1 − σ)², which is 1/4 at one half.
    while method.losses[0] > 0.25:
        before = (method.times[0], method.losses[0])
        method.advance(0, NEVER)
    after = (method.times[0], method.losses[0])
    # Linear in σ between the two accepted states: the steps are short at this tolerance.
    sigma = [1 - math.sqrt(loss) for loss in (before[1], after[1])]
    time = before[0] + (after[0] - before[0]) * (0.5 - sigma[0]) / (sigma[1] - sigma[0])
    assert time == pytest.approx(expected, abs=0.01)


def scalar_problem() -> tuple[MatrixCompletion, DeepMatrixFactorization, float]:
    """A 1×1 matrix of depth 1 with target 2: ℓ = (w − 2)², gradient 2(w − 2)."""
    problem = MatrixCompletion(entries=[(0, 0, 2.0)])
    model = DeepMatrixFactorization(depth=1, init="identity", init_scale=0.5)
    return problem, model, 0.5


def test_group_rmsprop_follows_a_scalar_reference() -> None:
    problem, model, w = scalar_problem()
    _, layers, start = build(problem, model)
    spec = GroupRMSprop(step_size=0.1, alpha=0.9, eps=1e-3)
    method = GroupRMSpropMethod(layers, start, spec)
    v = time = 0.0
    for t in range(1, 6):
        g = 2 * (w - 2)
        v = 0.9 * v + 0.1 * g * g
        size = 0.1 / (math.sqrt(v / (1 - 0.9**t)) + 1e-3)
        w, time = w - size * g, time + size
        method.advance(t, NEVER)
        assert method.parameters(0).item() == pytest.approx(w, rel=1e-12)
        assert method.step_sizes()[0] == pytest.approx(size, rel=1e-12)
        assert method.times == pytest.approx([time], rel=1e-12)


def test_group_rmsprop_sums_the_squares_of_all_parameters() -> None:
    """One scalar second moment a lane: the first step has length step_size · ‖g‖/(‖g‖ + eps)."""
    _, layers, start = build(PROBLEM, MODEL, seeds=(0, 1))
    method = GroupRMSpropMethod(layers, start, GroupRMSprop(step_size=1e-2, eps=1e-9))
    method.advance(1, NEVER)
    lengths = torch.linalg.vector_norm(method.factors.flat - start, dim=1)
    torch.testing.assert_close(lengths, torch.full((2,), 1e-2, dtype=torch.float64), rtol=1e-6, atol=0)


def test_adam_follows_a_scalar_reference() -> None:
    problem, model, w = scalar_problem()
    _, layers, start = build(problem, model)
    method = AdamMethod(layers, start, Adam(step_size=0.1, beta1=0.8, beta2=0.95, eps=1e-6))
    m = v = 0.0
    for t in range(1, 6):
        g = 2 * (w - 2)
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g * g
        w -= 0.1 * (m / (1 - 0.8**t)) / (math.sqrt(v / (1 - 0.95**t)) + 1e-6)
        method.advance(t, NEVER)
        assert method.parameters(0).item() == pytest.approx(w, rel=1e-12)
    assert method.times is None


def makers() -> list[tuple[str, FirstOrder, FirstOrder]]:
    """Each first-order method, looked at after every step and once in seven."""
    result: list[tuple[str, FirstOrder, FirstOrder]] = []

    def batch() -> tuple[DeepMatrixFactorizationObjective, Tensor]:
        problem = MatrixCompletion(shape=(6, 5), rank=2, observations=18)
        return build(problem, MODEL, seeds=(0, 1, 2))[1:]

    for name, kind, spec in (
        ("descent", GradientDescentMethod, GradientDescent(step_size=0.5)),
        ("rmsprop", GroupRMSpropMethod, GroupRMSprop(step_size=1e-2, eps=1e-6)),
        ("adam", AdamMethod, Adam(step_size=1e-2)),
    ):
        pair = [kind(*batch(), spec, looks) for looks in (1, 7)]  # type: ignore[arg-type]
        result.append((name, pair[0], pair[1]))
    return result


@pytest.mark.parametrize(
    ("name", "each", "seldom"), makers(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_looking_seldom_finds_the_same_first_state_at_the_target(
    name: str, each: FirstOrder, seldom: FirstOrder
) -> None:
    """On a GPU losses are looked at once in many steps; a lane frozen on the device must end where it would have."""
    target = 0.3 * min(each.losses)
    for method in (each, seldom):
        for _ in range(4000):
            if all(loss <= target for loss in method.losses):
                break
            if method is each:
                # What the loop does: lanes that are done leave the batch.
                done = [lane for lane, loss in enumerate(method.losses) if loss <= target]
                if done:
                    break
            method.advance(max(method.steps) + 50, target)
    first = min(range(len(each.losses)), key=lambda lane: each.losses[lane])
    lane = first if each.losses[first] <= target else 0
    assert seldom.losses[lane] <= target
    assert seldom.steps[lane] == each.steps[lane]
    torch.testing.assert_close(seldom.parameters(lane), each.parameters(lane), rtol=1e-12, atol=1e-14)
    assert seldom.losses[lane] == pytest.approx(each.losses[lane], rel=1e-12)


def test_a_frozen_lane_that_is_not_finite_keeps_its_last_step() -> None:
    """Between looks it must not be altered, nor its time be lost, as it is not when every step is looked at."""
    kept = []
    for looks in (1, 16):
        _, layers, start = build(PROBLEM, MODEL, dtype=torch.float32)
        method = GroupRMSpropMethod(layers, start, GroupRMSprop(step_size=1e12), looks)
        method.advance(40, NEVER)
        assert method.times is not None
        kept.append((method.steps, method.times, method.parameters(0)))
    assert kept[0][0] == kept[1][0]
    assert kept[0][1] == kept[1][1]
    assert torch.isfinite(kept[0][2]).all()
    torch.testing.assert_close(kept[0][2], kept[1][2])


def test_a_batch_equals_its_lanes_one_by_one() -> None:
    """Each lane of a flow batch has its own steps: the batch must not change them."""
    seeds = (0, 1, 2)
    _, layers, start = build(PROBLEM, MODEL, seeds=seeds)
    together = GradientFlowMethod(layers, start, GradientFlow())
    for _ in range(40):
        together.advance(0, NEVER)
    for lane, seed in enumerate(seeds):
        _, alone_layers, alone_start = build(PROBLEM, MODEL, seeds=(seed,))
        alone = GradientFlowMethod(alone_layers, alone_start, GradientFlow())
        for _ in range(40):
            alone.advance(0, NEVER)
        assert alone.steps == [together.steps[lane]]
        torch.testing.assert_close(alone.parameters(0), together.parameters(lane), rtol=1e-9, atol=1e-12)


def test_dropping_lanes_does_not_change_the_others() -> None:
    _, layers, start = build(PROBLEM, MODEL, seeds=(0, 1, 2))
    method = GradientFlowMethod(layers, start, GradientFlow())
    for _ in range(10):
        method.advance(0, NEVER)
    method.keep([1])
    for _ in range(10):
        method.advance(0, NEVER)
    _, alone_layers, alone_start = build(PROBLEM, MODEL, seeds=(1,))
    alone = GradientFlowMethod(alone_layers, alone_start, GradientFlow())
    for _ in range(20):
        alone.advance(0, NEVER)
    torch.testing.assert_close(method.parameters(0), alone.parameters(0), rtol=1e-9, atol=1e-12)


def test_full_observation_is_fitted() -> None:
    """Gradient flow on a fully observed matrix converges to it: nothing is left to choose."""
    problem = fully_observed(3, 4)
    problems, layers, start = build(problem, DeepMatrixFactorization(depth=2, init_scale=0.1))
    method = GradientFlowMethod(layers, start, GradientFlow(rtol=1e-8))
    while method.losses[0] > 1e-12 and method.steps[0] < 20_000:
        method.advance(0, NEVER)
    end_matrix = layers.end_matrix(layers.factors(method.parameters(0).unsqueeze(0)))[0].numpy()
    # Half the sum of squares is at most 1e-12, so no entry is off by more than sqrt(2e-12).
    np.testing.assert_allclose(end_matrix.reshape(-1), problems[0].values, rtol=0, atol=1.5e-6)
