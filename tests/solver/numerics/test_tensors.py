"""Components: what a frame of them holds, the laws against measured rates, who escapes first, the estimated rank."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from solver.numerics import cp_rank, theory
from solver.numerics.lanes.cp_metrics import CPMetrics, vector_norms
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.problems.observed import ObservedProblem
from solver.records import Value
from solver.spec import CP, GradientDescent, GradientFlow, Record, TensorCompletion
from tests.solver.numerics.building import build_components
from tests.solver.running import exported, history_of, ran

PROBLEM = TensorCompletion(shape=(4, 5, 6), rank=2, observations=60, frobenius_norm=2.0)
KNOWN = {"step": 1, "time": 0.0, "elapsed_s": 0.0, "evaluations": 1, "step_size": 0.1}


def measured(model: CP, steps: int = 0) -> tuple[dict[str, Value], ObservedProblem, torch.Tensor]:
    problems, components, start = build_components(PROBLEM, model)
    method = GradientFlowMethod(components, start, GradientFlow(rtol=1e-8))
    while method.steps[0] < steps:
        method.advance(0, -math.inf)
    metrics = CPMetrics(problems[0], model.components, Record(rates=4), GradientDescent())
    values = metrics.measure(method.parameters(0), KNOWN)
    return dict(zip(metrics.series, values, strict=True)), problems[0], method.parameters(0)


def numbers(value: Value) -> NDArray[np.float64]:
    """A list of a frame, each of whose items is a number."""
    assert isinstance(value, list)
    assert all(isinstance(item, float) for item in value)
    return np.array(value, dtype=np.float64)


def test_a_frame_is_what_the_definitions_say() -> None:
    values, problem, parameters = measured(CP(components=3, init_std=0.5), steps=4)
    a, b, c = (
        part.reshape(size, 3).numpy()
        for part, size in zip(torch.split(parameters, [12, 15, 18]), (4, 5, 6), strict=True)
    )
    end = np.einsum("iz,jz,kz->ijk", a, b, c)
    norms = [np.linalg.norm(factor, axis=0) for factor in (a, b, c)]
    np.testing.assert_allclose(numbers(values["component_norms"]), np.prod(norms, axis=0), rtol=1e-6)
    assert values["frobenius_norm"] == pytest.approx(np.linalg.norm(end), rel=1e-12)
    truth = problem.ground_truth
    assert truth is not None
    error = np.linalg.norm(end - truth) / np.linalg.norm(truth)
    assert values["normalised_reconstruction_error"] == pytest.approx(error, rel=1e-12)
    assert values["reconstruction_error"] == pytest.approx(error**2, rel=1e-12)
    differences = [abs(x**2 - y**2).max() for x in norms for y in norms]
    assert values["unbalancedness"] == pytest.approx(max(differences), rel=1e-9)


def test_measured_rates_agree_with_the_formula_for_any_start() -> None:
    """γ_r by contracting the end gradient, the rate by differences of norms: no step in common."""
    values, _, _ = measured(CP(components=5, init_std=0.4), steps=6)
    rates = numbers(values["component_rates"])
    np.testing.assert_allclose(rates, numbers(values["predicted_component_rates"]), rtol=1e-6)
    off = numbers(values["predicted_component_rates_balanced"]) / rates - 1
    assert np.abs(off).max() > 1e-2, "a start that is not balanced must not follow the balanced law"


def test_balanced_components_follow_the_balanced_law() -> None:
    values, _, _ = measured(CP(components=5, init_std=0.4, balanced=True), steps=6)
    balanced = numbers(values["predicted_component_rates_balanced"])
    np.testing.assert_allclose(numbers(values["component_rates"]), balanced, rtol=1e-5)
    assert values["unbalancedness"] == pytest.approx(0.0, abs=1e-6)


def test_balancing_keeps_the_components() -> None:
    """The end tensor of a balanced start is that of the drawn one."""
    _, drawn, start = build_components(PROBLEM, CP(components=3, init_std=0.5))
    _, balanced, equal = build_components(PROBLEM, CP(components=3, init_std=0.5, balanced=True))
    torch.testing.assert_close(drawn.end(drawn.factors(start)), balanced.end(balanced.factors(equal)))
    norms = vector_norms(balanced.factors(equal))
    torch.testing.assert_close(norms, norms[:1].expand_as(norms))


def test_the_decoupled_escape_time_is_that_of_the_closed_form() -> None:
    """A component aligned with the field flows along it: dσ/dt = 3 σ^(4/3) γ, which is at S after
    (σ_0^(−1/3) − S^(−1/3))/γ.
    """
    generator = np.random.default_rng(0)
    unit = [v / np.linalg.norm(v) for v in (generator.standard_normal(n) for n in (3, 4, 5))]
    field = -0.7 * np.einsum("i,j,k->ijk", *unit)
    for start in (1e-3, 1e-2):
        vectors = [torch.tensor(start ** (1 / 3) * v[:, None]) for v in unit]
        (time,) = theory.decoupled_escape_times(torch.tensor(field), vectors, 0.05).tolist()
        expected = (start ** (-1 / 3) - 0.05 ** (-1 / 3)) / 0.7
        assert time == pytest.approx(expected, rel=0.02)


def test_the_planted_component_meets_the_condition_and_no_other_start_does() -> None:
    problems, _, planted = build_components(PROBLEM, CP(components=6, init_std=1e-3, balanced=True, planted=True))
    _, components, plain = build_components(PROBLEM, CP(components=6, init_std=1e-3, balanced=True))
    gradient = torch.tensor(problems[0].gradient_at_zero())
    for start, holds in ((planted, True), (plain, False)):
        factors = components.factors(start)
        norms = vector_norms(factors)[0]
        alignment = theory.component_alignment(gradient, [part[0] for part in factors.parts])
        reach = theory.escape_condition(gradient, norms, alignment)
        best = int(reach.argmax())
        others = norms.clone()
        others[best] = 0.0
        assert bool(reach[best] > others.max()) == holds
        # Written as in the paper: ‖w_best‖ > ‖w_r‖·(‖∇L(0)‖/γ_best)^(1/(N−2)) for every other r.
        bound = others * (torch.linalg.vector_norm(gradient) / alignment[best]).abs()
        assert bool((norms[best] > bound).all()) == holds


def test_the_estimated_rank_counts_components() -> None:
    generator = np.random.default_rng(3)
    for rank in (1, 2, 4):
        factors = [generator.standard_normal((size, rank)) for size in (5, 6, 7)]
        tensor = np.einsum("iz,jz,kz->ijk", *factors)
        assert cp_rank.estimate(tensor, 0.02) == rank
        noisy = tensor + 1e-3 * np.linalg.norm(tensor) / math.sqrt(tensor.size) * generator.standard_normal(
            tensor.shape
        )
        assert cp_rank.estimate(noisy, 0.02) == rank
    assert cp_rank.estimate(np.zeros((3, 3, 3)), 0.02) == 0
    assert cp_rank.estimate(generator.standard_normal((6, 6, 6)), 0.01, most=3) is None


def test_the_distance_from_rank_one_of_a_diagonal_tensor() -> None:
    """Two orthogonal components of norms 3 and 1: the best fit of rank 1 leaves the smaller one."""
    tensor = np.zeros((3, 3, 3))
    tensor[0, 0, 0], tensor[1, 1, 1] = 3.0, 1.0
    assert cp_rank.distance(tensor, 1) == pytest.approx(1 / math.sqrt(10), rel=1e-6)
    assert cp_rank.distance(tensor, 2) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("kind", ["tensor-completion", "tensor-sensing"])
@pytest.mark.parametrize("shape", [[6, 6, 6], [4, 4, 4, 4]])
def test_low_rank_is_recovered_in_either_kind_and_order(kind: str, shape: list[int]) -> None:
    """Rank 1 from half of the numbers, by completion and by sensing, of order 3 and 4."""
    changes = {
        "problem.kind": kind,
        "problem.shape": shape,
        "problem.rank": 1,
        "problem.frobenius_norm": 1.0,
        "model.components": 12,
        "seeds": 1,
    }
    sweeps: dict[str, list[Any]] = {"problem.observations": [int(np.prod(shape)) // 2], "model.init_std": [1e-2]}
    made = ran("tf-rank", changes, sweeps)
    (lane,) = exported(made).lanes
    assert lane.outcome is not None
    assert lane.outcome.kind == "converged", lane.outcome
    assert lane.final["normalised_reconstruction_error"] < 0.02
    assert lane.final["cp_rank"] == 1.0
    linear = exported(made).baselines["linear"]["normalised_reconstruction_error"]
    assert 0.5 < linear < 0.9


def test_the_export_keeps_components_by_identity() -> None:
    """The 32 largest at the end, the largest first, each with its own history."""
    made = ran(
        "tf-components",
        {"problem.shape": [5, 5, 5, 5], "problem.rank": 2, "problem.observations": 300, "model.components": 40},
        {"model.init_std": [0.1]},
    )
    history, (lane,) = history_of(made), exported(made).lanes
    indices = lane.final["component_indices"]
    assert len(indices) == len(set(indices)) == 32
    last = lane.final["component_norms"]
    assert last == sorted(last, reverse=True)
    columns = history.lanes[0].vectors["component_norms"]
    assert lane.series.component_norms is not None
    assert [frame[0] for frame in lane.series.component_norms] == list(columns[indices[0]])
    assert lane.final["largest_component"] == indices[0]
