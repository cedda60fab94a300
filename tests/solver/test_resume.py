"""Checkpoints: a killed or stopped run taken up again is the uninterrupted one."""

from __future__ import annotations

import functools
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from soak.forked import Child
from solver import __main__ as entry
from solver import client, control, runs
from solver.lock import Lock
from solver.log import DiskFull, Reader, Writer
from solver.numerics.run import NotResumed
from solver.numerics.turns import grouping
from tests.solver.resuming import StoppingEar
from tests.solver.running import ran
from tests.solver.small import (
    LONG,
    OPTIMIZERS,
    directory,
    exported,
    finished,
    state_of,
    trained,
    without_clocks,
)
from tests.waiting import until

INTERRUPTED: dict[str, list[Any]] = {"model.depth": [1, 2, 3], "model.init": ["gaussian", "balanced"]}


CHANGES: dict[str, dict[str, Any]] = {
    optimizer["optimizer.kind"]: {**optimizer, "stop.max_steps": 150, "seeds": 2} for optimizer in OPTIMIZERS
}


@pytest.fixture(autouse=True)
def _in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """test_crew has runs in several."""
    monkeypatch.setattr(grouping, "WORTH_A_PROCESS_S", float("inf"))


@functools.cache
def uninterrupted(optimizer: str) -> tuple[list[str], dict[str, Any]]:
    """The log and the export of a whole run."""
    whole = finished(CHANGES[optimizer], INTERRUPTED)
    return without_clocks(whole), exported(whole)


@pytest.mark.parametrize("optimizer", CHANGES)
@pytest.mark.parametrize("checkpoint_at", [1, 30, 45])
def test_a_run_taken_up_after_a_kill_is_the_uninterrupted_one(optimizer: str, checkpoint_at: int) -> None:
    """Weights and log, bit for bit: what was recorded after the checkpoint is made again and not written twice."""
    changes, (whole, _) = CHANGES[optimizer], uninterrupted(optimizer)
    made = directory(changes, INTERRUPTED)
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, checkpoint_at, checkpoint_at + 15, die=True))
    assert made.state() == "killed"
    assert made.can_resume()
    trained(made)
    assert without_clocks(made) == whole
    reader = Reader(made.log)
    list(reader.read())
    assert reader.damaged == 0


def test_a_stopped_run_goes_on_to_the_same_end() -> None:
    changes, (_, whole) = CHANGES["gradient-descent"], uninterrupted("gradient-descent")
    made = directory(changes, INTERRUPTED)
    trained(made, StoppingEar(made, 0, 60, die=False))
    assert exported(made)["outcome"]["kind"] == "stopped"
    assert made.can_resume()
    trained(made)
    document = exported(made)
    assert document["outcome"] == whole["outcome"]
    for lane, expected in zip(document["lanes"], whole["lanes"], strict=True):
        assert lane["final"]["end_matrix"] == expected["final"]["end_matrix"]
        assert lane["outcome"] == expected["outcome"]
    assert not made.can_resume()


def test_a_damaged_checkpoint_falls_back_to_the_one_before() -> None:
    changes = {"optimizer.kind": "gradient-descent", "stop.max_steps": 150}
    whole = finished(changes)
    made = directory(changes)
    for checkpoint_at in (10, 5):
        with pytest.raises(KeyboardInterrupt):
            trained(made, StoppingEar(made, checkpoint_at, checkpoint_at + 3, die=True))
    data = bytearray(made.checkpoint.read_bytes())
    data[len(data) // 2] ^= 1
    made.checkpoint.write_bytes(data)
    trained(made)
    assert without_clocks(made) == without_clocks(whole)


def test_a_killed_process_is_taken_up_by_another() -> None:
    made = directory(LONG)
    solver = client.start(made)
    until(lambda: state_of(made) == "running")
    control.send(made, "checkpoint")
    until(made.checkpoint.exists)
    assert made.checkpoint.stat().st_mode & 0o777 == 0o600
    solver.kill()
    before = len(exported(made)["lanes"][0]["series"]["step"])
    again = client.start(made)
    try:
        until(lambda: len(exported(made)["lanes"][0]["series"]["step"]) > before)
        assert client.stop(made)
    finally:
        again.kill()
    steps = exported(made)["lanes"][0]["series"]["step"]
    assert len(set(steps)) == len(steps)


def test_a_run_without_a_checkpoint_cannot_be_taken_up() -> None:
    made = directory(LONG)
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, 0, 5, die=True))
    assert not made.can_resume()
    with pytest.raises(NotResumed, match="has no checkpoint"):
        trained(made)
    assert made.outcome() is None


