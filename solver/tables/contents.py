"""The bytes of a data file, unpacked where it is compressed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from solver.files import read_whole
from solver.refusal import BadSetting
from solver.tables.table import refused

MOST_BYTES = 1 << 31
"""Of a file, and of what it holds."""
_OPENERS: dict[bytes, tuple[str, Callable[[BinaryIO], Any]]] = {
    b"\x1f\x8b": ("gz", gzip.open),
    b"BZh": ("bz2", bz2.open),
    b"\xfd7zXZ\x00": ("xz", lzma.open),
}
_ZIP = b"PK\x03\x04"
_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError, RuntimeError)
# In an archive of many files these hold no ratings.
_BESIDE = ("readme", "license", "licence", ".md", ".sh", ".pl", ".html")


def contents(path: Path) -> tuple[bytes, str]:
    """The bytes, and what they were packed by; empty where they were not. Raises OSError and BadSetting."""
    data = read_whole(path, MOST_BYTES)
    for magic, (name, opener) in _OPENERS.items():
        if data.startswith(magic):
            try:
                with opener(io.BytesIO(data)) as file:
                    return _some(path, file.read(MOST_BYTES + 1)), name
            except _DAMAGE as error:
                raise refused(path, f"is damaged where it is compressed ({error}): fetch or save it again") from None
    if data.startswith(_ZIP):
        return _of_archive(path, data), "zip"
    return data, ""


def _some(path: Path, data: bytes) -> bytes:
    if len(data) > MOST_BYTES:
        raise refused(path, f"unpacks to more than {MOST_BYTES >> 30} GiB: give a part of it")
    return data


def _of_archive(path: Path, data: bytes) -> bytes:
    """The only file of an archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [one.filename for one in archive.infolist() if not one.is_dir() and "__MACOSX" not in one.filename]
            if any(name.startswith("xl/") for name in names):
                raise refused(path, "is an Excel workbook: save the sheet as CSV")
            if {"format.npy", "shape.npy", "data.npy"} <= set(names):
                raise refused(path, "is a sparse matrix of SciPy: write it with scipy.io.mmwrite, and give that file")
            if len(names) == 1:
                with archive.open(names[0]) as file:
                    return _some(path, file.read(MOST_BYTES + 1))
    except _DAMAGE as error:
        if isinstance(error, BadSetting):
            raise
        raise refused(path, f"is a damaged archive ({error}): fetch it again") from None
    if not names:
        raise refused(path, "is an archive of no files: give the one with the entries")
    likely = [name for name in names if not any(part in name.lower() for part in _BESIDE)]
    # Ratings first, by their names.
    likely.sort(key=lambda name: not any(word in name.lower() for word in ("rating", "u.data", "interaction")))
    listed = ", ".join(likely[:3]) + (", …" if len(likely) > 3 else "")
    raise refused(path, f"is an archive of {len(names)} files: unpack it and give the one with the entries ({listed})")
