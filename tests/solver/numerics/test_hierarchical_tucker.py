"""Mode trees, local components and their laws, and what a frame of a hierarchical Tucker lane holds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from solver.numerics.lanes.hierarchical_tucker_metrics import HierarchicalTuckerMetrics
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.models.hierarchical_tucker import HierarchicalTuckerObjective
from solver.numerics.problems.observed import ObservedProblem
from solver.records import Value
from solver.spec import CP, GradientDescent, GradientFlow, HierarchicalTucker, Record, TensorCompletion
from solver.spec.mode_tree import mode_tree
from tests.solver.numerics.building import build_components, build_tree

PROBLEM = TensorCompletion(shape=(3, 4, 2, 3), rank=2, observations=50, frobenius_norm=4.0)
OF_THREE = TensorCompletion(shape=(4, 3, 5), rank=2, observations=40, frobenius_norm=4.0)
OF_EIGHT = TensorCompletion(shape=(2,) * 8, rank=2, observations=150, frobenius_norm=8.0)
KNOWN = {"step": 1, "time": 0.0, "elapsed_s": 0.0, "evaluations": 1, "step_size": 0.1}

CASES: list[tuple[TensorCompletion, dict[str, Any]]] = [
    (PROBLEM, {"widths": (4, 3)}),
    (PROBLEM, {"width": 3, "pattern": "interleaved"}),
    (OF_THREE, {"widths": (3, 2)}),
    (OF_THREE, {"width": 3, "pooling": 3}),
    (OF_EIGHT, {"widths": (3, 2, 3)}),
]
EVERY_CASE = pytest.mark.parametrize(("problem", "changes"), CASES, ids=lambda one: str(getattr(one, "shape", one)))


class Made:
    """A lane's problem, metrics and state after some steps of the flow."""

    def __init__(self, problem: TensorCompletion, changes: dict[str, Any], steps: int = 0, rates: int = 32) -> None:
        self.model = HierarchicalTucker(**{"init_std": 0.5, **changes})
        (self.problem,), self.objective, start = build_tree(problem, self.model)
        method = GradientFlowMethod(self.objective, start, GradientFlow(rtol=1e-8))
        while method.steps[0] < steps:
            method.advance(0, -math.inf)
        self.parameters = method.parameters(0)
        self.tree, self.widths = self.model.tree(problem), self.model.level_widths(problem)
        self.metrics = metrics_of(self.problem, self.model, problem, rates)
        frame = self.metrics.measure(self.parameters, KNOWN)
        self.values = dict(zip(self.metrics.series, frame, strict=True))

    def numbers(self, name: str) -> NDArray[np.float64]:
        return numbers(self.values[name])

    def end(self) -> NDArray[np.float64]:
        return self.metrics.end_tensor(self.parameters).numpy().reshape(self.problem.shape)


def metrics_of(
    problem: ObservedProblem, model: HierarchicalTucker, spec: TensorCompletion, rates: int
) -> HierarchicalTuckerMetrics:
    record = Record(rates=rates)
    return HierarchicalTuckerMetrics(problem, model.tree(spec), model.level_widths(spec), record, GradientDescent())


def numbers(value: Value) -> NDArray[np.float64]:
    assert isinstance(value, list)
    assert all(isinstance(item, float) for item in value)
    return np.array(value, dtype=np.float64)


def alone(objective: HierarchicalTuckerObjective, flat: Tensor, place: int, r: int) -> Tensor:
    """The end tensor with the other local components of a node left out."""
    factors = objective.factors(flat.unsqueeze(0))
    rows = factors.parts[place][0]
    row = rows[r].clone()
    rows.zero_()
    rows[r] = row
    return objective.end(factors)[0].clone()


def test_a_tree_of_a_power_of_two_modes_halves_them() -> None:
    tree = mode_tree(8, 2)
    assert [node.modes for node in tree.nodes[:7]] == [
        (0, 1, 2, 3, 4, 5, 6, 7),
        (0, 1, 2, 3),
        (4, 5, 6, 7),
        (0, 1),
        (2, 3),
        (4, 5),
        (6, 7),
    ]
    assert tree.n_levels == 3
    assert mode_tree(8, 2, "interleaved").nodes[1].modes == (0, 4, 2, 6)
    assert [node.modes for node in mode_tree(4, 4).nodes] == [(0, 1, 2, 3), (0,), (1,), (2,), (3,)]


