"""A step of each method: the authors' plainly re-implemented, ours, and the matrix products that it needs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.authors import ImageTraining, MatrixTraining, TensorTraining
from bench.markdown import table
from bench.timing import interleaved, readable
from solver.numerics.lanes import cp_start as initial_components
from solver.numerics.lanes import deep_matrix_factorization_start as initial
from solver.numerics.methods.first_order import FirstOrder
from solver.numerics.methods.gradient_descent import GradientDescentMethod
from solver.numerics.methods.group_rmsprop import GroupRMSpropMethod
from solver.numerics.methods.image_adam import ImageAdamMethod
from solver.numerics.models.cp import CPObjective
from solver.numerics.models.deep_matrix_factorization import DeepMatrixFactorizationObjective
from solver.numerics.problems.images import ImageProblem, image_problem, unpacked
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import ObservedProblem, observed_problem
from solver.numerics.streams import stream
from solver.spec import (
    CP,
    Adam,
    DeepMatrixFactorization,
    GradientDescent,
    GroupRMSprop,
    ImageTensor,
    MatrixCompletion,
    TensorCompletion,
)

NEVER = -math.inf
_STEPS = 60
_ROUNDS = 9
Row = dict[str, Any]


def matrix_lane(
    problem: MatrixCompletion,
    model: DeepMatrixFactorization,
    seeds: range,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[list[ObservedProblem], DeepMatrixFactorizationObjective, Tensor]:
    """Problems, objective and starts of a lane for each seed."""
    problems = [observed_problem(problem, seed) for seed in seeds]
    widths = model.widths(problems[0].shape)
    layers = DeepMatrixFactorizationObjective(widths, loss_of(problems, dtype, device), len(seeds), dtype, device)
    starts = [initial.layers(model, problems[0].shape, stream(seed, "initialisation")) for seed in seeds]
    flat = np.stack([np.concatenate([layer.reshape(-1) for layer in start]) for start in starts])
    return problems, layers, torch.tensor(flat).to(device, dtype)


def row(name: str, median: dict[str, float], lanes: int = 1) -> Row:
    """Medians in µs a lane and step; theirs trains one lane, ours ``lanes`` at once."""
    ours = median["ours"] / lanes
    result: Row = {"name": name, "ours_us": ours}
    if "theirs" in median:
        result |= {"theirs_us": median["theirs"], "ratio": median["theirs"] / ours}
    if "floor" in median:
        result |= {"floor_us": median["floor"] / lanes, "of_floor": median["ours"] / median["floor"]}
    return result


def matrices(dtype: torch.dtype, device: torch.device) -> list[Row]:
    """A19's step, and R20's 2 × 2 step, alone and 128 lanes at once."""
    rows = []
    for depth in (2, 3, 4):
        model = DeepMatrixFactorization(depth=depth)
        problems, layers, start = matrix_lane(MatrixCompletion(), model, range(1), dtype, device)
        ours = GroupRMSpropMethod(layers, start, GroupRMSprop())
        calls = {"ours": taking(ours), "floor": products(3 * (depth - 1), 1, 100, dtype, device)}
        if dtype == torch.float32:
            calls["theirs"] = repeating(MatrixTraining(problems[0], start[0].cpu(), layers.widths).step)
        name = f"matrix 100×100, depth {depth}, {str(dtype).removeprefix('torch.')}"
        rows.append(row(name, interleaved(calls, _ROUNDS, _STEPS)))
    if dtype == torch.float32:
        rows += small_matrices(device)
    return rows


def small_matrices(device: torch.device) -> list[Row]:
    problem = MatrixCompletion(entries=[(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)], loss="half-sum")
    model = DeepMatrixFactorization(depth=3, init_scale=5e-7, det_sign="positive")
    rows = []
    for lanes in (1, 128):
        problems, layers, start = matrix_lane(problem, model, range(lanes), torch.float32, device)
        theirs = MatrixTraining(problems[0], start[0].cpu(), layers.widths, step_size=3e-3)
        calls = {
            "ours": taking(GradientDescentMethod(layers, start, GradientDescent(step_size=3e-3))),
            "theirs": repeating(theirs.step),
        }
        name = "2×2, depth 3, gradient descent" + (f", {lanes} lanes, a lane-step" if lanes > 1 else "")
        rows.append(row(name, interleaved(calls, _ROUNDS, _STEPS), lanes))
    return rows


def large_matrices(
    device: torch.device, sizes: Sequence[tuple[int, int]] = ((1_000, 2), (1_000, 3), (4_000, 3)), n_steps: int = 5
) -> list[Row]:
    """Of size and depth, 60 entries a row."""
    rows = []
    for (size, depth), dtype in itertools.product(sizes, (torch.float32, torch.float64)):
        problem = MatrixCompletion(shape=(size, size), observations=60 * size)
        _, layers, start = matrix_lane(problem, DeepMatrixFactorization(depth=depth), range(1), dtype, device)
        ours = taking(GroupRMSpropMethod(layers, start, GroupRMSprop()), n_steps)
        floor = products(3 * (depth - 1), 1, size, dtype, device, n_steps)
        name = f"matrix {size:,}×{size:,}, depth {depth}, {str(dtype).removeprefix('torch.')}"
        rows.append(row(name, interleaved({"ours": ours, "floor": floor}, 5, n_steps)))
    return rows


def tensors(device: torch.device) -> list[Row]:
    """R20's and R21's steps, float32."""
    rows = []
    for shape, components, observations in (
        ((8, 8, 8), 64, 200),
        ((8, 8, 8, 8), 512, 1_000),
        ((10, 10, 10, 10), 1_000, 2_000),
    ):
        problem = observed_problem(TensorCompletion(shape=shape, rank=1, observations=observations), 0)
        vectors = initial_components.vectors(
            CP(components=components, init_std=1e-2), shape, stream(0, "initialisation"), problem.gradient_at_zero()
        )
        start = torch.tensor(np.concatenate([vector.reshape(-1) for vector in vectors]), dtype=torch.float32)
        loss = loss_of([problem], torch.float32, device)
        objective = CPObjective(shape, components, loss, 1, torch.float32, device)
        ours = GroupRMSpropMethod(objective, start.unsqueeze(0).to(device), GroupRMSprop(step_size=1e-2, eps=1e-6))
        half = math.isqrt(math.prod(shape))
        left, right = (64, 8) if len(shape) == 3 else (half, half)
        calls = {
            "ours": taking(ours, 20),
            "theirs": repeating(TensorTraining(problem, start, components).step, 20),
            "floor": khatri_rao_products(left, right, components, device, 20),
        }
        name = f"tensor {'×'.join(map(str, shape))}, {components:,} components, float32"
        rows.append(row(name, interleaved(calls, 7, 20)))
    return rows


def images(device: torch.device, *, with_theirs: bool = True) -> list[Row]:
    """R21's step on 5,000 MNIST images, float32: ranks alone, and four ranks times two sets of labels at once."""
    original, labels = (
        image_problem(ImageTensor(train_images=60_000, test_images=1_000, variant=variant), 0)
        for variant in ("original", "random-labels")
    )
    rows = []
    theirs_of: dict[int, float] = {}
    for rank in (1, 5, 15, 25):
        ours = image_lanes([rank], [original], device)
        n_pixels = ours._train.shape[1]
        calls = {
            "ours": epoch(ours),
            "floor": image_products(ours, rank, n_pixels),
        }
        median = interleaved(calls, 5, 12)
        if with_theirs:
            theirs = their_images(original, rank)
            # A step of theirs takes up to seconds: fewer rounds, ours in between all the same.
            both = interleaved({"theirs": theirs.step, "ours": epoch(ours)}, 3)
            median["theirs"] = theirs_of[rank] = both["theirs"]
        rows.append(row(f"images, batch 5,000, R = {rank}, float32", median))
    together = image_lanes([1, 5, 15, 25] * 2, [original] * 4 + [labels] * 4, device)
    median = interleaved(
        {
            "ours": epoch(together),
            "floor": image_products(together, 92, together._train.shape[1]),
        },
        5,
        12,
    )
    if with_theirs:
        median["theirs"] = 2.0 * sum(theirs_of.values())
    rows.append(row("images, four ranks × two label sets at once", median))
    return rows


