"""The app killed, halted, hung up on: its terminal is given back, its run goes on, and who sleeps stalls nobody."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from bench.terminal import COMMAND
from soak.forked import Child, until
from soak.promise import Promise, Tried
from soak.shown import Shown
from soak.trial_runs import endless, has_frames, solver
from solver import client, runs
from solver.log import Reader, Writer
from solver.records import AnyRecord, Event
from solver.rundir import RunDirectory

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGABRT", "SIGSEGV", "SIGKILL")
_KEYS = {"q": b"q", "an exception": b"?"}
_WAYS = (*_KEYS, *_SIGNALS)
# The app with a bug behind a key.
_RAISING = (
    sys.executable,
    "-c",
    "import sys\n"
    "from tui.app import ImplicitApp\n"
    "from tui.commands import main\n"
    "ImplicitApp.action_help = lambda self: 1 / 0\n"
    "sys.exit(main([]))\n",
)
_AWAY = ("kill -9", "hang-up", "the terminal closed")
_RATE, _SECONDS = 50_000, 5


def given_back(trials: int, home: Path, generator: random.Random) -> Tried:
    """Every way of going, the signals to the app and to its parent in turns."""
    os.environ["IMPLICIT_TUI_HOME"] = str(home)
    tried = Tried()
    for trial in range(trials):
        way = _WAYS[trial % len(_WAYS)]
        with Shown(command=_RAISING if way == "an exception" else (COMMAND,)) as app:
            app.painted()
            app.read(generator.uniform(0.0, 0.4))
            if way in _KEYS:
                os.write(app.master, _KEYS[way])
            else:
                # The parent of a KILL cannot answer; the app that it leaves does.
                is_parents = trial % 2 and way != "SIGKILL"
                os.kill(app.process.pid if is_parents else app.painter(), getattr(signal, way))
            try:
                app.ended()
                holds = app.is_given_back()
            except (TimeoutError, AssertionError):
                holds = False
            tried.that(holds, f"trial {trial}, {way}: the terminal was not given back")
    tried.note = ", ".join(_WAYS)
    return tried


def outlived(trials: int, home: Path, generator: random.Random) -> Tried:
    """A run whose app is killed, hung up on, or loses its terminal goes on and can be stopped."""
    os.environ["IMPLICIT_TUI_HOME"] = str(home)
    tried = Tried()
    for trial in range(trials):
        way = _AWAY[trial % len(_AWAY)]
        with Shown(["mf-dynamics"]) as app:
            directory = _started(app)
            if way == "kill -9":
                os.kill(app.painter(), signal.SIGKILL)
            elif way == "hang-up":
                os.kill(app.process.pid, signal.SIGHUP)
            else:
                os.close(app.master)
                os.close(app.slave)
            app.process.wait(20.0)
        time.sleep(generator.uniform(0.0, 0.2))
        holds = directory.is_solving() or directory.outcome() is not None
        if directory.is_solving():
            holds = holds and client.stop(directory)
        tried.that(holds, f"trial {trial}, {way}: the run is {directory.state()}")
    tried.note = ", ".join(_AWAY)
    return tried


def _started(app: Shown) -> RunDirectory:
    """The run that the form which is shown starts, under way."""
    app.painted(b"optimizer")
    before = {run.id for run in runs.list_runs()}
    os.write(app.master, b"\x1b[15~")

    def new() -> list[RunDirectory]:
        app.read(0.02)
        return [run for run in runs.list_runs() if run.id not in before and has_frames(run)]

    until(new)
    return new()[0]


def _killed_one(home: Path) -> RunDirectory:
    """A run that has recorded something and whose solver was killed."""
    directory = endless(home / "runs")
    child = solver(directory)
    until(lambda: has_frames(directory))
    child.kill()
    child.wait()
    return directory


def sleeping(trials: int, home: Path, generator: random.Random) -> Tried:
    """A writer of 50,000 records a second beside an app that is halted: none is lost, and it catches up."""
    os.environ["IMPLICIT_TUI_HOME"] = str(home)
    tried = Tried()
    wanted = _RATE * _SECONDS
    for trial in range(trials):
        directory = _killed_one(home)
        with Shown(["attach", directory.id]) as app:
            app.painted(b"killed")
            os.kill(app.painter(), signal.SIGSTOP)
            before = len(list(Reader(directory.log).whole()))
            begin = time.monotonic()
            Child(partial(_write_fast, directory)).wait()
            took = time.monotonic() - begin
            os.kill(app.painter(), signal.SIGCONT)
            app.read(generator.uniform(5.0, 6.0))
            memory = _resident(app.painter())
            os.write(app.master, b"q")
            app.ended()
        n = len(list(Reader(directory.log).whole())) - before
        tried.that(n == wanted, f"trial {trial}: {n:,} of {wanted:,} records are in the log")
        tried.note = f"{wanted / took:,.0f} records a second; the app held {memory / 1e6:.0f} MB afterwards"
    return tried


def _write_fast(directory: RunDirectory) -> None:
    writer = Writer(directory.log)
    begin = time.monotonic()
    for n in range(_RATE * _SECONDS):
        said: AnyRecord = Event(lane=0, name="said", text=str(n))
        writer.append(said)
        if n % 1000 == 999:
            time.sleep(max(0.0, begin + n / _RATE - time.monotonic()))
    writer.close()


def _resident(pid: int) -> int:
    told = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    return int(told[1]) * os.sysconf("SC_PAGE_SIZE")


def private(trials: int, home: Path, generator: random.Random) -> Tried:
    """A solver, and the app attached to it: their sockets, and the modes of what they write."""
    os.environ["IMPLICIT_TUI_HOME"] = str(home)
    tried = Tried()
    for trial in range(trials):
        directory = endless(home / "runs")
        child = solver(directory)
        until(partial(has_frames, directory))
        with Shown(["attach", directory.id]) as app:
            app.painted(b"step")
            app.read(generator.uniform(0.0, 0.3))
            listening = [pid for pid in (child.pid, app.process.pid, app.painter()) if _listens(pid)]
            written = (directory.path, *directory.path.iterdir())
            open_to_others = [path.name for path in written if path.stat().st_mode & 0o077]
        child.kill()
        child.wait()
        tried.that(not listening, f"trial {trial}: {listening} listen")
        tried.that(not open_to_others, f"trial {trial}: others may read {open_to_others}")
    return tried


def _listens(pid: int) -> bool:
    """Whether a process has a socket that listens on a network."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                inodes.add(fields[9])
    held = {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()}
    return any(f"socket:[{inode}]" in held for inode in inodes)


