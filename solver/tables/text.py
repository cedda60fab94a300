"""Text: a list with an entry a line, or a whole matrix; separator, header and columns found or asked for."""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from solver.tables.columns import Chosen, chosen
from solver.tables.gathering import Gathered
from solver.tables.table import Reading, refused

Cells = list[str]
_SAMPLE = 200
# Separators by their words, in the order in which they are preferred where several would do.
SEPARATORS = {"colons": "::", "tab": "\t", "semicolon": ";", "comma": ",", "bar": "|", "spaces": " "}
_CALLED = {
    "colons": "separated by ::",
    "tab": "tab-separated",
    "semicolon": "semicolon-separated",
    "comma": "comma-separated",
    "bar": "separated by |",
    "spaces": "separated by spaces",
}
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")
# A text with more columns than this is a matrix, unless its header names the columns of a list.
_WIDEST_LIST = 6
_MISSING = {"", "nan", "na", "n/a", "null", "none", "-", "."}


def read(path: Path, data: bytes, reading: Reading, n_modes: int | None) -> Gathered:
    """The entries of a text. Raises BadSetting."""
    text, coding = _decoded(path, data)
    if text.lstrip()[:1] in ("{", "["):
        raise refused(path, "is JSON: write the entries to CSV, one row,column,value a line")
    if text.lstrip()[:1] == "<":
        raise refused(path, "is HTML or XML, perhaps a page about the data: give the data file itself")
    understood = _understood(path, text, reading)
    # A table is a matrix; a tensor comes as a list.
    if n_modes in (None, 2) and _is_table(understood, reading):
        return _table(path, text, understood, reading, coding)
    return _list(path, text, understood, reading, n_modes, coding)


def _decoded(path: Path, data: bytes) -> tuple[str, str]:
    coding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(coding)
    except UnicodeDecodeError:
        # Old archives are in Latin-1, which every byte is a letter of; a file that is no text shows by its zeros.
        coding, text = "Latin-1", data.decode("latin-1")
    if "\0" in text:
        raise refused(path, "is not a text, nor NPY, Matrix Market or Parquet: save it as one of these")
    return text, coding


class _Understood(msgspec.Struct, frozen=True):
    """How the lines fall into cells."""

    separator: str
    """Its word."""
    n_cells: int
    """Of most lines."""
    skipped: int
    """Lines of comment at the beginning."""
    first: Cells
    """The cells of the first line that is none."""
    second: Cells


def _understood(path: Path, text: str, reading: Reading) -> _Understood:
    lines = list(islice((line for line in io.StringIO(text) if line.strip()), _SAMPLE))
    skipped = next((place for place, line in enumerate(lines) if line.lstrip()[:1] not in "#%"), len(lines))
    sample = lines[skipped:]
    if not sample:
        raise refused(path, "has no entries: give one row,column,value a line")
    words = list(SEPARATORS) if reading.separator == "auto" else [reading.separator]
    found: list[tuple[float, str, list[Cells]]] = []
    for word in words:
        rows = [cells for _, cells in islice(_rows("".join(sample), word), len(sample))]
        count, n = _usual(rows)
        if count >= 3 or (reading.layout == "table" and count >= 2):
            found.append((n / len(rows), word, rows))
    if not found:
        shown = sample[0].strip()
        shown = repr(shown if len(shown) <= 40 else shown[:37] + "…")
        raise refused(
            path,
            f"has no lines of three cells or more {_called(reading)}: line {_number_of(text, skipped)} is {shown}; "
            "write row,column,value, or set problem.separator",
        )
    # The first of those that split as many lines alike.
    best = max(found, key=lambda one: one[0])
    rows = best[2]
    count = _usual(rows)[0]
    return _Understood(best[1], count, skipped, rows[0], rows[1] if len(rows) > 1 else [])


def _usual(rows: Sequence[Cells]) -> tuple[int, int]:
    """How many cells most lines have, and how many lines that are; the larger of two as frequent."""
    counts = Counter(len(cells) for cells in rows)
    return max(counts.items(), key=lambda item: (item[1], item[0]))


