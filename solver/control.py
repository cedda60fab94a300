"""Commands to a run under way: the file they are appended to, and the solver's ear on it."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

Command = Literal["pause", "resume", "stop", "checkpoint"]

# Between looks at the clock a step goes by; between looks at the file, this long.
_LOOK_EVERY_S = 0.05


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A line of control.jsonl."""

    command: Command


def send(path: Path, command: Command) -> None:
    """Appends a command; the solver hears it at its next step."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, msgspec.json.encode(Message(command=command)) + b"\n")
    finally:
        os.close(file)


class Ear:
    """Hears commands, and notices when nobody holds the run any more."""

    def __init__(
        self, path: Path, holder: int | None, detached_limit_s: float, *, taken_up_again: bool = False
    ) -> None:
        self._path = path
        # Commands to the solver before us are not for us; those that came before a new run's solver was up are.
        self._offset = path.stat().st_size if taken_up_again and path.exists() else 0
        self._holder = holder
        self._detached_limit_s = detached_limit_s
        self._detached_since = None if holder is not None else time.monotonic()
        self._next_look = 0.0
        self._started = time.monotonic()
        self._paused_s = 0.0
        self.before_s = 0.0
        """Seconds that the run took before it was taken up again."""
        self.stop_reason = ""
        """Why the run should stop; empty while it should go on."""
        self.checkpoint_asked = False
        """Somebody wants a checkpoint now."""

    def elapsed_s(self) -> float:
        """Seconds the run has taken, pauses left out."""
        return self.before_s + time.monotonic() - self._started - self._paused_s

    def listen(self, on_pause: Callable[[bool], None]) -> None:
        """Takes up what was said. While paused it does not return; ``on_pause`` hears of both changes."""
        if time.monotonic() < self._next_look:
            return
        paused_since = None
        while True:
            for command in self._heard():
                if command == "stop":
                    self.stop_reason = "it was asked to stop"
                elif command == "checkpoint":
                    self.checkpoint_asked = True
                elif command == "pause" and paused_since is None:
                    paused_since = time.monotonic()
                    on_pause(True)
                elif command == "resume" and paused_since is not None:
                    self._paused_s += time.monotonic() - paused_since
                    paused_since = None
                    on_pause(False)
            self._check_holder()
            if paused_since is None or self.stop_reason:
                break
            time.sleep(_LOOK_EVERY_S)
        if paused_since is not None:
            self._paused_s += time.monotonic() - paused_since
        self._next_look = time.monotonic() + _LOOK_EVERY_S

    def _heard(self) -> list[Command]:
        try:
            if self._path.stat().st_size <= self._offset:
                return []
            with self._path.open("rb") as file:
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
