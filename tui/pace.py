"""How often a live picture is drawn: seldom enough that it costs the run next to nothing."""

from __future__ import annotations

import time

from solver.machine import cores

# Of the whole machine, whose every core the run may use.
_SHARE = 0.02
# A picture that stood still for longer would seem dead.
_LONGEST_S = 0.5


class Pace:
    """Lets a drawing wait until what the last ones cost is a small share of the machine's time."""

    def __init__(self) -> None:
        self._allowed = _SHARE * cores()
        self._spent = time.process_time()
        self._due = 0.0

    def is_due(self) -> bool:
        """Whether enough time has gone by."""
        return time.monotonic() >= self._due

    def drew(self, *, is_live: bool) -> None:
        """Hears that a picture was drawn; what was spent since the one before, painting included, is to be earned."""
        now, spent = time.monotonic(), time.process_time()
        wait = min(_LONGEST_S, (spent - self._spent) / self._allowed) if is_live else 0.0
        self._spent = spent
        self._due = now + wait
