"""Reading problem.npz without NumPy, which the front does not import: plain arrays of float64, int64 and bytes."""

from __future__ import annotations

import ast
import math
import sys
import zipfile
import zlib
from array import array
from pathlib import Path

_TYPES = {"<f8": "d", "<i8": "q", "|u1": "B"}
# What a file that was cut, flipped or made by somebody else brings about; RuntimeError is one with a password.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    KeyError,
    IndexError,
    EOFError,
    RuntimeError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
)


def read(path: Path) -> dict[str, tuple[tuple[int, ...], array[float]]]:
    """Shape and flat row-major values of each array. Raises ValueError for what is not such a file, and OSError."""
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                arrays[name.removesuffix(".npy")] = _array(archive.read(name))
    except _DAMAGE as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error
    return arrays


def _array(data: bytes) -> tuple[tuple[int, ...], array[float]]:
    if data[:6] != b"\x93NUMPY":
        raise ValueError("an array of problem.npz has no NumPy header")
    width = 2 if data[6] == 1 else 4
    start = 8 + width
    length = int.from_bytes(data[8:start], "little")
    header = ast.literal_eval(data[start : start + length].decode("latin-1"))
    shape = tuple(header["shape"])
    values: array[float] = array(_TYPES[header["descr"]])
    values.frombytes(data[start + length :])
    if header["fortran_order"] or len(values) != math.prod(shape):
        raise ValueError("an array of problem.npz is not stored row by row")
    if sys.byteorder == "big":
        values.byteswap()
    return shape, values