def epoch(method: ImageAdamMethod) -> Callable[[], object]:
    """Twelve batches, every image once."""
    return lambda: method.advance(method.steps[0] + 12, NEVER)


def image_lanes(ranks: list[int], problems: list[ImageProblem], device: torch.device) -> ImageAdamMethod:
    starts = [image_start(rank, seed) for seed, rank in enumerate(ranks)]
    return ImageAdamMethod(problems, starts, Adam(step_size=5e-4, batch_size=5_000), torch.float32, device)


def image_start(rank: int, seed: int = 0) -> Tensor:
    drawn = stream(seed, "initialisation").standard_normal((2, 784, rank))
    return torch.tensor(1.0 + 1e-3 * drawn).reshape(-1)


def their_images(problem: ImageProblem, rank: int) -> ImageTraining:
    pixels = torch.from_numpy(unpacked(problem.images.train[:5_000])).to(torch.float32)
    targets = torch.tensor(problem.train_targets[:5_000], dtype=torch.float32)
    return ImageTraining(pixels, targets, image_start(rank).view(2, 784, rank), 5_000)


def taking(method: FirstOrder, n_steps: int = _STEPS) -> Callable[[], object]:
    """Steps as the loop of a run takes them: many between two records."""
    return lambda: method.advance(method.steps[0] + n_steps, NEVER)


