"""Runs taken up again in this process, and ears that end them at a look."""

from __future__ import annotations

from typing import Any

from solver.control import Ear
from solver.log import Writer
from solver.numerics.run import run
from solver.rundir import RunDirectory


def resumed(made: RunDirectory, ear: Ear | None = None) -> None:
    """Takes a run up again in this process."""
    writer = Writer(made.log)
    run(made, made.order(), writer, ear or Ear(made.control, None, 1e9))
    writer.close()


class StoppingEar(Ear):
    """Asks for a checkpoint after so many looks, and then to stop (or to die, leaving no ending)."""

    def __init__(self, made: RunDirectory, checkpoint_at: int, end_at: int, *, die: bool) -> None:
        super().__init__(made.control, None, 1e9)
        self._looks, self._checkpoint_at, self._end_at, self._die = 0, checkpoint_at, end_at, die

    def listen(self, on_pause: Any) -> None:
        self._looks += 1
        self.checkpoint_asked = self._looks == self._checkpoint_at
        if self._looks == self._end_at:
            if self._die:
                raise KeyboardInterrupt
            self.stop_reason = "a test stopped it"
