"""The terminal is given back, whatever becomes of the app: signals to it or to its parent, a halt, a suspension."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.terminal import COMMAND
from soak.shown import Shown
from tests.waiting import until


@pytest.fixture
def shown() -> Iterator[Shown]:
    with Shown() as app:
        app.painted()
        assert not app.is_given_back(), "it has switched something on"
        yield app


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
    app.painted()
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