def _called(reading: Reading) -> str:
    if reading.separator != "auto":
        return f"{_CALLED[reading.separator]} (problem.separator)"
    return "separated by comma, tab, semicolon, ::, | or spaces"


def _number_of(text: str, skipped: int) -> int:
    """The number of a line that is not blank, counted from one."""
    numbers = (number for number, line in enumerate(io.StringIO(text), start=1) if line.strip())
    return next(islice(numbers, skipped, None), 1)


def _rows(text: str, separator: str) -> Iterator[tuple[int, Cells]]:
    """The cells of each line that has any, without the blanks around them, and the number of the line."""
    if separator in ("spaces", "colons"):
        split: Callable[[str], Cells] = (
            str.split if separator == "spaces" else lambda line: [cell.strip() for cell in line.split("::")]
        )
        for number, line in enumerate(io.StringIO(text), start=1):
            cells = [cell.strip('"') for cell in split(line)]
            if any(cells):
                yield number, cells
        return
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=SEPARATORS[separator], skipinitialspace=True)
    for cells in rows:
        if cells and (len(cells) > 1 or cells[0].strip()) and any(cell.strip() for cell in cells):
            yield rows.line_num, cells


def _is_table(understood: _Understood, reading: Reading) -> bool:
    if reading.layout != "auto":
        return reading.layout == "table"
    if reading.columns is not None or (understood.n_cells <= _WIDEST_LIST and understood.first[0].strip()):
        return False
    # A first line that begins with an empty cell names the columns of a matrix, or has a nameless index before a list.
    return chosen_by_name(understood) is None and understood.n_cells > 3


def chosen_by_name(understood: _Understood) -> Chosen | None:
    """The columns of a list that the first line names; None where it names none."""
    return chosen(understood.first, None, None)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _has_header(understood: _Understood, needed: Sequence[int], reading: Reading, *, named: bool) -> bool:
    """Whether the first line names the columns: none of its needed cells is a number, or it has a known name."""
    if reading.header != "auto":
        return reading.header == "yes"
    cells = [understood.first[place].strip() for place in needed if place < len(understood.first)]
    if len(understood.first) not in (understood.n_cells, understood.n_cells + 1):
        return False
    if named:
        return True
    is_number = [_number(cell) is not None or _DECIMAL_COMMA.fullmatch(cell) is not None for cell in cells]
    return bool(cells) and not any(is_number)


def _list(
    path: Path, text: str, understood: _Understood, reading: Reading, n_modes: int | None, coding: str
) -> Gathered:
    """One entry a line: its ids, then its value, in chosen columns."""
    first, n_cells = understood.first, understood.n_cells
    asked = reading.columns
    # As R writes tables: a name for each column but that of the row names.
    shift = 1 if len(first) == n_cells - 1 and _number(first[-1]) is None else 0
    header = [""] * shift + first
    named = None if reading.header == "no" else chosen(header, None, n_modes)
    if asked is not None:
        names_columns = any(isinstance(one, str) and not one.isdigit() for one in asked)
        picked = chosen(header if names_columns and reading.header != "no" else [""] * n_cells, asked, n_modes)
        if picked is None:
            listed = ", ".join(cell.strip() for cell in header[:8]) + (", …" if len(header) > 8 else "")
            known = [cell.strip() for cell in header]
            missing = next((one for one in asked if str(one) not in known and not 0 < _place(one) <= n_cells), asked[0])
            raise refused(
                path,
                f"has no column {missing} (problem.columns): the first line has {listed}; name columns of it, or "
                "give their places from 1, the value's last",
            )
    elif named is not None:
        picked, names_columns = named, True
    else:
        n = n_modes if n_modes is not None else n_cells - 1
        picked, names_columns = Chosen(modes=list(range(n)), value=n), False
    needed = [*picked.modes, picked.value]
    if max(needed) >= n_cells or len(picked.modes) < 2:
        raise refused(
            path,
            f"has {n_cells} cells a line ({_CALLED[understood.separator]}), and {max(*needed, 2) + 1} are needed: "
            f"write {'row,column,value' if len(needed) == 3 else 'indices and a value'}, or set problem.separator or "
            "problem.columns",
        )
    has_header = shift == 1 or _has_header(understood, needed, reading, named=names_columns)
    titles = [header[place].strip() if has_header and place < len(header) else "" for place in range(n_cells)]
    how = f"{_CALLED[understood.separator]}, {'with a header' if has_header else 'without a header'}"
    roles = _roles(picked, titles)
    told = f"read as {how}: {roles}"
    gathered = _entries(path, text, understood, reading, picked, has_header=has_header, told=told)
    ignored = [titles[place] or f"column {place + 1}" for place in range(n_cells) if place not in needed]
    remarks = [f"{understood.skipped} lines of comment passed over"] if understood.skipped else []
    if ignored:
        listed = ", ".join(ignored[:4]) + (", …" if len(ignored) > 4 else "")
        remarks.append(f"{listed} passed over (problem.columns)")
    if coding != "utf-8":
        remarks.append(f"text in {'UTF-8 with a mark' if coding == 'utf-8-sig' else coding.upper()}")
    return msgspec.structs.replace(
        gathered,
        format=f"text, {how}",
        names=[titles[place] for place in picked.modes],
        value_name=titles[picked.value],
        remarks=remarks + gathered.remarks,
    )


