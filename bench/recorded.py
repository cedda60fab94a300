"""Runs without a solver: logs as one would write them, of any length, finished or growing."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import threading
from collections.abc import Iterator

import presets
from solver import runs, settings
from solver.log import Writer
from solver.records import Ending, Frame, LaneEnding, LaneSchema, Outcome, Schema, State, Value
from solver.rundir import Order, RunDirectory

_SERIES = ["step", "time", "elapsed_s", "evaluations", "train_loss", "reconstruction_error", "effective_rank"]
_SERIES += ["singular_values", "nuclear_norm", "frobenius_norm", "spectral_norm", "gradient_norm", "step_size"]
_N_VALUES = 8


def frame(lane: int, t: int, n_frames: int) -> Frame:
    """A lane whose singular values rise one after another over ``n_frames``."""
    share = t / n_frames
    sigma: list[float | str | None] = [
        10.0 / (r + 1) / (1 + math.exp((r + 1 + 0.3 * lane - 10 * share) * 4)) for r in range(_N_VALUES)
    ]
    loss = math.exp(-12 * share)
    values: list[Value] = [float(t), 0.1 * t, 0.01 * t, 6.0 * t + 1, loss, loss, 8 - 3 * share, sigma]
    return Frame(lane=lane, values=[*values, 10 * share, 9 * share, 8 * share, loss, 0.1])


def made(n_lanes: int) -> RunDirectory:
    """A run of so many lanes with the first line of its log."""
    preset = presets.load("mf-depth")
    raw = settings.apply(preset.raw, [("seeds", n_lanes)], [("model.depth", [3])])
    spec = preset.decode(raw)
    directory = runs.create(Order(spec=spec, preset=preset.info(spec), created="2026-01-01T00:00:00+00:00"))
    lanes = [
        LaneSchema(index=lane.index, parameters=lane.parameters, series=_SERIES, problem=0)
        for lane in settings.lanes(spec)
    ]
    writer = Writer(directory.log)
    writer.append(Schema(version=1, lanes=lanes))
    writer.append(State(state="running", wall="2026-01-01T00:00:00+00:00"))
    writer.close()
    return directory


def finished(n_lanes: int, n_frames: int) -> RunDirectory:
    """A run that has ended."""
    directory = made(n_lanes)
    writer = Writer(directory.log)
    for t in range(n_frames):
        for lane in range(n_lanes):
            writer.append(frame(lane, t, n_frames))
    outcome = Outcome(kind="converged", reason="every lane reached its training loss")
    for lane in range(n_lanes):
        writer.append(LaneEnding(lane=lane, outcome=outcome))
    writer.append(Ending(outcome=outcome, wall="2026-01-01T00:01:00+00:00", elapsed_s=60.0))
    writer.close()
    return directory


@contextlib.contextmanager
def growing(n_lanes: int, frames_per_s: float, n_frames: int) -> Iterator[RunDirectory]:
    """A run that goes on: every lane gets so many frames a second, from a thread, under the solver's lock."""
    directory, over = made(n_lanes), threading.Event()
    lock = os.open(directory.lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def write() -> None:
        writer = Writer(directory.log)
        for t in range(n_frames):
            for lane in range(n_lanes):
                writer.append(frame(lane, t, n_frames))
            if over.wait(1.0 / frames_per_s):
                break
        writer.close()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield directory
    finally:
        over.set()
        thread.join()
        os.close(lock)
