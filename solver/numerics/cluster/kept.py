"""What a worker of the cluster keeps in its memory between two pieces of work: runs it knows, batches under way.

Nothing here is needed: what is forgotten is told again, and the batch goes on from a state that the solver has.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch

from solver.numerics.cluster.messages import Job
from solver.numerics.problems.drawn import DrawnProblem
from solver.numerics.turns.members import Members
from solver.numerics.turns.turn import LocalTurns, Turn
from solver.settings import LaneSpec

# A run that is paused for longer, or whose solver is gone, leaves the worker's memory.
FORGOTTEN_AFTER_S = 120.0


class Known(NamedTuple):
    """A run that the worker was told of."""

    job: Job
    lanes: list[LaneSpec]
    problems: list[DrawnProblem]
    of_lane: list[int]
    device: torch.device


class Live:
    """A batch under way on this worker."""

    def __init__(self, members: Members, turns: LocalTurns, n: int) -> None:
        self.members, self.turns, self.n = members, turns, n
        self.records: Iterator[Turn] = turns.records()
        self.told: dict[int, dict[str, float]] = {}
        """Of the seconds it took, those that the solver was told."""


class Kept:
    """Runs and batches, each until nobody has asked for it for a while. A batch that is worked on is not in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, tuple[Known, float]] = {}
        self._batches: dict[tuple[str, int], tuple[Live, float]] = {}
        self._timer: threading.Timer | None = None

    def run(self, name: str) -> Known | None:
        with self._lock:
            found = self._runs.get(name)
            if found is None:
                return None
            self._runs[name] = (found[0], time.monotonic())
            return found[0]

    def keep_run(self, name: str, known: Known) -> None:
        with self._lock:
            self._runs[name] = (known, time.monotonic())
            self._look_again()

    def take(self, name: str, batch: int) -> Live | None:
        """Takes a batch out, to be worked on by one thread alone."""
        with self._lock:
            found = self._batches.pop((name, batch), None)
            return None if found is None else found[0]

    def put_back(self, name: str, batch: int, live: Live) -> None:
        with self._lock:
            self._batches[name, batch] = (live, time.monotonic())
            self._look_again()

    def forget(self, after_s: float) -> None:
        """Lets go of what nobody has asked for during ``after_s``."""
        until = time.monotonic() - after_s
        with self._lock:
            self._timer = None
            self._runs = {name: one for name, one in self._runs.items() if one[1] > until}
            self._batches = {key: one for key, one in self._batches.items() if one[1] > until}
            self._look_again()

    def _look_again(self) -> None:
        if self._timer is None and (self._runs or self._batches):
            self._timer = threading.Timer(FORGOTTEN_AFTER_S / 4, self.forget, [FORGOTTEN_AFTER_S])
            self._timer.daemon = True
            self._timer.start()


KEPT = Kept()
"""This process's: Dask calls a function by name, and what outlives the call has no other place."""
