"""Reading a person's CSV of row,column,value, and refusing what does not make a problem."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path

import msgspec

from solver import matrix_file, settings
from solver.files import open_regular
from solver.paths import typed
from solver.refusal import BadSetting
from solver.spec import ImageTensor, MatrixCompletion, MatrixTruth, RunSpec

MAX_DIMENSION = 20_000
DATASETS = ("mnist", "fashion-mnist")
"""The image datasets that ship with the package."""
IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
"""What a directory of images must hold, gz or not."""


class Ratings(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of a CSV in the file's order."""

    shape: tuple[int, int]
    rows: list[int]
    columns: list[int]
    values: list[float]


def read(path: Path, shape: tuple[int, int] | None = None) -> Ratings:
    """The file's entries; its shape is the largest index plus one unless given.

    Raises BadSetting, naming the line, for what is not row,column,value with whole indices from zero and finite
    values, for an entry given twice, and for an index outside ``shape``.
    """
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    not_finite: list[int] = []
    first_line: dict[tuple[int, int], int] = {}
    try:
        with os.fdopen(open_regular(path), "r", newline="", encoding="utf-8-sig") as file:
            for number, cells in enumerate(csv.reader(file), start=1):
                if not cells or (
                    number == 1 and [cell.strip().lower() for cell in cells] == ["row", "column", "value"]
                ):
                    continue
                row, column, value = _entry(path, number, cells)
                if not math.isfinite(value):
                    not_finite.append(number)
                    continue
                if (row, column) in first_line:
                    raise _bad(
                        path,
                        f"line {number} gives entry {row},{column} again (first on line "
                        f"{first_line[row, column]}): keep one value for each entry",
                    )
                first_line[row, column] = number
                rows.append(row)
                columns.append(column)
                values.append(value)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _bad(path, f"cannot be read ({reason}): check the path, which is relative to the TOML file") from None
    except BadSetting:
        raise
    except (ValueError, csv.Error) as error:
        raise _bad(path, f"is not a CSV text file ({error}): save it as UTF-8 row,column,value") from None
    if not_finite:
        lines = ", ".join(str(number) for number in not_finite[:3]) + (", …" if len(not_finite) > 3 else "")
        count = "1 value that is" if len(not_finite) == 1 else f"{len(not_finite)} values that are"
        raise _bad(path, f"has {count} not finite (line {lines}): remove or correct these lines")
    if not values:
        raise _bad(path, "has no entries: give one row,column,value a line")
    needed = (max(rows) + 1, max(columns) + 1)
    if shape is None:
        shape = needed
    elif needed[0] > shape[0] or needed[1] > shape[1]:
        raise BadSetting(
            f"problem.shape {shape[0]} × {shape[1]} is too small for {path.name}, whose indices need "
            f"{needed[0]} × {needed[1]}: enlarge it, or leave it out",
            "problem.shape",
        )
    return Ratings(shape=shape, rows=rows, columns=columns, values=values)


def settle(spec: RunSpec, directory: Path) -> RunSpec:
    """``spec`` with the path of its file or dataset made absolute (from ``directory``), and a file's shape filled in.

    So with the file of a ground truth. A spec without one comes back as it is.
    Raises BadSetting where the file, or what is held out of it, is no good.
    """
    problem = spec.problem
    if isinstance(problem, ImageTensor):
        return _settle_dataset(spec, problem, directory)
    if isinstance(problem, MatrixTruth) and problem.ground_truth is not None:
        path = typed(problem.ground_truth, "problem.ground_truth", directory)
        matrix = matrix_file.of_shape(path, problem.shape)
        raw = settings.encode(spec)
        raw["problem"] |= {"ground_truth": str(path), "shape": list(matrix.shape)}
        return settings.decode(raw)
    if not isinstance(problem, MatrixCompletion) or problem.file is None:
        return spec
    path = typed(problem.file, "problem.file", directory)
    shape = None if problem.shape is None else (problem.shape[0], problem.shape[1])
    table = read(path, shape)
    n_held_out(len(table.values), problem.test_fraction)
    raw = settings.encode(spec)
    raw["problem"] |= {"file": str(path), "shape": list(table.shape)}
    # Decoded anew: what the file's shape rules out is refused like anything else.
    return settings.decode(raw)


def _settle_dataset(spec: RunSpec, problem: ImageTensor, directory: Path) -> RunSpec:
    if problem.dataset in DATASETS:
        return spec
    path = typed(problem.dataset, "problem.dataset", directory)
    if not path.is_dir():
        raise BadSetting(
            f"problem.dataset {problem.dataset} is neither {', '.join(DATASETS)} nor a directory: name one of these",
            "problem.dataset",
        )
    missing = [name for name in IDX_FILES if not any((path / file).is_file() for file in (name, f"{name}.gz"))]
    if missing:
        raise BadSetting(
            f"problem.dataset {path} has no {missing[0]} or {missing[0]}.gz: put the four IDX files there",
            "problem.dataset",
        )
    raw = settings.encode(spec)
    raw["problem"] |= {"dataset": str(path)}
    return settings.decode(raw)


def n_held_out(n_entries: int, test_fraction: float) -> int:
    """How many of a file's entries are held out. Raises BadSetting where that leaves none to train on."""
    held_out = round(n_entries * test_fraction)
    if test_fraction and held_out == 0:
        raise BadSetting(
            f"problem.test_fraction {test_fraction:g} of {n_entries} entries is less than one: raise it to at least "
            f"{1 / n_entries:.2g}",
            "problem.test_fraction",
        )
    if held_out >= n_entries:
        raise BadSetting(
            f"problem.test_fraction {test_fraction:g} of {n_entries} entries leaves none to train on: lower it",
            "problem.test_fraction",
        )
    return held_out


def _entry(path: Path, number: int, cells: list[str]) -> tuple[int, int, float]:
    if len(cells) != 3:
        raise _bad(path, f"line {number} has {len(cells)} cells, not 3: write row,column,value")
    try:
        row, column = int(cells[0]), int(cells[1])
    except ValueError:
        raise _bad(
            path, f"line {number} has the indices {cells[0]!r}, {cells[1]!r}: write whole numbers from 0"
        ) from None
    if not (0 <= row < MAX_DIMENSION and 0 <= column < MAX_DIMENSION):
        raise _bad(path, f"line {number} has index {row},{column}: indices go from 0 to {MAX_DIMENSION - 1}")
    try:
        return row, column, float(cells[2])
    except ValueError:
        raise _bad(path, f"line {number} has the value {cells[2]!r}: write a number") from None


def _bad(path: Path, what: str) -> BadSetting:
    return BadSetting(f"problem.file {path.name}: {what}", "problem.file")