def piped(trials: int, home: Path, generator: random.Random) -> Tried:
    """Exports into a file that takes only a part: what is missing shows in the status."""
    os.environ["IMPLICIT_TUI_HOME"] = str(home)
    tried = Tried()
    directory = _killed_one(home)
    whole = subprocess.run([COMMAND, "export", directory.id], capture_output=True, check=True).stdout
    for trial in range(trials):
        room = generator.randrange(len(whole) + 1)
        out = home / "out.json"
        script = f'ulimit -f {room // 512 or 1}; exec "$0" export {directory.id} > {out}'
        result = subprocess.run(
            ["/bin/sh", "-c", script, COMMAND],
            capture_output=True,
            check=False,
            env=os.environ | {"PYTHONUNBUFFERED": "1" if trial % 2 else ""},
        )
        is_whole = out.read_bytes() == whole
        holds = is_whole if result.returncode == 0 else b"Traceback" not in result.stderr
        tried.that(holds, f"trial {trial}: status {result.returncode}, {out.stat().st_size} of {len(whole)} bytes")
    return tried


PROMISES = [
    Promise(
        name="terminal",
        text="The terminal is given back whatever ends the app: q, an exception, and seven signals.",
        full=12 * len(_WAYS),
        few=0,
        attempt=given_back,
    ),
    Promise(
        name="outlives",
        text="The run survives its app: a kill, a hang-up, a closed terminal.",
        full=20,
        few=0,
        attempt=outlived,
    ),
    Promise(
        name="sleeping",
        text="An app that is halted stalls nobody: 50,000 records a second are written, and none is lost.",
        full=1,
        few=0,
        attempt=sleeping,
    ),
    Promise(
        name="private",
        text="Nothing listens on a network, and nobody else may read a run.",
        full=5,
        few=0,
        attempt=private,
    ),
    Promise(
        name="stdout",
        text="No output is cut with status 0.",
        full=20,
        few=0,
        attempt=piped,
    ),
]
