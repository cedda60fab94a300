"""Feeds the logs of a run from its records, so that no error of a log reaches the run."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from solver import settings
from solver.frames import NamedFrame, Namer
from solver.history import History
from solver.records import AnyRecord, State
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tui.loggers import Wanted
from tui.loggers.logger import Logger

_BAD = ("diverged", "failed")


class Feed:
    """The logs that a run is written to while it is followed."""

    def __init__(
        self, directory: RunDirectory, wanted: Sequence[Wanted], say: Callable[[str], None], warn: Callable[[str], None]
    ) -> None:
        """``say`` tells where a log is, ``warn`` that one has ended before the run."""
        self._directory = directory
        self._wanted, self._say, self._warn = list(wanted), say, warn
        self._logs: dict[str, Logger] = {}
        self._namer = Namer()
        self._waiting: deque[AnyRecord] = deque()
        self._started: float | None = None
        self._elapsed_s: dict[int, float] = {}

    def take(self, records: Iterable[AnyRecord]) -> None:
        """Writes what was recorded since the last time."""
        if not self._wanted and not self._logs:
            return
        # One at a time off the list, so that ctrl+c in between leaves the rest for the next time.
        self._waiting.extend(records)
        any_new = bool(self._waiting)
        while self._waiting:
            self._take(self._waiting.popleft())
        for name, log in self._under_way() if any_new else ():
            with self._borne(name):
                log.flush()

    def _take(self, record: AnyRecord) -> None:
        if isinstance(record, State) and self._started is None:
            with contextlib.suppress(ValueError):
                self._started = datetime.datetime.fromisoformat(record.wall).timestamp()
        frame = self._namer.take(record)
        if self._wanted and self._namer.lanes and (isinstance(record, State) or frame is not None):
            # Only now it is known when the run began.
            self._open()
        if frame is not None:
            self._frame(frame)

    def _open(self) -> None:
        """Opens what is asked for, with a part for each lane."""
        wanted, self._wanted = self._wanted, []
        for one in wanted:
            with self._borne(one.name):
                self._logs[one.name] = log = one.open(self._directory)
                self._say(f"log {log.place}")
        try:
            lanes = settings.lanes(self._directory.order().spec)
        except BadSetting:
            lanes = []
        wholes = {lane.index: settings.encode(lane.spec) for lane in lanes}
        for lane in self._namer.lanes:
            index, parameters, whole = lane.index, lane.parameters, wholes.get(lane.index, {})
            for name, log in self._under_way():
                with self._borne(name):
                    log.begin(index, parameters, whole, self._wall(index))

    def _frame(self, frame: NamedFrame) -> None:
        elapsed_s = frame.values.get("elapsed_s", 0.0)
        if isinstance(elapsed_s, float):
            self._elapsed_s[frame.lane] = elapsed_s
        for name, log in self._under_way():
            with self._borne(name):
                log.write(frame, self._wall(frame.lane))

    def _wall(self, lane: int) -> float:
        """The time of the clock that a lane's latest state belongs to, pauses left out."""
        self._started = time.time() if self._started is None else self._started
        return self._started + self._elapsed_s.get(lane, 0.0)

    def end(self, history: History) -> None:
        """Closes the logs, with what came of the run as far as it has come."""
        claims = "\n".join(f"- {claim.name} {claim.verdict}: {claim.text}" for claim in history.claims.values())
        for lane in history.lanes:
            outcome = lane.outcome or (history.ending.outcome if history.ending else self._directory.silent_outcome())
            texts = {"outcome": f"{outcome.kind}: {outcome.sentence()}"} | ({"claims": claims} if claims else {})
            for name, log in self._under_way():
                with self._borne(name):
                    log.end(lane.index, texts, is_bad=outcome.kind in _BAD)

    def _under_way(self) -> list[tuple[str, Logger]]:
        return list(self._logs.items())

    @contextlib.contextmanager
    def _borne(self, name: str) -> Iterator[None]:
        """Whatever a library of others raises must not end the run: it is told, once, and the log is done without."""
        try:
            yield
        except Exception as error:
            log = self._logs.pop(name, None)
            if log is not None:
                with contextlib.suppress(Exception):
                    log.abandon()
            reason = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
            self._warn(f"--log {name} ends here ({reason}): the run goes on, and `implicit-tui export` has all of it")
