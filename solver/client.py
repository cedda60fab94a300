"""Starting solvers: one a run, and one warmed while a person reads."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from solver import control, machine, runs
from solver.paths import typed
from solver.refusal import BadSetting
from solver.rundir import Order, RunDirectory

_LOOK_EVERY_S = 0.1
EXIT_LOCKED = 4
"""The exit status of a solver that another one was before."""
_COMMAND = [sys.executable, "-P", "-m", "solver"]


class Solver:
    """A solver process. Closing our end of its pipe (or dying) leaves it running, unwatched."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def give(self, directory: RunDirectory) -> None:
        """Hands a warmed solver its run. Raises OSError where it has died meanwhile."""
        assert self._process.stdin is not None
        self._process.stdin.write(os.fsencode(directory.path) + b"\n")
        self._process.stdin.flush()

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Its exit status; None where it still runs after ``timeout_s``."""
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        self.release()
        return status

    def release(self) -> None:
        """Lets go of the pipe: the run goes on by itself, or an idle warmed solver ends."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def kill(self) -> None:
        """Ends the process at once; what it has recorded stays."""
        self._process.kill()
        self.wait()


def start(directory: RunDirectory, *, detach: bool = False, cores: int | None = None) -> Solver:
    """A solver for ``directory``, on at most so many cores.

    With ``detach`` nobody holds it: the detached limit counts from the start.
    """
    return _spawn([*_COMMAND, str(directory.path)], subprocess.DEVNULL if detach else subprocess.PIPE, cores)


def warm() -> Solver:
    """A solver that imports torch and waits to be given a run; it ends when we do."""
    return _spawn([*_COMMAND, "--warm"], subprocess.PIPE)


def _spawn(command: list[str], stdin: int, cores: int | None = None) -> Solver:
    limit = {} if cores is None else {"IMPLICIT_TUI_CORES": str(cores)}
    return Solver(
        subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | limit | {"PYTHONUNBUFFERED": "1"},
        )
    )


def has_taken(directory: RunDirectory, solver: Solver, timeout_s: float = 30.0) -> bool:
    """Whether the solver has got the run, which it says within a second; False where another one had it first."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        status = solver.wait(0.05)
        if status is not None:
            return status != EXIT_LOCKED
        if directory.told().pid == solver.pid:
            return True
    return True


def run_all(
    orders: Sequence[Order], home: Path, ended: Callable[[int, float], None] = lambda *_: None
) -> list[tuple[RunDirectory, float]]:
    """Runs each order to its end in ``home``, one process a core; returns directories and seconds, in their order.

    ``ended`` hears of each order's place and seconds as it ends. ctrl+c stops what runs and is raised again.
    """
    waiting = list(enumerate(orders))
    # Alone it may use every core; several share them.
    share = None if len(waiting) == 1 else 1
    running: dict[int, tuple[RunDirectory, Solver, float]] = {}
    done: dict[int, tuple[RunDirectory, float]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < machine.cores():
                place, order = waiting.pop(0)
                directory = runs.create(order, home)
                running[place] = (directory, start(directory, cores=share), time.monotonic())
            time.sleep(_LOOK_EVERY_S)
            for place in [place for place, (_, solver, _) in running.items() if not solver.is_alive()]:
                directory, solver, began = running.pop(place)
                solver.release()
                done[place] = (directory, time.monotonic() - began)
                ended(place, done[place][1])
    except BaseException:
        for directory, solver, _ in running.values():
            with contextlib.suppress(BadSetting):
                control.send(directory, "stop")
            if solver.wait(5.0) is None:
                solver.kill()
        raise
    return [done[place] for place in sorted(done)]


def devices() -> str:
    """What torch finds here, as JSON, from a process of its own. Raises BadSetting where torch does not start."""
    result = subprocess.run([*_COMMAND, "--devices"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode != 0:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise BadSetting(f"torch does not start here ({last}): reinstall it")
    return result.stdout


def stop(directory: RunDirectory, timeout_s: float = 10.0) -> bool:
    """Asks the run to stop and waits for its ending; says whether the solver is gone. Raises BadSetting."""
    control.send(directory, "stop")
    deadline = time.monotonic() + timeout_s
    while directory.is_solving():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def check_export_path(path: Path) -> Path:
    """The absolute path an export may replace. Raises BadSetting for a directory, link or unwritable place."""
    path = typed(path, "--out")
    shown = str(path)
    if path.name == "-":
        raise BadSetting("--out - is not a file: --json prints the export on stdout")
    if path.is_symlink():
        raise BadSetting(f"--out {shown} is a link: name the file it points to")
    if path.is_dir():
        raise BadSetting(f"--out {shown} is a directory: add a file name, as in {path / 'run.json'}")
    if path.exists() and not path.is_file():
        raise BadSetting(f"--out {shown} is not a regular file: choose another name")
    if not path.parent.is_dir():
        raise BadSetting(f"--out {shown}: the directory {path.parent} does not exist: create it, or choose another")
    try:
        # Asking the file system beats reading permissions: a read-only or virtual one says yes and means no.
        os.close(os.open(path, os.O_WRONLY)) if path.exists() else None
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadSetting(f"--out {shown} cannot be written ({reason}): choose a place of yours") from None
    return path
