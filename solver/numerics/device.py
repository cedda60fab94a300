"""Which device trains, what it is called, and whether there is room."""

from __future__ import annotations

import os
import platform
import re
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import torch

from solver import machine
from solver.numerics.fork import fork
from solver.records import Outcome
from solver.spec import RunSpec

# Estimated seconds of a run for each GPU that it takes unasked.
_WORTH_A_GPU_S = 10.0
GAINS_FROM = 160_000
"""Entries of the largest layer, times lanes, from which on a GPU trains faster.

Launching kernels costs a single small lane more than its products (about 6 µs each).
"""


class Unavailable(Exception):
    """The device asked for is not there; carries the outcome to report."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.sentence())
        self.outcome = outcome


class Found(NamedTuple):
    """A device that is there."""

    device: torch.device
    free_bytes: int
    about: dict[str, Any]
    """What ``describe`` says."""


def choose(spec: RunSpec, largest_batch: int, seconds: float) -> list[Found]:
    """The devices of a run. ``auto`` takes one GPU where one is there and the run is large enough to gain by it.

    ``cuda`` takes every GPU that this process sees, as far as there is work for them, and ``cuda:0,2`` those named, one
    named twice twice. ``largest_batch`` is the entries of the largest layer times the lanes that would train with it on
    a GPU, and ``seconds`` what the run is estimated at.

    Raises Unavailable.
    """
    if spec.device == "cpu":
        return [_found(torch.device("cpu"))]
    count = _n_gpus()
    if spec.device == "auto":
        gains = largest_batch >= GAINS_FROM or spec.dtype == "tf32"
        if spec.dtype == "tf32" and not count:
            raise _unavailable(
                "dtype tf32 is how GPUs multiply, and no CUDA device is available here", "set dtype float32"
            )
        return [_found(torch.device("cuda", 0) if count and gains else torch.device("cpu"))]
    named = spec.device.partition(":")[2]
    # Without any, the first is missing.
    asked = [int(index) for index in named.split(",")] if named else list(range(max(1, count)))
    if not named:
        asked = asked[: max(1, int(seconds / _WORTH_A_GPU_S))]
    missing = [index for index in asked if index >= count]
    if missing:
        there = "no CUDA device is available here" if count == 0 else f"there are {count}, numbered from 0"
        raise _unavailable(f"device {spec.device} was asked for, but {there}")
    return [_found(torch.device("cuda", asked[0]))] if len(asked) == 1 else _looked_at(asked)


def _n_gpus() -> int:
    # Asked of the driver's library: a process that has used CUDA itself can have no forks that do.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _unavailable(
    reason: str, cure: str = "use --device auto or --device cpu, or install torch's CUDA build"
) -> Unavailable:
    return Unavailable(Outcome(kind="failed", reason=reason, cure=cure, cause="device"))


def _found(device: torch.device) -> Found:
    return Found(device, free_bytes(device), describe(device))


def _looked_at(indices: list[int]) -> list[Found]:
    """What is there of several GPUs, looked at by a process of its own: those that train are forks of this one."""

    def look(connection: Connection) -> None:
        found = [_found(torch.device("cuda", index)) for index in indices]
        connection.send_bytes(msgspec.json.encode([(one.free_bytes, one.about) for one in found]))

    pid, connection = fork(look)
    try:
        told = msgspec.json.decode(connection.recv_bytes(), type=list[tuple[int, dict[str, Any]]])
    except EOFError:
        raise _unavailable(f"the GPUs {indices} could not be looked at: solver.out says why") from None
    finally:
        connection.close()
        os.waitpid(pid, 0)
    return [Found(torch.device("cuda", index), free, about) for index, (free, about) in zip(indices, told, strict=True)]


def described(found: Sequence[Found]) -> dict[str, Any]:
    """Of one device what ``describe`` says; of several all names, with their memory added up."""
    if len(found) == 1:
        return found[0].about
    about = [one.about for one in found]
    numbers = ",".join(str(one.device.index or 0) for one in found)
    counted = Counter(str(one["name"]) for one in about)
    return {
        "device": f"{found[0].device.type}:{numbers}",
        "name": ", ".join(f"{n} × {name}" for name, n in counted.items()),
        "memory_bytes": sum(one.get("memory_bytes", 0) for one in about),
        "uuid": ",".join(str(one.get("uuid", "")) for one in about),
    }


def describe(device: torch.device) -> dict[str, Any]:
    """Name and memory of a device, for run.json and the status line."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        # The driver's own numbering need not be torch's: the UUID tells which one it is.
        uuid = str(getattr(properties, "uuid", ""))
        return {
            "device": f"cuda:{device.index or 0}",
            "name": properties.name,
            "memory_bytes": properties.total_memory,
            "uuid": f"GPU-{uuid}" if uuid and not uuid.startswith("GPU-") else uuid,
        }
    return {"device": "cpu", "name": _processor(), "cores": os.cpu_count() or 1}


def free_bytes(device: torch.device) -> int:
    """Memory that can still be taken."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return machine.free_memory()


def _processor() -> str:
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()