def _place(one: str | int) -> int:
    """A column's place from 1; 0 where it is no number."""
    return int(one) if isinstance(one, int) or one.isdigit() else 0


def _roles(picked: Chosen, titles: Sequence[str]) -> str:
    """Which column is what, in words."""
    places = [titles[place] or f"column {place + 1}" for place in (*picked.modes, picked.value)]
    if len(picked.modes) == 2:
        return f"rows by {places[0]}, columns by {places[1]}, values in {places[2]}"
    return f"indices in {', '.join(places[:-1])}, values in {places[-1]}"


def _entries(
    path: Path,
    text: str,
    understood: _Understood,
    reading: Reading,
    picked: Chosen,
    *,
    has_header: bool,
    told: str,
) -> Gathered:
    known: list[dict[str, int]] = [{} for _ in picked.modes]
    codes: list[array[int]] = [array("q") for _ in picked.modes]
    values, numbers = array("d"), array("q")
    n_cells, value_at = understood.n_cells, picked.value
    columns = list(zip(picked.modes, known, codes, strict=True))
    to_number = _Numbers(reading)
    passed = understood.skipped + has_header
    try:
        for number, cells in islice(_rows(text, understood.separator), passed, None):
            if len(cells) != n_cells and not _is_ragged_end(cells, n_cells):
                raise refused(
                    path,
                    f"line {number} has {len(cells)} cells, not {n_cells} ({told}): correct it, or set "
                    "problem.separator",
                )
            for place, ids, of_mode in columns:
                name = cells[place].strip()
                code = ids.get(name)
                if code is None:
                    if not name:
                        raise refused(
                            path, f"line {number} column {place + 1} is empty, and is an id ({told}): fill it in"
                        )
                    code = ids[name] = len(ids)
                of_mode.append(code)
            try:
                values.append(to_number(cells[value_at]))
            except ValueError:
                cell = cells[value_at].strip()
                shown = cell if len(cell) <= 30 else cell[:27] + "…"
                raise refused(
                    path,
                    f"line {number} column {value_at + 1} has {shown!r} for a value ({told}): write a number, or "
                    "choose problem.columns",
                ) from None
            numbers.append(number)
    except csv.Error as error:
        raise refused(path, f"is not a sound text ({error}; {told}): save it as UTF-8 row,column,value") from None
    remarks = ["decimal commas"] if to_number.has_commas else []
    return Gathered(
        format="",
        names=[],
        ids=[list(ids) for ids in known],
        codes=codes,
        values=values,
        lines=numbers,
        remarks=remarks,
        cure=told,
    )


