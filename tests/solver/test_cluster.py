"""Lanes on the workers of a Dask cluster: the same log as on one machine, whoever is lost on the way."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import presets
from solver import client, cluster, control, runs
from solver.control import Ear
from solver.numerics.cluster import devices
from solver.numerics.cluster.kept import KEPT
from solver.numerics.cluster.messages import Answer, Job, Request, Start, decode_answer, encode
from solver.numerics.cluster.work import answered
from solver.numerics.run import NotResumed
from solver.numerics.turns import cluster as clusters
from solver.numerics.turns import cluster_turns, grouping
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tests.solver import small
from tests.solver.resuming import StoppingEar
from tests.solver.small import exported, records, state_of, trained, without_clocks
from tests.waiting import stays, until
from tui import commands

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason="distributed is not installed: pip install 'implicit-tui[cluster]'",
)

SWEEP: dict[str, list[Any]] = {"model.depth": [1, 2, 3], "model.init": ["gaussian", "balanced"]}
CHANGES = {"stop.max_steps": 120, "seeds": 2}
LONG = {"optimizer.kind": "gradient-descent", "stop.max_steps": 10_000_000, "stop.train_loss": None}


def _n_tasks(dask_scheduler: Any) -> int:
    return len(dask_scheduler.tasks)


class Local:
    """A scheduler and workers on this machine, on loopback alone."""

    def __init__(self, place: Path) -> None:
        self._place = place
        kept = {name: value for name, value in os.environ.items() if name != "IMPLICIT_TUI_HOME"}
        # A thread of Dask that looks at all others a hundred times a second takes its part of every import.
        self._environment = kept | {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
        self.processes: list[subprocess.Popen[bytes]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self._start("scheduler", "--host", "127.0.0.1", "--port", self.address.rpartition(":")[2])
        self.workers: list[subprocess.Popen[bytes]] = []

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._place / f"{len(self.processes)}.out").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments, "--no-dashboard"],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=self._place,
                env=self._environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
            )
        self.processes.append(process)
        return process

    def add_worker(self, *options: str) -> subprocess.Popen[bytes]:
        """Without a nanny, which would begin another one where one is killed."""
        arguments = ["--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--local-directory", str(self._place)]
        self.workers.append(self._start("worker", self.address, *arguments, *options))
        return self.workers[-1]

    def have(self, n: int) -> None:
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < n:
            self.add_worker()
        until(lambda: self.n_workers() >= n, 60)

    def n_workers(self) -> int:
        with contextlib.suppress(BadSetting), cluster.connected(self.address) as found:
            return len(found.scheduler_info()["workers"])
        return 0

    def n_tasks(self) -> int:
        """What the scheduler knows of and has not forgotten."""
        with cluster.connected(self.address) as found:
            return int(found.run_on_scheduler(_n_tasks))

    def close(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    made = Local(tmp_path_factory.mktemp("cluster"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def local(started: Local) -> Local:
    """Two workers, whatever became of those that were there before: tests that kill one come last."""
    started.have(2)
    return started


@pytest.fixture(autouse=True)
def _often_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "_STATE_EVERY_S", 0.5)
    monkeypatch.setattr(clusters, "_LONGEST_S", 0.2)
    monkeypatch.setattr(clusters, "_SHORTEST_S", 0.05)
    monkeypatch.setattr(cluster_turns, "_FIRST_S", 0.05)


def directory(address: str, changes: dict[str, Any] = CHANGES, sweep: dict[str, list[Any]] = SWEEP) -> RunDirectory:
    order = small.directory(changes, sweep).order()
    return runs.create(msgspec.structs.replace(order, cluster=address))


@functools.cache
def of_one_machine() -> tuple[list[str], dict[str, Any]]:
    """The log and the export of the whole run, trained in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "WORTH_A_PROCESS_S", float("inf"))
        whole = small.finished(CHANGES, SWEEP)
    return without_clocks(whole), exported(whole)


