"""Which device trains, what it is called, and whether there is room."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

import torch

from solver import machine
from solver.records import Outcome
from solver.spec import RunSpec


class Unavailable(Exception):
    """The device asked for is not there; carries the outcome to report."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.sentence())
        self.outcome = outcome


def choose(spec: RunSpec, largest_batch: int) -> torch.device:
    """The device of a run. ``auto`` takes a GPU where one is there and the run is large enough to gain by it.

    ``largest_batch`` is the entries of the largest layer times the lanes that would train with it on a GPU.

    Raises Unavailable.
    """
    if spec.device == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if spec.device == "auto":
        # Launching kernels costs a single small lane more than its products (about 6 µs each).
        gains = largest_batch >= 160_000
        return torch.device("cuda") if count and gains else torch.device("cpu")
    index = int(spec.device.partition(":")[2] or 0)
    if index < count:
        return torch.device("cuda", index)
    there = "no CUDA device is available here" if count == 0 else f"there are {count}, numbered from 0"
    raise Unavailable(
        Outcome(
            kind="failed",
            reason=f"device {spec.device} was asked for, but {there}",
            cure="use --device auto or --device cpu, or install torch's CUDA build",
            cause="device",
        )
    )


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
