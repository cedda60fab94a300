"""Frames measured beside the training: the same log as without, and nothing lost whoever dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solver import runs, settings
from solver.lock import Lock
from solver.numerics.lanes import lane_run
from solver.numerics.lanes.deep_matrix_factorization_metrics import DeepMatrixFactorizationMetrics
from solver.numerics.problem_file import build
from solver.numerics.turns import grouping, measuring
from solver.numerics.turns.measuring import Job, Measurers, Measuring
from solver.profile import read
from solver.rundir import Order, PresetInfo, RunDirectory
from tests.solver.resuming import StoppingEar
from tests.solver.small import LONG, SMALL, directory, exported, trained, without_clocks
from tests.solver.test_crew import is_alive, needs_proc, started, workers_of
from tests.waiting import until

TENSOR: dict[str, Any] = {
    "problem": {"kind": "tensor-completion", "shape": [5, 5, 5], "rank": 1, "observations": 60},
    "stop": {"train_loss": 1e-6, "max_steps": 60},
    "device": "cpu",
}
KINDS: dict[str, dict[str, Any]] = {
    "flow": settings.apply(SMALL, [("model.depth", 3), ("record.layers", 2), ("record.sharpness", True)], []),
    "steps": settings.apply(SMALL, [("optimizer.kind", "group-rmsprop"), ("stop.max_steps", 300)], []),
    "batch": settings.apply(SMALL, [("seeds", 4), ("record.per_step", 3)], []),
    "float32": settings.apply(SMALL, [("model.depth", 3), ("dtype", "float32"), ("stop.train_loss", 1e-4)], []),
    "diverging": settings.apply(SMALL, [("optimizer.kind", "gradient-descent"), ("optimizer.step_size", 1e6)], []),
    "symmetric": settings.apply(
        SMALL, [("problem.symmetric", True), ("model.kind", "symmetric-matrix-factorization")], []
    ),
    "cp": TENSOR | {"model": {"kind": "cp", "components": 6}},
    "ht": TENSOR | {"model": {"kind": "ht"}},
}


def made_of(raw: dict[str, Any]) -> RunDirectory:
    return runs.create(Order(spec=settings.decode(raw), preset=PresetInfo(name="small"), created="2026-01-01"))


def finished(raw: dict[str, Any]) -> RunDirectory:
    made = made_of(raw)
    trained(made)
    return made


def measured_by(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    """So many measurers, however short the run."""
    monkeypatch.setattr(grouping, "WORTH_A_PROCESS_S", float("inf"))
    monkeypatch.setattr(grouping, "WORTH_A_MEASURER_S", 1e-9)
    monkeypatch.setattr("solver.machine.cores", lambda: n + 1)


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which measurer was handed each state, by process."""
    given: list[int] = []
    give = measuring._Measurer.give

    def counted(one: measuring._Measurer, state: measuring.Measuring) -> bool:
        given.append(one._pid)
        return give(one, state)

    monkeypatch.setattr(measuring._Measurer, "give", counted)
    return given


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_is_that_of_one_process(monkeypatch: pytest.MonkeyPatch, handed_over: list[int], kind: str) -> None:
    """Line by line, but for clocks."""
    measured_by(monkeypatch, 0)
    alone = without_clocks(finished(KINDS[kind]))
    assert not handed_over
    measured_by(monkeypatch, 2)
    assert without_clocks(finished(KINDS[kind])) == alone
    assert len(set(handed_over)) == 2


def ratings(tmp_path: Path) -> dict[str, Any]:
    """A table with noise, of which a part is held out: what is measured chooses the best state."""
    generator = np.random.default_rng(0)
    values = np.outer(generator.normal(size=12), generator.normal(size=9)) + 0.3 * generator.normal(size=(12, 9))
    path = tmp_path / "table.csv"
    path.write_text("\n".join(",".join(f"{value:.4f}" for value in row) for row in values))
    return {
        "problem": {"kind": "matrix-completion", "file": str(path), "test_fraction": 0.2, "validation_fraction": 0.1},
        "model": {"kind": "deep-matrix-factorization", "depth": 2, "init_scale": 0.01},
        "stop": {"train_loss": 1e-9, "max_steps": 400},
        "device": "cpu",
    }


@pytest.mark.parametrize("patience", [None, 5])
def test_the_best_state_and_the_end_of_patience_are_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, handed_over: list[int], patience: int | None
) -> None:
    raw = settings.apply(ratings(tmp_path), [("stop.patience", patience)], [])
    measured_by(monkeypatch, 0)
    alone = finished(raw)
    assert exported(alone)["outcome"]["kind"] == ("stopped" if patience else "converged")
    measured_by(monkeypatch, 1)
    beside = finished(raw)
    assert handed_over
    assert without_clocks(beside) == without_clocks(alone)


