"""Reading a person's entries of a matrix or tensor, in the formats that data come in; without NumPy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from solver import npy as array_format
from solver.tables import matrix_market, npy, parquet, text
from solver.tables.contents import contents
from solver.tables.gathering import Gathered
from solver.tables.table import Reading, Table, refused, table_of

_Reader = Callable[[Path, bytes, Reading, int | None], Gathered]
# By the first bytes of a file; what none of them knows is text.
_READERS: dict[bytes, _Reader] = {
    npy.MAGIC: npy.read,
    parquet.MAGIC: parquet.read,
    matrix_market.MAGIC: matrix_market.read,
}
_PICKLE = "is a Python pickle, which is not opened: write the entries to CSV, NPY or Parquet"
# What a person may give in the place of entries, by its first bytes, with what to do about it.
_FOREIGN = {
    b"\x89HDF": "is an HDF5 file: write the entries to CSV, NPY or Parquet",
    b"%PDF": "is a PDF file: give the data themselves",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook: save the sheet as CSV",
    b"SQLite": "is an SQLite database: write the table to CSV",
    b"\x1f\x9d": "is compressed by compress: unpack it first",
    b"Rar!": "is a RAR archive: unpack it first",
    b"7z\xbc\xaf": "is a 7z archive: unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd: unpack it first",
    **{bytes([0x80, protocol]): _PICKLE for protocol in range(2, 6)},
    b"MATLAB": "is a MATLAB file: write the entries to CSV, or with scipy.io.mmwrite",
}


def read(path: Path, reading: Reading, shape: tuple[int, ...] | None, n_modes: int | None) -> Table:
    """The entries in the file, whatever of the known formats it has.

    ``shape`` are the sizes where they were asked for: whole numbers below them are places then. ``n_modes`` is 2 for a
    matrix; None leaves it to the file. Raises BadSetting, naming the line and column, how the file was understood, and
    the setting that changes that.
    """
    try:
        found = path.stat()
        return _read(path, (found.st_mtime_ns, found.st_size, found.st_ino), reading, shape, n_modes)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise refused(path, f"cannot be read ({reason}): check the path, which is relative to the TOML file") from None


def n_modes_of(path: Path) -> int:
    """Modes of an array; 2 for every other file, where nothing but the person tells a list of a tensor from a matrix's
    with a further column. Raises BadSetting.
    """
    try:
        data, _ = contents(path)
        shape = array_format.head_of(data).shape if data.startswith(npy.MAGIC) else (1, 1)
    except OSError:
        return 2
    except array_format.Unsound:
        return 2
    return len(shape)


@functools.lru_cache(maxsize=2)
def _read(
    path: Path, stamp: tuple[int, ...], reading: Reading, shape: tuple[int, ...] | None, n_modes: int | None
) -> Table:
    """Once for each state of a file: a form asks at every letter that is typed."""
    n_modes = len(shape) if n_modes is None and shape is not None else n_modes
    gathered, packed = _gathered(path, stamp, reading, n_modes)
    return table_of(path, gathered, reading, shape, packed)


@functools.lru_cache(maxsize=2)
def _gathered(
    path: Path,
    stamp: tuple[int, ...],  # noqa: ARG001
    reading: Reading,
    n_modes: int | None,
) -> tuple[Gathered, str]:
    """What is in the file, and what it is packed by; most of the time of reading, whatever shape is asked for."""
    data, packed = contents(path)
    for magic, what in _FOREIGN.items():
        if data.startswith(magic):
            raise refused(path, what)
    if data[257:262] == b"ustar":
        raise refused(path, "is a tar archive: unpack it and give the file with the entries")
    reader = next((reader for magic, reader in _READERS.items() if data[: len(magic)] == magic), text.read)
    if reader is text.read and matrix_market.is_meant(data):
        reader = matrix_market.read
    return reader(path, data, reading, n_modes), packed
