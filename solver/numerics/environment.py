"""run.json: when a run began, and with which versions, precision and device."""

from __future__ import annotations

import platform
from collections.abc import Sequence

import msgspec
import numpy as np
import torch

from solver.files import write_private
from solver.numerics.device import Found, described
from solver.records import SCHEMA_VERSION, now
from solver.rundir import RunDirectory
from solver.spec import RunSpec
from solver.version import VERSION


def write(directory: RunDirectory, spec: RunSpec, devices: Sequence[Found]) -> None:
    """Writes down what the run goes on with. Raises OSError."""
    environment = {
        "implicit_tui": VERSION,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "dtype": spec.dtype,
        "threads": spec.threads,
        **described(devices),
    }
    body = {"schema": SCHEMA_VERSION, "started": now(), "environment": environment}
    write_private(directory.run, msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n")
