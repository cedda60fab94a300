"""Runs of autoencoders: refused where they cannot be, trained, taken up bit for bit, exported, estimated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from solver import estimate, settings
from solver.costs import costs_of
from solver.history import History
from solver.numerics.lanes.autoencoder import network_of
from solver.refusal import BadSetting
from solver.spec import CP, Adam, Autoencoder, ImageTensor
from tests.solver.idx import idx_directory
from tests.solver.resuming import StoppingEar
from tests.solver.running import history_of
from tests.solver.small import directory, exported, finished, trained, without_clocks

IMAGES: dict[str, Any] = {
    "model.kind": "autoencoder",
    "model.latent": 4,
    "model.channels": 2,
    "problem.kind": "image-tensor",
    "problem.train_images": 150,
    "problem.test_images": 120,
    "optimizer.kind": "adam",
    "optimizer.batch_size": 64,
    "stop.train_loss": None,
    "stop.max_steps": 40,
    "record.layers": 2,
}
LAYERS: dict[str, list[Any]] = {"model.linear_layers": [0, 2]}


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"problem.pixels": "grey"}, "problem.pixels", "mnist ships with one bit a pixel"),
        ({"model.linear_layers": -1}, "model.linear_layers", "at least 0"),
        ({"model.latent": 0}, "model.latent", "at least 1"),
        ({"model.latent": 5_000}, "model.latent", "at most 1024"),
        ({"model.init_scale": 0.0}, "model.init_scale", "above 0"),
        ({"optimizer.kind": "gradient-descent"}, "optimizer.kind", "must be adam"),
        ({"optimizer.batch_size": 151}, "optimizer.batch_size", "at most 150"),
        ({"problem.kind": "matrix-completion"}, "optimizer.batch_size", "is for images"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_is_refused_in_one_sentence(changes: dict[str, Any], field: str, said: str) -> None:
    raw = settings.apply({}, list(IMAGES.items()))
    with pytest.raises(BadSetting) as refused:
        settings.decode(settings.apply(raw, list(changes.items())))
    assert said in str(refused.value), str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.field == field


def test_a_tensor_of_pixels_that_are_on_or_off_has_no_grey_ones(tmp_path: Path) -> None:
    problem = ImageTensor(dataset=str(tmp_path), pixels="grey")
    with pytest.raises(
        ValueError, match=r"problem\.pixels is grey: set it to one-bit, or take model\.kind autoencoder"
    ):
        CP(init_mean=1.0).check_with(problem)
    Autoencoder().check_with(problem)


def test_named_alone_it_is_given_images_and_adam() -> None:
    spec = settings.decode({"model": {"kind": "autoencoder"}})
    assert isinstance(spec.problem, ImageTensor)
    assert spec.model == Autoencoder()
    assert isinstance(spec.optimizer, Adam)


@pytest.mark.parametrize(("dtype", "checkpoint_at"), [("float32", 1), ("float64", 8)])
def test_a_run_taken_up_after_a_kill_is_the_uninterrupted_one(dtype: str, checkpoint_at: int) -> None:
    """Weights, moments and the batch that is next: the logs are equal to the bit, pictures included."""
    changes = IMAGES | {"dtype": dtype, "stop.max_steps": 30, "record.geometric": 1}
    whole = finished(changes, LAYERS)
    made = directory(changes, LAYERS)
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, checkpoint_at, checkpoint_at + 5, die=True))
    assert made.can_resume()
    trained(made)
    assert without_clocks(made) == without_clocks(whole)


def test_a_run_records_spectra_errors_pictures_and_what_came_out() -> None:
    document = exported(finished(IMAGES, LAYERS))
    for lane, n_layers in zip(document["lanes"], (0, 2), strict=True):
        series, final = lane["series"], lane["final"]
        assert len(series["code_spectrum"][0]) == 4
        assert all(row[0] == 1.0 and row == sorted(row, reverse=True) for row in series["code_spectrum"])
        assert all(1.0 <= value <= 4.0 for value in series["code_effective_rank"])
        assert series["train_error"] == series["train_loss"]
        assert series["test_error"][-1] < series["test_error"][0]
        assert ("layer_singular_values" in series) is bool(n_layers)
        if n_layers:
            assert len(series["layer_singular_values"][0]) == 2 * n_layers
        assert ("collapse_difference" in final) is bool(n_layers)
        assert 0.0 < final["code_accuracy_100"] <= 1.0
        pictures = final["reconstructions"]
        assert [len(pictures), len(pictures[0]), len(pictures[0][0])] == [12, 28, 28]
    baselines = document["baselines"]
    assert baselines["linear"]["train_error"] < baselines["constant"]["train_error"]
    assert 0.0 < baselines["supervised"]["accuracy_100"] <= 1.0


def test_pictures_come_while_it_trains() -> None:
    history: History = history_of(finished(IMAGES))
    for name in ("reconstructions", "interpolations", "samples"):
        pictures = history.lanes[0].pictures[name]
        assert len(pictures) > 2
        assert pictures[0].step == 0


def test_grey_images_of_ones_own_are_trained_on(tmp_path: Path) -> None:
    idx_directory(tmp_path)
    changes = {"problem.dataset": str(tmp_path), "problem.pixels": "grey", "problem.train_images": 30}
    history = history_of(finished(IMAGES | changes | {"problem.test_images": 20, "optimizer.batch_size": 16}))
    shown = history.lanes[0].snapshots["reconstructions"].values[:784]
    assert len(set(shown)) > 100, "an original of many values"
    assert history.lanes[0].columns["train_loss"][-1] < history.lanes[0].columns["train_loss"][0]


def spec_of(**changes: Any) -> Any:
    return settings.decode(settings.apply({}, list((IMAGES | changes).items())))


def test_costs_are_those_of_the_weights() -> None:
    for n_layers in (0, 3):
        spec = spec_of(**{"model.linear_layers": n_layers})
        costs, network = costs_of(spec), network_of(spec.model)
        assert sum(rows * columns for rows, columns in costs.shapes()) == sum(network.sizes)
    less, more = costs_of(spec_of()), costs_of(spec_of(**{"model.channels": 16}))
    assert more.operations() > 20 * less.operations()
    assert more.evaluation_s() > 1.5 * less.evaluation_s()
    assert more.lane().size_bytes > less.lane().size_bytes


def test_every_lane_trains_by_itself() -> None:
    """One takes some ten milliseconds a step: lanes gain by cores, not by each other."""
    spec = spec_of(seeds=3)
    keys = {costs_of(lane.spec).batch_key() for lane in settings.lanes(spec)}
    assert len(keys) == 3
    assert estimate.estimate(spec).n_lanes == 3


def test_networks_that_are_held_against_other_things_have_baselines_of_their_own() -> None:
    """Two widths of a code, and a predictor of classes of the same images: none stands under the level of another."""
    variants = {
        "two": {"model.latent": 2},
        "six": {"model.latent": 6},
        "classes": {"model.kind": "cp", "model.components": 1, "model.init_mean": 1.0, "model.init_std": 1e-3},
    }
    raw = {name: value for name, value in IMAGES.items() if name != "model.latent"}
    history = history_of(finished(raw | {"variants": variants, "stop.max_steps": 4}))
    assert [lane.problem for lane in history.lanes] == [0, 1, 2]
    two, six, classes = (history.baselines[problem] for problem in range(3))
    assert two["constant"] == six["constant"] != classes["constant"]
    errors = [float(one["linear"]["train_error"]) for one in (two, six)]  # type: ignore[arg-type]
    assert errors[1] < errors[0]
    assert "supervised" not in classes
