"""What a run will take: memory and, roughly, time."""

from __future__ import annotations

import math

import msgspec

from solver import settings
from solver.machine import readable_bytes
from solver.spec import (
    CP,
    Adam,
    DeepMatrixFactorization,
    GradientFlow,
    ImageTensor,
    MatrixProblem,
    MatrixSensing,
    Problem,
    RunSpec,
    TensorProblem,
    TensorSensing,
)

# Sustained products of one core in float64, elements·operations a second, and the cost of a step that does not grow.
_FLOPS = 6e10
_OVERHEAD_S = 3e-5
# Gradients that the flow needs to a loss of 1e-6 (measured at 100 × 100: 350 to 9,400 by depth, scale and entries).
_FLOW_EVALUATIONS = 1_200

# Seconds of a lane that takes the implicit method, its frames included.
_IMPLICIT_S = 0.3
MOST_IMPLICIT = 64
"""Trained numbers of a lane in layers up to which a stiff flow is integrated implicitly unless asked otherwise.

A system of that size is solved at every step.
"""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a spec needs. The time is a guess from operation counts, right within a factor of a few."""

    n_lanes: int
    memory_bytes: int
    seconds: float


def estimate(spec: RunSpec) -> Estimate:
    """Lanes, memory and time of a run. Raises BadSetting where a lane is refused."""
    lanes = settings.lanes(spec)
    itemsize = 8 if spec.dtype == "float64" else 4
    memory, seconds = 0, 0.0
    images: set[object] = set()
    problems: set[bytes] = set()
    for lane in lanes:
        problem = lane.spec.problem
        if isinstance(problem, ImageTensor):
            kind = (problem.dataset, problem.images, lane.spec.seed)
            needed = _of_images(lane.spec, problem, itemsize, fresh=kind not in images)
            images.add(kind)
        elif isinstance(lane.spec.model, DeepMatrixFactorization):
            needed = _of_layers(lane.spec, lane.spec.model, itemsize)
        else:
            needed = _of_components(lane.spec, lane.spec.model, itemsize)
        memory, seconds = memory + needed[0], seconds + needed[1]
        key = msgspec.json.encode((problem, lane.spec.seed))
        if key not in problems and not isinstance(problem, ImageTensor):
            problems.add(key)
            memory += _measurement_bytes(problem, itemsize)
            seconds += _nuclear_norm_s(lane.spec)
    if spec.stop.max_seconds is not None:
        seconds = min(seconds, spec.stop.max_seconds)
    return Estimate(n_lanes=len(lanes), memory_bytes=memory, seconds=seconds)


def _evaluations(spec: RunSpec) -> int:
    """Gradients of a lane; a flow's are known within a factor of a few only."""
    if not isinstance(spec.optimizer, GradientFlow):
        return spec.stop.max_steps
    return min(6 * spec.stop.max_steps, _FLOW_EVALUATIONS)


def evaluation_s(spec: RunSpec) -> float:
    """Seconds of a gradient of one lane that trains layers or components."""
    assert not isinstance(spec.problem, ImageTensor)
    share = (4 if spec.dtype == "float32" else 8) / 8
    shape = spec.problem.resolved_shape
    if isinstance(spec.model, CP):
        half = math.isqrt(math.prod(shape)) * spec.model.components
        return 4 * _OVERHEAD_S + 6 * math.prod(shape) * spec.model.components / _FLOPS * share + half * 2e-9
    rows, columns = shape
    hidden = spec.model.hidden_width or min(rows, columns)
    operations = 2 * rows * columns * hidden if spec.model.depth == 2 else 2 * hidden**2 * max(rows, columns)
    return _OVERHEAD_S + 3 * (spec.model.depth - 1) * operations / _FLOPS * share


def frame_s(spec: RunSpec) -> float:
    """Seconds of a recorded state of such a lane: for a matrix a decomposition, and two more for measured rates."""
    if isinstance(spec.model, CP):
        return 3 * evaluation_s(spec)
    assert isinstance(spec.problem, MatrixProblem)
    rows, columns = spec.problem.resolved_shape
    decompositions = 4.0e-9 if spec.record.rates else 1.4e-9
    return 3e-4 + decompositions * min(rows, columns) ** 2 * max(rows, columns)


