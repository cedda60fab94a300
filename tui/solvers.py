"""The solvers of the app: one warmed while a person reads, those it has started, and the runs that wait for them."""

from __future__ import annotations

import contextlib

from solver import client
from solver.rundir import RunDirectory


class Solvers:
    """Starts solvers, knows which still run, and which runs begin when they have ended."""

    def __init__(self) -> None:
        self._warm: client.Solver | None = None
        self._started: dict[str, tuple[RunDirectory, client.Solver]] = {}
        self._queue: list[RunDirectory] = []

    def warm_up(self) -> None:
        """Lets torch be imported before it is needed; where that cannot be, it will be imported then."""
        if self._warm is None or not self._warm.is_alive():
            with contextlib.suppress(OSError):
                self._warm = client.warm()

    def start(self, directory: RunDirectory) -> None:
        """A solver for the run, which waits no longer: the warmed one where there is one."""
        self.take_out(directory)
        self._started[directory.id] = directory, self._solver_for(directory)

    def _solver_for(self, directory: RunDirectory) -> client.Solver:
        warm, self._warm = self._warm, None
        if warm is not None and warm.is_alive():
            with contextlib.suppress(OSError):
                warm.give(directory)
                return warm
        return client.start(directory)

    def live(self) -> dict[str, RunDirectory]:
        """The runs that were started here and are under way, by id."""
        return {run_id: directory for run_id, (directory, solver) in self._started.items() if solver.is_alive()}

    def enqueue(self, directory: RunDirectory) -> None:
        """Lets the run begin when all that were started here, and those that wait already, have ended."""
        self._queue.append(directory)

    def take_out(self, directory: RunDirectory) -> bool:
        """Lets the run wait no longer; says whether it did."""
        waiting = [run for run in self._queue if run.id != directory.id]
        was_there = len(waiting) < len(self._queue)
        self._queue = waiting
        return was_there

    def queued(self) -> list[str]:
        """The ids of the runs that wait, in their turn; a run that was deleted or started elsewhere does not."""
        self._queue = [run for run in self._queue if run.can_resume() and not run.has_begun()]
        return [run.id for run in self._queue]

    def start_next(self) -> RunDirectory | None:
        """Starts the run whose turn it is, if there is one; returns it."""
        if not self._queue or self.live() or not self.queued():
            return None
        following = self._queue[0]
        self.start(following)
        return following

    def release(self) -> None:
        """Lets the warmed solver go."""
        if self._warm is not None:
            self._warm.release()
