"""What came of many runs, read by a thread and kept: a log that has not changed is not looked into again."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable

from solver import results
from solver.results import Results
from solver.rundir import RunDirectory
from tui.text import quantity

# Between runs the screen has its turn.
_BREATH_S = 0.003

_Stamp = tuple[int, int] | None


class KnownResults:
    """The results of runs as they were read last. Nobody waits for the disk: asked for now, known a little later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[_Stamp, Results]] = {}
        self._asked: list[RunDirectory] = []
        self._is_reading = False
        self.version = 0
        """Rises with everything that becomes known."""

    def of(self, run: RunDirectory) -> Results | None:
        """What is known of a run; None before it was read, and for one that cannot be."""
        known = self._known.get(run.id)
        return None if known is None else known[1]

    def ask(self, runs: Iterable[RunDirectory]) -> None:
        """Looks at these runs, in their order, before those that were asked for earlier."""
        with self._lock:
            self._asked = list({run.id: run for run in (*runs, *self._asked)}.values())
            if self._is_reading or not self._asked:
                return
            self._is_reading = True
        threading.Thread(target=self._read, name="results", daemon=True).start()

    def _read(self) -> None:
        while True:
            with self._lock:
                if not self._asked:
                    self._is_reading = False
                    return
                run = self._asked.pop(0)
            stamp = _stamp(run)
            known = self._known.get(run.id)
            if known is not None and known[0] == stamp:
                continue
            # Where one cannot be read, whatever the reason, the list calls it damaged, and the others are read.
            with contextlib.suppress(Exception):
                self._known[run.id] = stamp, results.read(run, run.order(), quantity)
                self.version += 1
            time.sleep(_BREATH_S)


def _stamp(run: RunDirectory) -> _Stamp:
    """Size and time of the log; None where there is none."""
    try:
        told = run.log.stat()
    except OSError:
        return None
    return told.st_size, told.st_mtime_ns
