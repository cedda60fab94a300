"""Reading an array of numbers in NumPy's own format without NumPy, which the front does not import."""

from __future__ import annotations

import ast
import math
import sys
from array import array
from typing import NamedTuple

MAGIC = b"\x93NUMPY"
# The codes of module array for NumPy's.
_TYPES = {"f8": "d", "f4": "f", "b1": "B"}
_TYPES |= {"i8": "q", "i4": "i", "i2": "h", "i1": "b", "u8": "Q", "u4": "I", "u2": "H", "u1": "B"}


class Unsound(ValueError):
    """An array that cannot be read; the message goes on from the file's name."""


class Head(NamedTuple):
    """What stands before the numbers."""

    shape: tuple[int, ...]
    code: str
    """The type, as module array names it."""
    is_swapped: bool
    """Whether the bytes are of the other order than this machine's."""
    by_columns: bool
    """Whether the first index varies fastest."""
    start: int
    """Where the numbers begin."""


def values_of(head: Head, data: bytes) -> array[float]:
    """The numbers, row by row. Raises Unsound where there are too few or too many."""
    stored: array[float] = array(head.code)
    if len(data) - head.start != math.prod(head.shape) * stored.itemsize:
        raise Unsound(f"is cut or too long for its shape {shown(head.shape)}: save it again")
    stored.frombytes(data[head.start :])
    if head.is_swapped:
        stored.byteswap()
    values: array[float] = stored if head.code == "d" else array("d", stored)
    return _by_rows(values, head.shape) if head.by_columns and len(head.shape) > 1 else values


def _by_rows(values: array[float], shape: tuple[int, ...]) -> array[float]:
    """With the last index varying fastest, of what has the first varying fastest."""
    if len(shape) == 1:
        return values
    result = array("d")
    for place in range(shape[0]):
        result.extend(_by_rows(values[place :: shape[0]], shape[1:]))
    return result


def head_of(data: bytes) -> Head:
    """What stands before the numbers. Raises Unsound."""
    try:
        width = 2 if data[6] == 1 else 4
        start = 8 + width
        length = int.from_bytes(data[8:start], "little")
        header = ast.literal_eval(data[start : start + length].decode("latin-1"))
        shape, kind, by_columns = tuple(header["shape"]), str(header["descr"]), bool(header["fortran_order"])
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise ValueError("a size is no whole number")
    except (ValueError, SyntaxError, KeyError, IndexError, TypeError, MemoryError, RecursionError):
        raise Unsound("has a damaged NPY header: save it again with numpy.save") from None
    code = _TYPES.get(kind[1:])
    if code is None:
        raise Unsound(f"has numbers of type {kind}: save them as float64, with .astype(float)")
    other = {"little": ">", "big": "<"}[sys.byteorder]
    return Head(shape, code, kind[0] == other, by_columns, start + length)


def shown(shape: tuple[int, ...]) -> str:
    """Sizes as a person reads them, as in 3 × 4."""
    return " × ".join(str(size) for size in shape) or "()"