def test_the_log_is_that_of_one_machine(local: Local) -> None:
    made = directory(local.address)
    trained(made)
    assert without_clocks(made) == of_one_machine()[0]


class KillingEar(Ear):
    """Kills workers at a look."""

    def __init__(self, made: RunDirectory, workers: list[subprocess.Popen[bytes]], at: int) -> None:
        super().__init__(made, None, 1e9)
        self._looks, self._workers, self._at = 0, workers, at

    def is_due(self) -> bool:
        return True

    def listen(self) -> None:
        self._looks += 1
        self.checkpoint_asked = self._looks == self._at // 2
        if self._looks == self._at:
            for worker in self._workers:
                worker.kill()
                worker.wait()


def test_more_batches_than_workers_all_come_on(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces of one turn each, so that every batch waits for its place many times."""
    monkeypatch.setattr(clusters, "_SHORTEST_S", 0.0)
    monkeypatch.setattr(clusters, "_LONGEST_S", 0.0)
    changes = {"optimizer.kind": "gradient-descent", "problem.shape": [2, 2], "problem.observations": 3}
    changes |= {"stop.max_steps": 20, "record.every": 10}
    sweep: dict[str, list[Any]] = {"optimizer.step_size": [0.1 + 0.01 * k for k in range(8)]}
    there, whole = directory(local.address, changes, sweep), small.directory(changes, sweep)
    trained(there)
    trained(whole)
    assert without_clocks(there) == without_clocks(whole)


def test_a_killed_run_is_taken_up_there_and_here(local: Local) -> None:
    """From one checkpoint on the cluster, from the next on this machine, and so on."""
    made = directory(local.address)
    for address in (local.address, None, local.address, None):
        with pytest.raises(KeyboardInterrupt):
            trained(made, StoppingEar(made, 10, 30, die=True))
        assert made.can_resume()
        runs.move_to(made, address)
    trained(made)
    assert without_clocks(made) == of_one_machine()[0]


def test_a_stopped_run_goes_on_to_the_same_end(local: Local) -> None:
    made = directory(local.address)
    trained(made, StoppingEar(made, 0, 40, die=False))
    assert exported(made)["outcome"]["kind"] == "stopped"
    trained(made)
    for lane, expected in zip(exported(made)["lanes"], of_one_machine()[1]["lanes"], strict=True):
        assert lane["outcome"] == expected["outcome"]
        assert lane["final"]["singular_values"] == expected["final"]["singular_values"]
        steps = lane["series"]["step"]
        assert steps == sorted(steps)


def test_every_start_takes_a_step_in_every_lane_however_short(local: Local) -> None:
    made = directory(local.address, CHANGES | LONG | {"stop.max_seconds": 1e-9})
    before = [-1] * 12
    for _ in range(2):
        trained(made)
        assert made.state() == "max-seconds"
        steps = [int(lane["series"]["step"][-1]) for lane in exported(made)["lanes"]]
        assert all(now > then for now, then in zip(steps, before, strict=True))
        before = steps


def test_a_file_of_entries_need_not_be_on_the_workers_and_solutions_come_back(local: Local, tmp_path: Path) -> None:
    """Predictions are made of the same files as on one machine."""
    entries = tmp_path / "entries.csv"
    entries.write_text("".join(f"{i},{j},{(i + 1) * (j - 2) / 9}\n" for i in range(6) for j in range(5) if (i + j) % 3))
    changes = {"problem.file": str(entries), "problem.test_fraction": 0.1, "stop.max_steps": 30}
    order = presets.order_of(str(entries), changes=changes)
    there, whole = runs.create(msgspec.structs.replace(order, cluster=local.address)), runs.create(order)
    # The solver reads the file once; on the workers there is none.
    trained(whole)
    trained(there)
    assert without_clocks(there) == without_clocks(whole)
    for lane in range(len(whole.order().spec.sweep) or 1):
        ours, theirs = np.load(whole.solution(lane)), np.load(there.solution(lane))
        with ours, theirs:
            assert set(ours.files) == set(theirs.files)
            assert all(np.array_equal(ours[name], theirs[name]) for name in ours.files)


def test_a_paused_run_leaves_the_cluster_alone_and_so_does_one_whose_solver_is_killed(local: Local) -> None:
    made = directory(local.address, CHANGES | LONG)
    solver = client.start(made)
    try:
        until(lambda: state_of(made) == "running" and len(records(made)) > 20, 60)
        control.send(made, "pause")
        until(lambda: state_of(made) == "paused")
        until(lambda: is_idle(local))
        before = len(records(made))
        control.send(made, "resume")
        until(lambda: len(records(made)) > before and made.checkpoint.exists())
        os.kill(solver.pid, signal.SIGKILL)
        until(lambda: is_idle(local) and local.n_tasks() == 0)
        assert made.can_resume()
    finally:
        solver.kill()


def is_idle(local: Local) -> bool:
    """Whether no worker trains for a while: what Dask itself does takes a few ticks a second."""

    def ticks() -> int:
        stats = [Path(f"/proc/{worker.pid}/stat").read_text().split() for worker in local.workers]
        return sum(int(ticks) for stat in stats for ticks in stat[13:15])

    before = ticks()
    return stays(lambda: ticks() <= before + 10, 0.5)


def test_a_worker_that_has_forgotten_a_batch_makes_the_same_turns_anew() -> None:
    """And sends those alone that the solver has not; what it still has, it goes on with."""
    made = small.directory({"stop.max_steps": 40}, {"model.depth": [2, 3]})
    trained(made)
    order = made.order()
    job = encode(Job(spec=order.spec, problems=made.problem.read_bytes(), device="cpu"))
    begun = Start(lanes=[0], state=None, n=0)

    def asked(n: int, **more: Any) -> Answer:
        request = Request(run="a run", batch=0, n=n, what="train", seconds=0.0, wants_state=True)
        return decode_answer(answered(encode(msgspec.structs.replace(request, **more))))

    assert asked(0).is_missing
    assert asked(0, job=job).is_missing
    first = asked(0, job=job, start=begun)
    second = asked(first.n)
    assert (len(first.turns), len(second.turns), second.n) == (1, 1, 2)
    assert second.state is not None
    third = asked(2)
    # Behind the solver it catches up without a word; ahead of it, it cannot go back.
    assert asked(2).is_missing
    KEPT.forget(0.0)
    assert asked(2).is_missing
    again = asked(2, job=job, start=Start(lanes=[0], state=second.state, n=2))
    assert again.turns == third.turns
    from_the_start = asked(2, job=job, start=begun, seconds=1e9)
    assert from_the_start.turns[:1] == third.turns
    KEPT.forget(0.0)


@pytest.mark.parametrize("address", ["127.0.0.1:8786", "tcp://127.0.0.1", "tcp://host:99999", "http://host:80", ""])
def test_an_address_is_one_of_a_scheduler(address: str) -> None:
    with pytest.raises(BadSetting, match=r"must be tcp://HOST:PORT or tls://HOST:PORT, not .*`dask scheduler`"):
        cluster.checked_address(address)


def test_without_the_extra_the_cure_is_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BadSetting, match=r"not installed: pip install 'implicit-tui\[cluster\]' brings it"):
        cluster.checked_address("tcp://127.0.0.1:8786")


def test_where_nothing_of_dask_answers_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that is closed, and one behind which something else is silent."""
    monkeypatch.setattr(cluster, "_CONNECT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(BadSetting, match=r"no scheduler answers: start one with `dask scheduler`"):
            cluster.connected(address)
    with pytest.raises(BadSetting, match=r"no scheduler answers: start"):
        cluster.connected(address)


def test_workers_that_are_otherwise_are_refused_before_a_run_is_made(
    local: Local, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one sentence, and no run directory is left."""
    ours = cluster.versions()
    asked = ["run", "det-2x2", "--cluster", local.address]
    for name, version, cure in (
        ("torch", "1.0.0", "install 1.0.0 there"),
        ("python", "3.99", "install 3.99 there"),
        ("implicit-tui's files", "0", "install the same there"),
    ):
        monkeypatch.setattr(cluster, "versions", lambda name=name, version=version: ours | {name: version})
        assert commands.main(asked) == 2
        said = capsys.readouterr().err
        assert said.startswith("implicit-tui: --cluster: worker tcp://127.0.0.1:")
        assert cure in said
        assert said.count("\n") == 1
    assert not runs.runs_home().exists()


def test_a_worker_without_the_package_is_told_what_to_install() -> None:
    """As Dask passes on what it met while it looked for our function by its name."""
    said = cluster._why_not(Exception("ModuleNotFoundError(\"No module named 'solver'\")"), {})
    assert said.startswith("cannot import implicit-tui")
    assert said.endswith("pip install 'implicit-tui[cluster]' in its environment")


def test_a_worker_that_reads_other_images_is_refused(tmp_path: Path) -> None:
    answer = {"versions": cluster.versions(), "images": {"/there": ""}}
    assert "problem.dataset /there is not there" in cluster._why_not(answer, {"/there": "abc"})
    assert "has other images there" in cluster._why_not(answer | {"images": {"/there": "x"}}, {"/there": "abc"})
    assert cluster._why_not(answer | {"images": {"/there": "abc"}}, {"/there": "abc"}) == ""


def test_what_a_worker_says_it_has_bounds_what_it_is_given() -> None:
    """Of what it says nothing, it has enough; a batch that asks for more than it has is not for it."""

    def worker(threads: int, **resources: float) -> cluster.Worker:
        return cluster.Worker(address="tcp://a:1", threads=threads, resources=resources, free_bytes=1)

    needs = {"MEMORY": 1e9, "CPU": 2.0}
    assert devices.room(worker(8), needs) == 4
    assert devices.room(worker(1), needs) == 1
    assert devices.room(worker(8, MEMORY=3e9), needs) == 3
    assert devices.room(worker(8, MEMORY=5e8), needs) == 0
    assert devices.room(worker(8), needs | {"GPU": 1}) == 1
    assert devices.room(worker(8, GPU=2), needs | {"GPU": 1}) == 2
    assert devices.taken(worker(8, MEMORY=3e9, OTHER=1), needs) == {"MEMORY": 1e9}


def test_lanes_of_a_worker_that_is_killed_go_on_elsewhere(local: Local, capfd: pytest.CaptureFixture[str]) -> None:
    """Bit for bit, and nothing is lost or written twice."""
    made = directory(local.address)
    trained(made, KillingEar(made, local.workers[:1], 40))
    assert without_clocks(made) == of_one_machine()[0]
    assert "was lost with lanes" in capfd.readouterr().err


def test_without_workers_a_run_stops_and_can_be_resumed(started: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    started.have(1)
    monkeypatch.setattr(clusters, "_WITHOUT_WORKERS_S", 0.5)
    made = directory(started.address)
    trained(made, KillingEar(made, started.workers, 40))
    outcome = made.outcome()
    assert outcome is not None
    assert outcome.kind == "stopped"
    assert outcome.reason == f"the cluster {started.address} has had no worker for 0.5 s that could train what is left"
    assert made.can_resume()
    with pytest.raises(NotResumed, match="no worker is there: start one with `dask worker"):
        trained(made)
    command = [sys.executable, "-m", "tui.commands", "resume", made.id, "--cluster", "none", "--quiet"]
    assert subprocess.run(command, cwd=Path(__file__).parents[2]).returncode == 0
    made_again = [line for line in without_clocks(made) if "no worker" not in line]
    assert made_again == of_one_machine()[0]
