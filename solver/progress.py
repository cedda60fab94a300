"""How far a run is, and how long it may still take: a guess from what is recorded."""

from __future__ import annotations

import math

import msgspec

from solver.history import History, LaneHistory
from solver.spec import RunSpec, Stop


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands."""

    fraction: float
    """Of the whole run, 0 to 1."""
    seconds_left: float | None
    """None where nothing can be said yet."""
    steps_per_s: float
    """Over all lanes, since the start."""
    evaluations_per_s: float


def progress(history: History, spec: RunSpec) -> Progress:
    """The progress of a run from its recorded frames."""
    elapsed = history.elapsed_s()
    lanes = history.lanes
    fraction = sum(_fraction(lane, spec.stop) for lane in lanes) / len(lanes) if lanes else 0.0
    if spec.stop.max_seconds is not None:
        fraction = max(fraction, min(1.0, elapsed / spec.stop.max_seconds))
    # Early on the guess jumps about; it is shown once it has something to go by.
    known = 0.02 < fraction < 1.0 and elapsed > 0.5
    steps = sum(lane.columns["step"][-1] for lane in lanes if len(lane))
    evaluations = sum(lane.columns["evaluations"][-1] for lane in lanes if lane.columns.get("evaluations"))
    return Progress(
        fraction=fraction,
        seconds_left=elapsed * (1 - fraction) / fraction if known else None,
        steps_per_s=steps / elapsed if elapsed > 0 else 0.0,
        evaluations_per_s=evaluations / elapsed if elapsed > 0 else 0.0,
    )


def _fraction(lane: LaneHistory, stop: Stop) -> float:
    if lane.outcome is not None and (lane.outcome.cause or lane.outcome.kind not in ("stopped", "failed", "diverged")):
        return 1.0
    if not len(lane):
        return 0.0
    fractions = [lane.columns["step"][-1] / stop.max_steps]
    if stop.max_time is not None and "time" in lane.columns:
        fractions.append(lane.columns["time"][-1] / stop.max_time)
    losses = lane.columns["train_loss"]
    if stop.train_loss is not None and stop.train_loss < losses[0] < math.inf and 0 < losses[-1] < math.inf:
        # In the logarithm of the loss: a plateau counts for little and the last decades for most.
        fractions.append(math.log(losses[0] / losses[-1]) / math.log(losses[0] / stop.train_loss))
    return min(1.0, max(0.0, *fractions))