@pytest.mark.parametrize("pattern", ["neighbours", "interleaved"])
@pytest.mark.parametrize("pooling", range(2, 9))
@pytest.mark.parametrize("n_modes", range(3, 9))
def test_every_number_of_modes_has_its_tree(n_modes: int, pooling: int, pattern: Any) -> None:
    """Each node's modes are its children's, in order; parents stand before children; nobody has a single child."""
    tree = mode_tree(n_modes, pooling, pattern)
    assert sorted(tree.order) == list(range(n_modes))
    assert sum(not node.children for node in tree.nodes) == n_modes
    for place, node in enumerate(tree.nodes):
        assert all(tree.nodes[child].parent == place < child for child in node.children)
        if node.children:
            assert 2 <= len(node.children) <= pooling
            assert node.modes == tuple(mode for child in node.children for mode in tree.nodes[child].modes)
    unfolded = [frozenset(tree.nodes[place].modes) for place in tree.matricised]
    opposite = {frozenset(range(n_modes)) - modes for modes in unfolded}
    assert len(set(unfolded)) == len(unfolded)
    assert not opposite & set(unfolded), "no unfolding is another one transposed"


def test_one_pooling_of_all_modes_is_cp_with_weights() -> None:
    """Components of CP and a row of ones: the same end tensor, loss and gradients."""
    _, components, start = build_components(OF_THREE, CP(components=3, init_std=0.5))
    _, tree, _ = build_tree(OF_THREE, HierarchicalTucker(width=3, pooling=3))
    flat = torch.cat([torch.ones((1, 3), dtype=torch.float64), start], dim=1)
    one, other = components.factors(), tree.factors()
    losses = components.loss_and_gradient(components.factors(start), one)
    torch.testing.assert_close(tree.loss_and_gradient(tree.factors(flat), other), losses)
    torch.testing.assert_close(other.flat[:, 3:], one.flat)


@EVERY_CASE
def test_the_end_tensor_is_the_sum_over_a_nodes_local_components(
    problem: TensorCompletion, changes: dict[str, Any]
) -> None:
    """Of every node: σ times the tensor of its normalised component, added up; and each σC is what stands alone."""
    made = Made(problem, changes)
    flat, objective, metrics = made.parameters, made.objective, made.metrics
    sizes = metrics.component_norms(flat)
    numbered = made.tree.components(made.widths)
    assert len(sizes) == len(numbered)
    factors = objective.factors(flat.unsqueeze(0))
    lanes = metrics_of(made.problem, made.model, problem, len(numbered))
    assert lanes._alone is not None
    assert lanes._n_rates == len(numbered) <= 32
    tensors = lanes._normalised(lanes._alone, factors, list(range(len(numbered))))
    whole = objective.end(factors)[0].clone()
    for place in made.tree.interior:
        of_node = [index for index, (node, _) in enumerate(numbered) if node == place]
        torch.testing.assert_close((sizes[of_node, None] * tensors[of_node]).sum(0), whole, rtol=1e-10, atol=1e-12)
    for index, (place, r) in enumerate(numbered):
        torch.testing.assert_close(
            sizes[index] * tensors[index], alone(objective, flat, place, r), rtol=1e-10, atol=1e-12
        )


