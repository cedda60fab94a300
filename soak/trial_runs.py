"""Runs to try promises on: small ones of every kind, one without end, and their solvers as forks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import presets
from soak.forked import Child
from solver import __main__ as entry
from solver import runs
from solver.log import Reader
from solver.records import AnyRecord, Ending, Frame, Schema, State
from solver.rundir import RunDirectory

_SMALL = {"problem.shape": [8, 8], "problem.rank": 1, "problem.observations": 40}
ENDLESS = {
    **_SMALL,
    "optimizer.kind": "gradient-descent",
    "optimizer.step_size": 1e-4,
    "stop.train_loss": None,
    "stop.max_steps": 10**9,
}
_LANES = {"model.depth": [1, 2, 3]}
KINDS: dict[str, tuple[str, dict[str, Any], dict[str, list[Any]]]] = {
    "gradient flow": ("mf-depth", {**_SMALL, "stop.max_steps": 120}, _LANES),
    "gradient descent": (
        "mf-depth",
        {**_SMALL, "optimizer.kind": "gradient-descent", "optimizer.step_size": 0.5, "stop.max_steps": 4000},
        _LANES,
    ),
    "GroupRMSprop": ("mf-depth", {**_SMALL, "optimizer.kind": "group-rmsprop", "stop.max_steps": 3000}, _LANES),
    "Adam": ("mf-depth", {**_SMALL, "optimizer.kind": "adam", "stop.max_steps": 3000}, _LANES),
    "counterexample": ("det-2x2", {"seeds": 1}, {}),
    "components": ("tf-components", {"problem.shape": [4, 4, 4], "problem.observations": 40, "seeds": 1}, {}),
    "images": (
        "mnist-rank",
        {"problem.train_images": 300, "problem.test_images": 200, "optimizer.batch_size": 100, "stop.max_steps": 60},
        {"model.components": [1, 3]},
    ),
}


def made(home: Path, kind: str) -> RunDirectory:
    """A run of this kind, not begun."""
    name, changes, sweeps = KINDS[kind]
    return runs.create(presets.order_of(name, "quick", changes, sweeps), home)


def endless(home: Path, name: str = "mf-depth", sweeps: dict[str, list[Any]] = _LANES) -> RunDirectory:
    """A run that goes on until somebody ends it, not begun."""
    return runs.create(presets.order_of(name, "quick", ENDLESS, sweeps), home)


def solver(directory: RunDirectory) -> Child:
    """A solver of this run, as the app starts one."""
    return Child(lambda: entry.solve(directory.path))


def without_clocks(records: list[AnyRecord]) -> list[str]:
    """What records say less elapsed seconds, wall times and state lines."""
    kept = []
    elapsed: dict[int, int] = {}
    for record in records:
        if isinstance(record, State):
            continue
        if isinstance(record, Schema):
            elapsed = {lane.index: lane.series.index("elapsed_s") for lane in record.lanes}
        if isinstance(record, Frame):
            record.values[elapsed[record.lane]] = 0.0
        kept.append(repr(record.outcome) if isinstance(record, Ending) else repr(record))
    return kept


def has_frames(directory: RunDirectory, n: int = 1) -> bool:
    """Whether a run has recorded so many states."""
    return n <= sum(isinstance(record, Frame) for record in Reader(directory.log).whole())
