"""What a command prints on stdout: all of it or an error, and nothing that acts on a terminal."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys

from tui.text import inert


def write(data: bytes) -> None:
    """Writes bytes, all of them. Raises OSError. On a terminal control characters are replaced."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    sys.stdout.flush()
    try:
        file = sys.stdout.fileno()
    except io.UnsupportedOperation:
        # A stand-in for the stream, as in a test.
        sys.stdout.write(data.decode())
        return
    if sys.stdout.isatty():
        lines = data.decode(errors="replace").splitlines()
        data = "".join(f"{inert(line, len(line) + 1)}\n" for line in lines).encode()
    view = memoryview(data)
    while view:
        # One write may take only a part, as on a disk that is nearly full.
        view = view[os.write(file, view) :]


def close() -> None:
    """Sends on what is buffered. Raises OSError."""
    if sys.stdout is not None:
        sys.stdout.flush()


def whole() -> None:
    """Puts a buffer before a stream without one (PYTHONUNBUFFERED), where what one write leaves out would be lost."""
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper) and isinstance(stream.buffer, io.RawIOBase):
        # Beside the stream, which others ask for the size of the terminal.
        sys.stdout = open(  # noqa: SIM115
            stream.fileno(), "w", encoding=stream.encoding, errors=stream.errors, buffering=1, closefd=False
        )


def discard() -> None:
    """Lets what is still buffered go nowhere, so that the interpreter's own last flush says nothing."""
    if sys.stdout is None:
        return
    with contextlib.suppress(io.UnsupportedOperation):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
