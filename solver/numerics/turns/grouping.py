"""Which lanes train together, by the sizes of what they multiply."""

from __future__ import annotations

import torch

from solver import estimate
from solver.costs import costs_of
from solver.machine import free_memory
from solver.numerics.fork import CAN_FORK
from solver.settings import LaneSpec

WORTH_A_PROCESS_S = 1.0
"""Estimated seconds of a run from which on its lanes are spread over processes; one takes some 30 ms to begin."""
WORTH_A_MEASURER_S = 0.25
"""Estimated seconds of recording for each process that measures frames beside the training."""
# Of free memory, what such processes may take.
_SHARE_OF_MEMORY = 0.25


def group(lanes: list[LaneSpec], device: torch.device) -> list[list[LaneSpec]]:
    """The lanes in batches that can train together, in the order of their first lanes. A function of the spec and the
    kind of device, never of a clock.
    """
    batches: dict[object, list[LaneSpec]] = {}
    for lane in lanes:
        batches.setdefault(_key(lane, device), []).append(lane)
    return list(batches.values())


def _key(lane: LaneSpec, device: torch.device) -> object:
    """Equal for lanes that train together: of equal shapes, loss and method, or with the same images."""
    costs = costs_of(lane.spec)
    alone = device.type == "cpu" and costs.gains_alone()
    return costs.batch_key(), lane.index if alone else None


def shares(batches: dict[int, list[LaneSpec]], device: torch.device, cores: int) -> list[list[int]]:
    """Which batches, by number, train in a process of their own together; none where all train in the solver's.

    On a CPU, with one thread for each lane, where there is enough to do. The log and every lane are the same either
    way, so the number of cores may be the machine's.
    """
    if device.type != "cpu" or min(cores, len(batches)) < 2 or not CAN_FORK:
        return []
    seconds = sum(_seconds(batch) for batch in batches.values())
    if seconds < WORTH_A_PROCESS_S or any(batch[0].spec.threads > 1 for batch in batches.values()):
        return []
    return spread(batches, cores)


def spread(batches: dict[int, list[LaneSpec]], n: int) -> list[list[int]]:
    """Which batches, by number, go to each of ``n`` at most: the longest first, each to whoever has least to do."""
    n = min(n, len(batches))
    seconds = {number: _seconds(batch) for number, batch in batches.items()}
    loads = [0.0] * n
    result: list[list[int]] = [[] for _ in range(n)]
    for number in sorted(batches, key=lambda number: -seconds[number]):
        least = loads.index(min(loads))
        loads[least] += seconds[number]
        result[least].append(number)
    return [sorted(share) for share in result]


def divided(batches: list[list[LaneSpec]], n: int) -> list[list[LaneSpec]]:
    """Each batch in ``n`` parts of about the same cost at most, for as many devices."""
    found: list[list[LaneSpec]] = []
    for batch in batches:
        total, done = _seconds(batch), 0.0
        parts: list[list[LaneSpec]] = [[] for _ in range(n)]
        for lane in batch:
            cost = _seconds([lane])
            # Where the middle of the lane lies among all costs.
            parts[min(n - 1, int(n * (done + cost / 2) / total)) if total else 0].append(lane)
            done += cost
        found += [part for part in parts if part]
    return found


def _seconds(batch: list[LaneSpec]) -> float:
    return sum(estimate.estimate(lane.spec).seconds for lane in batch)


def measurers(trainers: list[list[LaneSpec]], cores: int) -> list[int]:
    """How many processes measure frames beside each of those that train these lanes: the cores that nobody trains on.

    The log and every lane are the same either way.
    """
    spare = cores - len(trainers)
    found = []
    for place, lanes in enumerate(trainers):
        costs = [costs_of(lane.spec) for lane in lanes]
        if not costs or not CAN_FORK or any(lane.spec.threads > 1 for lane in lanes):
            found.append(0)
            continue
        ours = spare // len(trainers) + (place < spare % len(trainers))
        worth = sum(one.recording_s() for one in costs) / WORTH_A_MEASURER_S
        room = _SHARE_OF_MEMORY * free_memory() / len(trainers) / max(one.lane().size_bytes for one in costs)
        found.append(int(max(0, min(ours, worth, room))))
    return found


def largest_batch(lanes: list[LaneSpec]) -> int:
    """Entries of a largest layer, or images times columns, times the lanes that a GPU would train with it."""
    batches = group(lanes, torch.device("cuda"))
    return max(sum(costs_of(lane.spec).largest_product() for lane in batch) for batch in batches)
