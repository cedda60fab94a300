"""Ears that end runs trained in this process at a look."""

from __future__ import annotations

from solver.control import Ear
from solver.rundir import RunDirectory


class StoppingEar(Ear):
    """Asks for a checkpoint after so many looks, and then to stop (or to die, leaving no ending)."""

    def __init__(self, made: RunDirectory, checkpoint_at: int, end_at: int, *, die: bool) -> None:
        super().__init__(made, None, 1e9)
        self._looks, self._checkpoint_at, self._end_at, self._die = 0, checkpoint_at, end_at, die

    def is_due(self) -> bool:
        return True

    def listen(self) -> None:
        self._looks += 1
        self.checkpoint_asked = self._looks == self._checkpoint_at
        if self._looks == self._end_at:
            if self._die:
                raise KeyboardInterrupt
            self.stop_reason = "a test stopped it"
