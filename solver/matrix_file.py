"""Reading a person's dense matrix, CSV or NPY, without NumPy; and refusing what is no ground truth."""

from __future__ import annotations

import ast
import csv
import functools
import io
import math
import sys
from array import array
from pathlib import Path

import msgspec

from solver.files import read_whole
from solver.refusal import BadSetting

MAX_DIMENSION = 20_000
MAX_ENTRIES = 4_000_000
MAX_VALUE = 1e100
_MOST_BYTES = 1 << 28

_MAGIC = b"\x93NUMPY"
_ARCHIVE = b"PK\x03\x04"
# The codes of module array for NumPy's.
_TYPES = {"f8": "d", "f4": "f", "b1": "B"}
_TYPES |= {"i8": "q", "i4": "i", "i2": "h", "i1": "b", "u8": "Q", "u4": "I", "u2": "H", "u1": "B"}


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
            f"problem.shape {_shown(shape)} is not that of {path.name}, {_shown(matrix.shape)}: leave it out",
            "problem.shape",
        )
    return matrix


@functools.lru_cache(maxsize=2)
def _read(path: Path, stamp: tuple[int, ...]) -> DenseMatrix:  # noqa: ARG001
    """Once for each state of a file: a form asks at every letter that is typed."""
    data = read_whole(path, _MOST_BYTES)
    if data[: len(_ARCHIVE)] == _ARCHIVE:
        raise _bad(path, "is an archive, as of numpy.savez: save the one array with numpy.save, or as CSV")
    is_npy = data[: len(_MAGIC)] == _MAGIC
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
    shape, code, is_swapped, by_columns, start = _header(path, data)
    if len(shape) != 2:
        raise _bad(path, f"has an array of shape {_shown(shape)}, not a matrix: save one with rows and columns")
    rows, columns = shape
    if not rows or not columns:
        raise _bad(path, f"has an array of shape {_shown(shape)}, which is empty: save a matrix with entries")
    _check_size(path, rows, columns)
    stored: array[float] = array(code)
    if len(data) - start != rows * columns * stored.itemsize:
        raise _bad(path, f"is cut or too long for its shape {_shown(shape)}: save it again")
    stored.frombytes(data[start:])
    if is_swapped:
        stored.byteswap()
    values: array[float] = stored if code == "d" else array("d", stored)
    if by_columns:
        values = array("d", (value for row in range(rows) for value in values[row::rows]))
    if not math.isfinite(sum(values)):
        place = next((place for place, value in enumerate(values) if not math.isfinite(value)), None)
        if place is not None:
            row, column = divmod(place, columns)
            where = f"entry [{row}, {column}], counted from zero,"
            raise _bad(path, f"{where} is {values[place]}: correct it, or give the other entries in problem.file")
    return DenseMatrix(shape=(rows, columns), values=values)


def _header(path: Path, data: bytes) -> tuple[tuple[int, ...], str, bool, bool, int]:
    """Shape, type code, whether the bytes are of the other order, whether columns are stored, and where data begin."""
    try:
        width = 2 if data[6] == 1 else 4
        start = 8 + width
        length = int.from_bytes(data[8:start], "little")
        header = ast.literal_eval(data[start : start + length].decode("latin-1"))
        shape, kind, by_columns = tuple(header["shape"]), str(header["descr"]), bool(header["fortran_order"])
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise ValueError("a size is no whole number")
    except (ValueError, SyntaxError, KeyError, IndexError, TypeError, MemoryError, RecursionError):
        raise _bad(path, "has a damaged NPY header: save it again with numpy.save") from None
    code = _TYPES.get(kind[1:])
    if code is None:
        raise _bad(path, f"has numbers of type {kind}: save them as float64, with .astype(float)")
    other = {"little": ">", "big": "<"}[sys.byteorder]
    return shape, code, kind[0] == other, by_columns, start + length


def _check_size(path: Path, rows: int, columns: int) -> None:
    if rows * columns > MAX_ENTRIES or max(rows, columns) > MAX_DIMENSION:
        raise _bad(
            path,
            f"has {rows} × {columns} entries or more, and {MAX_ENTRIES} are the most, with {MAX_DIMENSION} rows and "
            "columns: give a part of it",
        )


def _shown(shape: tuple[int, ...]) -> str:
    return " × ".join(str(size) for size in shape) or "()"


def _bad(path: Path, what: str) -> BadSetting:
    return BadSetting(f"problem.ground_truth {path.name}: {what}", "problem.ground_truth")
