"""Runs without a solver: logs as one would leave them, for the screens to show."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
from collections.abc import Iterator

import presets
from solver import rundir, runs, settings
from solver.log import Writer
from solver.records import (
    AnyRecord,
    Ending,
    Event,
    Frame,
    LaneEnding,
    LaneSchema,
    Outcome,
    Schema,
    State,
    Value,
)
from solver.rundir import Order, RunDirectory

SERIES = [
    "step",
    "time",
    "elapsed_s",
    "evaluations",
    "train_loss",
    "reconstruction_error",
    "effective_rank",
    "singular_values",
    "nuclear_norm",
    "frobenius_norm",
    "spectral_norm",
    "schatten_2_over_n",
    "gradient_norm",
    "step_size",
]
N_FRAMES = 60
START = State(state="running", wall="2026-01-01T00:00:00+00:00")


def frame(lane: int, t: int) -> Frame:
    """A lane whose singular values rise one after another."""
    sigma: list[float | str | None] = [10.0 / (r + 1) / (1 + math.exp((12 * (r + 1) - t) / 2)) for r in range(4)]
    total = math.fsum(float(value or 0) for value in sigma)
    values: list[Value] = [10.0 * t, 0.5 * t, 0.01 * t, 6.0 * t + 1, math.exp(-t / 5), 1 / (1 + t), 1 + t / 20]
    return Frame(lane=lane, values=[*values, sigma, total, total, total, total, math.exp(-t / 5), 0.1])


def write(made: RunDirectory, records: list[AnyRecord]) -> None:
    writer = Writer(made.log)
    for record in records:
        writer.append(record)
    writer.close()


def made_run(name: str = "20260101-000000-mf-depth-0000", title: str = "") -> RunDirectory:
    """A run directory of mf-depth under a fixed name, without a log."""
    preset = presets.load("mf-depth")
    info = preset.info()
    if title:
        info = rundir.PresetInfo(name=info.name, title=title)
    made = runs.create(Order(spec=preset.decode(preset.raw), preset=info, created="2026-01-01T00:00:00+00:00"))
    fixed = made.path.with_name(name)
    made.path.rename(fixed)
    return RunDirectory(fixed)


def lanes_of(made: RunDirectory) -> Schema:
    lanes = settings.lanes(made.order().spec)
    return Schema(
        version=1,
        lanes=[LaneSchema(index=lane.index, parameters=lane.parameters, series=SERIES, problem=0) for lane in lanes],
    )


def under_way(n_frames: int = N_FRAMES) -> list[AnyRecord]:
    """What follows the schema of a run that is not over."""
    escape = Event(lane=2, name="predicted-escape", text="the law lets σ_1 escape at time 12", step=None, time=12.0)
    return [START, escape, *(frame(lane, t) for t in range(n_frames) for lane in range(3))]


def ended(kind: str, reason: str, cure: str = "") -> list[AnyRecord]:
    outcome = Outcome(kind=kind, reason=reason, cure=cure)  # type: ignore[arg-type]
    endings: list[AnyRecord] = [LaneEnding(lane=lane, outcome=outcome) for lane in range(3)]
    return [*under_way(), *endings, Ending(outcome=outcome, wall="2026-01-01T00:01:00+00:00", elapsed_s=60.0)]


def run_in_state(state: str, title: str = "") -> RunDirectory:
    """A run that is running, paused, ended or failed. The first two look alive only under ``held``."""
    made = made_run(title=title)
    rest = {
        "running": under_way(),
        "paused": [*under_way(), State(state="paused", wall="2026-01-01T00:00:30+00:00")],
        "ended": ended("converged", "all 3 lanes reached their training loss"),
        "failed": ended(
            "diverged",
            "train loss became inf at step 412: step_size 0.5 is too large for init_scale 2",
            "try optimizer.step_size 0.05",
        ),
    }[state]
    write(made, [lanes_of(made), *rest])
    return made


@contextlib.contextmanager
def held(made: RunDirectory) -> Iterator[None]:
    """Holds the run's lock as its solver would."""
    lock = os.open(made.lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)
