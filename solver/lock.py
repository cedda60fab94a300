"""The lock of a run: held by its solver, which says there who it is and how it is, in bytes that need no room.

Two lines, the process id and a word. They are written while the disk has room; from then on the word is overwritten in
its place, so that it can be told, and read, when nothing can be appended to the log any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Literal, get_args

import msgspec

from solver.files import read_whole, write_private

Word = Literal["running", "paused", "waiting-for-disk", "ended", "no-room"]
"""How a solver says it is; the last two when it goes, ``no-room`` where its ending could not be written."""

_WORDS: tuple[Word, ...] = get_args(Word)
_WIDTH = 24


class Told(msgspec.Struct, frozen=True):
    """What the lock's file says; the holder may be gone."""

    pid: int | None = None
    word: Word | None = None
    """None where a version that said nothing wrote it."""


class Lock:
    """The lock, held by this process until it ends."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._word: Word = "running"
        self._write()

    @classmethod
    def take(cls, path: Path) -> Lock | None:
        """The lock; None where another solver holds it. Raises OSError."""
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return None
        return cls(file)

    def say(self, word: Word) -> None:
        """Tells how the solver is, if it is otherwise than before."""
        if word != self._word:
            self._word = word
            self._write()

    def release(self) -> None:
        """Lets go of it; a process that ends need not."""
        os.close(self._file)

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            os.pwrite(self._file, _text(os.getpid(), self._word), 0)


def _text(pid: int, word: str) -> bytes:
    """Always of one length: no file system that overwrites in place needs room for it."""
    return f"{pid:<10}\n{word:<{_WIDTH}}\n".encode("ascii")


def reserve(path: Path) -> None:
    """Makes the file of a lock that nobody has held yet, with the room that it will take. Raises OSError."""
    write_private(path, _text(0, ""))


def is_held(path: Path) -> bool:
    """Whether a solver holds the lock now."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def read(path: Path) -> Told:
    """What the one that holds the lock, or held it last, says of itself; nothing where nobody has."""
    try:
        lines = read_whole(path, most=4096).split(b"\n")
        pid = int(lines[0])
    except (OSError, ValueError):
        return Told()
    said = lines[1].strip().decode("ascii", "replace") if len(lines) > 1 else ""
    return Told(pid or None, next((word for word in _WORDS if word == said), None))
