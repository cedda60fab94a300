"""A program in a terminal of its own: keys go in, bytes come out and are counted, as over a thin connection."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

COMMAND = str(Path(sys.executable).with_name("implicit-tui"))
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_BRAILLE = (b"\xe2\xa0", b"\xe2\xa1", b"\xe2\xa2", b"\xe2\xa3")


class Terminal:
    """A pseudo-terminal with a program in it, which is killed at the end."""

    def __init__(
        self, arguments: Sequence[str], size: tuple[int, int] = (120, 40), environment: dict[str, str] | None = None
    ) -> None:
        chosen = {**os.environ, "TERM": "xterm-256color", **(environment or {})}
        for name in ("SSH_CONNECTION", "NO_COLOR", "COLORTERM", "COLUMNS", "LINES"):
            if name not in (environment or {}):
                chosen.pop(name, None)
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            # The size is there before the program asks.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            os.execve(arguments[0], list(arguments), chosen)
        self.output = bytearray()
        self.started = time.monotonic()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        os.close(self._file)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def press(self, keys: bytes) -> None:
        os.write(self._file, keys)

    def read(self, seconds: float) -> bytes:
        """What is painted in so many seconds."""
        end, start = time.monotonic() + seconds, len(self.output)
        while (left := end - time.monotonic()) > 0:
            self._take(left)
        return bytes(self.output[start:])

    def read_until(self, is_there: Callable[[bytes], bool], seconds: float = 60.0) -> float:
        """Seconds until what is painted from now on fulfils the condition. Raises TimeoutError."""
        begin, start = time.monotonic(), len(self.output)
        while not is_there(bytes(self.output[start:])):
            if time.monotonic() - begin > seconds:
                raise TimeoutError(f"not within {seconds:g} s: {bytes(self.output[-400:])!r}")
            self._take(0.2)
        return time.monotonic() - begin

    def _take(self, seconds: float) -> None:
        if select.select([self._file], [], [], seconds)[0]:
            with contextlib.suppress(OSError):
                self.output += os.read(self._file, 1 << 16)

    def painter(self) -> int:
        """The process that paints: the child of the one that keeps the terminal, where there is one."""
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        except OSError:
            children = []
        return int(children[0]) if children else self.pid

    def cpu_s(self) -> float:
        """Processor seconds of the program so far, its children left out."""
        fields = self._stat()
        return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND

    def is_busy(self) -> bool:
        """Whether the program has something to do now, be it that it waits for a processor."""
        with contextlib.suppress(OSError):
            return self._stat()[0] in "RD"
        return False

    def _stat(self) -> list[str]:
        """The fields of the program's process behind its name, which may hold anything."""
        return Path(f"/proc/{self.painter()}/stat").read_text(encoding="ascii").rpartition(")")[2].split()

    def memory_bytes(self) -> int:
        """Resident memory of the program."""
        lines = Path(f"/proc/{self.painter()}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))

    def is_alive(self) -> bool:
        with contextlib.suppress(ChildProcessError):
            return os.waitpid(self.pid, os.WNOHANG)[0] == 0
        return False


def has_points(painted: bytes) -> bool:
    """Whether a braille character is among it, which only curves have."""
    return any(lead in painted for lead in _BRAILLE)
