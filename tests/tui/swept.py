"""A run over two settings without a solver: its log as one would leave it, for maps to show."""

from __future__ import annotations

from typing import Any

import presets
from solver import runs, settings
from solver.records import AnyRecord, Ending, LaneEnding, Outcome, OutcomeKind
from solver.rundir import RunDirectory
from tests.tui import histories, logs

SWEEP: dict[str, list[Any]] = {"problem.observations": [120, 160, 400], "model.init_scale": [1e-4, 0.1, 1.0, 4.0]}


def error_of(parameters: dict[str, Any]) -> float:
    """As on the real map: more entries and a smaller start err less."""
    return float(parameters["model.init_scale"] * (400 / parameters["problem.observations"]) ** 4 / 100)


def run_of(kinds: list[OutcomeKind | None] | None = None) -> RunDirectory:
    """A run of twelve lanes, each with one frame and an end; without one where the kind is None."""
    order = presets.order_of("phase-map", "quick", {"seeds": 1}, SWEEP)
    made = runs.create(order)
    lanes = settings.lanes(order.spec)
    told = ["reconstruction_error", "effective_rank", "singular_values"]
    schema = histories.schema([(lane.parameters, told) for lane in lanes])
    records: list[AnyRecord] = [schema, logs.START]
    every: list[OutcomeKind | None] = ["converged" for _ in lanes]
    for lane, kind in zip(schema.lanes, kinds or every, strict=True):
        error = error_of(lane.parameters)
        records += histories.frames(
            lane,
            {
                "reconstruction_error": [1.0, error],
                "effective_rank": [1.0, 2.0],
                "singular_values": [[1.0], [lane.index]],
            },
        )
        if kind is not None:
            records.append(LaneEnding(lane=lane.index, outcome=Outcome(kind=kind, reason="so")))
    if kinds is None:
        outcome = Outcome(kind="converged", reason="all lanes")
        records.append(Ending(outcome=outcome, wall="2026-01-01T00:01:00+00:00", elapsed_s=60.0))
    logs.write(made, records)
    return made
