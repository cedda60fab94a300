"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


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
    """Replaces a person's file by ``data`` atomically, with the mode their umask gives. Raises OSError."""
    umask = os.umask(0)
    os.umask(umask)
    with _temporary(path, 0o666 & ~umask) as file:
        _write_all(file, data)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
