"""Runs of hierarchical Tucker forms: refused where they cannot be, trained by every optimizer, taken up, predicting."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solver import data_files, predictions, runs, settings
from solver.costs import costs_of
from solver.history import History
from solver.log import Reader
from solver.milestones import Milestones
from solver.refusal import BadSetting
from solver.rundir import Order, PresetInfo
from solver.spec import HierarchicalTucker, TensorCompletion
from tests.solver.resuming import StoppingEar
from tests.solver.small import directory, exported, finished, trained, without_clocks
from tui.shown.figures import figures

TREE: dict[str, Any] = {
    "model.kind": "ht",
    "model.width": 4,
    "model.init_std": 0.3,
    "problem.kind": "tensor-completion",
    "problem.shape": [3, 3, 3, 3],
    "problem.rank": 1,
    "problem.observations": 50,
}
OPTIMIZERS: list[dict[str, Any]] = [
    {"optimizer.kind": "gradient-flow"},
    {"optimizer.kind": "gradient-descent", "optimizer.step_size": 0.2},
    {"optimizer.kind": "group-rmsprop", "optimizer.step_size": 1e-2, "optimizer.eps": 1e-2},
    {"optimizer.kind": "adam", "optimizer.step_size": 1e-2},
]


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        (
            {"model.widths": [4, 3, 2]},
            "model.widths",
            "has 3 values, and the mode tree of 4 modes has 2 levels above its leaves",
        ),
        ({"model.widths": [4, 3], "model.pooling": 4}, "model.widths", "has 1 level above"),
        ({"model.width": 0}, "model.width", "at least 1"),
        ({"model.pooling": 1}, "model.pooling", "at least 2"),
        ({"model.pattern": "far"}, "model.pattern", "neighbours or interleaved"),
        ({"model.init_std": 0.0}, "model.init_std", "above 0"),
        ({"model.components": 3}, "model.components", "change the kind"),
        (
            {"problem.kind": "matrix-completion", "problem.shape": [3, 3], "problem.observations": 5},
            "model.kind",
            "model.kind must be deep-matrix-factorization or symmetric-matrix-factorization",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_is_refused_in_one_sentence(changes: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        settings.decode(settings.apply({}, list((TREE | changes).items())))
    assert said in str(refused.value), str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.field == field


def test_named_alone_it_is_fitted_to_a_tensor() -> None:
    spec = settings.decode({"model": {"kind": "ht"}})
    assert spec.problem == TensorCompletion()
    assert spec.model == HierarchicalTucker()
    assert spec.model.level_widths(spec.problem) == (32, 32)


@pytest.mark.parametrize("kind", ["tensor-completion", "tensor-sensing"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda one: one["optimizer.kind"])
def test_every_optimizer_recovers_a_tensor_of_rank_1(optimizer: dict[str, Any], kind: str) -> None:
    """From 50 of 81 numbers, batched over seeds and starts, and valid by the schema of the export."""
    changes = TREE | optimizer | {"problem.kind": kind, "stop.max_steps": 20_000, "stop.train_loss": 1e-4}
    document = exported(finished(changes, {"model.init_std": [0.3, 0.4]}))
    assert len(document["lanes"]) == 2
    for lane in document["lanes"]:
        assert lane["outcome"]["kind"] == "converged", lane["outcome"]
        assert lane["final"]["reconstruction_error"] < 2e-3
        assert lane["final"]["hierarchical_tensor_rank"][0] >= 1
        end = np.array(lane["final"]["end_tensor"])
        sigma = np.linalg.svd(end.reshape(9, 9), compute_uv=False)
        np.testing.assert_allclose(lane["final"]["matricisation_singular_values"][:9], sigma, rtol=1e-4, atol=1e-6)


def test_lanes_of_a_batch_are_those_that_train_alone() -> None:
    """One step at a time: lanes that share products do not feel each other."""
    changes = TREE | {"optimizer.kind": "gradient-descent", "optimizer.step_size": 0.05, "stop.max_steps": 300}
    together = exported(finished(changes | {"seeds": 3}))["lanes"]
    for seed, lane in enumerate(together):
        alone = exported(finished(changes | {"seed": seed}))["lanes"][0]
        np.testing.assert_allclose(lane["series"]["train_loss"], alone["series"]["train_loss"], rtol=1e-9)


def test_trees_of_equal_shapes_train_in_batches_of_their_own() -> None:
    """Neighbours and interleaved modes have the same weights, and other products of them."""
    changes = TREE | {"optimizer.kind": "gradient-descent", "optimizer.step_size": 0.05, "stop.max_steps": 50}
    lanes = exported(finished(changes, {"model.pattern": ["neighbours", "interleaved"]}))["lanes"]
    for lane, pattern in zip(lanes, ("neighbours", "interleaved"), strict=True):
        alone = exported(finished(changes | {"model.pattern": pattern}))["lanes"][0]
        assert lane["series"]["train_loss"] == alone["series"]["train_loss"]
    assert lanes[0]["series"]["train_loss"] != lanes[1]["series"]["train_loss"]


@pytest.mark.parametrize("optimizer", [OPTIMIZERS[0], OPTIMIZERS[2]], ids=lambda one: one["optimizer.kind"])
def test_a_run_taken_up_is_the_uninterrupted_one(optimizer: dict[str, Any]) -> None:
    changes = TREE | optimizer | {"stop.max_steps": 60, "seeds": 2}
    whole, made = finished(changes), directory(changes)
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, 3, 6, die=True))
    assert made.can_resume()
    trained(made)
    assert without_clocks(made) == without_clocks(whole)


def test_the_step_that_is_offered_settles() -> None:
    """A quarter of 2/λ, counted over all weights of the tree: gradient descent with it fits its data."""
    changes = TREE | {"optimizer.kind": "gradient-descent", "stop.train_loss": 1e-3, "problem.frobenius_norm": 20.0}
    refused = exported(finished(changes | {"optimizer.step_size": 10.0, "model.init_std": 0.5}))["lanes"][0]["outcome"]
    assert refused["kind"] == "diverged"
    offered = float(refused["cure"].removeprefix("try optimizer.step_size "))
    lane = exported(finished(changes | {"optimizer.step_size": offered, "model.init_std": 0.5}))["lanes"][0]
    assert lane["outcome"]["kind"] == "converged", (offered, lane["outcome"])


def test_costs_are_those_of_the_weights() -> None:
    spec = settings.decode(settings.apply({}, list((TREE | {"model.widths": [4, 5]}).items())))
    costs = costs_of(spec)
    assert costs.shapes() == [(5, 1), (4, 5), (4, 5), (3, 4), (3, 4), (3, 4), (3, 4)]
    wide = costs_of(settings.decode(settings.apply({}, list((TREE | {"model.width": 512}).items()))))
    assert wide.lane().size_bytes > 8 * 24 * (4 * 3 * 512 + 2 * 512**2 + 512)
    assert wide.lane().seconds > costs.lane().seconds


def test_a_file_is_fitted_and_predicted(tmp_path: Path) -> None:
    """An order-3 tensor of rank 1 from a list: what is held out is predicted, with the centre given back."""
    generator = np.random.default_rng(0)
    vectors = [1.0 + generator.random(size) for size in (4, 5, 6)]
    truth = np.einsum("i,j,k->ijk", *vectors)
    rows = ["a,b,c,value", *(f"a{i},b{j},c{k},{truth[i, j, k]:.12g}" for i, j, k in np.ndindex(truth.shape))]
    (tmp_path / "tensor.csv").write_text("\n".join(rows) + "\n")
    raw: dict[str, Any] = {
        "problem": {"kind": "tensor-completion", "file": "tensor.csv", "test_fraction": 0.2, "centre": "mean"},
        "model": {"kind": "ht", "width": 4, "init_std": 0.2},
        "stop": {"train_loss": 1e-6},
        "device": "cpu",
    }
    spec = data_files.settle(settings.decode(raw), tmp_path)
    made = runs.create(Order(spec=spec, preset=PresetInfo(name="own"), created="2026-01-01"))
    trained(made)
    document = exported(made)["lanes"][0]
    assert document["final"]["held_out_rmse"] < 0.05
    history = History()
    history.apply(Reader(made.log).read())
    predictor = predictions.predictor(made, history, 0, "end")
    ids = predictor.truth.ids
    for at in ((0, 0, 0), (3, 4, 5), (1, 2, 3)):
        places = [list(of_mode).index(f"{name}{index}") for of_mode, name, index in zip(ids, "abc", at, strict=True)]
        assert predictor.entry(places) == pytest.approx(truth[at], abs=0.2)


def test_its_law_is_drawn_with_the_vectors_of_a_local_component() -> None:
    """Balanced: 3 σ^(4/3) for a tree of halves, every point on it; none where nodes differ in their children."""
    changes = TREE | {"model.balanced": True, "record.rates": 3, "problem.rank": 2}
    made = finished(changes)
    history = History()
    history.apply(Reader(made.log).read())
    (figure,) = (one for one in figures(made.order().spec) if "the law" in one.title)
    line, *points = figure.curves(history)
    assert line.name == "N σ^1.33"
    assert points
    for x, y in zip(points[0].x, points[0].y, strict=True):
        assert y == pytest.approx(3.0 * x ** (4 / 3), rel=2e-3)
    mixed = finished(changes | {"model.pooling": 3, "stop.max_steps": 20})
    history = History()
    history.apply(Reader(mixed.log).read())
    (figure,) = (one for one in figures(mixed.order().spec) if "the law" in one.title)
    assert figure.curves(history) == []
    assert math.isfinite(history.lanes[0].columns["train_loss"][-1])


def test_a_local_component_has_risen_at_its_share_of_the_ground_truth() -> None:
    """A tensor of rank 1 and norm 9 has seven weights of norm 9^(1/7), a component three: a twentieth of 9^(3/7)."""
    made = finished(TREE | {"model.init_std": 0.1, "record.rates": 0})
    history = History()
    history.apply(Reader(made.log).read())
    told = Milestones(made.order().spec)
    told.update(history)
    rises = [one for one in told.found if one.name == "rise"]
    assert rises
    columns, steps = history.lanes[0].vectors["component_norms"], list(history.lanes[0].columns["step"])
    first = next(
        frame
        for frame in range(len(steps))
        if any(column[frame] >= max(0.05 * 9.0 ** (3 / 7), 10.0 * column[0]) for column in columns)
    )
    assert rises[0].step == steps[first]
