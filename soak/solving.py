"""Solvers that are killed, halted and taken up: what the log, the checkpoint and the machine are left with."""

from __future__ import annotations

import os
import random
import signal
import time
from functools import partial
from pathlib import Path

import torch

import presets
from soak.forked import Child, until
from soak.promise import Promise, Tried
from soak.trial_runs import ENDLESS, KINDS, endless, has_frames, made, solver, without_clocks
from solver import __main__ as entry
from solver import control, log, runs
from solver.control import Ear
from solver.lock import Lock
from solver.log import Reader, Writer
from solver.numerics import checkpoint
from solver.numerics.checkpoint import Content
from solver.numerics.run import run
from solver.records import AnyRecord, Frame
from solver.rundir import RunDirectory


def kills(trials: int, home: Path, generator: random.Random) -> Tried:
    """A pipe tells which writes returned before the kill came."""
    tried = Tried()
    least = most = 0
    for trial in range(trials):
        directory = endless(home)
        told, ours = os.pipe()

        def work(directory: RunDirectory = directory, ours: int = ours) -> None:
            append = log.Writer.append

            def telling(writer: Writer, record: AnyRecord) -> None:
                append(writer, record)
                os.write(ours, b".")

            log.Writer.append = telling  # type: ignore[method-assign, assignment]
            entry.solve(directory.path)

        child = Child(work)
        os.close(ours)
        os.read(told, 1)
        time.sleep(generator.uniform(0.0, 0.4))
        child.kill()
        child.wait()
        returned = 1
        while more := os.read(told, 1 << 16):
            returned += len(more)
        os.close(told)
        reader = Reader(directory.log)
        n = len(list(reader.whole()))
        tried.that(n >= returned and not reader.damaged, f"trial {trial}: {n} of {returned} records are read")
        least, most = min(least or n, n), max(most, n)
    tried.note = f"{least:,} to {most:,} records each"
    return tried


def resumes(trials: int, home: Path, generator: random.Random) -> Tried:
    """Killed at a moment after a checkpoint, taken up once or twice, compared with a run that was left alone."""
    tried = Tried()
    whole: dict[str, list[str]] = {}
    for trial in range(trials):
        kind = list(KINDS)[trial % len(KINDS)]
        if kind not in whole:
            alone = made(home, kind)
            solver(alone).wait()
            whole[kind] = without_clocks(list(Reader(alone.log).whole()))
        directory = made(home, kind)
        for _ in range(1 + trial % 2):
            saved, killed = generator.randrange(1, 40), generator.randrange(1, 40)
            if directory.outcome() is None:
                Child(partial(_killed_at, directory, saved, saved + killed)).wait()
        if directory.outcome() is None:
            solver(directory).wait()
        found = without_clocks(list(Reader(directory.log).whole()))
        tried.that(found == whole[kind], f"trial {trial}, {kind}: not the log of the uninterrupted run")
    tried.note = ", ".join(whole)
    return tried


class _Deadly(Ear):
    """Asks for a checkpoint at a look, and kills the process at another."""

    def __init__(self, directory: RunDirectory, saved_at: int, killed_at: int) -> None:
        super().__init__(directory, None, 1e9)
        self._looks, self._saved_at, self._killed_at = 0, saved_at, killed_at

    def is_due(self) -> bool:
        return True

    def listen(self) -> None:
        self._looks += 1
        self.checkpoint_asked = self._looks == self._saved_at
        if self._looks == self._killed_at:
            os.kill(os.getpid(), signal.SIGKILL)


def _killed_at(directory: RunDirectory, saved_at: int, killed_at: int) -> None:
    lock = Lock.take(directory.lock)
    assert lock is not None
    writer = Writer(directory.log)
    run(directory, directory.order(), writer, _Deadly(directory, saved_at, killed_at), lock)
    writer.close()


def checkpoints(trials: int, home: Path, generator: random.Random) -> Tried:
    """Killed while one checkpoint after another is saved."""
    tried = Tried()
    for trial in range(trials):
        directory = endless(home)
        told, ours = os.pipe()

        def work(directory: RunDirectory = directory, ours: int = ours) -> None:
            tensor = torch.zeros(40_000, dtype=torch.float64)
            for n in range(10**9):
                content: Content = {
                    "baselines": None,
                    "batches": [{"lanes": [n], "clock": 0, "method": {"state": tensor + n}}],
                    "position": 0,
                    "n_records": n,
                    "made": [],
                    "elapsed_s": 0.0,
                }
                checkpoint.save(directory, content)
                os.write(ours, n.to_bytes(4, "little"))

        child = Child(work)
        os.close(ours)
        os.read(told, 4)
        time.sleep(generator.uniform(0.0, 0.1))
        child.kill()
        child.wait()
        last = 0
        while more := os.read(told, 1 << 16):
            last = int.from_bytes(more[-4:], "little")
        os.close(told)
        found = checkpoint.load(directory)
        holds = found is not None and found["n_records"] in (last, last + 1)
        holds = holds and bool((found["batches"][0]["method"]["state"] == found["n_records"]).all()) if found else False
        tried.that(holds, f"trial {trial}: after the {last}-th checkpoint {found and found['n_records']} is loaded")
    return tried


