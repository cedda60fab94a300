"""Commands to a run under way: the file they are appended to, the signals where it takes no more, the solver's ear."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from collections.abc import Iterator
from typing import Literal

import msgspec

from solver.files import is_full, open_regular
from solver.refusal import BadSetting
from solver.rundir import RunDirectory

Command = Literal["pause", "resume", "stop", "checkpoint"]

# Between looks at the clock a step goes by; between looks at the file, this long.
LOOK_EVERY_S = 0.05


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A line of control.jsonl."""

    command: Command


_SIGNALS: dict[Command, signal.Signals] = {
    "stop": signal.SIGTERM,
    "pause": signal.SIGUSR1,
    "resume": signal.SIGUSR2,
}


def hold_signals() -> None:
    """Lets signals that stand for commands wait until an ear hears them, instead of ending the process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS.values())


def send(run: RunDirectory, command: Command) -> None:
    """Tells the solver of a run something, which it hears within its next steps; where the disk is full, by a signal.

    Raises BadSetting where it cannot be told.
    """
    try:
        _append(run, msgspec.json.encode(Message(command=command)) + b"\n")
    except OSError as error:
        if is_full(error) and _signal(run, command):
            return
        reason = (error.strerror or str(error)).lower()
        raise BadSetting(
            f"run {run.id} cannot be told to {command} ({reason}): it goes on, make room or ask its owner"
        ) from None


def _append(run: RunDirectory, line: bytes) -> None:
    file = os.open(run.control, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    try:
        size = os.fstat(file).st_size
        if os.write(file, line) < len(line):
            # Half a command would spoil the next one.
            os.ftruncate(file, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(file)


def _signal(run: RunDirectory, command: Command) -> bool:
    """Whether the solver was there to be told so: one that says how it is knows the signals, too."""
    told = run.told()
    if command not in _SIGNALS or told.pid is None or told.word is None or not run.is_solving():
        return False
    try:
        os.kill(told.pid, _SIGNALS[command])
    except OSError:
        return False
    return True


class Ear:
    """Hears commands, and notices when nobody holds the run any more."""

    def __init__(self, run: RunDirectory, holder: int | None, detached_limit_s: float, *, said_before: int = 0) -> None:
        """``said_before`` bytes of commands were for the solver before this one."""
        self._run, self._path = run, run.control
        self._offset = said_before
        self._holder = holder
        self._detached_limit_s = detached_limit_s
        self._detached_since = None if holder is not None else time.monotonic()
        self._next_look = 0.0
        self._started: float | None = None
        self._idle_s = 0.0
        self._idle_since: float | None = None
        self.before_s = 0.0
        """Seconds that the run took before it was taken up again."""
        self.stop_reason = ""
        """Why the run should stop; empty while it should go on."""
        self.is_paused = False
        """Whether the run was asked to wait."""
        self.checkpoint_asked = False
        """Somebody wants a checkpoint now."""

    def hear_signals(self) -> None:
        """From now on the signals that stand for commands are heard, too, and those that were held."""
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stop_reason", "its solver was told to terminate"))
        signal.signal(signal.SIGUSR1, lambda *_: setattr(self, "is_paused", True))
        signal.signal(signal.SIGUSR2, lambda *_: setattr(self, "is_paused", False))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS.values())

    def start_clock(self) -> None:
        """The first step is taken from here: what came before, importing libraries, say, is not the run's time."""
        self._started, self._idle_s = time.monotonic(), 0.0

    def elapsed_s(self) -> float:
        """Seconds the run has taken; what it waited, paused or for room on the disk, is left out."""
        if self._started is None:
            return self.before_s
        until = time.monotonic() if self._idle_since is None else self._idle_since
        return self.before_s + until - self._started - self._idle_s

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        """While the run waits its clock stands still."""
        if self._idle_since is not None:
            yield
            return
        self._idle_since = time.monotonic()
        try:
            yield
        finally:
            self._idle_s += time.monotonic() - self._idle_since
            self._idle_since = None

    def is_due(self) -> bool:
        """Whether it is time to listen again."""
        return time.monotonic() >= self._next_look

    def listen(self) -> None:
        """Takes up what was said since the last time."""
        for command in self._heard():
            if command == "stop":
                self.stop_reason = "it was asked to stop"
            elif command == "checkpoint":
                self.checkpoint_asked = True
            else:
                self.is_paused = command == "pause"
        self._check_holder()
        if not self._run.path.exists():
            self.stop_reason = "its run directory is gone"
        self._next_look = time.monotonic() + LOOK_EVERY_S

    def _heard(self) -> list[Command]:
        try:
            if self._path.stat().st_size <= self._offset:
                return []
            with os.fdopen(open_regular(self._path), "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        end = data.rfind(b"\n") + 1
        self._offset += end
        commands: list[Command] = []
        for line in data[:end].splitlines():
            with contextlib.suppress(msgspec.MsgspecError):
                commands.append(msgspec.json.decode(line, type=Message).command)
        return commands

    def _check_holder(self) -> None:
        if self._holder is not None and select.select([self._holder], [], [], 0)[0] and not os.read(self._holder, 4096):
            # The other end of the pipe is closed: the terminal went away.
            self._holder = None
            self._detached_since = time.monotonic()
        if self._detached_since is not None and time.monotonic() - self._detached_since > self._detached_limit_s:
            hours = self._detached_limit_s / 3600
            self.stop_reason = f"nobody held the run for {hours:g} h, its detached limit"
