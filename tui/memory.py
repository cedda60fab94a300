"""What the app remembers from one day to the next: how each preset was looked at, how the runs were sorted."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from solver import files, runs


class Look(msgspec.Struct, kw_only=True):
    """How a run is looked at."""

    item: str = ""
    """The key of the chosen row; empty for what the run opens with."""
    axis: str = "step"
    log: dict[str, bool] = {}
    """Logarithmic axes chosen by hand."""
    pinned: list[str] = []
    """The keys of the rows that the list begins with."""
    asked: str = ""
    """Which quantities the list shows; empty for all."""
    tiles: list[str] = []
    """The keys of the rows that charts show, the first of all charts first."""
    shape: list[int] = []
    """Charts side by side, and below each other; empty for what fits the screen."""
    map: list[str] = []
    """Fields along x and y of the map, its series and which of its numbers; empty for what it starts with."""
    bands: bool = True
    """Whether lanes of one setting are drawn as a median with its quartiles, where there are enough seeds."""


class Memory(msgspec.Struct, kw_only=True):
    """Everything remembered. A file that cannot be read is as none: nothing of it is worth a question."""

    looks: dict[str, Look] = {}
    """By preset."""
    sort: str = "run"
    """The column of the runs."""
    descending: bool = True
    columns: list[str] = []
    """Those of the runs that were ticked; none for what fits."""
    theme: str = ""
    """Chosen in the palette; empty for what the configuration says."""
    marker: str = ""
    """Chosen by key; empty for what the configuration says."""


def path() -> Path:
    return runs.data_home() / "memory.json"


def read() -> Memory:
    """What was remembered last."""
    try:
        return msgspec.json.decode(path().read_bytes(), type=Memory)
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return Memory()


def write(memory: Memory) -> None:
    """Keeps it for the next time, if that can be."""
    with contextlib.suppress(OSError):
        runs.data_home().mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_private(path(), msgspec.json.format(msgspec.json.encode(memory)) + b"\n")
