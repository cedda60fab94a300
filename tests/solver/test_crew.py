"""Lanes in processes of their own: the same log as in one process, and nothing left behind whoever dies."""

from __future__ import annotations

import errno
import functools
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from soak.forked import Child
from solver import __main__ as entry
from solver import client, control, settings
from solver.numerics import checkpoint
from solver.numerics.turns import crew, grouping
from solver.numerics.turns.crew import Crew, Share
from solver.numerics.turns.measuring import Measurers
from solver.numerics.turns.turn import LocalTurns
from solver.records import Frame, State
from solver.rundir import RunDirectory
from tests.solver.resuming import StoppingEar
from tests.solver.running import ran
from tests.solver.small import directory, exported, finished, records, state_of, trained, without_clocks
from tests.waiting import stays, until

# Batches of different sizes: lanes of one depth train together.
SWEEP: dict[str, list[Any]] = {"model.depth": [1, 2, 3], "model.init": ["gaussian", "balanced"]}
CHANGES = {"stop.max_steps": 120, "seeds": 2}
LONG = {"optimizer.kind": "gradient-descent", "stop.max_steps": 10_000_000, "stop.train_loss": None}


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "WORTH_A_PROCESS_S", 0.0)
    monkeypatch.setenv("IMPLICIT_TUI_CORES", "3")
    monkeypatch.setattr("solver.machine.cores", lambda: 3)


def together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "WORTH_A_PROCESS_S", float("inf"))


@functools.cache
def of_one_process() -> tuple[list[str], dict[str, Any]]:
    """The log and the export of the whole run, trained in one process."""
    with pytest.MonkeyPatch.context() as patch:
        together(patch)
        whole = finished(CHANGES, SWEEP)
    return without_clocks(whole), exported(whole)


@pytest.mark.usefixtures("apart")
def test_the_log_is_that_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line, but for clocks."""
    hired: list[int] = []
    hire = Crew.hire

    def counted(crew: Crew, shares: list[Share], n_measurers: int) -> Any:
        hired.append(len(shares))
        return hire(crew, shares, n_measurers)

    monkeypatch.setattr(Crew, "hire", counted)
    assert without_clocks(finished(CHANGES, SWEEP)) == of_one_process()[0]
    assert len(hired) == 3


@pytest.mark.usefixtures("apart")
def test_baselines_claims_and_images_are_those_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {
        "problem.train_images": 300,
        "problem.test_images": 200,
        "optimizer.batch_size": 100,
        "stop.max_steps": 60,
    }
    spread = ran("mnist-rank", changes, {"model.components": [1, 3]})
    together(monkeypatch)
    assert without_clocks(spread) == without_clocks(ran("mnist-rank", changes, {"model.components": [1, 3]}))


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("checkpoint_at", [1, 30, 90])
@pytest.mark.parametrize("resumed_apart", [True, False])
def test_a_killed_run_is_taken_up_in_as_many_processes_as_there_are(
    monkeypatch: pytest.MonkeyPatch, checkpoint_at: int, resumed_apart: bool
) -> None:
    """What workers were ahead of the log is in the checkpoint, and the log goes on line by line."""
    whole, _ = of_one_process()
    made = directory(CHANGES, SWEEP)
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, checkpoint_at, checkpoint_at + 20, die=True))
    assert made.can_resume()
    if not resumed_apart:
        together(monkeypatch)
    trained(made)
    assert without_clocks(made) == whole


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("in_one", [True, False])
def test_every_start_takes_a_step_in_every_lane_however_short(monkeypatch: pytest.MonkeyPatch, in_one: bool) -> None:
    """Four starts of no time at all, of lanes too long to end in what their workers are ahead."""
    if in_one:
        together(monkeypatch)
    made = directory(CHANGES | LONG | {"stop.max_seconds": 1e-9}, SWEEP)
    before = [-1] * len(settings.lanes(made.order().spec))
    for _ in range(4):
        trained(made)
        assert made.state() == "max-seconds"
        steps = [int(lane["series"]["step"][-1]) for lane in exported(made)["lanes"]]
        assert all(now > then for now, then in zip(steps, before, strict=True))
        assert all(sorted(lane["series"]["step"]) == lane["series"]["step"] for lane in exported(made)["lanes"])
        before = steps


@pytest.mark.usefixtures("apart")
def test_no_worker_is_further_ahead_of_the_log_than_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of one that waits for the others is that of one that need not."""
    monkeypatch.setattr(crew, "_MOST_AHEAD_S", 0.0)
    assert without_clocks(finished(CHANGES, SWEEP)) == of_one_process()[0]


