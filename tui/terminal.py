"""The terminal given back whatever becomes of the app: a small parent keeps its state and waits for the app, its child.

A program that dies by a signal cannot put the terminal back. So the app paints in a child process; the parent has saved
how the terminal was, restores it when the child is gone, and ends as the child did. Each notices the other's end.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

# Sent to the app first; what has not ended by itself then is killed.
_PATIENCE_S = 2.0
_LOOK_EVERY_MS = 250
# What ends the parent by itself: it ends the app, gives the terminal back, and ends so too.
_DEADLY = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV)
# Synchronised output, the mouse in all forms, focus, paste and resize reports, keyboard protocol, colours, wrapping,
# the cursor, and last the other screen.
_RESET = (
    b"\x1b[?2026l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1015l\x1b[?1016l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?2048l"
    b"\x1b[<u\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l\x1b[?25h"
)
_ASKED_TO_SUSPEND = b"z"
PUSH_TITLE, POP_TITLE = "\x1b[22;0t", "\x1b[23;0t"
# The console of Linux prints what it does not know.
_UNTITLED = ("linux", "dumb")


class Parent:
    """What the app knows of its parent; closing our ends, or dying, tells it."""

    def __init__(self, life: int, said: int, *, is_titled: bool = False) -> None:
        self._life = life
        """Comes to its end when the parent does."""
        self._said = said
        self.is_titled = is_titled
        """Whether the parent gives the terminal its title back."""
        self._is_gone = False

    def suspending(self) -> None:
        """Says that the app is about to be suspended because somebody asked for it: the shell is to have its turn."""
        with contextlib.suppress(OSError):
            os.write(self._said, _ASKED_TO_SUSPEND)

    def watch(self, leave: Callable[[], Any]) -> None:
        """Calls ``leave`` when the parent or the terminal is gone, and ends the process where that changes nothing."""
        threading.Thread(target=self._watch, args=(leave,), name="terminal", daemon=True).start()

    def _watch(self, leave: Callable[[], Any]) -> None:
        poll, parent = select.poll(), os.getppid()
        poll.register(self._life, select.POLLIN)
        # Not for input, which is the app's to read.
        poll.register(0, 0)
        while not poll.poll(_LOOK_EVERY_MS):
            if _is_halted(parent):
                # Whoever halted the parent meant the app.
                os.kill(os.getpid(), signal.SIGTSTP)
        self._is_gone = True
        with contextlib.suppress(Exception):
            leave()
        time.sleep(_PATIENCE_S)
        with contextlib.suppress(OSError):
            os.write(2, _RESET)
        self.give_title_back()
        os._exit(128 + signal.SIGHUP)

    def give_title_back(self) -> None:
        """In the place of a parent that is gone; one that is there does it itself."""
        if self._is_gone and self.is_titled:
            _write_title(2, POP_TITLE)


def takes_titles(kind: str) -> bool:
    """Whether a terminal of this kind, as $TERM calls it, can have a title."""
    return kind not in _UNTITLED


def supervise(app: Callable[[Parent], int], *, is_titled: bool = False) -> int:
    """Runs the app in a child process and gives the terminal, and its title, back after it; returns its exit status.

    128 and the signal's number where a signal ended it, or us.
    """
    saved = termios.tcgetattr(0)
    life, our_life = os.pipe()
    heard, said = os.pipe()
    os.set_blocking(heard, False)
    sys.stdout.flush()
    sys.stderr.flush()
    if is_titled:
        _write_title(1, PUSH_TITLE)
    child = os.fork()
    if child == 0:
        os.close(our_life)
        os.close(heard)
        _be_the_app(app, Parent(life, said, is_titled=is_titled))
    os.close(life)
    os.close(said)
    try:
        return _wait(child, heard, saved)
    finally:
        if is_titled:
            _write_title(1, POP_TITLE)


def _write_title(file: int, sequence: str) -> None:
    with contextlib.suppress(OSError):
        os.write(file, sequence.encode())


def _be_the_app(app: Callable[[Parent], int], parent: Parent) -> NoReturn:
    status = 1
    try:
        status = app(parent)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        parent.give_title_back()
        os._exit(status)


def _wait(child: int, heard: int, saved: list[Any]) -> int:
    """Waits for the app's end; ends it where a signal asks us to. Returns the exit status."""
    asked: list[int] = []

    def deadly(number: int, _: FrameType | None) -> None:
        asked.append(number)

    continued: list[int] = []

    def go_on(number: int, _: FrameType | None) -> None:
        continued.append(number)

    for number in _DEADLY:
        # What whoever started us wants to be ignored is not ours to hear.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, deadly)
    signal.signal(signal.SIGCONT, go_on)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    # Signals wake the wait by this pipe.
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    deadline = None
    status = 0
    while True:
        pid, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if pid and os.WIFSTOPPED(status):
            if _ASKED_TO_SUSPEND in _read(heard):
                # Of the whole group: the shell looks at its first process.
                os.kill(os.getpid(), signal.SIGSTOP)
            continue
        if pid:
            break
        if asked and deadline is None:
            deadline = time.monotonic() + _PATIENCE_S
            for number in (signal.SIGTERM, signal.SIGCONT):
                os.kill(child, number)
        if deadline is not None and time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        is_waiting = deadline is not None or bool(continued)
        woke = select.select([woken], [], [], 0.1 if is_waiting else None)[0]
        _read(woken)
        if continued and not woke:
            # The shell's fg continues the whole group; whoever continued us alone meant the app.
            continued.clear()
            if _is_halted(child):
                os.kill(child, signal.SIGCONT)
    signal.set_wakeup_fd(-1)
    by_signal = os.WIFSIGNALED(status)
    give_back(saved, reset=by_signal)
    if asked:
        return 128 + asked[0]
    return 128 + os.WTERMSIG(status) if by_signal else os.WEXITSTATUS(status)


