"""What a run takes of the machine while it is watched: cores and memory of its solver, use and memory of its GPU."""

from __future__ import annotations

import os
import time
from array import array
from pathlib import Path

_EVERY_S = 2.0
# An hour of them; then every other one is let go of, and half as many come.
_MOST = 1800


class Use:
    """Samples of one run, as columns that a sparkline takes; empty where the system does not tell."""

    def __init__(self, root: Path = Path("/proc")) -> None:
        self.cores = array("d")
        """Of a core, by the solver and its processes: 2 is two cores busy."""
        self.memory_bytes = array("d")
        """Resident, of all of them; what they share counts each time."""
        self.gpu_share = array("d")
        self.gpu_memory_bytes = array("d")
        self._root = root
        self._next, self._every = 0.0, _EVERY_S
        self._before: tuple[float, float] | None = None

    def is_due(self) -> bool:
        """Whether it is time for another sample."""
        return time.monotonic() >= self._next

    def look(self, pid: int, gpu: tuple[float, float] | None) -> None:
        """A sample of the process and those it has forked; ``gpu`` is its share and its bytes."""
        now = time.monotonic()
        self._next = now + self._every
        found = [self._process(one) for one in self._family(pid)] if pid else []
        busy = sum(seconds for seconds, _ in found)
        if found and self._before is not None and now > self._before[0]:
            # One that has ended since takes its seconds with it.
            self.cores.append(max(0.0, (busy - self._before[1]) / (now - self._before[0])))
            self.memory_bytes.append(float(sum(size for _, size in found)))
        self._before = (now, busy) if found else None
        if gpu is not None:
            self.gpu_share.append(gpu[0])
            self.gpu_memory_bytes.append(gpu[1])
        if max(len(self.cores), len(self.gpu_share)) >= _MOST:
            self._every *= 2.0
            # New ones: a screen may be going through the old.
            self.cores, self.memory_bytes = self.cores[::2], self.memory_bytes[::2]
            self.gpu_share, self.gpu_memory_bytes = self.gpu_share[::2], self.gpu_memory_bytes[::2]

    def _family(self, pid: int) -> list[int]:
        """The process, those it has forked, and theirs."""
        try:
            told = (self._root / str(pid) / "task" / str(pid) / "children").read_text()
        except OSError:
            return [pid]
        return [pid, *(one for child in told.split() for one in self._family(int(child)))]

    def _process(self, pid: int) -> tuple[float, int]:
        """CPU seconds and resident bytes of one; nothing of one that is gone."""
        try:
            # The name, in brackets, may hold anything.
            told = (self._root / str(pid) / "stat").read_text().rpartition(")")[2].split()
            return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK"), int(told[21]) * os.sysconf(
                "SC_PAGE_SIZE"
            )
        except (OSError, ValueError, IndexError):
            return 0.0, 0
