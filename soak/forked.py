"""Work in processes of their own that have torch already: a fork each, which can be killed like any solver."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

_PAUSE_S = 0.01


class Child:
    """A process that does one thing, and ends with the status that this gives."""

    def __init__(self, work: Callable[[], int | None]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.setsid()
                # Who holds its terminal is nobody: the run goes on by itself.
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                status = work() or 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        self._status: int | None = None

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to it, where it is still there."""
        if self.is_alive():
            os.kill(self.pid, number)

    def is_alive(self) -> bool:
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if pid else None
        return self._status is None

    def wait(self, seconds: float = 300.0) -> int:
        """Its exit status, negative for a signal. Raises TimeoutError."""
        until(lambda: not self.is_alive(), seconds)
        assert self._status is not None
        return os.waitstatus_to_exitcode(self._status)


def until(condition: Callable[[], Any], seconds: float = 60.0) -> float:
    """Seconds until the condition holds. Raises TimeoutError."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > seconds:
            raise TimeoutError(f"it did not happen within {seconds:g} s")
        time.sleep(_PAUSE_S)
    return time.monotonic() - begin