def give_back(saved: list[Any], *, reset: bool) -> None:
    """Sets the terminal as it was; with ``reset`` takes back all that an app may have switched on."""
    with contextlib.suppress(OSError, termios.error):
        if reset:
            os.write(1, _RESET)
    with contextlib.suppress(OSError, termios.error):
        if reset or termios.tcgetattr(0) != saved:
            # What was typed meanwhile was meant for the app.
            termios.tcsetattr(0, termios.TCSAFLUSH if reset else termios.TCSANOW, saved)


def lend(command: Sequence[str]) -> int:
    """Runs a program in the foreground of the terminal; returns its exit status, 128 and the number for a signal.

    It has a group of its own: its ctrl+c ends neither us nor our parent, and its ctrl+z, which no shell would hear, has
    it go on. Raises OSError where it cannot be started.
    """
    saved, in_front = termios.tcgetattr(0), os.tcgetpgrp(0)
    # Who is not in front and takes the terminal back is stopped otherwise.
    heard = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        process = subprocess.Popen(command, process_group=0)
        status = 0
        while True:
            with contextlib.suppress(OSError):
                # It may have gone already; or have been stopped as it began to read, before it was in front.
                os.tcsetpgrp(0, process.pid)
                os.killpg(process.pid, signal.SIGCONT)
            status = os.waitpid(process.pid, os.WUNTRACED)[1]
            if not os.WIFSTOPPED(status):
                break
        process.returncode = os.waitstatus_to_exitcode(status)
        return 128 - process.returncode if process.returncode < 0 else process.returncode
    finally:
        with contextlib.suppress(OSError, termios.error):
            os.tcsetpgrp(0, in_front)
            termios.tcsetattr(0, termios.TCSADRAIN, saved)
        signal.signal(signal.SIGTTOU, heard)


def tame_stops(repaint: Callable[[], Any]) -> None:
    """Lets the app come back once from each suspension: a plain SIGSTOP and SIGCONT leave it as it was, painted anew.

    Textual would start its input a second time.
    """
    suspend, resume = signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT)
    if not callable(suspend) or not callable(resume):
        return
    suspended: list[bool] = []

    def on_suspend(number: int, frame: FrameType | None) -> None:
        suspended.append(True)
        suspend(number, frame)

    def on_resume(number: int, frame: FrameType | None) -> None:
        if suspended:
            suspended.clear()
            resume(number, frame)
        else:
            repaint()

    signal.signal(signal.SIGTSTP, on_suspend)
    signal.signal(signal.SIGCONT, on_resume)


def _read(file: int) -> bytes:
    try:
        return os.read(file, 4096)
    except OSError:
        return b""


def _is_halted(pid: int) -> bool:
    """Whether a process was halted by a signal; never where there is no /proc to ask."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return told.rpartition(")")[2].split()[:1] == ["T"]