@EVERY_CASE
def test_a_frame_is_what_the_definitions_say(problem: TensorCompletion, changes: dict[str, Any]) -> None:
    made = Made(problem, changes, steps=4)
    parts = [part[0].numpy() for part in made.objective.factors(made.parameters.unsqueeze(0)).parts]
    expected, spread = [], 0.0
    for place, r in made.tree.components(made.widths):
        children = made.tree.nodes[place].children
        norms = [np.linalg.norm(parts[place][r]), *(np.linalg.norm(parts[child][:, r]) for child in children)]
        expected.append(np.prod(norms))
        spread = max(spread, float(max(norms) ** 2 - min(norms) ** 2))
    np.testing.assert_allclose(made.numbers("component_norms"), expected, rtol=1e-6)
    assert made.values["unbalancedness"] == pytest.approx(spread, rel=1e-9)
    end, truth = made.end(), made.problem.ground_truth
    assert truth is not None
    error = np.linalg.norm(end - truth) / np.linalg.norm(truth)
    assert made.values["normalised_reconstruction_error"] == pytest.approx(error, rel=1e-12)
    assert made.values["frobenius_norm"] == pytest.approx(np.linalg.norm(end), rel=1e-12)
    spectra, ranks, effective = [], [], []
    for place in made.tree.matricised:
        modes = sorted(made.tree.nodes[place].modes)
        rows = math.prod(end.shape[mode] for mode in modes)
        sigma = np.linalg.svd(np.moveaxis(end, modes, range(len(modes))).reshape(rows, -1), compute_uv=False)
        spectra += sigma[:16].tolist()
        ranks.append(np.sum(sigma > 1e-3 * sigma[0]))
        shares = sigma / sigma.sum()
        effective.append(np.exp(-np.sum(shares[shares > 0] * np.log(shares[shares > 0]))))
    np.testing.assert_allclose(made.numbers("matricisation_singular_values"), spectra, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(made.numbers("hierarchical_tensor_rank"), ranks)
    np.testing.assert_allclose(made.numbers("matricisation_effective_ranks"), effective, rtol=1e-9)


@EVERY_CASE
def test_measured_rates_agree_with_the_formula_for_any_start(
    problem: TensorCompletion, changes: dict[str, Any]
) -> None:
    """γ by an end tensor with the component alone, the rate by differences of norms: no step in common."""
    made = Made(problem, changes, steps=5, rates=8)
    rates = made.numbers("component_rates")
    assert len(rates) == min(8, len(made.numbers("component_norms")))
    np.testing.assert_allclose(rates, made.numbers("predicted_component_rates"), rtol=1e-6)
    off = made.numbers("predicted_component_rates_balanced") / rates - 1
    assert np.abs(off).max() > 1e-2, "a start that is not balanced must not follow the balanced law"


@EVERY_CASE
def test_balanced_components_follow_the_balanced_law(problem: TensorCompletion, changes: dict[str, Any]) -> None:
    """L σ^(2−2/L) γ with L the vectors of the component, whatever its node (R22); the flow keeps the balance."""
    made = Made(problem, {**changes, "balanced": True}, steps=5, rates=8)
    balanced = made.numbers("predicted_component_rates_balanced")
    np.testing.assert_allclose(made.numbers("component_rates"), balanced, rtol=1e-5)
    assert made.values["unbalancedness"] == pytest.approx(0.0, abs=1e-6)


@EVERY_CASE
def test_rates_are_those_of_the_norms_along_the_flow(problem: TensorCompletion, changes: dict[str, Any]) -> None:
    """Difference quotients of the norms over a short piece of the integrated flow, at its middle."""
    model = HierarchicalTucker(**{"init_std": 0.5, **changes})
    (one,), objective, start = build_tree(problem, model)
    metrics = metrics_of(one, model, problem, 6)
    flat, step, scratch = start.clone(), 2e-4, objective.factors()

    def slope(at: Tensor) -> Tensor:
        objective.loss_and_gradient(objective.factors(at), scratch)
        return -scratch.flat.clone()

    states = [flat]
    for _ in range(2):
        a = slope(flat)
        b = slope(flat + 0.5 * step * a)
        c = slope(flat + 0.5 * step * b)
        flat = flat + step / 6.0 * (a + 2.0 * b + 2.0 * c + slope(flat + step * c))
        states.append(flat)
    quotients = (metrics.component_norms(states[2][0]) - metrics.component_norms(states[0][0])) / (2.0 * step)
    values = dict(zip(metrics.series, metrics.measure(states[1][0], KNOWN), strict=True))
    rated = numbers(values["rate_components"]).astype(int)
    np.testing.assert_allclose(numbers(values["component_rates"]), quotients[rated], rtol=1e-4, atol=1e-7)
    sizes = numbers(values["component_norms"])
    assert list(rated) == sorted(range(len(sizes)), key=lambda index: -sizes[index])[: len(rated)]


@EVERY_CASE
def test_balancing_keeps_the_end_tensor(problem: TensorCompletion, changes: dict[str, Any]) -> None:
    _, drawn, start = build_tree(problem, HierarchicalTucker(**{"init_std": 0.5, **changes}))
    _, balanced, equal = build_tree(problem, HierarchicalTucker(**{"init_std": 0.5, "balanced": True, **changes}))
    torch.testing.assert_close(
        drawn.end(drawn.factors(start)), balanced.end(balanced.factors(equal)), rtol=1e-9, atol=0
    )


def test_the_flow_conserves_unbalancedness() -> None:
    """Differences of the squared norms of a component's vectors are constants of the flow (R22)."""
    before, after = (Made(PROBLEM, {"width": 3}, steps=steps, rates=1) for steps in (0, 40))
    assert after.values["train_loss"] < 0.9 * before.values["train_loss"]  # type: ignore[operator]
    assert after.values["unbalancedness"] == pytest.approx(before.values["unbalancedness"], rel=1e-6)


def test_the_hierarchical_rank_of_a_narrow_form_is_its_width() -> None:
    """No unfolding has a rank above the widths that it goes through."""
    made = Made(TensorCompletion(shape=(4, 4, 4, 4), rank=2, observations=50), {"widths": (3, 2)})
    assert made.numbers("hierarchical_tensor_rank").tolist() == [2.0, 3.0, 3.0, 3.0, 3.0]


def test_what_has_broken_down_has_no_spectra() -> None:
    made = Made(PROBLEM, {"width": 3}, rates=0)
    frame = made.metrics.measure(torch.full_like(made.parameters, math.inf), KNOWN)
    values = dict(zip(made.metrics.series, frame, strict=True))
    assert values["matricisation_effective_ranks"] == ["nan"] * 5
    before, after = made.values["matricisation_singular_values"], values["matricisation_singular_values"]
    assert isinstance(before, list)
    assert isinstance(after, list)
    assert len(after) == len(before)
