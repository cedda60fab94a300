"""What a run will take: memory and, roughly, time."""

from __future__ import annotations

import msgspec

from solver import settings
from solver.costs import costs_of
from solver.machine import readable_bytes
from solver.spec import RunSpec


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a spec needs. The time is a guess from operation counts, right within a factor of a few."""

    n_lanes: int
    memory_bytes: int
    seconds: float


def estimate(spec: RunSpec) -> Estimate:
    """Lanes, memory and time of a run. Raises BadSetting where a lane is refused."""
    lanes = settings.lanes(spec)
    memory, seconds = 0, 0.0
    seen: set[object] = set()
    for lane in lanes:
        costs = costs_of(lane.spec)
        needs = [costs.lane()]
        if (key := costs.shared_key()) not in seen:
            seen.add(key)
            needs.append(costs.shared())
        memory += sum(need.size_bytes for need in needs)
        seconds += sum(need.seconds for need in needs)
    if spec.stop.max_seconds is not None:
        seconds = min(seconds, spec.stop.max_seconds)
    return Estimate(n_lanes=len(lanes), memory_bytes=memory, seconds=seconds)


def refusal(spec: RunSpec, free: int) -> str | None:
    """The sentence that refuses a run needing more than 90 % of ``free`` bytes; None where there is room."""
    needed = estimate(spec).memory_bytes
    if needed <= 0.9 * free:
        return None
    return (
        f"this run needs about {readable_bytes(needed)} and {readable_bytes(free)} are free: "
        "take a smaller problem.shape, fewer lanes or images, or dtype float32"
    )
