"""A fork of the solver that works at the other end of a pipe, and ends with it."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe

CAN_FORK = sys.platform == "linux"
"""Elsewhere a fork of a process that has used its system's libraries may not go on."""


def fork(work: Callable[[Connection], None]) -> tuple[int, Connection]:
    """Begins ``work`` in a process of its own: its id, and our end of its pipe.

    It ends when the work does, or when the pipe is closed; what it raises goes to stderr.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    ours, theirs = Pipe()
    # A signal to the whole group is the solver's to hear: it stops its workers itself.
    kept = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, kept)
        _work(work, theirs)
    signal.pthread_sigmask(signal.SIG_SETMASK, kept)
    theirs.close()
    return pid, ours


def _work(work: Callable[[Connection], None], connection: Connection) -> None:
    """Never returns."""
    status = 1
    try:
        # What else the solver has open is not ours, its lock and the pipes of other workers above all.
        os.closerange(3, connection.fileno())
        most = os.sysconf("SC_OPEN_MAX")
        os.closerange(connection.fileno() + 1, most if most > 0 else 1 << 20)
        work(connection)
        status = 0
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except BaseException:
        sys.stderr.write(traceback.format_exc())
        sys.stderr.flush()
    finally:
        os._exit(status)