KINDS: dict[str, tuple[str, dict[str, Any], dict[str, list[Any]]]] = {
    "nuclear norm": (
        "low-rank-recovery",
        {"problem.shape": [30, 30], "problem.rank": 2, "seeds": 2},
        {"problem.observations": [260]},
    ),
    "sensing": (
        "low-rank-recovery",
        {"problem.kind": "matrix-sensing", "problem.shape": [12, 12], "problem.rank": 1, "seeds": 1},
        {"problem.observations": [80], "model.depth": [2, 3]},
    ),
    "counterexample": ("det-2x2", {"seeds": 1}, {"model.depth": [1, 2, 3]}),
    "tensors": (
        "tf-components",
        {
            "problem.shape": [5, 5, 5],
            "problem.rank": 2,
            "problem.observations": 80,
            "model.components": 12,
            "stop.max_steps": 5000,
        },
        {"model.init_std": [0.05, 0.1]},
    ),
    "images": (
        "mnist-rank",
        {
            "problem.train_images": 300,
            "problem.test_images": 100,
            "optimizer.batch_size": 64,
            "stop.max_steps": 60,
            "record.every": 5,
        },
        {"model.components": [1, 2]},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_taken_up_bit_for_bit_with_its_baselines_and_claims(kind: str) -> None:
    """Killed between two checkpoints' worth of records, and taken up: the log is that of the uninterrupted run."""
    whole = ran(*KINDS[kind])
    total = len(without_clocks(whole))
    made = runs.create(whole.order())
    at = max(2, total // 12)
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, at, at + 4, die=True))
    assert made.can_resume()
    trained(made)
    assert without_clocks(made) == without_clocks(whole)


def test_a_run_that_waits_for_room_on_the_disk_can_be_stopped_and_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It hears the stop while it waits, gives up as if it had been killed, and loses nothing."""
    changes, (whole, _) = CHANGES["gradient-descent"], uninterrupted("gradient-descent")
    made = directory(changes, INTERRUPTED)
    ear = StoppingEar(made, 10, 10**9, die=False)
    append, n_appended = Writer.append, [0]

    def full_after_a_while(writer: Writer, record: Any) -> None:
        n_appended[0] += 1
        if n_appended[0] > 100:
            ear.stop_reason = "a test stopped it"
            raise DiskFull(28, "no space left")
        append(writer, record)

    monkeypatch.setattr(Writer, "append", full_after_a_while)
    with pytest.raises(DiskFull):
        trained(made, ear)
    monkeypatch.setattr(Writer, "append", append)
    assert made.state() == "killed"
    trained(made)
    assert without_clocks(made) == whole


@pytest.mark.parametrize("how", ["a command", "a signal"])
def test_a_stop_said_as_soon_as_the_lock_is_held_is_heard(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """What was said to the solver before is not: the run is taken up, though it had been told to stop."""
    made = directory({**LONG, "stop.max_steps": 10**9})
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, 3, 9, die=True))
    control.send(made, "stop")
    take = Lock.take

    def told_at_once(path: Path) -> Lock | None:
        lock = take(path)
        if how == "a command":
            control.send(made, "stop")
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        return lock

    monkeypatch.setattr(Lock, "take", told_at_once)
    solver = Child(lambda: entry.solve(made.path))
    try:
        assert solver.wait(60.0) == 0
    finally:
        solver.kill()
    outcome = made.outcome()
    assert outcome is not None
    assert outcome.reason == ("it was asked to stop" if how == "a command" else "its solver was told to terminate")
