"""What predictions are made of, a file a lane: the last state, and the best on the way."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from torch import Tensor

from solver.files import write_private
from solver.rundir import RunDirectory


def write(directory: Path, lane: int, states: dict[str, dict[str, Tensor]], steps: dict[str, int]) -> None:
    """Each state's arrays as STATE.NAME, its step as STATE.step. A full disk leaves them out: the run matters more."""
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = {}
    for state, found in states.items():
        arrays |= {f"{state}.{name}": np.ascontiguousarray(values.numpy()) for name, values in found.items()}
        arrays[f"{state}.step"] = np.array([steps[state]], dtype=np.int64)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    try:
        write_private(RunDirectory(directory).solution(lane), buffer.getvalue())
    except OSError as error:
        print(f"the solution of lane {lane} could not be kept: {error.strerror}", file=sys.stderr)
