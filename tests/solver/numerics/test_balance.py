"""Starts as unbalanced as asked: the amount is met, the product kept, and the flow conserves it."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from solver import settings
from solver.claims.laws import unbalanced_bounds
from solver.numerics.lanes.balance import unbalancedness
from solver.numerics.lanes.cp_start import vectors
from solver.numerics.lanes.deep_matrix_factorization_start import Array, layers
from solver.numerics.streams import stream
from solver.refusal import BadSetting
from solver.spec import CP, DeepMatrixFactorization
from tests.solver.running import history_of, ran


def product(parts: list[Array]) -> Array:
    return functools.reduce(lambda below, above: above @ below, parts)


def start(**changes: object) -> list[Array]:
    model = DeepMatrixFactorization(**({"depth": 3, "init_scale": 0.01} | changes))  # type: ignore[arg-type]
    return layers(model, (8, 10), stream(0, "initialisation"))


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("init", ["balanced", "gaussian"])
def test_layers_are_as_unbalanced_as_asked_and_their_product_stays(depth: int, init: str) -> None:
    before = start(depth=depth, init=init)
    after = start(depth=depth, init=init, unbalancedness=2.0)
    assert unbalancedness([torch.tensor(layer) for layer in after]) == pytest.approx(2.0, rel=1e-9)
    np.testing.assert_allclose(product(after), product(before), rtol=1e-9, atol=1e-14)


def test_each_layer_is_multiplied_by_its_scale() -> None:
    before, after = start(), start(layer_scales=(2.0, 0.5, 3.0))
    for factor, one, other in zip((2.0, 0.5, 3.0), before, after, strict=True):
        np.testing.assert_array_equal(factor * one, other)


@pytest.mark.parametrize("balanced", [True, False])
def test_components_are_as_unbalanced_as_asked_and_keep_their_sizes(balanced: bool) -> None:
    def norms(model: CP) -> Array:
        found = vectors(model, (4, 5, 6), stream(0, "initialisation"), np.zeros((4, 5, 6)))
        return np.stack([np.linalg.norm(one, axis=0) for one in found])

    before = norms(CP(components=7, init_std=0.1, balanced=balanced))
    after = norms(CP(components=7, init_std=0.1, balanced=balanced, unbalancedness=0.5))
    squares = after**2
    assert (squares.max(0) - squares.min(0)).max() == pytest.approx(0.5, rel=1e-9)
    np.testing.assert_allclose(after.prod(0), before.prod(0), rtol=1e-9)
    scaled = norms(CP(components=7, init_std=0.1, balanced=balanced, mode_scales=(1.0, 2.0, 3.0)))
    np.testing.assert_allclose(scaled, before * np.array([[1.0], [2.0], [3.0]]), rtol=1e-12)


def test_the_flow_conserves_what_was_asked_and_rates_stay_within_the_band() -> None:
    """R21's bounds with ε from the start; the balanced law alone is off by more than a tenth there."""
    changes = {
        "problem.shape": [5, 5, 5],
        "problem.rank": 1,
        "problem.observations": 80,
        "model.components": 4,
        "model.unbalancedness": 1.0,
        "model.balanced": True,
    }
    (lane,) = history_of(ran("tf-components", changes, {"model.init_std": [0.2]})).lanes
    drift = lane.columns["unbalancedness"]
    assert drift[0] == pytest.approx(1.0, rel=1e-6)
    assert max(drift) == pytest.approx(1.0, rel=0.05)
    outside, off = 0, 0.0
    for frame, spread in enumerate(drift):
        size = max(column[frame] for column in lane.vectors["component_norms"])
        rate = lane.vectors["component_rates"][0][frame]
        law = lane.vectors["predicted_component_rates_balanced"][0][frame]
        if law <= 0.0:
            continue
        low, high = unbalanced_bounds(size, law, 3, spread)
        outside += not low * (1 - 1e-3) <= rate <= high * (1 + 1e-3)
        off = max(off, abs(rate / law - 1.0))
    assert outside == 0
    assert off > 0.1


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"model": {"kind": "deep-matrix-factorization", "layer_scales": [1.0, 2.0]}}, "one for each layer"),
        ({"model": {"kind": "deep-matrix-factorization", "depth": 1, "unbalancedness": 1.0}}, "take 2 or more"),
        ({"problem": {"kind": "image-tensor"}, "model": {"kind": "cp", "unbalancedness": 1.0}}, "leave it out"),
        (
            {"problem": {"kind": "tensor-completion"}, "model": {"kind": "cp", "mode_scales": [1.0, 1.0]}},
            "one for each",
        ),
    ],
)
def test_what_cannot_be_is_a_sentence(raw: dict[str, object], said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        settings.decode(raw)


def test_a_start_that_is_more_unbalanced_by_itself_is_refused_with_what_it_has() -> None:
    with pytest.raises(BadSetting, match=r"model.unbalancedness 0.0001 is less than this start has by itself, 0.\d+"):
        start(unbalancedness=1e-4)
    made = ran("mf-depth", {"model.unbalancedness": 1e-4}, {"model.depth": [2]})
    outcome = made.outcome()
    assert outcome is not None
    assert (outcome.kind, outcome.cause) == ("failed", "input")