def repeating(step: Callable[[], object], n_steps: int = _STEPS) -> Callable[[], object]:
    def call() -> None:
        for _ in range(n_steps):
            step()

    return call


def products(
    n: int, lanes: int, size: int, dtype: torch.dtype, device: torch.device, n_steps: int = _STEPS
) -> Callable[[], object]:
    """The floor of a step: its square matrix products into buffers, and nothing else."""
    a, b, out = (torch.randn(lanes, size, size, dtype=dtype, device=device) for _ in range(3))

    def call() -> None:
        for _ in range(n * n_steps):
            torch.bmm(a, b, out=out)

    return call


def khatri_rao_products(
    left: int, right: int, components: int, device: torch.device, n_steps: int
) -> Callable[[], object]:
    """The end tensor from the halves' Khatri–Rao products, and the gradients back to both."""
    a, b = (torch.randn(1, size, components, device=device) for size in (left, right))
    end, back_a, back_b = (torch.empty(1, *size, device=device) for size in ((left, right), a.shape[1:], b.shape[1:]))

    def call() -> None:
        for _ in range(n_steps):
            torch.bmm(a, b.mT, out=end)
            torch.bmm(end, b, out=back_a)
            torch.bmm(end.mT, a, out=back_b)

    return call


def image_products(method: ImageAdamMethod, columns: int, n_pixels: int) -> Callable[[], object]:
    """Two products with every batch of an epoch, cold as they come."""
    weights = torch.randn(n_pixels, columns, device=method._train.device)
    batches = torch.split(method._train, 5_000)

    def call() -> None:
        for batch in batches:
            values = torch.mm(batch, weights)
            torch.mm(values.T, batch)

    return call


def loss_agreement(n_steps: int = 500) -> list[Row]:
    """The largest relative distance of float32 losses from float64 ones over the first steps."""
    rows: list[Row] = []
    for depth in (2, 3, 4):
        losses = []
        for dtype in (torch.float32, torch.float64):
            model = DeepMatrixFactorization(depth=depth)
            _, layers, start = matrix_lane(MatrixCompletion(), model, range(1), dtype, torch.device("cpu"))
            method = GroupRMSpropMethod(layers, start, GroupRMSprop())
            trace = []
            for step in range(1, n_steps + 1):
                method.advance(step, NEVER)
                trace.append(method.losses[0])
            losses.append(trace)
        largest = max(abs(a - b) / b for a, b in zip(*losses, strict=True))
        rows.append({"name": f"matrix 100×100, depth {depth}", "largest_relative_difference": largest})
    return rows


def as_table(rows: list[Row]) -> str:
    """µs, ratio and share of the floor."""
    lines = [
        [
            one["name"],
            readable(one["theirs_us"]) if "theirs_us" in one else "",
            readable(one["ours_us"]),
            readable(one["ratio"]) if "ratio" in one else "",
            readable(one["floor_us"]) if "floor_us" in one else "",
            readable(one["of_floor"]) if "of_floor" in one else "",
        ]
        for one in rows
    ]
    head = ["a step", "authors' method, µs", "ours, µs", "ratio", "products alone, µs", "ours over products"]
    return table(head, lines)