def nothing_left(trials: int, home: Path, generator: random.Random) -> Tried:
    """A stop: the solver and the processes of its lanes are gone within five seconds, and it was heard within two."""
    tried = Tried()
    longest = 0.0
    for trial in range(trials):
        directory = runs.create(
            presets.order_of("mf-depth", "quick", {**ENDLESS, "problem.shape": [60, 60], "problem.observations": 900}),
            home,
        )
        child = solver(directory)
        until(partial(has_frames, directory))
        time.sleep(generator.uniform(0.0, 1.0))
        workers = _children(child.pid)
        begin = time.monotonic()
        control.send(directory, "stop")
        child.wait(30.0)
        took = time.monotonic() - begin
        left = [pid for pid in workers if Path(f"/proc/{pid}").exists()]
        longest = max(longest, took)
        holds = took < 5.0 and not left and directory.state() == "stopped"
        tried.that(holds, f"trial {trial}: {took:.1f} s, processes left {left}, state {directory.state()}")
    tried.note = f"the longest took {longest:.2f} s"
    return tried


def stops(trials: int, home: Path, generator: random.Random) -> Tried:
    """Thirty lanes of 100×100 with claims, after a while of training: heard within two seconds."""
    tried = Tried()
    longest = 0.0
    changes = {**ENDLESS, "problem.shape": [100, 100], "problem.rank": 5, "problem.observations": 2000, "seeds": 10}
    for trial in range(trials):
        directory = runs.create(presets.order_of("mf-depth", "default", changes, {"model.depth": [1, 2, 3]}), home)
        child = solver(directory)
        until(partial(has_frames, directory))
        time.sleep(generator.uniform(10.0, 30.0))
        begin = time.monotonic()
        control.send(directory, "stop")
        until(partial(_has_ended, directory))
        took = time.monotonic() - begin
        child.wait(30.0)
        longest = max(longest, took)
        tried.that(took < 2.0, f"trial {trial}: its ending was written after {took:.1f} s")
    tried.note = f"the longest took {longest:.2f} s"
    return tried


def failed_resumes(trials: int, home: Path, generator: random.Random) -> Tried:
    """problem.npz away for a moment, or no memory: the run can be taken up as before."""
    tried = Tried()
    for trial in range(trials):
        directory = endless(home)
        child = solver(directory)
        until(partial(has_frames, directory))
        control.send(directory, "checkpoint")
        until(directory.checkpoint.exists)
        time.sleep(generator.uniform(0.0, 0.2))
        child.kill()
        child.wait()
        away = directory.problem.with_name("away")
        directory.problem.rename(away)
        status = solver(directory).wait()
        away.rename(directory.problem)
        holds = status != 0 and directory.can_resume()
        child = solver(directory)
        n = sum(isinstance(record, Frame) for record in Reader(directory.log).whole())
        until(partial(has_frames, directory, n + 2))
        control.send(directory, "stop")
        child.wait()
        tried.that(holds and directory.state() == "stopped", f"trial {trial}: status {status}, {directory.state()}")
    return tried


def _has_ended(directory: RunDirectory) -> bool:
    return directory.outcome() is not None


def _children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(one) for one in told.read_text(encoding="ascii").split()] if told.exists() else []


PROMISES = [
    Promise(
        name="kill",
        text="A solver killed at a random moment leaves a log that is read whole: every record whose write returned.",
        full=200,
        few=3,
        attempt=kills,
    ),
    Promise(
        name="resume",
        text="A run killed after a checkpoint and taken up has, line by line, the log of a run that was left alone.",
        full=50,
        few=2,
        attempt=resumes,
    ),
    Promise(
        name="checkpoint",
        text="A solver killed while it saves leaves a checkpoint that loads: the last that was whole, or the next.",
        full=200,
        few=3,
        attempt=checkpoints,
    ),
    Promise(
        name="nothing-left",
        text="Five seconds after a stop nothing is left of the solver and of the processes of its lanes.",
        full=20,
        few=0,
        attempt=nothing_left,
    ),
    Promise(
        name="stop",
        text="A stop of thirty lanes with claims is heard, and the run's ending written, within two seconds.",
        full=5,
        few=0,
        attempt=stops,
    ),
    Promise(
        name="failed-resume",
        text="A resume that fails before its first step leaves the run as it was: the next one goes on.",
        full=20,
        few=1,
        attempt=failed_resumes,
    ),
]
