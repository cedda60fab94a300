"""NPY: a whole matrix or tensor, NaN where an entry is not given; or a list, an entry a row."""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Sequence
from pathlib import Path

from solver import npy
from solver.tables.gathering import Gathered
from solver.tables.table import MAX_DIMENSION, Reading, refused

MAGIC = npy.MAGIC
_MOST_ENTRIES = 100_000_000
_MOST_MODES = 8


def read(path: Path, data: bytes, reading: Reading, n_modes: int | None) -> Gathered:
    """The entries. A matrix is a list where its rows look like one, or problem.layout says so. Raises BadSetting."""
    try:
        head = npy.head_of(data)
        shape, n_values = head.shape, math.prod(head.shape)
        if not n_values:
            raise refused(path, f"has an array of shape {npy.shown(shape)}, which is empty: save one with entries")
        if n_values > _MOST_ENTRIES:
            raise refused(path, f"has {n_values} numbers, and {_MOST_ENTRIES} are the most: give a part of it")
        values = npy.values_of(head, data)
    except npy.Unsound as error:
        raise refused(path, str(error)) from None
    if reading.layout == "list" or (reading.layout == "auto" and _is_list(shape, values, n_modes)):
        return _list(path, shape, values, reading)
    if not 2 <= len(shape) <= _MOST_MODES or (n_modes is not None and len(shape) != n_modes):
        wanted = "a matrix is" if n_modes == 2 else f"{n_modes} modes are" if n_modes else "two to eight modes are"
        raise refused(
            path,
            f"has an array of shape {npy.shown(shape)}, and {wanted} wanted: save one, or a list "
            "with problem.layout = list",
        )
    if max(shape) > MAX_DIMENSION:
        raise refused(path, f"has a mode of size {max(shape)}, and {MAX_DIMENSION} is the most")
    places = [place for place, value in enumerate(values) if value == value]
    codes = [array("q") for _ in shape]
    strides = [math.prod(shape[mode + 1 :]) for mode in range(len(shape))]
    for column, stride, size in zip(codes, strides, shape, strict=True):
        column.extend((place // stride) % size for place in places)
    n_missing = len(values) - len(places)
    return Gathered(
        format=f"NPY, {'a matrix' if len(shape) == 2 else 'a tensor'} of shape {npy.shown(shape)}",
        names=[""] * len(shape),
        ids=[range(size) for size in shape],
        codes=codes,
        values=array("d", (values[place] for place in places)),
        sizes=shape,
        remarks=[f"{n_missing} entries are NaN: not given"] if n_missing else [],
    )


def _is_list(shape: tuple[int, ...], values: Sequence[float], n_modes: int | None) -> bool:
    """Whether rows are whole indices and a value, no entry twice: so narrow a matrix of such numbers is unlikely."""
    if len(shape) != 2 or shape[1] < 3:
        return False
    n_columns = shape[1]
    n_indices = n_columns - 1 if n_modes is None else n_modes
    if n_indices != n_columns - 1 - _has_times(values, n_columns) or (n_modes is None and n_columns > 5):
        return False
    indices = [values[mode::n_columns] for mode in range(n_indices)]
    if not all(value >= 0 and value.is_integer() for column in indices for value in column):
        return False
    rows = list(zip(*indices, strict=True))
    return len(rows) > n_columns and len(set(rows)) == len(rows)


def _has_times(values: Sequence[float], n_columns: int) -> bool:
    """Whether the last of four columns or more is seconds since 1970, later than 1973: of entries, and no value."""
    return n_columns > 3 and all(1e8 <= value < 1e10 for value in values[n_columns - 1 :: n_columns])


def _list(path: Path, shape: tuple[int, ...], values: Sequence[float], reading: Reading) -> Gathered:
    if len(shape) != 2 or shape[1] < 3:
        raise refused(
            path,
            f"has an array of shape {npy.shown(shape)}, no list of indices and a value: give one with three "
            "columns or more, or set problem.layout to table",
        )
    n_columns = shape[1]
    n = n_columns - _has_times(values, n_columns)
    wanted = list(range(n)) if reading.columns is None else [int(one) - 1 for one in _places(path, reading)]
    if max(wanted) >= n_columns or min(wanted) < 0 or len(wanted) < 3:
        raise refused(path, f"has {n_columns} columns (problem.columns): give places from 1 to {n_columns}")
    codes: list[array[int]] = []
    ids: list[list[int]] = []
    for column in wanted[:-1]:
        known: dict[int, int] = {}
        codes.append(array("q"))
        for row, value in enumerate(itertools.islice(values, column, None, n_columns)):
            if not math.isfinite(value) or not value.is_integer():
                raise refused(path, f"row {row + 1} column {column + 1} has the index {value:g}: write whole numbers")
            codes[-1].append(known.setdefault(int(value), len(known)))
        ids.append(list(known))
    return Gathered(
        format=f"NPY, a list of {shape[0]} entries",
        names=[""] * len(ids),
        ids=ids,
        codes=codes,
        values=array("d", itertools.islice(values, wanted[-1], None, n_columns)),
        remarks=[f"column {n_columns} has times, and is passed over (problem.columns)"] if n < n_columns else [],
    )


def _places(path: Path, reading: Reading) -> list[str]:
    assert reading.columns is not None
    places = [str(one) for one in reading.columns]
    if not all(one.isdigit() for one in places):
        raise refused(path, "has no names of columns (problem.columns): give their places from 1")
    return places
