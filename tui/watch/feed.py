"""New records of a run, read by a thread of its own and taken up by the screen's timer."""

from __future__ import annotations

import threading

from solver import truth
from solver.log import Reader
from solver.records import AnyRecord
from solver.rundir import RunDirectory
from solver.truth import Truth
from tui.watch.device import Device
from tui.watch.use import Use

_LOOK_EVERY_S, _LOOK_SELDOM_S = 0.05, 0.5
# Read in pieces, so that attaching to a long run shows its beginning at once.
_PIECE_BYTES = 1 << 20
_SOLVER_LOOKS = 10


class Feed:
    """Follows a run directory until closed. The screen never waits for the disk, nor the solver for the screen."""

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._reader = Reader(directory.log)
        self._lock = threading.Lock()
        self._records: list[AnyRecord] = []
        self._closed = threading.Event()
        self.damaged = 0
        """Lines of the log that could not be read."""
        self.environment: dict[str, object] = {}
        """What run.json says of device and versions; empty before it is written."""
        self.truths: list[Truth] = []
        """What the lanes fit, by problem; none before it is written."""
        self.device = ""
        """Name, memory and use of the run's device; empty before it is known."""
        self._device = Device()
        self.use = Use()
        """What the run takes of the machine."""
        self.caught_up = False
        """Everything that the log held at some moment has been read."""
        self.live_state = "running"
        """How the solver says it is, or is seen to be, whatever the log says."""
        self.solver_gone = False
        """No solver holds the run and all it wrote has been read."""
        self._thread = threading.Thread(target=self._follow, name="feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take(self) -> list[AnyRecord]:
        """The records that have come since the last call."""
        with self._lock:
            records, self._records = self._records, []
        return records

    def close(self) -> None:
        self._closed.set()

    def _has_begun(self) -> bool:
        """Whether a solver was there; one for which the disk had no room has left no log."""
        return self._directory.log.exists() or self._directory.told().word == "no-room"

    def _follow(self) -> None:
        look = 0
        while not self._closed.is_set():
            # Asked before reading: records written before the lock was free are then certainly seen.
            asked = self.solver_gone or look % _SOLVER_LOOKS == 0
            gone = asked and self._has_begun() and not self._directory.is_solving()
            self.live_state = "running" if gone else self._directory.live_state()
            before = self._reader.offset
            records = list(self._reader.read(_PIECE_BYTES))
            if self._reader.offset != before:
                # Also where all of it was damage: more may follow.
                with self._lock:
                    self._records += records
                self.damaged = self._reader.damaged
                continue
            self.caught_up = True
            if asked:
                self.solver_gone = gone
            if not self.environment:
                facts = self._directory.environment().get("environment", {})
                self.environment = facts if isinstance(facts, dict) else {}
            if not self.truths and self._directory.problem.exists():
                self.truths = truth.read(self._directory.problem)
            self.device = self._device.text(self.environment, is_live=not self.solver_gone)
            if not self.solver_gone and self.use.is_due():
                self.use.look(self._directory.told().pid or 0, self._device.gpu)
            look += 1
            # A run that has ended may be taken up again, but not in a twentieth of a second.
            self._closed.wait(_LOOK_SELDOM_S if self.solver_gone else _LOOK_EVERY_S)
        self._device.close()
