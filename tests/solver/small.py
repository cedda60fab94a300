"""Small runs trained in this process, and what they left."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from soak import trial_runs
from solver import export, runs, schema, settings
from solver.control import Ear
from solver.history import History
from solver.lock import Lock
from solver.log import Reader, Writer
from solver.numerics.run import run
from solver.records import AnyRecord
from solver.rundir import Order, PresetInfo, RunDirectory

SMALL: dict[str, Any] = {
    "problem": {"kind": "matrix-completion", "shape": [8, 8], "rank": 1, "observations": 40},
    "model": {"kind": "deep-matrix-factorization", "depth": 2, "init_scale": 0.01},
    "stop": {"train_loss": 1e-6, "max_steps": 2000},
    "device": "cpu",
}


def directory(changes: dict[str, Any] | None = None, sweep: dict[str, list[Any]] | None = None) -> RunDirectory:
    raw = settings.apply(SMALL, list((changes or {}).items()), list((sweep or {}).items()))
    return runs.create(Order(spec=settings.decode(raw), preset=PresetInfo(name="small"), created="2026-01-01"))


def finished(changes: dict[str, Any] | None = None, sweep: dict[str, list[Any]] | None = None) -> RunDirectory:
    """A run trained in this process, to its end."""
    made = directory(changes, sweep)
    trained(made)
    return made


def trained(made: RunDirectory, ear: Ear | None = None) -> None:
    """Trains a run in this process, or takes it up, until it ends or the ear ends it."""
    lock, writer = Lock.take(made.lock), Writer(made.log)
    assert lock is not None, "another solver holds the run"
    try:
        run(made, made.order(), writer, ear or Ear(made, None, 1e9), lock)
    finally:
        writer.close()
        lock.release()


def records(made: RunDirectory) -> list[AnyRecord]:
    return list(Reader(made.log).read())


def exported(made: RunDirectory) -> dict[str, Any]:
    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not strict JSON")

    document: dict[str, Any] = json.loads(export.to_json(export.build(made)), parse_constant=refuse)
    jsonschema.Draft202012Validator(schema.of_export()).validate(document)
    return document


OPTIMIZERS: list[dict[str, Any]] = [
    {"optimizer.kind": "gradient-flow"},
    {"optimizer.kind": "gradient-descent", "optimizer.step_size": 1.0},
    {"optimizer.kind": "group-rmsprop", "optimizer.step_size": 1e-2, "optimizer.eps": 1e-2},
    {"optimizer.kind": "adam", "optimizer.step_size": 1e-2},
]


def without_clocks(made: RunDirectory) -> list[str]:
    """The log less elapsed seconds, wall times, state lines and checksums."""
    return trial_runs.without_clocks(records(made))


LONG = {
    "optimizer.kind": "gradient-descent",
    "optimizer.step_size": 1e-4,
    "stop.train_loss": None,
    "stop.max_steps": 10**9,
}


def state_of(made: RunDirectory) -> str:
    history = History()
    history.apply(Reader(made.log).read())
    return history.state
