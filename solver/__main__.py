"""The solver process: ``python -P -m solver RUN_DIRECTORY``, or ``--warm`` to be given the directory later.

Standard input is the holder's end of a pipe: when it closes, nobody watches any more.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from solver.lock import Lock
    from solver.rundir import RunDirectory

# Before torch and its thread pools exist.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

EXIT_FAILED = 1


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if arguments == ["--devices"]:
        return _print_devices()
    if arguments == ["--warm"]:
        # What takes long, while the person still chooses; who leaves meanwhile is not kept waiting for.
        _end_with_the_holder()
        importlib.import_module("solver.numerics.run")
        path = sys.stdin.buffer.readline().rstrip(b"\n")
        if not path:
            return 0
        arguments = [os.fsdecode(path)]
    return solve(Path(arguments[0]))


def solve(path: Path) -> int:
    """Trains what spec.json of the directory asks for; the exit status is 0 unless the run diverged or failed."""
    import time

    began = time.perf_counter()
    from solver.client import EXIT_LOCKED
    from solver.control import hold_signals
    from solver.files import is_full
    from solver.lock import Lock
    from solver.rundir import RunDirectory

    directory = RunDirectory(path)
    _redirect_output(directory.output)
    hold_signals()
    # What is said once the lock is ours is for us, and what was said to the solver before us is not.
    said_before = directory.control.stat().st_size if directory.control.exists() else 0
    lock = Lock.take(directory.lock)
    if lock is None:
        print(f"another solver works on {directory.id}", file=sys.stderr)
        return EXIT_LOCKED
    try:
        status = _solve(directory, lock, said_before, began)
    except ChildProcessError as error:
        # As if we had been killed ourselves: there is no ending, and resume goes on from the last checkpoint.
        print(error, file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        # Not even the ending could be written: the lock says so, in room that it has.
        if is_full(error):
            lock.say("no-room")
        with contextlib.suppress(OSError):
            print(f"the run cannot be written down any more: {error.strerror or error}", file=sys.stderr)
        return EXIT_FAILED
    lock.say("ended")
    return status


def _solve(directory: RunDirectory, lock: Lock, said_before: int, began: float) -> int:
    from solver.control import Ear
    from solver.files import is_full
    from solver.log import Writer
    from solver.records import NOT_RESUMED, Ending, Event, now

    # What a solver that was killed while it saved has left; nobody else writes here while the lock is ours.
    for left in (*directory.path.glob(".*.part"), *directory.path.glob("checkpoint.new")):
        left.unlink(missing_ok=True)
    os.nice(10)
    order = directory.order()
    # Commands that came before a new run's solver was up are for it.
    is_new = not directory.log.exists() or directory.log.stat().st_size == 0
    ear = Ear(directory, _holder(), order.detached_limit_s, said_before=0 if is_new else said_before)
    ear.hear_signals()
    writer = Writer(directory.log)
    _sync_every_second(writer.sync)
    from solver.numerics.run import NotResumed, run, unforeseen

    try:
        outcome = run(directory, order, writer, ear, lock, began)
    except NotResumed as refused:
        traceback.print_exc()
        said = refused.outcome
        name = f"{NOT_RESUMED}-{said.cause}"
        writer.append(Event(lane=None, name=name, text=f"it could not be taken up: {said.sentence()}"))
        writer.sync()
        return EXIT_FAILED
    except ChildProcessError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and is_full(error):
            raise
        traceback.print_exc()
        outcome = unforeseen(error)
        writer.append(Ending(outcome=outcome, wall=now(), elapsed_s=round(ear.elapsed_s(), 6)))
    writer.sync()
    if order.export is not None:
        _write_export(directory, Path(order.export))
    return EXIT_FAILED if outcome.kind in ("diverged", "failed") else 0


def _end_with_the_holder() -> None:
    """Ends the process as soon as whoever warmed it is gone without having given it a run."""
    import select
    import threading

    def watch() -> None:
        poll = select.poll()
        poll.register(0, select.POLLIN)
        # A run that was given first is kept, whatever became of the giver.
        if all(not event & select.POLLIN for _, event in poll.poll()):
            os._exit(0)

    threading.Thread(target=watch, name="holder", daemon=True).start()


def _holder() -> int | None:
    return None if sys.stdin is None or sys.stdin.closed or os.isatty(0) else 0


def _redirect_output(path: Path) -> None:
    """The terminal is the UI's alone: whatever prints here goes to a file, or nowhere where none can be made."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError:
        file = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)


def _sync_every_second(sync: object) -> None:
    import threading
    import time

    assert callable(sync)

    def loop() -> None:
        while True:
            time.sleep(1.0)
            # A disk that takes nothing is told of by the write that needs it.
            with contextlib.suppress(OSError):
                sync()

    threading.Thread(target=loop, name="sync", daemon=True).start()


def _write_export(directory: RunDirectory, path: Path) -> None:
    from solver import export
    from solver.files import replace_file

    try:
        replace_file(path, export.to_json(export.build(directory)))
    except OSError as error:
        print(f"the export {path} could not be written: {error.strerror}", file=sys.stderr)


def _print_devices() -> int:
    import json

    import torch

    from solver.numerics.device import describe

    devices = [describe(torch.device("cpu"))]
    if torch.cuda.is_available():
        devices += [describe(torch.device("cuda", index)) for index in range(torch.cuda.device_count())]
    print(json.dumps({"torch": str(torch.__version__), "cuda": torch.version.cuda, "devices": devices}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
