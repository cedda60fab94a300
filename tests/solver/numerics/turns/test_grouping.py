"""Which lanes share a batch and which batches a process, by sizes and estimated seconds alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from solver import estimate, settings
from solver.numerics.turns import grouping
from solver.numerics.turns.grouping import group, shares
from solver.settings import LaneSpec
from solver.spec import RunSpec

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
LARGE = {"problem.shape": [40, 40], "problem.observations": 800}
SMALL = {"problem.shape": [6, 6], "problem.rank": 1, "problem.observations": 20}


def lanes_of(changes: dict[str, Any], sweep: dict[str, list[Any]] | None = None) -> list[LaneSpec]:
    raw = settings.apply({}, list(changes.items()), list((sweep or {}).items()))
    return settings.lanes(settings.decode(raw))


def indices(lanes: list[LaneSpec], device: torch.device) -> list[list[int]]:
    return [[lane.index for lane in batch] for batch in group(lanes, device)]


@pytest.mark.parametrize("device", [CPU, CUDA], ids=str)
def test_lanes_of_equal_shapes_train_together_in_the_order_of_their_first(device: torch.device) -> None:
    """Starts and seeds may differ; depths are other shapes. Batches stand by their first lanes, lanes by index."""
    lanes = lanes_of({**SMALL, "seeds": 2}, {"model.init_scale": [1e-3, 1e-2], "model.depth": [3, 2]})
    assert indices(lanes, device) == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert indices(lanes[::-1], device) == [[7, 6, 3, 2], [5, 4, 1, 0]]


@pytest.mark.parametrize(
    ("field", "values", "apart"),
    [
        ("optimizer.rtol", [1e-4, 1e-5], True),
        ("problem.loss", ["mean", "huber"], True),
        ("problem.loss", ["mean", "half-sum"], False),
        ("problem.observations", [20, 30], False),
        ("model.hidden_width", [6, 7], True),
    ],
)
def test_lanes_of_another_method_end_or_loss_train_apart(field: str, values: list[Any], apart: bool) -> None:
    """One method advances a batch, by one rule; losses that differ in weights alone are one function."""
    lanes = lanes_of(SMALL, {field: values})
    assert indices(lanes, CPU) == ([[0], [1]] if apart else [[0, 1]])


def test_lanes_of_other_rules_to_end_train_apart() -> None:
    """A batch stops stepping by one rule."""
    (lane,), (longer,) = lanes_of(SMALL), lanes_of({**SMALL, "stop.max_steps": 7})
    assert [len(batch) for batch in group([lane, longer], CPU)] == [1, 1]


def test_numbers_of_measurements_are_shapes() -> None:
    sensing = {"problem.kind": "matrix-sensing", **SMALL}
    assert indices(lanes_of(sensing, {"problem.observations": [20, 30]}), CPU) == [[0], [1]]


def test_large_lanes_train_alone_on_a_cpu_and_together_on_a_gpu() -> None:
    """Separate products are as fast there beyond a layer of 32 × 32; a GPU always gains by a batch."""
    lanes = lanes_of({**LARGE, "seeds": 3})
    assert indices(lanes, CPU) == [[0], [1], [2]]
    assert indices(lanes, CUDA) == [[0, 1, 2]]
    edge = lanes_of({**LARGE, "problem.shape": [32, 32], "seeds": 2})
    assert indices(edge, CPU) == [[0, 1]]


def test_images_are_shared_on_every_device() -> None:
    """However many there are: every product over them is one for all lanes."""
    images = {"problem.kind": "image-tensor", "problem.train_images": 3000}
    lanes = lanes_of(images, {"problem.variant": ["original", "random-labels", "random-images"]})
    assert indices(lanes, CPU) == indices(lanes, CUDA) == [[0, 1], [2]]


def test_the_largest_batch_is_counted_as_a_gpu_would_train_it() -> None:
    lanes = lanes_of({**LARGE, "seeds": 3}, {"model.depth": [2, 3]})
    assert grouping.largest_batch(lanes) == 3 * 40 * 40


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """Estimated seconds of a lane by its seed; to be filled in."""
    given: dict[int, float] = {}

    def estimated(spec: RunSpec) -> estimate.Estimate:
        return estimate.Estimate(n_lanes=1, memory_bytes=0, seconds=given[spec.seed])

    monkeypatch.setattr(estimate, "estimate", estimated)
    monkeypatch.setattr(grouping, "CAN_FORK", True)
    return given


def batches_of(costs: list[list[float]], seconds: dict[int, float], **changes: Any) -> dict[int, list[LaneSpec]]:
    """Batches whose lanes take so long, numbered from 10 in steps of 2: numbers are names, not places."""
    flat = [cost for batch in costs for cost in batch]
    seconds.update(enumerate(flat))
    lanes = iter(lanes_of({**LARGE, "seeds": len(flat), **changes}))
    return {10 + 2 * k: [next(lanes) for _ in batch] for k, batch in enumerate(costs)}


def test_the_longest_batch_goes_first_each_to_whoever_has_least_to_do(seconds: dict[int, float]) -> None:
    """9 | 7, then 5 to the 7, 4 to the 9, 3 to the 12; a batch's seconds are those of all its lanes."""
    batches = batches_of([[3.0], [9.0], [2.0, 2.0], [5.0], [3.0, 4.0]], seconds)
    assert shares(batches, CPU, 2) == [[12, 14], [10, 16, 18]]


@pytest.mark.parametrize("cores", range(2, 9))
def test_every_batch_is_in_one_share_and_no_share_is_empty(seconds: dict[int, float], cores: int) -> None:
    batches = batches_of([[1.0], [1.0], [8.0], [0.1], [1.0, 1.0]], seconds)
    found = shares(batches, CPU, cores)
    assert len(found) == min(cores, 5)
    assert sorted(number for share in found for number in share) == [10, 12, 14, 16, 18]
    assert all(share and share == sorted(share) for share in found)


def test_batches_of_equal_cost_are_spread_evenly(seconds: dict[int, float]) -> None:
    batches = batches_of([[1.0]] * 6, seconds)
    assert shares(batches, CPU, 3) == [[10, 16], [12, 18], [14, 20]]


def test_where_nothing_can_be_spread_all_train_in_the_solvers_process(
    seconds: dict[int, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = batches_of([[9.0], [9.0]], seconds)
    assert shares(batches, CPU, 2) != []
    assert shares(batches, CPU, 1) == []
    assert shares(batches, CUDA, 2) == [], "the device is one"
    assert shares(batches_of([[9.0, 9.0]], seconds), CPU, 2) == [], "a batch is never cut"
    assert shares({}, CPU, 2) == []
    assert shares(batches_of([[9.0], [9.0]], seconds, threads=2), CPU, 2) == [], "threads use the cores"
    monkeypatch.setattr(grouping, "CAN_FORK", False)
    assert shares(batches, CPU, 2) == []


@pytest.mark.parametrize(("each", "is_worth_it"), [(0.499, False), (0.5, True)])
def test_a_process_is_begun_for_a_second_of_work_and_more(
    seconds: dict[int, float], each: float, is_worth_it: bool
) -> None:
    """Of all batches together."""
    assert bool(shares(batches_of([[each], [each]], seconds), CPU, 2)) == is_worth_it
