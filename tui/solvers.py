"""The solvers of the app: one warmed while a person reads, and those it has started."""

from __future__ import annotations

import contextlib

from solver import client
from solver.rundir import RunDirectory


class Solvers:
    """Starts solvers and knows which still run."""

    def __init__(self) -> None:
        self._warm: client.Solver | None = None
        self._started: dict[str, tuple[RunDirectory, client.Solver]] = {}

    def warm_up(self) -> None:
        """Lets torch be imported before it is needed; where that cannot be, it will be imported then."""
        if self._warm is None or not self._warm.is_alive():
            with contextlib.suppress(OSError):
                self._warm = client.warm()

    def start(self, directory: RunDirectory) -> None:
        """A solver for the run: the warmed one where there is one."""
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

    def release(self) -> None:
        """Lets the warmed solver go."""
        if self._warm is not None:
            self._warm.release()
