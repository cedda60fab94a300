"""The app in a pseudo-terminal that outlives it, as a shell's does: what is left of it there can be asked."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.terminal import COMMAND
from soak.forked import until

_SWITCHED_ON = {b"1000", b"1003", b"1004", b"1006", b"1049", b"2004"}


class Shown:
    """The app in a pseudo-terminal that outlives it, as a shell's does."""

    def __init__(self, arguments: Sequence[str] = (), command: Sequence[str] = (COMMAND,)) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.before: list[Any] = termios.tcgetattr(self.slave)
        self.output = b""
        environment = os.environ | {"TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES", "SSH_CONNECTION"):
            environment.pop(name, None)
        # A process group of its own in our session, as a shell without job control starts it.
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=environment,
            process_group=0,
        )

    def __enter__(self) -> Shown:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the app, should it still be there, and then its terminal."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for file in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(file)

    def painted(self, words: bytes = b"mf-depth") -> None:
        """Waits until it has drawn these words, and switched on what it needs."""
        until(lambda: words in self.read() and b"\x1b[?1049h" in self.output, 60.0)

    def read(self, seconds: float = 0.1) -> bytes:
        while select.select([self.master], [], [], seconds)[0]:
            self.output += os.read(self.master, 1 << 16)
        return self.output

    def painter(self) -> int:
        told = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(told[0])

    def ended(self) -> int:
        until(lambda: (self.read(), self.process.poll() is not None)[1], 20.0)
        until(lambda: (self.read(), self.is_given_back())[1], 10.0)
        return self.process.returncode

    def is_given_back(self) -> bool:
        """The state of the line, its title, and every mode that was switched on off again, the cursor shown."""
        modes: dict[bytes, bytes] = dict(re.findall(rb"\x1b\[\?(\d+)([hl])", self.output))
        left = {mode for mode in _SWITCHED_ON if modes.get(mode) == b"h"}
        is_titled = self.output.count(b"\x1b[22;0t") > self.output.count(b"\x1b[23;0t")
        is_as_before = termios.tcgetattr(self.slave) == self.before and modes.get(b"25") == b"h"
        return is_as_before and not left and not is_titled