def _of_layers(spec: RunSpec, model: DeepMatrixFactorization, itemsize: int) -> tuple[int, float]:
    """Bytes and seconds of a lane that trains layers."""
    assert isinstance(spec.problem, MatrixProblem)
    rows, columns = spec.problem.resolved_shape
    depth = model.depth
    hidden = model.hidden_width or min(rows, columns)
    factors = rows * columns if depth == 1 else hidden * (rows + columns) + (depth - 2) * hidden**2
    flow = isinstance(spec.optimizer, GradientFlow)
    # State and gradient, with ten buffers of the pair and ten of its partner; state, gradient and moments otherwise.
    copies = 22 if flow else 5
    memory = itemsize * (copies * factors + 4 * rows * columns)
    # Metrics: one lane's float64 factors, three singular value decompositions and the ground truth.
    memory += 8 * (4 * factors + 8 * rows * columns)
    # What it takes to begin (target, weights and a permutation, once more in NumPy) and to save a checkpoint.
    memory += 8 * 3 * rows * columns + itemsize * 9 * factors
    evaluations = _evaluations(spec)
    if depth == 1 and flow:
        evaluations = min(evaluations, 200)
    elif flow and factors <= MOST_IMPLICIT:
        # The implicit method: some 100 steps, each recorded.
        return memory, min(_IMPLICIT_S, evaluations * 1e-3)
    return memory, evaluations * evaluation_s(spec) + min(250, evaluations) * frame_s(spec)


def _of_components(spec: RunSpec, model: CP, itemsize: int) -> tuple[int, float]:
    """Bytes and seconds of a lane that trains components of a tensor."""
    assert isinstance(spec.problem, TensorProblem)
    shape = spec.problem.resolved_shape
    entries, factors = math.prod(shape), sum(shape) * model.components
    flow = isinstance(spec.optimizer, GradientFlow)
    half = math.isqrt(entries) * model.components
    memory = itemsize * ((24 if flow else 7) * factors + 6 * entries + 8 * half)
    memory += 8 * (6 * factors + 8 * entries + 8 * half)
    evaluations = _evaluations(spec)
    return memory, evaluations * evaluation_s(spec) + min(400, evaluations) * frame_s(spec)


def _of_images(spec: RunSpec, problem: ImageTensor, itemsize: int, *, fresh: bool) -> tuple[int, float]:
    """Bytes and seconds of a lane that learns from images; with ``fresh`` those of the images themselves besides."""
    assert isinstance(spec.model, CP)
    assert isinstance(spec.optimizer, Adam)
    batch = spec.optimizer.batch_size or problem.train_images
    columns = spec.model.components
    n_images = problem.train_images + problem.test_images
    memory = itemsize * columns * (2 * 784 * 8 + 4 * max(batch, 5_000)) + 8 * 2 * n_images
    # Products with few columns, exponentials and moments run at a third of the pace of square products.
    step = 3 * 4 * batch * 784 * columns / _FLOPS * itemsize / 8 + 4e-5
    looks = min(60, spec.stop.max_steps) * 3 * 2 * n_images * 784 * columns / _FLOPS * itemsize / 8
    seconds = spec.stop.max_steps * step + looks
    if fresh:
        memory += (itemsize + 2) * n_images * 784
        seconds += n_images * 4e-5 + spec.stop.max_steps * (batch * 784 * 2e-10 + 4e-4)
    return memory, seconds


def _measurement_bytes(problem: Problem, itemsize: int) -> int:
    """Dense measurements, once as drawn in float64 and for the metrics, and once for training."""
    if not isinstance(problem, MatrixSensing | TensorSensing):
        return 0
    return (2 * 8 + itemsize) * problem.resolved_observations * math.prod(problem.resolved_shape)


def _nuclear_norm_s(spec: RunSpec) -> float:
    """Some hundred decompositions, where the solution of least nuclear norm is asked for."""
    if not spec.record.nuclear_norm or not isinstance(spec.problem, MatrixProblem):
        return 0.0
    rows, columns = spec.problem.resolved_shape
    return 400 * 1.3e-9 * min(rows, columns) ** 2 * max(rows, columns)


def refusal(spec: RunSpec, free: int) -> str | None:
    """The sentence that refuses a run needing more than 90 % of ``free`` bytes; None where there is room."""
    needed = estimate(spec).memory_bytes
    if needed <= 0.9 * free:
        return None
    return (
        f"this run needs about {readable_bytes(needed)} and {readable_bytes(free)} are free: "
        "take a smaller problem.shape, fewer lanes or images, or dtype float32"
    )
