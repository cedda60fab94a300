"""Reading a person's dense matrix, CSV or NPY, without NumPy; and refusing what is no ground truth."""

from __future__ import annotations

import csv
import functools
import io
import math
from array import array
from pathlib import Path

import msgspec

from solver import npy
from solver.files import read_whole
from solver.refusal import BadSetting

MAX_DIMENSION = 20_000
MAX_ENTRIES = 4_000_000
MAX_VALUE = 1e100
_MOST_BYTES = 1 << 28

_ARCHIVE = b"PK\x03\x04"


class DenseMatrix(msgspec.Struct, frozen=True, kw_only=True):
    """Every entry of a matrix, row by row."""

    shape: tuple[int, int]
    values: array[float]


def read(path: Path) -> DenseMatrix:
    """The matrix in the file; whether it is CSV or NPY, its first bytes say.

    Raises BadSetting, naming line and column or entry, for what is not a matrix of finite numbers up to MAX_VALUE, for
    one with more than MAX_ENTRIES entries or MAX_DIMENSION rows or columns, and for one of zeros alone.
    """
    try:
        found = path.stat()
        return _read(path, (found.st_mtime_ns, found.st_size, found.st_ino))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _bad(path, f"cannot be read ({reason}): check the path, which is relative to the TOML file") from None


def of_shape(path: Path, shape: tuple[int, ...] | None) -> DenseMatrix:
    """The same, where it has this shape. Raises BadSetting where it has another."""
    matrix = read(path)
    if shape is not None and matrix.shape != shape:
        raise BadSetting(
            f"problem.shape {npy.shown(shape)} is not that of {path.name}, {npy.shown(matrix.shape)}: leave it out",
            "problem.shape",
        )
    return matrix


@functools.lru_cache(maxsize=2)
def _read(path: Path, stamp: tuple[int, ...]) -> DenseMatrix:  # noqa: ARG001
    """Once for each state of a file: a form asks at every letter that is typed."""
    data = read_whole(path, _MOST_BYTES)
    if data[: len(_ARCHIVE)] == _ARCHIVE:
        raise _bad(path, "is an archive, as of numpy.savez: save the one array with numpy.save, or as CSV")
    is_npy = data[: len(npy.MAGIC)] == npy.MAGIC
    matrix = _of_npy(path, data) if is_npy else _of_csv(path, data)
    largest = max(max(matrix.values), -min(matrix.values))
    if largest == 0.0:
        raise _bad(path, "has zeros alone, of which nothing can be learned: give another matrix")
    if largest > MAX_VALUE:
        raise _bad(path, f"has values up to {largest:.3g}, and {MAX_VALUE:g} is the most: divide it by a number")
    return matrix


def _of_csv(path: Path, data: bytes) -> DenseMatrix:
    values: array[float] = array("d")
    n_rows = n_columns = first = 0
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")), start=1):
            if not cells:
                continue
            if not n_rows:
                n_columns, first = len(cells), number
            elif len(cells) != n_columns:
                raise _bad(
                    path,
                    f"line {number} has {len(cells)} cells, and line {first} has {n_columns}: give each row as many",
                )
            n_rows += 1
            _check_size(path, n_rows, n_columns)
            values.extend(_row(path, number, cells))
    except BadSetting:
        raise
    except (ValueError, csv.Error) as error:
        raise _bad(path, f"is neither NPY nor a CSV text file ({error}): save it as one of the two") from None
    if not n_rows:
        raise _bad(path, "is empty: give a row of the matrix a line, with commas between its numbers")
    return DenseMatrix(shape=(n_rows, n_columns), values=values)


def _row(path: Path, number: int, cells: list[str]) -> list[float]:
    try:
        found = [float(cell) for cell in cells]
    except ValueError:
        found = []
    if found and math.isfinite(sum(found)):
        return found
    for column, cell in enumerate(cells, start=1):
        where = f"line {number} column {column}"
        if not cell.strip():
            raise _bad(path, f"{where} is empty: give every entry, or some as row,column,value in problem.file")
        try:
            value = float(cell)
        except ValueError:
            shown = cell if len(cell) <= 30 else cell[:27] + "…"
            raise _bad(path, f"{where} has {shown!r}: write numbers with commas between them, and no header") from None
        if not math.isfinite(value):
            raise _bad(path, f"{where} is {value}: correct it, or give the other entries in problem.file")
    # Finite numbers whose sum is not: the largest is refused for its size.
    return found


def _of_npy(path: Path, data: bytes) -> DenseMatrix:
    try:
        head = npy.head_of(data)
        if len(head.shape) != 2:
            shape = npy.shown(head.shape)
            raise _bad(path, f"has an array of shape {shape}, not a matrix: save one with rows and columns")
        rows, columns = head.shape
        if not rows or not columns:
            shape = npy.shown(head.shape)
            raise _bad(path, f"has an array of shape {shape}, which is empty: save a matrix with entries")
        _check_size(path, rows, columns)
        values = npy.values_of(head, data)
    except npy.Unsound as error:
        raise _bad(path, str(error)) from None
    if not math.isfinite(sum(values)):
        place = next((place for place, value in enumerate(values) if not math.isfinite(value)), None)
        if place is not None:
            row, column = divmod(place, columns)
            where = f"entry [{row}, {column}], counted from zero,"
            raise _bad(path, f"{where} is {values[place]}: correct it, or give the other entries in problem.file")
    return DenseMatrix(shape=(rows, columns), values=values)


def _check_size(path: Path, rows: int, columns: int) -> None:
    if rows * columns > MAX_ENTRIES or max(rows, columns) > MAX_DIMENSION:
        raise _bad(
            path,
            f"has {rows} × {columns} entries or more, and {MAX_ENTRIES} are the most, with {MAX_DIMENSION} rows and "
            "columns: give a part of it",
        )


def _bad(path: Path, what: str) -> BadSetting:
    return BadSetting(f"problem.ground_truth {path.name}: {what}", "problem.ground_truth")
