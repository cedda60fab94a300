"""The schemes of the flow: orders, stability, hand-over between them, and that none leaves the exact flow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from solver.numerics.methods import chebyshev
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.models.deep_matrix_factorization import DeepMatrixFactorizationObjective
from solver.numerics.models.objective import Objective
from solver.spec import (
    CP,
    DeepMatrixFactorization,
    GradientFlow,
    MatrixCompletion,
    MatrixSensing,
    TensorCompletion,
    TensorSensing,
)
from tests.solver.numerics.building import MODEL, NEVER, PROBLEM, build, build_components, flow_to

# A completion whose first singular values make the flow stiff for the rest of the way.
STIFF = MatrixCompletion(shape=(20, 20), rank=2, observations=160)
DEEP = DeepMatrixFactorization(depth=3, init_scale=1e-3)
SMALL = MatrixCompletion(entries=[(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)], loss="half-sum")
SMALL_DEEP = DeepMatrixFactorization(depth=3, init="balanced", init_scale=0.1, det_sign="positive")


def equal_steps(n_steps: int, time: float) -> tuple[Tensor, Tensor]:
    """States of the stabilised method a third into the last of equal steps, and at its end, the control overruled."""
    _, layers, start = build(PROBLEM, MODEL)
    method = GradientFlowMethod(layers, start, GradientFlow(rtol=1e-2, atol=1e30, method="chebyshev"))
    for _ in range(n_steps):
        method._h = [time / n_steps]
        assert method.advance(0, NEVER) == [True]
    return method.inside(0, 1 / 3), method.parameters(0)


@pytest.mark.parametrize(
    ("stages", "order", "allowed"), [(6, 3.0, 0.2), (7, 3.0, 0.3), (30, 4.0, 0.2), (100, 4.0, 0.3)]
)
def test_chebyshev_has_its_order(stages: int, order: float, allowed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """3, and 4 but for terms that fall with the fifth power of the stages, which are the same at every step here."""
    monkeypatch.setattr(chebyshev, "_stages", lambda _: stages)
    exact = flow_to(4.0)
    steps = (64, 128, 256) if order == 3.0 else (16, 32, 64)
    errors = [torch.linalg.vector_norm(equal_steps(n, 4.0)[1] - exact).item() for n in steps]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert orders[-1] == pytest.approx(order, abs=allowed), (errors, orders)


def test_its_dense_output_has_order_three_inside_a_step() -> None:
    """A third into one step of size h, from the same start: the error of one step is of order four."""
    errors = [torch.linalg.vector_norm(equal_steps(1, h)[0] - flow_to(h / 3)).item() for h in (0.2, 0.1, 0.05)]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert orders[-1] == pytest.approx(4.0, abs=0.3), (errors, orders)


STAGES = [6, 7, 8, 12, 40, 133, 250]


def one_step(
    stages: int, field: Callable[[np.ndarray], np.ndarray], start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where a step of h = 1 leads from there along dy/dt = field(y), and the error that it estimates."""
    method = chebyshev.coefficients_of(stages)
    slope = field(start)
    newest = [np.zeros_like(start), start, np.zeros_like(start)]
    value, sums = start, [weight * start for weight in method.weights[0]]
    for j, (row, weights) in enumerate(zip(method.rows, method.weights[1:], strict=True), 1):
        of_value = field(value)
        value = row[0] * start + row[1] * slope + row[2] * of_value
        value = value + sum(weight * one for weight, one in zip(row[3:], newest, strict=True))
        newest[(j + 1) % 3] = value
        sums = [total + weight * value for total, weight in zip(sums, weights, strict=True)]
    last = field(sums[0])
    return sums[1] + method.of_last[0] * last, sums[2] + method.of_last[1] * last


@pytest.mark.parametrize("stages", STAGES)
def test_its_stability_polynomial_is_bounded_as_far_as_it_says(stages: int) -> None:
    """On dy/dt = −λy a step multiplies y by R(hλ): |R| ≤ 0.951 but near 0, up to the reach, and exp to order 4."""
    reach = chebyshev._reach(stages)
    z = -(np.linspace(0.0, 1.0, 50 * stages) ** 2) * reach
    multiplier, error = one_step(stages, lambda y: z * y, np.ones_like(z))
    assert np.abs(multiplier).max() <= 1.0 + 1e-9
    assert np.abs(multiplier[z < -1.5]).max() <= 0.951
    # What is left of stiff directions is not taken for an error much larger than it is.
    assert np.abs(error).max() <= 2.0
    beyond = np.array([-1.2 * reach])
    assert abs(one_step(stages, lambda y: beyond * y, np.ones(1))[0][0]) > 1.0
    small = np.array([-0.02, 0.02])
    multiplier, error = one_step(stages, lambda y: small * y, np.ones(2))
    np.testing.assert_allclose(multiplier, np.exp(small), rtol=0.0, atol=1e-10)
    np.testing.assert_allclose(error, small**4 / 96.0, rtol=0.2, atol=1e-12)


