"""Which device of the cluster's workers trains, and what a lane takes there by Dask's names for it."""

from __future__ import annotations

import torch

from solver.cluster import Worker
from solver.costs import costs_of
from solver.numerics.cluster.link import Link
from solver.numerics.device import GAINS_FROM, Unavailable
from solver.records import Outcome
from solver.settings import LaneSpec
from solver.spec import RunSpec


def choose(spec: RunSpec, largest_batch: int, link: Link) -> torch.device:
    """As ``device.choose``, of a machine with the GPUs of the workers; from then on others are no workers of the link.

    Raises Unavailable.
    """
    gains = largest_batch >= GAINS_FROM or spec.dtype == "tf32"
    if spec.device == "cpu" or (spec.device == "auto" and not gains):
        return torch.device("cpu")
    named = spec.device.partition(":")[2]
    if "," in named:
        raise _unavailable(
            f"device {spec.device} names GPUs of one machine",
            "take --device cuda, and workers with one each",
        )
    index = int(named or 0)
    if link.require_gpu(index):
        return torch.device("cuda", index)
    if spec.device == "auto" and spec.dtype != "tf32":
        return torch.device("cpu")
    raise _unavailable(
        f"device {spec.device} was asked for, but no worker of {link.address} has it",
        "use --device auto or --device cpu, or start workers with a GPU each",
    )


def _unavailable(reason: str, cure: str) -> Unavailable:
    return Unavailable(Outcome(kind="failed", reason=reason, cure=cure, cause="device"))


def needs(lanes: list[LaneSpec], device: torch.device) -> dict[str, float]:
    """Bytes of main memory, threads and GPUs that a batch of these lanes takes while it is worked on."""
    costs = [costs_of(lane.spec) for lane in lanes]
    shared = {cost.shared_key(): cost.shared().size_bytes for cost in costs}
    found: dict[str, float] = {
        "MEMORY": sum(cost.lane().size_bytes for cost in costs) + sum(shared.values()),
        "CPU": lanes[0].spec.threads,
    }
    return found | ({"GPU": 1} if device.type == "cuda" else {})


def room(worker: Worker, needs: dict[str, float]) -> int:
    """How many batches that need so much can be worked on at once; of what the worker says nothing, it has enough."""
    n = worker.threads // max(1, int(needs["CPU"])) or 1
    # One GPU, which Dask does not count unless the worker says that it has one.
    n = min(n, 1) if "GPU" in needs and "GPU" not in worker.resources else n
    return min([n, *(int(worker.resources[name] // need) for name, need in needs.items() if name in worker.resources)])


def taken(worker: Worker, needs: dict[str, float]) -> dict[str, float]:
    """What Dask is to count, of what the worker says that it has."""
    return {name: need for name, need in needs.items() if name in worker.resources}
