"""The schemes of the flow: orders, stability, hand-over between them, and that none leaves the exact flow."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from solver.numerics.methods import chebyshev
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.spec import CP, DeepMatrixFactorization, GradientFlow, MatrixCompletion, TensorCompletion
from tests.solver.numerics.building import MODEL, NEVER, PROBLEM, build, build_components, flow_to

# A completion whose first singular values make the flow stiff for the rest of the way.
STIFF = MatrixCompletion(shape=(20, 20), rank=2, observations=160)
DEEP = DeepMatrixFactorization(depth=3, init_scale=1e-3)
SMALL = MatrixCompletion(entries=[(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)], loss="half-sum")
SMALL_DEEP = DeepMatrixFactorization(depth=3, init="balanced", init_scale=0.1, det_sign="positive")


def equal_steps(n_steps: int, time: float) -> tuple[Tensor, Tensor]:
    """States of RKC2 a third into the last of equal steps, and at its end, with the control overruled."""
    _, layers, start = build(PROBLEM, MODEL)
    method = GradientFlowMethod(layers, start, GradientFlow(rtol=1e-2, atol=1e30, method="chebyshev"))
    for _ in range(n_steps):
        method._h = [time / n_steps]
        assert method.advance(0, NEVER) == [True]
    return method.inside(0, 1 / 3), method.parameters(0)


def test_chebyshev_has_order_two() -> None:
    exact = flow_to(4.0)
    errors = [torch.linalg.vector_norm(equal_steps(n, 4.0)[1] - exact).item() for n in (64, 128, 256)]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert orders[-1] == pytest.approx(2.0, abs=0.1), (errors, orders)


def test_its_dense_output_has_order_two_inside_a_step() -> None:
    """A third into one step of size h, from the same start: the error of one step is of order three."""
    errors = [torch.linalg.vector_norm(equal_steps(1, h)[0] - flow_to(h / 3)).item() for h in (0.1, 0.05, 0.025)]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert orders[-1] == pytest.approx(3.0, abs=0.3), (errors, orders)


@pytest.mark.parametrize("stages", [2, 3, 7, 40, 250])
def test_its_stability_polynomial_is_bounded_as_far_as_it_says(stages: int) -> None:
    """On dy/dt = −λy a step multiplies y by R(hλ), |R| ≤ 1 up to the reach, and R agrees with exp(−hλ) to order two."""

    def multiplier(z: float) -> float:
        rows = [1.0, z, 0.0, 0.0, 1.0, 0.0]
        value, newest = 1.0, 4
        for j, coefficients in enumerate(chebyshev._of_rows(stages, 1.0, stages)):
            if j > 0:
                rows[2] = z * value
            newest = 3 + (newest - 2) % 3
            value = sum(a * b for a, b in zip(coefficients, rows, strict=True))
            rows[newest] = value
        return value

    reach = chebyshev._reach(stages)
    assert max(abs(multiplier(z)) for z in np.linspace(0.05, reach, 2_000)) <= 1.0
    assert abs(multiplier(1.5 * reach)) > 1.0
    small = 1e-3
    assert multiplier(small) == pytest.approx(1 - small + small**2 / 2, abs=1e-9)


def test_the_largest_curvature_is_that_of_the_hessian() -> None:
    _, layers, start = build(PROBLEM, MODEL)
    method = GradientFlowMethod(layers, start, GradientFlow(method="chebyshev"))
    for _ in range(25):
        method.advance(0, NEVER)
    scheme = method._scheme("chebyshev")
    assert isinstance(scheme, chebyshev.Chebyshev)
    for lane in range(1):
        scheme.rejected(lane)
    at = layers.factors(method.parameters(0).unsqueeze(0))
    method.advance(0, NEVER)
    exact = torch.linalg.eigvalsh(layers.hessian(at)[0]).abs().max().item()
    assert exact <= scheme._curvature[0] <= 1.2 * exact


def handed_over(rtol: float, time: float) -> tuple[GradientFlowMethod, Tensor, list[str]]:
    """The flow with hand-overs to a time, its singular values, and who took the steps."""
    _, layers, start = build(STIFF, DEEP)
    method = GradientFlowMethod(layers, start, GradientFlow(rtol=rtol), max_time=time)
    assert method.times is not None
    took: list[str] = []
    while method.times[0] < time:
        method.advance(0, NEVER)
        took.append(method.scheme(0))
    end = layers.end_matrix(layers.factors(method.parameters(0).unsqueeze(0)))[0]
    return method, torch.linalg.svdvals(end), took


@pytest.mark.parametrize("time", [60.0, 150.0, 400.0])
def test_a_flow_that_is_handed_over_stays_on_the_exact_one(time: float) -> None:
    """σ at one time, against the pair 5(4) alone at rtol 1e-10; before, during and after the singular values rise."""
    _, layers, start = build(STIFF, DEEP)
    exact = GradientFlowMethod(
        layers, start, GradientFlow(rtol=1e-10, atol=1e-14, method="dormand-prince"), max_time=time
    )
    assert exact.times is not None
    while exact.times[0] < time:
        exact.advance(0, NEVER)
    spectrum = torch.linalg.svdvals(layers.end_matrix(layers.factors(exact.parameters(0).unsqueeze(0)))[0])
    for rtol, allowed in ((1e-4, 2e-3), (1e-6, 1e-4)):
        _, sigma, _ = handed_over(rtol, time)
        assert (sigma - spectrum).abs().max().item() <= allowed * spectrum[0].item()
    if time == 400.0:
        # Both ways: a plateau ends after the first singular value has made the flow stiff.
        changes = set(itertools.pairwise(handed_over(1e-4, time)[2]))
        assert {("dormand-prince", "chebyshev"), ("chebyshev", "dormand-prince")} <= changes


def test_hand_overs_save_evaluations() -> None:
    counts = {}
    for method in ("auto", "dormand-prince"):
        _, layers, start = build(STIFF, DEEP)
        flow = GradientFlowMethod(layers, start, GradientFlow(method=method))
        while flow.losses[0] > 1e-5 and flow.steps[0] < 5_000:
            flow.advance(0, NEVER)
        counts[method] = flow.evaluations[0]
    assert counts["auto"] < 0.7 * counts["dormand-prince"], counts


def test_few_parameters_are_handed_to_the_implicit_method_and_stay_on_the_flow() -> None:
    _, layers, start = build(SMALL, SMALL_DEEP)
    ends = []
    for spec in (GradientFlow(), GradientFlow(rtol=1e-9, atol=1e-13, method="rosenbrock")):
        flow = GradientFlowMethod(layers, start, spec, max_time=2_000.0)
        assert flow.times is not None
        took = set()
        while flow.times[0] < 2_000.0:
            flow.advance(0, NEVER)
            took.add(flow.scheme(0))
        assert took == ({"dormand-prince", "rosenbrock"} if spec.method == "auto" else {"rosenbrock"})
        ends.append(torch.linalg.svdvals(layers.end_matrix(layers.factors(flow.parameters(0).unsqueeze(0)))[0]))
    assert (ends[0] - ends[1]).abs().max().item() <= 5e-4 * ends[1][0].item()


def test_who_takes_over_is_said_once_with_its_reason() -> None:
    _, layers, start = build(STIFF, DEEP)
    method = GradientFlowMethod(layers, start, GradientFlow(), max_time=400.0)
    assert method.times is not None
    said = []
    while method.times[0] < 400.0:
        method.advance(0, NEVER)
        said += method.said(0)
    assert said[0].startswith("chebyshev takes over: stability, not accuracy, limits the steps of dormand-prince")
    assert method.said(0) == []
    assert method.measured(0)["rejections"] == method.rejections[0]


def test_lanes_with_different_schemes_step_as_they_would_alone() -> None:
    """Scales far apart: some lanes have handed over while others are still on their plateaus."""
    problem = TensorCompletion(shape=(4, 4, 4), rank=1, observations=40)
    seeds = (0, 1, 2)
    _, together, starts = build_components(problem, CP(components=4, init_std=0.3), seeds)
    scaled = starts * torch.tensor([[1.0], [0.3], [0.05]], dtype=torch.float64)
    method = GradientFlowMethod(together, scaled, GradientFlow())
    mixed = False
    n = 70
    for k in range(n):
        method.advance(0, NEVER)
        mixed = mixed or len(set(method._at)) > 1
        if k == n // 2:
            method.keep([1, 2])
    assert mixed
    for position, lane in enumerate((1, 2)):
        _, alone, _ = build_components(problem, CP(components=4, init_std=0.3), (seeds[lane],))
        other = GradientFlowMethod(alone, scaled[lane : lane + 1], GradientFlow())
        for _ in range(n):
            other.advance(0, NEVER)
        assert other.evaluations == [method.evaluations[position]]
        # Products of a batch round otherwise than those of a lane, and jumps amplify that: by how much tells a start
        # that is moved by rounding alone.
        nudged = GradientFlowMethod(alone, scaled[lane : lane + 1] * (1.0 + 1e-15), GradientFlow())
        for _ in range(n):
            nudged.advance(0, NEVER)
        amplified = (nudged.parameters(0) - other.parameters(0)).abs().max().item()
        difference = (method.parameters(position) - other.parameters(0)).abs().max().item()
        assert difference <= max(1e-11, 100.0 * amplified) <= 1e-7


@pytest.mark.parametrize("after", [3, 45, 80, 140])
def test_it_goes_on_bit_for_bit_from_its_state(after: int) -> None:
    _, layers, start = build(STIFF, DEEP)
    one = GradientFlowMethod(layers, start, GradientFlow())
    for _ in range(after):
        one.advance(0, NEVER)
    state = one.state()
    _, other_layers, other_start = build(STIFF, DEEP)
    other = GradientFlowMethod(other_layers, other_start, GradientFlow())
    other.restore(state)
    for _ in range(40):
        one.advance(0, NEVER)
        other.advance(0, NEVER)
    assert one.times == other.times
    assert one.evaluations == other.evaluations
    assert torch.equal(one.parameters(0), other.parameters(0))


@pytest.mark.parametrize("rtol", [1e-3, 1e-5, 1e-6])
def test_no_tolerance_makes_the_schemes_hand_a_lane_to_and_fro(rtol: float) -> None:
    """Never more gradients than the pair alone takes, whose steps are as long as stability allows."""
    counts = {}
    for method in ("auto", "dormand-prince"):
        _, layers, start = build(STIFF, DEEP)
        flow = GradientFlowMethod(layers, start, GradientFlow(rtol=rtol, method=method))
        while flow.losses[0] > 1e-5 and flow.steps[0] < 5_000:
            flow.advance(0, NEVER)
        counts[method] = flow.evaluations[0]
        assert len(flow.said(0)) <= 8
    assert counts["auto"] <= 1.1 * counts["dormand-prince"], counts