@pytest.mark.parametrize("stages", STAGES)
def test_its_weights_are_those_of_the_flow(stages: int) -> None:
    """Of all trees up to order 3, and of [•,•,•] and [[[•]]], exactly; of the other two with four nodes nearly."""
    method = chebyshev.coefficients_of(stages)
    of_stages = chebyshev._stages_of(stages)[2]
    found = method.weights[:, 1] @ of_stages
    found = found + method.of_last[0] * chebyshev._of_slope(method.weights[:, 0] @ of_stages)
    flow = np.array([1, 1 / 2, 1 / 3, 1 / 6, 1 / 4, 1 / 8, 1 / 12, 1 / 24])
    exact = [0, 1, 2, 3, 4, 7]
    np.testing.assert_allclose(found[exact], flow[exact], rtol=1e-10)
    nearly = 0.03 if stages == 6 else 0.012 * (7 / stages) ** 4
    np.testing.assert_allclose(found, flow, rtol=max(nearly, 1e-10))


@pytest.mark.parametrize("stages", STAGES)
def test_it_follows_a_slow_manifold_over_long_steps(stages: int) -> None:
    """On u' = −λ(u − t²/2) from its slow solution: ROCK4, with stages of order 1, ends off in proportion to (hλ)³."""
    z = -chebyshev._reach(stages) * np.array([0.05, 0.2, 0.5, 0.8, 0.97])

    def field(y: np.ndarray) -> np.ndarray:
        return np.stack([np.ones_like(z), z * (y[1] - y[0] ** 2 / 2.0)])

    end, _ = one_step(stages, field, np.stack([np.zeros_like(z), 1.0 / z**2]))
    np.testing.assert_allclose(end[1], 1.0 / 2.0 + 1.0 / z + 1.0 / z**2, rtol=0.0, atol=0.05)


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
    for rtol, allowed in ((1e-4, 2e-4), (1e-6, 5e-6)):
        _, sigma, took = handed_over(rtol, time)
        assert (sigma - spectrum).abs().max().item() <= allowed * spectrum[0].item()
        assert ("chebyshev" in took) == (time == 400.0)


def sensed_matrix() -> tuple[Objective, Tensor]:
    problem = MatrixSensing(shape=(25, 25), rank=2, observations=300)
    return build(problem, DeepMatrixFactorization(depth=3, init_scale=1e-3))[1:]


def sensed_tensor() -> tuple[Objective, Tensor]:
    problem = TensorSensing(shape=(5, 6, 5, 4), rank=3, observations=200)
    return build_components(problem, CP(components=15, init_std=0.1))[1:]


def completed_tensor() -> tuple[Objective, Tensor]:
    problem = TensorCompletion(shape=(6, 6, 6), rank=2, observations=120)
    return build_components(problem, CP(components=12, init_std=0.03))[1:]


PAIR_TO_STABILISED = ("dormand-prince", "chebyshev")


@pytest.mark.parametrize(
    ("made", "time", "changes"),
    [
        (sensed_matrix, 430.0, {PAIR_TO_STABILISED}),
        (sensed_tensor, 760.0, {PAIR_TO_STABILISED}),
        (completed_tensor, 700.0, {PAIR_TO_STABILISED, PAIR_TO_STABILISED[::-1]}),
    ],
)
def test_what_rises_after_a_hand_over_rises_when_it_should(
    made: Callable[[], tuple[Objective, Tensor]], time: float, changes: set[tuple[str, str]]
) -> None:
    """Singular values and component norms at all steps, within 1e-3 of the largest, against the pair at rtol 1e-9.

    With RKC, and a norm of all parameters as the only measure, they were up to 3.7e-3, 8.7e-3 and 3.6e-3 off.
    """

    def flow(spec: GradientFlow) -> tuple[GradientFlowMethod, Callable[[Tensor], Tensor]]:
        objective, start = made()

        def sizes(flat: Tensor) -> Tensor:
            factors = objective.factors(flat.unsqueeze(0))
            if isinstance(objective, DeepMatrixFactorizationObjective):
                sigma: Tensor = torch.linalg.svdvals(objective.end_matrix(factors)[0])
                return sigma
            norms: Tensor = torch.stack([torch.linalg.vector_norm(part[0], dim=0) for part in factors.parts])
            return norms.prod(dim=0)

        return GradientFlowMethod(objective, start, spec, max_time=time), sizes

    method, sizes = flow(GradientFlow())
    assert method.times is not None
    took, times, found = [], [0.0], []
    while method.times[0] < time:
        if method.advance(0, NEVER)[0]:
            took.append(method.scheme(0))
            times.append(method.times[0])
            found.append(sizes(method.parameters(0)))
    exact, sizes = flow(GradientFlow(rtol=1e-9, atol=1e-13, method="dormand-prince"))
    assert exact.times is not None
    expected: list[Tensor] = []
    while exact.times[0] < time:
        before = exact.times[0]
        exact.advance(0, NEVER)
        while len(expected) < len(found) and times[len(expected) + 1] <= exact.times[0]:
            fraction = (times[len(expected) + 1] - before) / (exact.times[0] - before)
            expected.append(sizes(exact.inside(0, fraction)))
    off = (torch.stack(found) - torch.stack(expected)).abs().amax(dim=1)
    assert (off / torch.stack(expected).max()).max().item() <= 1e-3
    assert set(itertools.pairwise(took)) - {(one, one) for one in took} == changes


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
    n = 45
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


@pytest.mark.parametrize("after", [3, 30, 45])
def test_it_goes_on_bit_for_bit_from_its_state(after: int) -> None:
    _, layers, start = build(STIFF, DEEP)
    one = GradientFlowMethod(layers, start, GradientFlow())
    for _ in range(after):
        one.advance(0, NEVER)
    state = one.state()
    _, other_layers, other_start = build(STIFF, DEEP)
    other = GradientFlowMethod(other_layers, other_start, GradientFlow())
    other.restore(state)
    for _ in range(25):
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