@pytest.mark.usefixtures("apart")
def test_a_stopped_run_goes_on_to_the_same_end() -> None:
    _, whole = of_one_process()
    made = directory(CHANGES, SWEEP)
    trained(made, StoppingEar(made, 0, 40, die=False))
    stopped = exported(made)
    assert stopped["outcome"]["kind"] == "stopped"
    for lane in stopped["lanes"]:
        steps = lane["series"]["step"]
        assert steps == sorted(steps)
    trained(made)
    again = exported(made)
    assert again["outcome"] == whole["outcome"]
    for lane, expected in zip(again["lanes"], whole["lanes"], strict=True):
        assert lane["outcome"] == expected["outcome"]
        assert lane["final"]["singular_values"] == expected["final"]["singular_values"]
        steps = lane["series"]["step"]
        assert steps == sorted(steps)


def workers_of(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")


def started(made: RunDirectory) -> Child:
    """A solver on two cores."""

    def work() -> int:
        os.environ["IMPLICIT_TUI_CORES"] = "2"
        return entry.solve(made.path)

    return Child(work)


@needs_proc
def test_workers_end_with_their_solver() -> None:
    made = directory(LONG, SWEEP)
    solver = started(made)
    try:
        until(lambda: len(workers_of(solver.pid)) == 2)
        workers = workers_of(solver.pid)
        os.kill(solver.pid, signal.SIGKILL)
        until(lambda: not any(is_alive(worker) for worker in workers))
        # The lock was the solver's alone.
        assert not made.is_solving()
    finally:
        solver.kill()


@needs_proc
def test_a_worker_that_is_killed_is_one_sentence_and_the_run_can_go_on() -> None:
    made = directory(LONG, SWEEP)
    solver = client.start(made, cores=2)
    try:
        until(lambda: len(workers_of(solver.pid)) == 2 and made.checkpoint.exists())
        os.kill(workers_of(solver.pid)[0], signal.SIGKILL)
        assert solver.wait(20) == 1
    finally:
        solver.kill()
    assert "a process that trained lanes of this run was killed by signal 9" in made.output.read_text()
    assert made.state() == "killed"
    assert made.can_resume()


@needs_proc
def test_a_pause_holds_the_workers_too() -> None:
    made = directory(LONG, SWEEP)
    solver = started(made)
    try:
        until(lambda: len(workers_of(solver.pid)) == 2 and state_of(made) == "running")
        control.send(made, "pause")
        until(lambda: state_of(made) == "paused")
        workers = workers_of(solver.pid)

        def ticks() -> int:
            return sum(sum(map(int, Path(f"/proc/{pid}/stat").read_text().split()[13:15])) for pid in workers)

        until(lambda: held(ticks))
        control.send(made, "resume")
        before = ticks()
        until(lambda: ticks() > before)
        assert client.stop(made)
    finally:
        solver.kill()


def held(ticks: Any) -> bool:
    """Whether no worker uses its processor for a while."""
    before = ticks()
    return stays(lambda: ticks() == before)


def test_the_rule_is_one_of_the_spec_and_the_cores() -> None:
    """Large lanes share the cores, the longest first; small runs, GPUs and lanes with threads of their own do not."""
    cpu = torch.device("cpu")

    def shares(changes: dict[str, Any], sweep: dict[str, list[Any]], cores: int, device: torch.device = cpu) -> Any:
        raw = settings.apply({}, list(changes.items()), list(sweep.items()))
        batches = grouping.group(settings.lanes(settings.decode(raw)), device)
        return grouping.shares(dict(enumerate(batches)), device, cores)

    large = {"problem.kind": "matrix-completion", "problem.shape": [100, 100], "problem.observations": 2000}
    depths = {"model.depth": [2, 3, 4]}
    assert shares({**large, "seeds": 2}, depths, 1) == []
    two = shares({**large, "seeds": 2}, depths, 2)
    assert sorted(index for share in two for index in share) == list(range(6))
    assert [len(share) for share in two] == [3, 3]
    assert len(shares({**large, "seeds": 2}, depths, 16)) == 6
    assert shares({**large, "threads": 2}, depths, 2) == []
    assert shares(large, depths, 2, torch.device("cuda")) == []
    assert shares({"problem.shape": [4, 4], "problem.rank": 1, "problem.observations": 8}, {}, 2) == []


def test_frames_of_workers_have_the_solvers_clock() -> None:
    made = directory({"optimizer.kind": "gradient-descent", "stop.max_steps": 3_000, "stop.train_loss": None}, SWEEP)
    started(made).wait(60)
    clock = exported(made)["lanes"][0]["series"]["elapsed_s"]
    assert clock == sorted(clock)
    assert clock[0] > 0
    assert sum(isinstance(record, Frame) for record in records(made)) > 100
    assert sum(isinstance(record, State) for record in records(made)) == 1


def frames(log: list[str]) -> Counter[str]:
    """What lanes recorded, without clocks and endings."""
    return Counter(line for line in log if line.startswith("Frame("))


def check_nothing_is_lost_or_doubled(made: RunDirectory, whole: list[str]) -> None:
    recorded, expected = frames(without_clocks(made)), frames(whole)
    assert not expected - recorded, "frames were lost"
    # A stop adds the last state of a lane, which no schedule asks for.
    assert max(recorded.values()) == 1, "frames were written twice"
    for lane in exported(made)["lanes"]:
        assert lane["outcome"]["kind"] == "converged" or lane["outcome"]["kind"] == "max-steps"
        times = lane["series"]["time"]
        assert times == sorted(times)


@pytest.mark.parametrize("cores", [1, 3])
def test_a_stop_that_saves_no_checkpoint_loses_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    """The disk is full, or the solver is killed, while it saves its last state: an earlier checkpoint holds."""
    monkeypatch.setattr(grouping, "WORTH_A_PROCESS_S", 0.0)
    monkeypatch.setattr("solver.machine.cores", lambda: cores)
    whole, _ = of_one_process()
    made = directory(CHANGES, SWEEP)
    save = checkpoint.save
    saved: list[bool] = []

    def once(to: RunDirectory, content: checkpoint.Content) -> None:
        if saved:
            raise OSError(errno.ENOSPC, "no space left")
        saved.append(True)
        save(to, content)

    monkeypatch.setattr(checkpoint, "save", once)
    trained(made, StoppingEar(made, 10, 40, die=False))
    monkeypatch.setattr(checkpoint, "save", save)
    trained(made)
    check_nothing_is_lost_or_doubled(made, whole)


@pytest.mark.parametrize("cores", [1, 3])
def test_a_run_that_was_stopped_and_then_killed_loses_and_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    """Stopped, taken up, killed before its next checkpoint, taken up; and killed again just after one."""
    monkeypatch.setattr(grouping, "WORTH_A_PROCESS_S", 0.0)
    monkeypatch.setattr("solver.machine.cores", lambda: cores)
    whole, _ = of_one_process()
    made = directory(CHANGES, SWEEP)
    trained(made, StoppingEar(made, 0, 30, die=False))
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, 0, 25, die=True))
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, 5, 15, die=True))
    trained(made)
    check_nothing_is_lost_or_doubled(made, whole)


@needs_proc
def test_a_signal_to_the_whole_group_stops_the_run_as_it_does_the_solver() -> None:
    made = directory(LONG, SWEEP)
    solver = started(made)
    try:
        until(lambda: len(workers_of(solver.pid)) == 2 and state_of(made) == "running")
        workers = workers_of(solver.pid)
        os.killpg(solver.pid, signal.SIGTERM)
        assert solver.wait(20) == 0
        assert not any(is_alive(worker) for worker in workers)
    finally:
        solver.kill()
    assert exported(made)["outcome"]["kind"] == "stopped"
    assert made.can_resume()


def test_an_error_in_a_worker_is_told_even_while_it_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    crew = Crew(lambda: 0.0)

    def fails(measurers: Measurers | None) -> LocalTurns:
        raise MemoryError("no room for a lane")

    (turns,) = crew.hire([Share(0, fails, [0], 2)])
    until(crew._workers[0].connection.poll)
    crew.hold(True)
    with pytest.raises(MemoryError, match="no room for a lane"):
        turns.state()
    crew.dismiss()