def _is_ragged_end(cells: Cells, n_cells: int) -> bool:
    """Whether a line has only an empty cell more, after a separator at its end."""
    return len(cells) == n_cells + 1 and not cells[-1].strip()


class _Numbers:
    """Reads cells as numbers, with a decimal point or comma."""

    def __init__(self, reading: Reading) -> None:
        self._decimal = reading.decimal
        self.has_commas = False

    def __call__(self, cell: str) -> float:
        """Raises ValueError for what is no number."""
        if self._decimal != "comma":
            try:
                return float(cell)
            except ValueError:
                if self._decimal == "point":
                    raise
        if "," in cell and not _DECIMAL_COMMA.fullmatch(cell.strip()):
            raise ValueError(cell)
        self.has_commas |= "," in cell
        return float(cell.replace(",", "."))


def _table(path: Path, text: str, understood: _Understood, reading: Reading, coding: str) -> Gathered:
    """A whole matrix, a row a line; what is empty or NaN is not given. Names of rows and columns where there are."""
    rows = list(islice(_rows(text, understood.separator), understood.skipped, None))
    first, second = understood.first, understood.second
    tail = [cell.strip() for cell in first[1:]]
    is_named = bool(tail) and all(_number(cell) is None for cell in tail if cell.lower() not in _MISSING)
    has_header = reading.header == "yes" or (
        reading.header == "auto" and (not first[0].strip() or is_named) and any(tail)
    )
    below = second if has_header else first
    # A first column that is no number, or whose header is empty, names the rows.
    has_names = bool(below) and (
        (has_header and (not first[0].strip() or len(first) == len(below) - 1))
        or (_number(below[0]) is None and below[0].strip().lower() not in _MISSING)
        or (has_header and is_named and _is_id(first[0]))
    )
    n_cells = understood.n_cells
    shift = 1 if has_header and len(first) == n_cells - 1 else 0
    titles = ([""] * shift + first) if has_header else []
    how = f"{_CALLED[understood.separator]}, a matrix with a row a line"
    to_number = _Numbers(reading)
    start = int(has_names)
    row_codes, column_codes, values, numbers = array("q"), array("q"), array("d"), array("q")
    names: list[str] = []
    for row, (number, cells) in enumerate(rows[int(has_header) :]):
        if len(cells) != n_cells and not _is_ragged_end(cells, n_cells):
            raise refused(
                path,
                f"line {number} has {len(cells)} cells, not {n_cells} (read as {how}): give each row as many, or set "
                "problem.layout",
            )
        names.append(cells[0].strip() if has_names else "")
        for column, cell in enumerate(cells[start:n_cells]):
            if cell.strip().lower() in _MISSING:
                continue
            try:
                values.append(to_number(cell))
            except ValueError:
                raise refused(
                    path,
                    f"line {number} column {column + start + 1} has {cell.strip()[:30]!r} (read as {how}): write a "
                    "number, or leave it empty",
                ) from None
            row_codes.append(row)
            column_codes.append(column)
            numbers.append(number)
    n_columns = n_cells - start
    column_names = [title.strip() for title in titles[start:n_cells]]
    is_mapped = has_names and len(set(names)) == len(names)
    remarks = [] if not has_names or is_mapped else ["names of rows are not unique, and passed over"]
    if coding != "utf-8":
        remarks.append(f"text in {'UTF-8 with a mark' if coding == 'utf-8-sig' else coding.upper()}")
    if to_number.has_commas:
        remarks.append("decimal commas")
    has_titles = has_header and len(set(column_names)) == n_columns and all(column_names)
    return Gathered(
        format=f"text, {how}",
        names=["", ""],
        ids=[names if is_mapped else range(len(names)), column_names if has_titles else range(n_columns)],
        codes=[row_codes, column_codes],
        values=values,
        lines=numbers,
        sizes=None if is_mapped or has_titles else (len(names), n_columns),
        remarks=remarks,
    )


def _is_id(cell: str) -> bool:
    """Whether a title is that of ids, as in userId."""
    return chosen([cell, "", "rating"], None, 2) is not None or cell.strip().lower() in ("id", "name", "title", "index")
