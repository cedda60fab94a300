"""What a run will take: memory and, roughly, time."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import msgspec

from solver import machine, settings
from solver.costs import costs_of
from solver.costs.cost import GPU_FLOPS, Costs
from solver.costs.thin import is_thin
from solver.machine import readable_bytes
from solver.refusal import BadSetting
from solver.spec import DeepMatrixFactorization, Observed, RunSpec

# Longer than somebody watches, and what a hidden layer may be narrowed to, the widest first.
_LONG_S = 300.0
_WIDTHS = (200, 100, 50, 20, 10)


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a spec needs. The time is a guess from operation counts, right within a factor of a few."""

    n_lanes: int
    memory_bytes: int
    seconds: float
    is_on_gpu: bool = False
    """Whether the seconds are those of a GPU like an H100, else those of one core."""


def estimate(spec: RunSpec) -> Estimate:
    """Lanes, memory and time of a run. Raises BadSetting where a lane is refused."""
    lanes = [costs_of(lane.spec) for lane in settings.lanes(spec)]
    is_on_gpu = spec.device.startswith("cuda")
    of_lanes = [costs.lane() for costs in lanes]
    shared = [costs.shared() for costs in {costs.shared_key(): costs for costs in reversed(lanes)}.values()]
    seconds = sum(need.seconds for need in shared)
    seconds += _on_gpu_s(lanes) if is_on_gpu else sum(need.seconds for need in of_lanes)
    if spec.stop.max_seconds is not None:
        seconds = min(seconds, spec.stop.max_seconds)
    memory = sum(need.size_bytes for need in of_lanes + shared)
    return Estimate(n_lanes=len(lanes), memory_bytes=memory, seconds=seconds, is_on_gpu=is_on_gpu)


def _on_gpu_s(lanes: list[Costs[Any, Any]]) -> float:
    """Seconds of all batches on a GPU, whose lanes share its launches; frames are measured on the cores meanwhile."""
    batches: dict[Hashable, list[Costs[Any, Any]]] = {}
    for costs in lanes:
        batches.setdefault(costs.batch_key(), []).append(costs)
    training = sum(
        max(one.evaluations() for one in batch)
        * (batch[0].GPU_STEP_S + sum(one.operations() for one in batch) / GPU_FLOPS)
        for batch in batches.values()
    )
    recording = sum(costs.recording_s() for costs in lanes)
    cores = machine.cores()
    return training + recording if cores == 1 else max(training, recording / (cores - 1))


class Narrower(msgspec.Struct, frozen=True, kw_only=True):
    """A hidden width with which deep lanes take minutes that take much longer without."""

    width: int
    """``model.hidden_width``, and the largest rank that the end matrix can then have."""
    seconds: float
    """Of the run with it."""
    seconds_now: float
    one_layer_s: float
    """Of lanes of depth 1, which have no hidden layer."""


def narrower(spec: RunSpec) -> Narrower | None:
    """The largest of some widths with which deep lanes take five minutes at most, where they would take longer.

    None where nothing needs to be narrower, where not all lanes are of layers, or where nothing that can carry the
    ground truth's rank is enough.
    """
    lanes = [lane.spec for lane in settings.lanes(spec)]
    models = [lane.model for lane in [spec, *lanes] if isinstance(lane.model, DeepMatrixFactorization)]
    is_swept = any("model.hidden_width" in chosen for chosen in (spec.sweep, *spec.variants.values()))
    if len(models) <= len(lanes) or is_swept:
        return None
    deep_s, one_layer_s = _by_depth(spec)
    if min(deep_s, spec.stop.max_seconds or deep_s) <= _LONG_S:
        return None
    problems = [lane.problem for lane in lanes]
    shapes = [problem.known_shape or (0,) for problem in problems]
    now = min(model.hidden_width or min(shape) for model, shape in zip(models[1:], shapes, strict=True))
    ranks = [problem.resolved_rank for problem in problems if isinstance(problem, Observed) and problem.is_random]
    for width in _WIDTHS:
        if not max(ranks, default=0) < width < now or not all(is_thin(shape, width) for shape in shapes):
            continue
        raw = settings.apply(settings.encode(spec), [("model.hidden_width", width)], [])
        try:
            narrow = settings.decode(raw)
        except BadSetting:
            # A determinant's sign, say, that no narrow product has.
            return None
        if _by_depth(narrow)[0] <= _LONG_S:
            seconds, seconds_now = estimate(narrow).seconds, estimate(spec).seconds
            return Narrower(width=width, seconds=seconds, seconds_now=seconds_now, one_layer_s=one_layer_s)
    return None


def _by_depth(spec: RunSpec) -> tuple[float, float]:
    """Seconds of the lanes that have a hidden layer, and of those that have none."""
    deep_s = one_layer_s = 0.0
    for lane in settings.lanes(spec):
        model, seconds = lane.spec.model, costs_of(lane.spec).lane().seconds
        if isinstance(model, DeepMatrixFactorization) and model.depth > 1:
            deep_s += seconds
        else:
            one_layer_s += seconds
    return deep_s, one_layer_s


def refusal(spec: RunSpec, free: int) -> str | None:
    """The sentence that refuses a run needing more than 90 % of ``free`` bytes; None where there is room."""
    needed = estimate(spec).memory_bytes
    if needed <= 0.9 * free:
        return None
    return (
        f"this run needs about {readable_bytes(needed)} and {readable_bytes(free)} are free: "
        "take a smaller problem.shape, fewer lanes or images, or dtype float32"
    )
