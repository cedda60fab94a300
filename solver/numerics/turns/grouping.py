"""Which lanes train together, by the sizes of what they multiply."""

from __future__ import annotations

import itertools
import math
import sys

import torch

from solver import estimate
from solver.numerics.lanes import deep_matrix_factorization_start as initial
from solver.numerics.problems.datasets import N_PIXELS
from solver.settings import Lane
from solver.spec import CP, Adam, Completion, ImageTensor

# On a CPU one batched product beats separate ones up to this many entries of a layer (measured: 32 × 32 gains a
# quarter at 128 lanes, 100 × 100 nothing); on a GPU a batch always wins.
_LARGEST_BATCHED_LAYER = 32 * 32
WORTH_A_PROCESS_S = 1.0
"""Estimated seconds of a run from which on its lanes are spread over processes; one takes some 30 ms to begin."""
# Elsewhere a fork of a process that has used its system's libraries may not go on.
_CAN_FORK = sys.platform == "linux"


def group(lanes: list[Lane], device: torch.device) -> list[list[Lane]]:
    """The lanes in batches that can train together, in the order of their first lanes. A function of the spec and the
    kind of device, never of a clock.
    """
    batches: dict[object, list[Lane]] = {}
    for lane in lanes:
        batches.setdefault(_key(lane, device), []).append(lane)
    return list(batches.values())


def _key(lane: Lane, device: torch.device) -> object:
    """Equal for lanes that train together: of equal shapes, loss and method, or with the same images."""
    spec = lane.spec
    problem = spec.problem
    if isinstance(problem, ImageTensor):
        images = (problem.dataset, problem.images, spec.seed, problem.train_images, problem.test_images, problem.clip)
        return images, spec.optimizer, spec.stop
    alone = device.type == "cpu" and _largest_product(lane) > _LARGEST_BATCHED_LAYER
    loss = (problem.loss == "huber", isinstance(problem, Completion) or problem.resolved_observations)
    return tuple(_shapes(lane)), loss, spec.optimizer, spec.stop, lane.index if alone else None


def shares(batches: dict[int, list[Lane]], device: torch.device, cores: int) -> list[list[int]]:
    """Which batches, by number, train in a process of their own together; none where all train in the solver's.

    On a CPU, with one thread for each lane, where there is enough to do. The log and every lane are the same either
    way, so the number of cores may be the machine's.
    """
    n = min(cores, len(batches))
    if device.type != "cpu" or n < 2 or not _CAN_FORK:
        return []
    seconds = {number: sum(estimate.estimate(lane.spec).seconds for lane in batch) for number, batch in batches.items()}
    if sum(seconds.values()) < WORTH_A_PROCESS_S or any(batch[0].spec.threads > 1 for batch in batches.values()):
        return []
    # The longest first, each to whoever has least to do.
    loads = [0.0] * n
    result: list[list[int]] = [[] for _ in range(n)]
    for number in sorted(batches, key=lambda number: -seconds[number]):
        least = loads.index(min(loads))
        loads[least] += seconds[number]
        result[least].append(number)
    return [sorted(share) for share in result]


def largest_batch(lanes: list[Lane]) -> int:
    """Entries of a largest layer, or images times columns, times the lanes that a GPU would train with it."""
    batches = group(lanes, torch.device("cuda"))
    return max(sum(_largest_product(lane) for lane in batch) for batch in batches)


def _shapes(lane: Lane) -> list[tuple[int, int]]:
    """Rows and columns of the trained parts."""
    problem, model = lane.spec.problem, lane.spec.model
    if isinstance(problem, ImageTensor):
        assert isinstance(model, CP)
        return [(N_PIXELS, model.components)] * 2
    shape = problem.resolved_shape
    if isinstance(model, CP):
        return [(size, model.components) for size in shape]
    return [(outputs, inputs) for inputs, outputs in itertools.pairwise(initial.widths(model, shape))]


def _largest_product(lane: Lane) -> int:
    """Entries of the largest matrix that a step multiplies."""
    problem, model = lane.spec.problem, lane.spec.model
    if isinstance(problem, ImageTensor):
        assert isinstance(model, CP)
        return problem.train_images * model.components
    if isinstance(model, CP):
        # Half the modes of the end tensor by the components.
        return max(math.isqrt(math.prod(problem.resolved_shape)) * model.components, *problem.resolved_shape)
    return max(rows * columns for rows, columns in _shapes(lane))


def operations(lane: Lane) -> int:
    """Multiplications and additions of a gradient of the lane, roughly."""
    problem, model = lane.spec.problem, lane.spec.model
    if isinstance(problem, ImageTensor):
        assert isinstance(lane.spec.optimizer, Adam)
        assert isinstance(model, CP)
        batch = lane.spec.optimizer.batch_size or problem.train_images
        return 4 * batch * N_PIXELS * model.components
    if isinstance(model, CP):
        return 6 * math.prod(problem.resolved_shape) * model.components
    return sum(6 * rows * columns * problem.resolved_shape[1] for rows, columns in _shapes(lane))
