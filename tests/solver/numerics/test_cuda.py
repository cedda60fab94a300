"""On a GPU: the same numbers as on the CPU, and loops in which the host never waits for the device."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import presets
from solver import client, runs
from solver.numerics.lanes.autoencoder import start_of
from solver.numerics.methods.adam import AdamMethod
from solver.numerics.methods.autoencoder_adam import AutoencoderAdamMethod
from solver.numerics.methods.first_order import FirstOrder
from solver.numerics.methods.gradient_descent import GradientDescentMethod
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.methods.graphs import Graphed
from solver.numerics.methods.group_rmsprop import GroupRMSpropMethod
from solver.numerics.methods.image_adam import ImageAdamMethod
from solver.numerics.models.autoencoder import AutoencoderModel
from solver.numerics.models.cp import CPObjective
from solver.numerics.models.deep_matrix_factorization import DeepMatrixFactorizationObjective
from solver.numerics.models.hierarchical_tucker import HierarchicalTuckerObjective
from solver.numerics.models.objective import Objective
from solver.numerics.models.symmetric_matrix_factorization import SymmetricMatrixFactorizationObjective
from solver.numerics.problems.images import image_problem
from solver.numerics.problems.losses import SparseEntryLoss, loss_of
from solver.spec import (
    CP,
    Adam,
    DeepMatrixFactorization,
    GradientDescent,
    GradientFlow,
    GroupRMSprop,
    HierarchicalTucker,
    ImageTensor,
    MatrixCompletion,
    SymmetricMatrixFactorization,
    TensorCompletion,
)
from tests.solver.numerics.building import CPU, build, build_components, build_symmetric, build_tree
from tests.solver.running import exported, ran

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is available here")

CUDA = torch.device("cuda")
NEVER = -math.inf
LANES = (0, 1, 2)


@pytest.fixture(autouse=True)
def _full_precision() -> Iterator[None]:
    """float32 products are float32: TF32 must be off, as torch has it."""
    assert not torch.backends.cuda.matmul.allow_tf32
    yield
    torch.cuda.synchronize()


def matrices(device: torch.device, dtype: torch.dtype = torch.float64) -> tuple[Objective, Tensor]:
    problem = MatrixCompletion(shape=(20, 20), rank=2, observations=160)
    problems, layers, start = build(problem, DeepMatrixFactorization(depth=3, init_scale=1e-2), LANES, dtype)
    return DeepMatrixFactorizationObjective(
        layers.widths, loss_of(problems, dtype, device), len(LANES), dtype, device
    ), start.to(device)


def tensors(device: torch.device, dtype: torch.dtype = torch.float64) -> tuple[Objective, Tensor]:
    problem = TensorCompletion(shape=(4, 5, 3, 4), rank=1, observations=150)
    problems, components, start = build_components(problem, CP(components=6, init_std=0.2), LANES, dtype)
    loss = loss_of(problems, dtype, device)
    return CPObjective(components.shape, 6, loss, len(LANES), dtype, device), start.to(device)


def trees(device: torch.device, dtype: torch.dtype = torch.float64) -> tuple[Objective, Tensor]:
    problem = TensorCompletion(shape=(4, 5, 3, 4), rank=1, observations=150)
    model = HierarchicalTucker(widths=(4, 6), pattern="interleaved", init_std=0.3)
    problems, made, start = build_tree(problem, model, LANES, dtype)
    loss = loss_of(problems, dtype, device)
    there = HierarchicalTuckerObjective(made.shape, made.tree, (4, 6), loss, len(LANES), dtype, device)
    return there, start.to(device)


def symmetric(device: torch.device, dtype: torch.dtype = torch.float64) -> tuple[Objective, Tensor]:
    problem = MatrixCompletion(shape=(20, 20), rank=2, observations=160, symmetric=True)
    model = SymmetricMatrixFactorization(width=7, init="gaussian", init_scale=0.1)
    problems, _, start = build_symmetric(problem, model, LANES, dtype)
    loss = loss_of(problems, dtype, device)
    return SymmetricMatrixFactorizationObjective(20, 7, loss, len(LANES), dtype, device), start.to(device)


@pytest.mark.parametrize("make", [matrices, symmetric, tensors, trees])
def test_losses_and_gradients_are_those_of_the_cpu(make: object) -> None:
    assert callable(make)
    found = []
    for device in (CPU, CUDA):
        objective, start = make(device)
        gradient = objective.factors()
        losses = objective.loss_and_gradient(objective.factors(start), gradient)
        found.append((losses.cpu(), gradient.flat.cpu()))
    torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-12, atol=0)
    torch.testing.assert_close(found[1][1], found[0][1], rtol=1e-10, atol=1e-14)


def methods(device: torch.device) -> list[FirstOrder]:
    made: list[FirstOrder] = [GradientDescentMethod(*matrices(device), GradientDescent(step_size=0.5))]
    made.append(GroupRMSpropMethod(*matrices(device), GroupRMSprop(step_size=1e-2, eps=1e-6)))
    made.append(GroupRMSpropMethod(*tensors(device), GroupRMSprop(step_size=1e-2, eps=1e-6)))
    made.append(GroupRMSpropMethod(*trees(device), GroupRMSprop(step_size=1e-2, eps=1e-6)))
    made.append(AdamMethod(*matrices(device), Adam(step_size=1e-2)))
    return made


@pytest.mark.parametrize("kind", range(5), ids=["descent", "rmsprop", "rmsprop tensors", "rmsprop trees", "adam"])
def test_recorded_blocks_take_the_steps_of_the_cpu(kind: int) -> None:
    """A thousand steps, most of them replayed, with looks at odd places and lanes that leave.

    As near as the CPU comes to itself from a start that is one rounding away. Near the end Adam divides what is left of
    a gradient by its own size: after 1,000 steps that is 1e-4 of the loss, and more where a tree has just jumped.
    """
    on_cpu, nudged, on_gpu = methods(CPU)[kind], methods(CPU)[kind], methods(CUDA)[kind]
    nudged.factors.flat.mul_(1.0 + torch.finfo(torch.float64).eps)
    for until in (1, 40, 41, 300, 1_000):
        for method in (on_cpu, nudged, on_gpu):
            while max(method.steps) < until:
                method.advance(until, NEVER)
        assert on_gpu.steps == on_cpu.steps
        pairs = zip(on_cpu.losses, nudged.losses, strict=True)
        own = max(abs(loss - other) / loss for loss, other in pairs)
        assert until > 300 or own < 1e-12, "the test says nothing where this is large"
        assert on_gpu.losses == pytest.approx(on_cpu.losses, rel=max(1e-6, 10 * own))
        if until == 300:
            for method in (on_cpu, nudged, on_gpu):
                method.keep([0, 2])
    assert on_gpu.step_sizes() == pytest.approx(on_cpu.step_sizes(), rel=max(1e-6, 10 * own))


@pytest.mark.parametrize("kind", range(5), ids=["descent", "rmsprop", "rmsprop tensors", "rmsprop trees", "adam"])
def test_the_host_never_waits_between_looks(kind: int) -> None:
    method = methods(CUDA)[kind]
    method.advance(64, NEVER)
    torch.cuda.set_sync_debug_mode("error")
    try:
        method._block.take(100)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("scheme", ["auto", "dormand-prince", "chebyshev"])
def test_the_flow_is_that_of_the_cpu(scheme: str) -> None:
    ends = []
    for device in (CPU, CUDA):
        objective, start = matrices(device)
        spec = GradientFlow(method=scheme)  # type: ignore[arg-type]
        flow = GradientFlowMethod(objective, start, spec, max_time=150.0)
        assert flow.times is not None
        while min(flow.times) < 150.0:
            flow.advance(0, NEVER)
        ends.append(torch.stack([flow.parameters(lane) for lane in range(len(LANES))]))
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-4, atol=1e-4)


def test_rodas_runs_there_and_agrees() -> None:
    problem = MatrixCompletion(entries=[(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)], loss="half-sum")
    model = DeepMatrixFactorization(depth=3, init="balanced", init_scale=0.1, det_sign="positive")
    ends = []
    for device in (CPU, CUDA):
        problems, layers, start = build(problem, model, LANES)
        there = DeepMatrixFactorizationObjective(
            layers.widths, loss_of(problems, torch.float64, device), len(LANES), torch.float64, device
        )
        flow = GradientFlowMethod(there, start.to(device), GradientFlow(), max_time=500.0)
        assert flow.times is not None
        while min(flow.times) < 500.0:
            flow.advance(0, NEVER)
        assert {flow.scheme(lane) for lane in range(len(LANES))} == {"rosenbrock"}
        ends.append(torch.stack([flow.parameters(lane) for lane in range(len(LANES))]))
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-3, atol=1e-3)


def image_method(device: torch.device, std: float) -> ImageAdamMethod:
    specs = [
        ImageTensor(train_images=200, test_images=100),
        ImageTensor(train_images=200, test_images=100, variant="random-labels"),
    ]
    problems = [image_problem(spec, 0) for spec in specs]
    generator = torch.Generator().manual_seed(0)
    starts = [
        (1.0 + std * torch.randn((2, 784, n), generator=generator, dtype=torch.float64)).reshape(-1) for n in (2, 1)
    ]
    return ImageAdamMethod(problems, starts, Adam(step_size=5e-4, batch_size=64), torch.float64, device)


def autoencoder_method(device: torch.device, dtype: torch.dtype) -> AutoencoderAdamMethod:
    problem = image_problem(ImageTensor(train_images=200, test_images=100), 0)
    network = AutoencoderModel(4, 8, 2, nonlinear=False)
    starts = [start_of(network, seed) for seed in LANES]
    return AutoencoderAdamMethod(problem, network, starts, Adam(batch_size=64), dtype, device, 2)


def test_an_autoencoder_takes_the_steps_of_the_cpu() -> None:
    on_cpu, on_gpu = (autoencoder_method(device, torch.float64) for device in (CPU, CUDA))
    for until in (3, 20):
        on_cpu.advance(until, NEVER)
        on_gpu.advance(until, NEVER)
        for lane in range(len(LANES)):
            torch.testing.assert_close(on_gpu.parameters(lane), on_cpu.parameters(lane), rtol=1e-5, atol=1e-6)
            here, there = on_cpu.measured(lane), on_gpu.measured(lane)
            for name, value in here.items():
                np.testing.assert_allclose(there[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_autoencoder_goes_on_there_bit_for_bit(dtype: torch.dtype) -> None:
    """Convolutions add in one order: with the quickest algorithms no run would be its own repetition."""
    whole, first, again = (autoencoder_method(CUDA, dtype) for _ in range(3))
    whole.advance(12, NEVER)
    first.advance(5, NEVER)
    again.restore(first.state())
    again.advance(12, NEVER)
    for lane in range(len(LANES)):
        assert torch.equal(whole.parameters(lane), again.parameters(lane))


@pytest.mark.parametrize("std", [1e-3, 0.4])
def test_images_take_the_steps_of_the_cpu(std: float) -> None:
    """With and without negative weights, whole epochs replayed."""
    on_cpu, on_gpu = image_method(CPU, std), image_method(CUDA, std)
    for until in (3, 50, 400):
        on_cpu.advance(until, NEVER)
        on_gpu.advance(until, NEVER)
        for lane in range(2):
            torch.testing.assert_close(on_gpu.parameters(lane), on_cpu.parameters(lane), rtol=1e-6, atol=1e-7)
            assert on_gpu.measured(lane) == pytest.approx(on_cpu.measured(lane), rel=1e-5)


def test_image_steps_never_wait_for_the_device() -> None:
    method = image_method(CUDA, 1e-3)
    method.advance(20, NEVER)
    torch.cuda.set_sync_debug_mode("error")
    try:
        method._take(20, 60, careful=False)
        method._take(60, 64, careful=True)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_replayed_step_is_taken_as_often_as_asked() -> None:
    total = torch.zeros((), dtype=torch.int64, device=CUDA)
    steps = Graphed(lambda: total.add_(1), 8, CUDA)  # type: ignore[arg-type]
    asked = 0
    for n in (3, 3, 3, 1, 8, 20, 0, 7):
        steps.take(n)
        asked += n
        assert total.item() == asked


def test_a_run_on_the_gpu_ends_as_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From settings to export, three lanes in a batch there and alone here."""
    monkeypatch.setenv("IMPLICIT_TUI_HOME", str(tmp_path))
    ends = []
    for device in ("cpu", "cuda"):
        made = ran("mf-depth", {"device": device, "seeds": 3, "problem.shape": [20, 20], "problem.observations": 160})
        ends.append([lane.final["singular_values"] for lane in exported(made).lanes])
        assert made.environment()["environment"]["device"].startswith(device)
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-3, atol=1e-3)


