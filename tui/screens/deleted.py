"""What was deleted from the list of runs: brought back, one deletion after the other, or gone when somebody leaves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from solver import runs
from solver.rundir import RunDirectory


class Deleted:
    """Runs taken off the list, by deletion; each deed is told in a sentence."""

    def __init__(self) -> None:
        self._hidden: list[list[Path]] = []

    def take(self, chosen: Iterable[RunDirectory]) -> str:
        """Takes runs off the list, except those that a solver works on."""
        hidden = [runs.hide(run) for run in chosen]
        if not hidden:
            return "nothing was deleted"
        gone = [path for path in hidden if path is not None]
        if gone:
            self._hidden.append(gone)
        n, kept = len(gone), len(hidden) - len(gone)
        told = f"{n} run{'s' * (n != 1)} deleted: u brings them back until you leave this list"
        return told + (f" · {kept} live, stop them first" if kept else "")

    def undo(self) -> str:
        """Brings back what was deleted last."""
        if not self._hidden:
            return "nothing was deleted here"
        back = sum(runs.restore(path) for path in self._hidden.pop())
        return f"{back} run{'s' * (back != 1)} brought back"

    def discard(self) -> None:
        """Deletes all of it for good."""
        runs.discard(path for paths in self._hidden for path in paths)