def test_a_killed_run_is_taken_up_where_its_frames_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was trained and measured beyond the log is in the checkpoint."""
    raw = KINDS["batch"]
    measured_by(monkeypatch, 0)
    whole = without_clocks(finished(raw))
    measured_by(monkeypatch, 2)
    made = made_of(raw)
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, 20, 40, die=True))
    assert made.can_resume()
    trained(made)
    assert without_clocks(made) == whole


def test_a_stopped_run_ends_with_all_that_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    measured_by(monkeypatch, 1)
    made = made_of(KINDS["batch"])
    trained(made, StoppingEar(made, 0, 10, die=False))
    assert exported(made)["outcome"]["kind"] == "stopped"
    for lane in exported(made)["lanes"]:
        assert lane["series"]["step"] == sorted(lane["series"]["step"])
    trained(made)
    again, whole = exported(made), exported(finished(KINDS["batch"]))
    for lane, expected in zip(again["lanes"], whole["lanes"], strict=True):
        assert lane["final"]["singular_values"] == expected["final"]["singular_values"]


@pytest.mark.parametrize("at", [1, 9])
def test_a_measurer_that_is_killed_costs_no_frame(
    monkeypatch: pytest.MonkeyPatch, handed_over: list[int], at: int
) -> None:
    """Its states are measured where they are trained, or by who is left."""
    measured_by(monkeypatch, 0)
    whole = without_clocks(finished(KINDS["batch"]))
    measured_by(monkeypatch, 2)
    take, killed = Measurers.take, list[int]()

    def killing(crew: Measurers, state: measuring.Measuring) -> None:
        take(crew, state)
        if len(handed_over) >= at and not killed:
            killed.append(handed_over[-1])
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(Measurers, "take", killing)
    assert without_clocks(finished(KINDS["batch"])) == whole
    assert killed


def test_measurers_that_are_gone_before_they_are_needed_are_done_without(
    monkeypatch: pytest.MonkeyPatch, handed_over: list[int]
) -> None:
    measured_by(monkeypatch, 2)
    made = Measurers.__init__

    def killing(crew: Measurers, lanes: measuring.Lanes, n: int) -> None:
        made(crew, lanes, n)
        for one in crew._crew:
            os.kill(one._pid, signal.SIGKILL)
            until(one.connection.poll)

    monkeypatch.setattr(Measurers, "__init__", killing)
    beside = without_clocks(finished(KINDS["flow"]))
    assert len(handed_over) == 2, "tried once each"
    measured_by(monkeypatch, 0)
    assert beside == without_clocks(finished(KINDS["flow"]))


def is_done(measurers: Measurers) -> bool:
    """Whether nothing is left to them, of what is received a little later."""
    measurers.receive(0.01)
    return not any(one.waiting for one in measurers._crew)


def test_who_has_nothing_to_do_measures_what_nobody_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three states that a measurer at rest has, the last two; what it finds later changes nothing."""
    [lane] = settings.lanes(settings.decode(SMALL))
    run = lane_run(lane, build([lane])[0])
    measurers = Measurers({0: run}, 1)
    [only] = measurers._crew
    known = {
        "step": 0,
        "time": 0.0,
        "elapsed_s": 0.0,
        "evaluations": 1,
        "step_size": 0.1,
        "method": 0.0,
        "rejections": 0,
    }
    job = Job(lane=0, known=known, frames_taken=0, with_pictures=False, most_loss=None)
    states = [Measuring(run, job, scale * run.start()) for scale in (1.0, 2.0, 3.0)]
    try:
        os.kill(only._pid, signal.SIGSTOP)
        for state in states:
            measurers.take(state)
        assert [measurers.take_back() for _ in range(3)] == [True, True, False]
        assert [state.result is None for state in states] == [True, False, False]
        kept = [state.result for state in states[1:]]
        os.kill(only._pid, signal.SIGCONT)
        until(lambda: is_done(measurers))
        assert [state.result for state in states[1:]] == kept
        for state in states:
            assert state.result is not None
            assert state.result.frame == measuring.measured(run, job, state.parameters).frame
    finally:
        measurers.dismiss()


def test_an_error_of_a_measurement_is_that_of_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurer that fails ends; what it had is measured again where anyone can be told."""

    def fails(*_: object) -> None:
        raise MemoryError("no room for a decomposition")

    monkeypatch.setattr(DeepMatrixFactorizationMetrics, "measure", fails)
    measured_by(monkeypatch, 1)
    outcome = exported(finished(KINDS["flow"]))["outcome"]
    assert (outcome["kind"], outcome["reason"]) == ("failed", "no room for a decomposition")


@needs_proc
def test_measurers_end_with_their_solver() -> None:
    """Killed or stopped; they hold neither its lock nor its log."""
    made = directory(LONG | {"problem.shape": [60, 60], "problem.observations": 1000})
    solver = started(made)
    try:
        until(lambda: len(workers_of(solver.pid)) == 1 and made.log.stat().st_size > 20_000)
        measurers = workers_of(solver.pid)
        os.kill(solver.pid, signal.SIGKILL)
        until(lambda: not any(is_alive(one) for one in measurers))
        assert not made.is_solving()
        lock = Lock.take(made.lock)
        assert lock is not None
        lock.release()
    finally:
        solver.kill()


def test_the_profile_has_what_measurers_took(monkeypatch: pytest.MonkeyPatch) -> None:
    measured_by(monkeypatch, 1)
    made: RunDirectory = finished(KINDS["flow"])
    profile = read(made)
    assert profile is not None
    assert profile.lanes[0].recording_s > 0.0
    assert profile.lanes[0].training_s > 0.0


def test_there_are_as_many_as_cores_are_left_and_frames_are_worth() -> None:
    def lanes(changes: dict[str, Any]) -> list[settings.LaneSpec]:
        return settings.lanes(settings.decode(settings.apply({}, list(changes.items()), [])))

    large = lanes({"problem.kind": "matrix-completion", "problem.shape": [100, 100], "problem.observations": 2000})
    small = lanes({"problem.shape": [4, 4], "problem.rank": 1, "problem.observations": 8, "stop.max_steps": 20})
    threaded = lanes({"problem.kind": "matrix-completion", "problem.shape": [100, 100], "threads": 2})
    assert grouping.measurers([large], 1) == [0]
    assert grouping.measurers([large], 2) == [1]
    assert 1 < grouping.measurers([large], 16)[0] < 16
    assert grouping.measurers([large, large], 2) == [0, 0]
    assert grouping.measurers([large, large], 3) == [1, 0]
    assert grouping.measurers([small], 16) == [0]
    assert grouping.measurers([threaded], 16) == [0]
    assert grouping.measurers([[]], 16) == [0]
