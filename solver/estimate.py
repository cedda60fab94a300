"""What a run will take: memory and, roughly, time."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from solver import settings
from solver.spec import GradientFlow, RunSpec

# Sustained products of one core in float64, elements·operations a second, and the cost of a step that does not grow.
_FLOPS = 6e10
_OVERHEAD_S = 3e-5
# Gradients that the flow needs to a loss of 1e-6 (measured at 100 × 100: 1,000 to 8,000 by draw).
_FLOW_EVALUATIONS = 4_000


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a spec needs. The time is a guess from operation counts, right within a factor of a few."""

    n_lanes: int
    memory_bytes: int
    seconds: float


def estimate(spec: RunSpec) -> Estimate:
    """Lanes, memory and time of a run. Raises BadSetting where a lane is refused."""
    lanes = settings.lanes(spec)
    itemsize = 8 if spec.dtype == "float64" else 4
    memory = 0
    seconds = 0.0
    for lane in lanes:
        rows, columns = lane.spec.problem.resolved_shape
        depth = lane.spec.model.depth
        hidden = lane.spec.model.hidden_width or min(rows, columns)
        factors = rows * columns if depth == 1 else hidden * (rows + columns) + (depth - 2) * hidden**2
        flow = isinstance(lane.spec.optimizer, GradientFlow)
        # Seven stages, the state, a candidate and a sum for the pair; state, gradient and moments otherwise.
        copies = 10 if flow else 5
        memory += itemsize * (copies * factors + 4 * rows * columns)
        # Metrics: one lane's float64 factors, three singular value decompositions and the ground truth.
        memory += 8 * (4 * factors + 8 * rows * columns)
        # What it takes to begin (target, weights and a permutation, once more in NumPy) and to save a checkpoint.
        memory += 8 * 3 * rows * columns + itemsize * 9 * factors
        operations = 2 * rows * columns * hidden if depth == 2 else 2 * hidden**2 * max(rows, columns)
        evaluation = _OVERHEAD_S + 3 * (depth - 1) * operations / _FLOPS * itemsize / 8
        evaluations = min(6 * lane.spec.stop.max_steps, _FLOW_EVALUATIONS) if flow else lane.spec.stop.max_steps
        if depth == 1 and flow:
            evaluations = min(evaluations, 200)
        # About 250 frames a lane, each with three singular value decompositions (3.7 ms at 100 × 100).
        frames = min(250, evaluations)
        seconds += evaluations * evaluation + frames * (3e-4 + 3.4e-9 * min(rows, columns) ** 2 * max(rows, columns))
    if spec.stop.max_seconds is not None:
        seconds = min(seconds, spec.stop.max_seconds)
    return Estimate(n_lanes=len(lanes), memory_bytes=memory, seconds=seconds)


def free_memory() -> int:
    """Bytes of main memory that can still be taken; the container's limit counts where there is one."""
    candidates = []
    available = re.search(r"MemAvailable:\s+(\d+) kB", _text("/proc/meminfo"))
    if available:
        candidates.append(int(available[1]) * 1024)
    limit, used = _text("/sys/fs/cgroup/memory.max").strip(), _text("/sys/fs/cgroup/memory.current").strip()
    if limit.isdigit() and used.isdigit():
        candidates.append(max(0, int(limit) - int(used)))
    if candidates:
        return min(candidates)
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError:
        return ""


def refusal(spec: RunSpec, free: int) -> str | None:
    """The sentence that refuses a run needing more than 90 % of ``free`` bytes; None where there is room."""
    needed = estimate(spec).memory_bytes
    if needed <= 0.9 * free:
        return None
    return (
        f"this run needs about {readable_bytes(needed)} and {readable_bytes(free)} are free: "
        "take a smaller problem.shape, fewer lanes, or dtype float32"
    )


def readable_bytes(n: float) -> str:
    """A size with a binary unit, as in 1.4 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} TiB"
