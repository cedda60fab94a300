"""Files written whole or not at all, and read only where they are files."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path


def read_whole(path: Path, most: int = 1 << 30) -> bytes:
    """The bytes of a regular file. Raises OSError for a pipe, a device, a directory, or more than ``most`` bytes."""
    file = open_regular(path)
    try:
        if os.fstat(file).st_size > most:
            raise OSError(errno.EFBIG, f"more than {most} bytes")
        with os.fdopen(file, "rb", closefd=False) as stream:
            return stream.read()
    finally:
        os.close(file)


def open_regular(path: Path) -> int:
    """A descriptor to read a regular file from. Raises OSError for anything else, at once: no pipe is waited for."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
    except BaseException:
        os.close(file)
        raise
    return file


def is_full(error: OSError) -> bool:
    """Whether that is what a full disk, a quota or a limit on the size of files answers."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_there(path: Path) -> bool:
    """Whether something is at ``path``; no where that cannot be asked."""
    try:
        path.lstat()
    except OSError:
        return False
    return True


def write_private(path: Path, data: bytes) -> None:
    """Replaces ``path`` by ``data`` atomically, readable by the owner alone whatever the umask."""
    with _temporary(path, 0o600) as file:
        _write_all(file, data)


@contextlib.contextmanager
def _temporary(path: Path, mode: int) -> Iterator[int]:
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.fchmod(file, mode)
        yield file
        os.fsync(file)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    finally:
        os.close(file)


def replace_file(path: Path, data: bytes) -> None:
    """Replaces a person's file by ``data`` atomically, with its mode, else that of their umask. Raises OSError."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        mode = 0o666 & ~umask
    with _temporary(path, mode) as file:
        _write_all(file, data)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
