"""A disk without room: the run waits, says so, listens, and goes on; what was there stays whole."""

from __future__ import annotations

import contextlib
import random
import resource
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from soak.forked import until
from soak.promise import Promise, Tried
from soak.trial_runs import endless, has_frames, solver
from solver import control, files
from solver.log import Reader
from solver.rundir import RunDirectory

# What the lock has reserved: a limit on the size of files is one on writing in place, too.
_ROOM = 36


def _limit(pid: int, size: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def full(trials: int, home: Path, generator: random.Random) -> Tried:
    """No room for a while, in every second trial with a pause in it; every fourth is stopped there and taken up."""
    tried = Tried()
    for trial in range(trials):
        directory = endless(home)
        child = solver(directory)
        said = []
        try:
            until(partial(has_frames, directory, 5))
            control.send(directory, "checkpoint")
            until(directory.checkpoint.exists)
            _limit(child.pid, _ROOM)
            _becomes(directory, "waiting-for-disk")
            if trial % 2:
                _told(directory, "pause")
                _becomes(directory, "paused")
                _told(directory, "resume")
                _becomes(directory, "waiting-for-disk")
            time.sleep(generator.uniform(0.0, 0.5))
            if trial % 4 == 3:
                _told(directory, "stop")
                child.wait(20.0)
                said.append(directory.state())
                child = solver(directory)
            else:
                _limit(child.pid, resource.RLIM_INFINITY)
            _becomes(directory, "running")
            control.send(directory, "stop")
            child.wait(20.0)
            said.append(directory.state())
            reader = Reader(directory.log)
            list(reader.whole())
            holds = set(said) == {"stopped"} and not reader.damaged and directory.outcome() is not None
        except (TimeoutError, OSError) as error:
            said.append(str(error))
            holds = False
        child.kill()
        tried.that(holds, f"trial {trial}: {', '.join(said)}")
    return tried


def _becomes(directory: RunDirectory, state: str) -> None:
    until(lambda: directory.state() == state)


def _told(directory: RunDirectory, command: control.Command) -> None:
    """Sends a command where the file of commands takes none."""
    with _no_room(_ROOM):
        control.send(directory, command)


@contextlib.contextmanager
def _no_room(size: int) -> Iterator[None]:
    _limit(0, size)
    try:
        yield
    finally:
        _limit(0, resource.RLIM_INFINITY)


def exports(trials: int, home: Path, generator: random.Random) -> Tried:
    """An export that finds no room leaves the file that it was to replace, and nothing beside it."""
    tried = Tried()
    path = home / "kept.json"
    path.write_bytes(b"what was there")
    names = {entry.name for entry in home.iterdir()}
    for trial in range(trials):
        data = generator.randbytes(generator.randrange(1_000, 100_000))
        refused = False
        with _no_room(generator.randrange(len(data))):
            try:
                files.replace_file(path, data)
            except OSError:
                refused = True
        left = {entry.name for entry in home.iterdir()} - names
        holds = refused and path.read_bytes() == b"what was there" and not left
        tried.that(holds, f"trial {trial}: refused {refused}, left {left}")
    return tried


PROMISES = [
    Promise(
        name="full-disk",
        text="On a full disk the run waits and says so, hears pause and stop, loses nothing, and goes on.",
        full=20,
        few=0,
        attempt=full,
    ),
    Promise(
        name="failed-export",
        text="An export that finds no room leaves the old file whole and nothing beside it.",
        full=200,
        few=20,
        attempt=exports,
    ),
]