def test_one_gpu_named_twice_trains_all_lanes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process a device, by a solver of its own: forks of this one, which has used CUDA, could not."""
    monkeypatch.setenv("IMPLICIT_TUI_HOME", str(tmp_path))
    changes = {"seeds": 2, "problem.shape": [20, 20], "problem.observations": 160}
    here = exported(ran("mf-depth", {"device": "cpu", **changes}))
    made = runs.create(presets.order_of("mf-depth", "quick", {"device": "cuda:0,0", **changes}, {}))
    assert client.start(made).wait(300) == 0
    assert made.environment()["environment"]["device"] == "cuda:0,0"
    for lane, expected in zip(exported(made).lanes, here.lanes, strict=True):
        assert (lane.outcome and lane.outcome.kind) == (expected.outcome and expected.outcome.kind)
        np.testing.assert_allclose(
            lane.final["singular_values"], expected.final["singular_values"], rtol=1e-3, atol=1e-3
        )


def test_tf32_is_what_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By solvers of their own: near float32, and not it."""
    monkeypatch.setenv("IMPLICIT_TUI_HOME", str(tmp_path))
    ends = []
    for dtype in ("float32", "tf32"):
        changes = {"device": "cuda", "dtype": dtype, "optimizer.kind": "group-rmsprop", "stop.max_steps": 500}
        made = runs.create(presets.order_of("mf-depth", "quick", changes, {"model.depth": [2]}))
        assert client.start(made).wait(300) == 0
        ends.append(np.array(exported(made).lanes[0].final["singular_values"]))
    assert (ends[0] != ends[1]).any()
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("depth", [2, 3])
def test_a_sparse_loss_gives_there_what_it_gives_on_the_cpu(depth: int) -> None:
    """Where it is used is a matter of speed, not of the device: products of compressed rows are there on both."""
    model = DeepMatrixFactorization(depth=depth, hidden_width=4, init_scale=0.5)
    problems, layers, start = build(MatrixCompletion(shape=(30, 20), rank=2, observations=60), model, LANES)
    found = []
    for device in (CPU, CUDA):
        loss = SparseEntryLoss(problems, torch.float64, device)
        objective = DeepMatrixFactorizationObjective(layers.widths, loss, len(LANES), torch.float64, device)
        gradient = objective.factors()
        losses = objective.loss_and_gradient(objective.factors(start.to(device)), gradient)
        found.append((losses.cpu(), gradient.flat.cpu()))
    torch.testing.assert_close(found[1], found[0], rtol=1e-12, atol=1e-14)
