"""What is recorded of single layers: their singular values, and how neighbouring ones are aligned."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from solver.costs import costs_of
from solver.numerics.lanes.deep_matrix_factorization_metrics import DeepMatrixFactorizationMetrics
from solver.numerics.spectrum import layer_spectra
from solver.records import Value
from solver.spec import DeepMatrixFactorization, GradientDescent, MatrixCompletion, Record, RunSpec
from tests.solver.numerics.building import build
from tests.solver.running import exported, history_of, ran

KNOWN = {"step": 1, "time": 0.0, "elapsed_s": 0.0, "evaluations": 1, "step_size": 0.1}
SHAPES = MatrixCompletion(shape=(6, 9), rank=2, observations=30)


def start_of(model: DeepMatrixFactorization, layers: int) -> tuple[dict[str, Value], list[Tensor]]:
    """The frame of a lane's start, by name, and its layers from W_1 on."""
    problems, objective, start = build(SHAPES, model)
    record = Record(rates=0, layers=layers)
    of_lane = DeepMatrixFactorizationMetrics(problems[0], objective.widths, record, GradientDescent())
    frame = dict(zip(of_lane.series, of_lane.measure(start[0], KNOWN), strict=True))
    return frame, [part[0] for part in objective.factors(start).parts]


@pytest.mark.parametrize(
    ("depth", "hidden", "asked", "k"), [(2, None, 4, 4), (3, 12, 3, 3), (4, 4, 8, 4), (3, 2, 3, 2), (2, None, 8, 6)]
)
def test_they_are_those_of_a_direct_decomposition(depth: int, hidden: int | None, asked: int, k: int) -> None:
    """Of each layer as many, no more than the narrowest has; alignments by eigenvectors of W Wᵀ, another way."""
    frame, layers = start_of(DeepMatrixFactorization(depth=depth, hidden_width=hidden, init_scale=0.5), asked)
    values = np.concatenate([np.linalg.svd(layer.numpy())[1][:k] for layer in layers])
    assert frame["layer_singular_values"] == pytest.approx(values.tolist(), rel=1e-12)
    expected = []
    for below, above in itertools.pairwise(layers):
        left = np.linalg.eigh((below @ below.T).numpy())[1][:, -1]
        right = np.linalg.eigh((above.T @ above).numpy())[1][:, -1]
        expected.append(abs(float(left @ right)))
    assert len(expected) == depth - 1
    assert frame["layer_alignment"] == pytest.approx(expected, rel=1e-6)
    assert all(value < 0.999 for value in expected), "a Gaussian start is not aligned"


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_of_a_balanced_start_they_are_roots_and_layers_are_aligned(depth: int) -> None:
    """A19: W_{j+1}ᵀ W_{j+1} = W_j W_jᵀ, so that every layer has σ^(1/N), and neighbours share their vectors."""
    frame, layers = start_of(DeepMatrixFactorization(depth=depth, init="balanced", init_scale=0.3), 3)
    end_matrix = layers[0]
    for layer in layers[1:]:
        end_matrix = layer @ end_matrix
    roots = torch.linalg.svdvals(end_matrix)[:3] ** (1.0 / depth)
    assert frame["layer_singular_values"] == pytest.approx(roots.tolist() * depth, rel=1e-9)
    assert frame["layer_alignment"] == pytest.approx([1.0] * (depth - 1), abs=1e-12)


def test_vectors_of_a_value_that_has_a_twin_have_no_alignment() -> None:
    """Of the identity any vector is the first; a layer of zero has none. The neighbours of neither say anything."""
    single = torch.diag(torch.tensor([2.0, 1.0, 1.0], dtype=torch.float64))
    aligned = layer_spectra([single, single, torch.eye(3, dtype=torch.float64), single], 1)["layer_alignment"]
    assert aligned[0] == 1.0
    assert all(math.isnan(value) for value in aligned[1:])
    zero = layer_spectra([torch.zeros((3, 3), dtype=torch.float64), single], 2)
    assert math.isnan(zero["layer_alignment"][0])
    assert zero["layer_singular_values"] == [0.0, 0.0, 2.0, 1.0]
    assert layer_spectra([torch.ones((1, 2)), torch.ones((2, 1))], 1)["layer_alignment"] == pytest.approx([1.0])


def test_a_run_records_and_exports_them_where_asked_alone() -> None:
    """From a small Gaussian start layers come to be aligned as the first singular value grows."""
    changes = {"problem.shape": [8, 8], "problem.rank": 1, "problem.observations": 64}
    (lane,) = history_of(ran("mf-depth", changes, {"model.depth": [3]})).lanes
    assert not {"layer_singular_values", "layer_alignment"} & set(lane.series)
    made = ran("mf-depth", changes | {"record.layers": 2}, {"model.depth": [1, 3]})
    linear, deep = history_of(made).lanes
    assert "layer_alignment" not in linear.series, "a single layer has no neighbour"
    linear_values, values = (one.vectors["layer_singular_values"] for one in (linear, deep))
    assert [list(column) for column in linear_values] == [list(c) for c in linear.vectors["singular_values"][:2]]
    assert len(values) == 6
    first, last = deep.vectors["layer_alignment"][0], deep.vectors["layer_alignment"][1]
    assert min(first[0], last[0]) < 0.9
    assert min(first[-1], last[-1]) > 0.99
    product = values[0][-1] * values[2][-1] * values[4][-1]
    assert product == pytest.approx(deep.vectors["singular_values"][0][-1], rel=1e-2)
    frames = exported(made).lanes[1].series
    assert len(frames.layer_alignment[0]) == 2
    assert len(frames.layer_singular_values[-1]) == 6


def test_a_frame_of_a_state_that_cannot_be_decomposed_has_as_many_values() -> None:
    problems, objective, start = build(SHAPES, DeepMatrixFactorization(depth=3))
    metrics = DeepMatrixFactorizationMetrics(problems[0], objective.widths, Record(layers=2), GradientDescent())
    frame = dict(zip(metrics.series, metrics.measure(torch.full_like(start[0], 1e200), KNOWN), strict=True))
    assert frame["layer_singular_values"] == ["nan"] * 6
    assert frame["layer_alignment"] == ["nan"] * 2


def test_frames_that_have_them_are_estimated_to_take_longer() -> None:
    def seconds(layers: int) -> float:
        spec = RunSpec(model=DeepMatrixFactorization(depth=3), record=Record(layers=layers))
        return costs_of(spec).frame_s()

    assert seconds(2) == pytest.approx(seconds(0) + 3 * (2e-4 + 2.6e-9 * 100**3))
