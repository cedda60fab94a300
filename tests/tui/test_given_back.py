"""The terminal is given back, whatever becomes of the app: signals to it or to its parent, a halt, a suspension."""

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
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.terminal import COMMAND
from tests.waiting import until

_SWITCHED_ON = {b"1000", b"1003", b"1004", b"1006", b"1049", b"2004"}
_LISTED = b"mf-depth"


class Shown:
    """The app in a pseudo-terminal that outlives it, as a shell's does."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.before: list[Any] = termios.tcgetattr(self.slave)
        self.output = b""
        environment = os.environ | {"TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES", "SSH_CONNECTION"):
            environment.pop(name, None)
        # A process group of its own in our session, as a shell without job control starts it.
        self.process = subprocess.Popen(
            [COMMAND], stdin=self.slave, stdout=self.slave, stderr=self.slave, env=environment, process_group=0
        )

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
        """The state of the line, and every mode that was switched on off again, the cursor shown."""
        modes: dict[bytes, bytes] = dict(re.findall(rb"\x1b\[\?(\d+)([hl])", self.output))
        left = {mode for mode in _SWITCHED_ON if modes.get(mode) == b"h"}
        return termios.tcgetattr(self.slave) == self.before and not left and modes.get(b"25") == b"h"


@pytest.fixture
def shown() -> Iterator[Shown]:
    app = Shown()
    try:
        until(lambda: _LISTED in app.read(), 60.0)
        until(lambda: b"\x1b[?1049h" in app.read())
        assert not app.is_given_back(), "it has switched something on"
        yield app
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(app.process.pid, signal.SIGKILL)
        app.process.wait()
        os.close(app.master)
        os.close(app.slave)


@pytest.mark.parametrize("whom", ["the app", "its parent"])
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL]
)
def test_a_signal_leaves_the_terminal_as_it_was(shown: Shown, number: signal.Signals, whom: str) -> None:
    """And the exit status is 128 and its number; SIGKILL of the parent cannot be answered, but the app goes too."""
    is_app = whom == "the app"
    os.kill(shown.painter() if is_app else shown.process.pid, number)
    status = shown.ended()
    assert status == (128 + number if is_app or number != signal.SIGKILL else -signal.SIGKILL)


@pytest.mark.parametrize("whom", ["the app", "its parent"])
def test_a_halt_is_survived_and_q_gives_the_terminal_back(shown: Shown, whom: str) -> None:
    pid = shown.painter() if whom == "the app" else shown.process.pid
    painter = shown.painter()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: state_of(pid) == "T" and state_of(painter) == "T")
    os.kill(pid, signal.SIGCONT)
    until(lambda: state_of(painter) != "T")
    shown.read(0.5)
    os.write(shown.master, b"q")
    assert shown.ended() == 0


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_terminal_that_goes_away_ends_the_app_even_where_hang_ups_are_ignored() -> None:
    """It must not spin on an end of file."""
    kept = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        app = Shown()
    finally:
        signal.signal(signal.SIGHUP, kept)
    until(lambda: _LISTED in app.read(), 60.0)
    begin = time.monotonic()
    os.close(app.slave)
    os.close(app.master)
    until(lambda: app.process.poll() is not None, 20.0)
    assert time.monotonic() - begin < 15.0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_is_one_sentence_or_silence(closed: str) -> None:
    result = subprocess.run(
        ["/bin/bash", "-c", f"{COMMAND} {closed}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "needs a terminal" in result.stderr or closed == "2>&-"
