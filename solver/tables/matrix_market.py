"""Matrix Market files (Boisvert, Pozo, Remington 1996): coordinate or array, real, integer or pattern."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import NamedTuple

from solver.tables.gathering import Gathered
from solver.tables.table import MAX_DIMENSION, Reading, refused

MAGIC = b"%%MatrixMarket"
_MOST_BEFORE = 1 << 10
_FIELDS = ("real", "double", "integer", "pattern")
_SYMMETRIES = ("general", "symmetric", "skew-symmetric")


def is_meant(data: bytes) -> bool:
    """Whether the first line says so, in letters of whatever size, after a mark or blank lines; its size line would
    be taken for an entry otherwise.
    """
    return data[:_MOST_BEFORE].removeprefix(b"\xef\xbb\xbf").lstrip().lstrip(b"%").lower().startswith(b"matrixmarket")


def read(path: Path, data: bytes, reading: Reading, n_modes: int | None) -> Gathered:  # noqa: ARG001
    """The entries; a symmetric file gives those below the diagonal, and they stand above it too. Raises BadSetting."""
    if n_modes not in (None, 2):
        raise refused(path, "is a Matrix Market file, a matrix: choose problem.kind matrix-completion for it")
    text = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    n_blank = text[: len(text) - len(text.lstrip())].count("\n")
    lines = text.split("\n")[n_blank:]
    words = lines[0].lower().split()
    if len(words) < 5 or words[1] != "matrix" or words[2] not in ("coordinate", "array"):
        raise refused(
            path, f"line {n_blank + 1} is {lines[0][:60]!r}: write %%MatrixMarket matrix coordinate real general"
        )
    layout, field, symmetry = words[2:5]
    if field not in _FIELDS or symmetry not in _SYMMETRIES:
        raise refused(
            path, f"line 1 says {field} {symmetry}: {', '.join(_FIELDS)} and {', '.join(_SYMMETRIES)} are read"
        )
    rest = [
        (number, line.split())
        for number, line in enumerate(lines[1:], start=n_blank + 2)
        if line.strip() and not line.lstrip().startswith("%")
    ]
    if not rest:
        raise refused(path, "has no line with its sizes: it is cut, save it again")
    (number, sizes), body = rest[0], rest[1:]
    wanted = 3 if layout == "coordinate" else 2
    if len(sizes) != wanted or not all(word.isdigit() for word in sizes):
        raise refused(
            path, f"line {number} should be the sizes, {wanted} whole numbers: it is {' '.join(sizes)[:40]!r}"
        )
    rows, columns = int(sizes[0]), int(sizes[1])
    if not 0 < rows <= MAX_DIMENSION or not 0 < columns <= MAX_DIMENSION:
        raise refused(path, f"has a matrix of {rows} × {columns}: {MAX_DIMENSION} rows and columns are the most")
    if symmetry != "general" and rows != columns:
        raise refused(
            path, f"says that it is {symmetry} and has {rows} × {columns}: write general in line {n_blank + 1}"
        )
    found = (
        _coordinates(path, body, (rows, columns), field)
        if layout == "coordinate"
        else _array(path, body, (rows, columns), symmetry)
    )
    if layout == "coordinate" and len(body) != int(sizes[2]):
        raise refused(path, f"says {sizes[2]} entries and has {len(body)}: it is cut or too long, save it again")
    if symmetry == "skew-symmetric":
        _check_diagonal(path, found)
    if symmetry != "general":
        _mirror(found, -1.0 if symmetry == "skew-symmetric" else 1.0)
    return Gathered(
        format=f"Matrix Market, {layout} {field} {symmetry}",
        names=["", ""],
        ids=[range(rows), range(columns)],
        codes=[found.rows, found.columns],
        values=found.values,
        lines=found.lines,
        sizes=(rows, columns),
        remarks=["every entry is 1, as a pattern has no values"] if field == "pattern" else [],
    )


class _Found(NamedTuple):
    rows: array[int]
    columns: array[int]
    values: array[float]
    lines: array[int]

    def add(self, row: int, column: int, value: float, line: int) -> None:
        self.rows.append(row)
        self.columns.append(column)
        self.values.append(value)
        self.lines.append(line)


def _nothing() -> _Found:
    return _Found(array("q"), array("q"), array("d"), array("q"))


def _coordinates(path: Path, body: list[tuple[int, list[str]]], shape: tuple[int, int], field: str) -> _Found:
    found = _nothing()
    n = 2 if field == "pattern" else 3
    for number, cells in body:
        try:
            if len(cells) != n:
                raise ValueError
            row, column, value = int(cells[0]), int(cells[1]), 1.0 if n == 2 else float(cells[2])
        except ValueError:
            raise refused(
                path, f"line {number} is {' '.join(cells)[:40]!r}: write row column{'' if n == 2 else ' value'}"
            ) from None
        if not (1 <= row <= shape[0] and 1 <= column <= shape[1]):
            raise refused(
                path,
                f"line {number} has the place {row} {column}, outside {shape[0]} × {shape[1]}: places count from 1",
            )
        found.add(row - 1, column - 1, value, number)
    return found


def _array(path: Path, body: list[tuple[int, list[str]]], shape: tuple[int, int], symmetry: str) -> _Found:
    """Column by column; of a symmetric matrix from the diagonal down."""
    below = {"general": None, "symmetric": 0, "skew-symmetric": 1}[symmetry]
    places = [
        (row, column) for column in range(shape[1]) for row in range(0 if below is None else column + below, shape[0])
    ]
    cells = [(number, cell) for number, words in body for cell in words]
    if len(cells) != len(places):
        raise refused(path, f"has {len(cells)} numbers for {shape[0]} × {shape[1]} ({symmetry}): save it again")
    found = _nothing()
    for (row, column), (number, cell) in zip(places, cells, strict=True):
        try:
            value = float(cell)
        except ValueError:
            raise refused(path, f"line {number} has {cell[:30]!r}: write a number") from None
        if value != value:
            continue
        found.add(row, column, value, number)
    return found


def _check_diagonal(path: Path, found: _Found) -> None:
    for row, column, value, line in zip(*found, strict=True):
        if row == column and value:
            raise refused(
                path, f"line {line} has {value:g} on the diagonal, and a skew-symmetric matrix has 0: write general"
            )


def _mirror(found: _Found, sign: float) -> None:
    for row, column, value, line in list(zip(*found, strict=True)):
        if row != column:
            found.add(column, row, sign * value, line)
