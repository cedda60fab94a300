"""When checkpoints are saved, and what is in them."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import cast

from solver.control import Ear
from solver.numerics import checkpoint
from solver.numerics.baselines.baselines import BaselinesState
from solver.numerics.checkpoint import Content
from solver.numerics.journal import Journal
from solver.numerics.turns.batch import BatchState
from solver.numerics.turns.turn import Turns
from solver.rundir import RunDirectory

_CHECKPOINT_EVERY_S = 30.0
_FIRST_CHECKPOINT_S = 2.0


class CheckpointKeeper:
    """Saves a checkpoint every half minute, when asked, and before a run ends early."""

    def __init__(self, directory: RunDirectory, journal: Journal, ear: Ear) -> None:
        self._directory, self._journal, self._ear = directory, journal, ear
        self._next = time.monotonic() + _FIRST_CHECKPOINT_S

    def look(self, parts: list[Turns], position: int, *, last: bool) -> None:
        if not (last or self._ear.checkpoint_asked or time.monotonic() >= self._next):
            return
        self._ear.checkpoint_asked = False
        baselines = [cast("BaselinesState", part.state()) for part in parts if part.IS == "baselines"]
        content: Content = {
            "baselines": baselines[0] if baselines else None,
            "batches": [cast("BatchState", part.state()) for part in parts if part.IS == "batch"],
            "position": position,
            "n_records": self._journal.n_records,
            "n_lines": self._journal.n_lines,
            "made": self._journal.made(),
            "elapsed_s": self._ear.elapsed_s(),
        }
        try:
            checkpoint.save(self._directory, content)
        except OSError as error:
            # The one before is still there; the run matters more.
            with contextlib.suppress(OSError):
                print(f"no checkpoint could be saved: {error.strerror}", file=sys.stderr)
        self._next = time.monotonic() + _CHECKPOINT_EVERY_S
