"""Text: a list with an entry a line, or a whole matrix; separator, header and columns found or asked for."""

from __future__ import annotations

import csv
import io
import math
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from solver.tables.columns import Chosen, chosen, is_known, names_entries, names_rows
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
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")
# A text with more columns than this is a matrix, unless its header names the columns of a list.
_WIDEST_LIST = 6
# Ratings are seldom larger; ids and times are.
_MOST_STARS = 10
_FEWEST_COUNTED = 5
_FOR_EXCEL = re.compile(r'"?sep=.{1,2}"?', re.IGNORECASE)
# Reviews are long.
csv.field_size_limit((1 << 31) - 1)
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
    if (n_modes == 2 or reading.layout == "table") and _is_table(understood, reading):
        return _table(path, understood, reading, coding)
    return _list(path, understood, reading, n_modes, coding)


def _decoded(path: Path, data: bytes) -> tuple[str, str]:
    coding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(coding)
    except UnicodeDecodeError:
        # Old archives are in Latin-1, or in what Windows made of it. Every byte is a letter of the former; a file that
        # is no text shows by its zeros.
        coding = "Latin-1"
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    if "\0" in text:
        raise refused(path, "is not a text, nor NPY, Matrix Market or Parquet: save it as one of these")
    # Lines end so, or so: by whatever wrote them.
    return (text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text), coding


class _Understood(msgspec.Struct, frozen=True):
    """How the lines fall into cells."""

    text: str
    """With lines of comment at its beginning made blank."""
    separator: str
    """Its word."""
    is_quoted: bool
    """Whether quotes hold cells together."""
    n_cells: int
    """Of most lines."""
    skipped: int
    """Lines of comment at the beginning."""
    sample: list[Cells]
    """The cells of the first lines."""
    has_titles: bool = False
    """Whether the first of these was a comment, and names the columns."""

    @property
    def first(self) -> Cells:
        return self.sample[0]

    @property
    def second(self) -> Cells:
        return self.sample[1] if len(self.sample) > 1 else []

    def rows(self) -> Iterator[tuple[int, Cells]]:
        """The cells of each line, and its number."""
        return _rows(self.text, self.separator, is_quoted=self.is_quoted)


def _is_comment(line: str) -> bool:
    """So is what Excel is told of the separator; #rock may be an id, and is looked at again."""
    return line.lstrip()[:1] in "#%" or _FOR_EXCEL.fullmatch(line.strip()) is not None


def _understood(path: Path, text: str, reading: Reading) -> _Understood:
    numbered = list(islice(((k, line) for k, line in enumerate(io.StringIO(text)) if line.strip()), _SAMPLE))
    n_comments = next((k for k, (_, line) in enumerate(numbered) if not _is_comment(line)), len(numbered))
    comments, sample = numbered[:n_comments], [line for _, line in numbered[n_comments:]]
    if not sample and numbered and len(numbered[0][1]) > 1 and numbered[0][1].lstrip()[1:2].isalnum():
        # Every line begins so: with an id.
        comments, sample = [], [line for _, line in numbered]
    if not sample:
        raise refused(path, "has no entries: give one row,column,value a line")
    words = list(SEPARATORS) if reading.separator == "auto" else [reading.separator]
    found: list[tuple[tuple[float, bool], str, list[Cells]]] = []
    for word in words:
        rows = [cells for _, cells in islice(_rows("".join(sample), word), len(sample))]
        count, n = _usual(rows)
        if count >= 3 or (reading.layout == "table" and count >= 2):
            # Between two separators in a row there is no column.
            gap = any(not any(cells[k : k + 1] != [""] for cells in rows) for k in range(1, count - 1))
            found.append(((n / len(rows), not gap), word, rows))
    if not found:
        shown = sample[0].strip()
        shown = repr(shown if len(shown) <= 40 else shown[:37] + "…")
        raise refused(
            path,
            f"has no lines of three cells or more {_called(reading)}: line {_number_of(text, len(comments))} is "
            f"{shown}; write row,column,value, or set problem.separator",
        )
    # The first of those that split as many lines alike.
    _, word, rows = max(found, key=lambda one: one[0])
    is_quoted = _is_quoted(text, word)
    if not is_quoted:
        rows = [cells for _, cells in islice(_rows("".join(sample), word, is_quoted=False), len(sample))]
    n_cells = _usual(rows)[0]
    if n_cells > 3 and not any("".join(cells[n_cells - 1 :]).strip() for cells in rows):
        # After a separator at the end of each line there is no column.
        n_cells -= 1
        rows = [cells[:n_cells] for cells in rows]
    # A line that begins with an id as #rock is no comment.
    while comments and _is_entry(_cells(comments[-1][1], word), n_cells):
        rows.insert(0, _cells(comments.pop()[1], word))
    titles = _cells(comments[-1][1].lstrip().lstrip("#%"), word) if comments else []
    has_titles = len(titles) == n_cells and names_entries(titles) and not names_entries(rows[0])
    if has_titles:
        rows.insert(0, titles)
    if comments:
        # Blank, so that lines keep their numbers.
        last = comments[-1][0] + 1
        text = "\n" * last + text.split("\n", last)[-1]
    return _Understood(text, word, is_quoted, n_cells, len(comments) - has_titles, rows, has_titles)


def _cells(line: str, separator: str) -> Cells:
    return next((cells for _, cells in _rows(line, separator, is_quoted=False)), [])


def _is_entry(cells: Cells, n_cells: int) -> bool:
    """Whether a line that looks like a comment has an id of a letter after its sign, and a number in a further cell."""
    return (
        len(cells) == n_cells
        and cells[0].lstrip()[1:2].isalpha()
        and any(_number(cell) is not None for cell in cells[1:])
    )


def _is_quoted(text: str, separator: str) -> bool:
    """Whether quotes pair: one that is never closed would swallow every line up to the next."""
    if '"' not in text or separator in ("spaces", "colons"):
        return True
    try:
        for _ in csv.reader(_file(text), delimiter=SEPARATORS[separator], skipinitialspace=True, strict=True):
            pass
    except csv.Error:
        rows = csv.reader(_file(text), delimiter=SEPARATORS[separator], skipinitialspace=True)
        return not any("\n" in cell for cells in rows for cell in cells)
    return True


def _file(text: str) -> io.StringIO:
    return io.StringIO(text, newline="")


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


def _rows(text: str, separator: str, *, is_quoted: bool = True) -> Iterator[tuple[int, Cells]]:
    """The cells of each line that has any, without the blanks around them, and the number of the line."""
    if separator in ("spaces", "colons") or not is_quoted:

        def by_one(line: str) -> Cells:
            return line.rstrip("\n").split(SEPARATORS[separator])

        split = _SPLITS.get(separator, by_one)
        for number, line in enumerate(io.StringIO(text), start=1):
            cells = [_unquoted(cell) for cell in split(line)] if '"' in line else split(line)
            if any(cell.strip() for cell in cells):
                yield number, cells
        return
    rows = csv.reader(_file(text), delimiter=SEPARATORS[separator], skipinitialspace=True)
    for cells in rows:
        if any(cell.strip() for cell in cells):
            yield rows.line_num, cells


def _unquoted(cell: str) -> str:
    cell = cell.strip()
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def _by_spaces(line: str) -> Cells:
    """Between blanks, which may stand in quotes, as R writes names."""
    return _WORD.findall(line) if '"' in line else line.split()


_WORD = re.compile(r'"(?:[^"\\]|\\.|"")*"(?!\S)|\S+')
_SPLITS: dict[str, Callable[[str], Cells]] = {
    "spaces": _by_spaces,
    "colons": lambda line: [cell.strip() for cell in line.split("::")],
}


def _is_table(understood: _Understood, reading: Reading) -> bool:
    """Whether a text is a whole matrix: by how wide it is, what it calls its columns, and what stands in them."""
    if reading.layout != "auto":
        return reading.layout == "table"
    if reading.columns is not None or chosen_by_name(understood) is not None:
        return False
    if understood.n_cells > _WIDEST_LIST or not understood.first[0].strip():
        # A first line that begins with an empty cell names the columns of a matrix.
        return True
    first, body = understood.first, understood.sample[1:]
    if _is_all_numbers(understood.sample):
        # No index has a fraction, and stars alone in more columns than three, or with gaps everywhere, are a matrix.
        numbers = [[_number(cell) for cell in cells] for cells in understood.sample]
        ids = [value for values in numbers for value in values[:2] if value is not None]
        if any(not value.is_integer() for value in ids if math.isfinite(value)):
            return True
        has_gaps = [any(_is_missing(cell) for cells in understood.sample for cell in part(cells)) for part in _PARTS]
        is_small = all(not abs(value) > _MOST_STARS for values in numbers for value in values if value is not None)
        return is_small and (understood.n_cells > 3 or all(has_gaps))
    # Names of rows, each once, and titles of columns that are not those of a list.
    tail, names = [cell.strip() for cell in first[1:]], [cells[0].strip() for cells in body]
    if not (names_rows(first[0]) and len(first) == understood.n_cells and len(set(names)) == len(names)):
        return False
    if all(_is_whole(cell) for cell in tail):
        return len(set(tail)) == len(tail)
    is_known_list = any(is_known(cell) or _number(cell) is not None for cell in tail)
    found = [_number(cell) for cells in body for cell in cells[1:] if not _is_missing(cell)]
    return (
        understood.n_cells > 3
        and len(body) > 1
        and not is_known_list
        and all(value is not None and abs(value) <= _MOST_STARS for value in found)
    )


# The ids of a list, and what is left.
_PARTS: list[Callable[[Cells], Cells]] = [lambda cells: cells[:2], lambda cells: cells[2:]]


def _is_missing(cell: str) -> bool:
    return cell.strip().lower() in _MISSING


def _is_whole(cell: str) -> bool:
    return cell.isascii() and cell.isdigit()


def _is_all_numbers(rows: Sequence[Cells]) -> bool:
    """Numbers, or nothing where one might be, as many in each line."""
    numbers = [_number(cell) for cells in rows for cell in cells if not _is_missing(cell)]
    is_even = len({len(cells) for cells in rows}) == 1
    return is_even and bool(numbers) and all(one is not None and math.isfinite(one) for one in numbers)


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
    if named or understood.has_titles:
        return True
    is_number = [_number(cell) is not None or _DECIMAL_COMMA.fullmatch(cell) is not None for cell in cells]
    if bool(cells) and is_number[-1] and not any(is_number[:-1]) and len(understood.sample) > 1:
        # Words above ids that are numbers name them, although the values are called by a number, as 2014.
        ids = [row[place] for row in understood.sample[1:] for place in needed[:-1] if place < len(row)]
        return all(_number(cell) is not None for cell in ids)
    return bool(cells) and not any(is_number)


def _list(path: Path, understood: _Understood, reading: Reading, n_modes: int | None, coding: str) -> Gathered:
    """One entry a line: its ids, then its value, in chosen columns."""
    first, n_cells = understood.first, understood.n_cells
    asked = reading.columns
    # As R writes tables: a name for each column but that of the row names.
    shift = 1 if len(first) == n_cells - 1 and _number(first[-1]) is None else 0
    header = [""] * shift + first
    named = None if reading.header == "no" else chosen(header, None, n_modes)
    if named is not None and any(_number(header[place]) is not None for place in (*named.modes, named.value)):
        # An entry whose ids are words that columns have for names.
        named = None
    if asked is not None:
        names_columns = any(isinstance(one, str) and not one.isdigit() for one in asked)
        picked = chosen(header if names_columns and reading.header != "no" else [""] * n_cells, asked, n_modes)
        if picked is None:
            listed = ", ".join(cell.strip() for cell in header[:8]) + (", …" if len(header) > 8 else "")
            known = [cell.strip() for cell in header] if names_columns else []
            missing = [one for one in asked if str(one) not in known and not 0 < _place(one) <= n_cells]
            if not missing:
                raise refused(
                    path,
                    f"has {n_cells} columns, of which {', '.join(map(str, asked))} were asked for (problem.columns): "
                    "give three or more, each once, the value's last",
                )
            raise refused(
                path,
                f"has no column {missing[0]} (problem.columns): the first line has {listed}; name columns of it, or "
                "give their places from 1, the value's last",
            )
    elif named is not None:
        picked, names_columns = named, True
    else:
        n = n_modes if n_modes is not None else n_cells - 1
        start = int(n_cells >= n + 2 and _is_running_number(understood.sample))
        picked, names_columns = Chosen(modes=list(range(start, start + n)), value=start + n), False
    needed = [*picked.modes, picked.value]
    if max(needed) >= n_cells or len(picked.modes) < 2:
        raise refused(
            path,
            f"has {n_cells} cells a line ({_CALLED[understood.separator]}), and {max(*needed, 2) + 1} are needed: "
            f"write {'row,column,value' if len(needed) == 3 else 'indices and a value'}, or set problem.separator or "
            "problem.columns",
        )
    has_header = shift == 1 or _has_header(understood, needed, reading, named=names_columns)
    if asked is None and named is None and n_cells > 3 and _are_times(understood.sample, picked.value):
        shown = understood.sample[-1][picked.value]
        raise refused(
            path,
            f"column {picked.value + 1} would be the value and looks like times, as {shown} (read as "
            f"{_CALLED[understood.separator]}): choose ids and value with problem.columns, the value's last",
        )
    titles = [header[place].strip() if has_header and place < len(header) else "" for place in range(n_cells)]
    how = f"{_CALLED[understood.separator]}, {'with a header' if has_header else 'without a header'}"
    roles = _roles(picked, titles)
    told = f"read as {how}: {roles}"
    gathered = _entries(path, understood, reading, picked, has_header=has_header, told=told)
    ignored = [titles[place] or f"column {place + 1}" for place in range(n_cells) if place not in needed]
    remarks = [f"{understood.skipped} lines of comment passed over"] if understood.skipped else []
    if not understood.is_quoted:
        remarks.append("quotes do not pair, and hold nothing together")
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


def _is_running_number(rows: Sequence[Cells]) -> bool:
    """Whether the first column counts the lines, and is no id; not where the last has times, as users come in order."""
    first = [_number(cells[0]) for cells in rows]
    return (
        len(first) >= _FEWEST_COUNTED
        and first[0] in (0.0, 1.0)
        and all(one == first[0] + k for k, one in enumerate(first))
        and _number(rows[0][-1]) is not None
        and not _are_times(rows, len(rows[0]) - 1)
    )


def _are_times(rows: Sequence[Cells], place: int) -> bool:
    """Whether all of a column are seconds or milliseconds since 1970, of some years since 1973."""
    cells = [cells[place].strip() for cells in rows[1:] or rows if place < len(cells)]
    return bool(cells) and all(_is_whole(cell) and len(cell) in (9, 10, 12, 13) for cell in cells)


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
    passed = int(has_header and not understood.has_titles)
    try:
        for number, cells in islice(understood.rows(), passed, None):
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
                            path,
                            f"line {number} column {place + 1} is empty, and is an id ({told}): fill it "
                            "in, or set problem.layout to table where a line is a row",
                        )
                    code = ids[name] = len(ids)
                of_mode.append(code)
            try:
                values.append(to_number(cells[value_at]))
            except ValueError:
                cell = cells[value_at].strip()
                shown = cell if len(cell) <= 30 else cell[:27] + "…"
                cure = "remove the line, or" if cell.lower() in _MISSING else "write a number, or"
                raise refused(
                    path,
                    f"line {number} column {value_at + 1} has {shown!r} for a value ({told}): {cure} choose "
                    "problem.columns",
                ) from None
            numbers.append(number)
    except csv.Error as error:
        raise refused(path, f"is not a sound text ({error}; {told}): save it as UTF-8 row,column,value") from None
    to_number.check(path, told)
    remarks = ["decimal commas"] if to_number.has_commas else []
    return Gathered(
        format="",
        names=[],
        ids=[list(ids) for ids in known],
        codes=codes,
        values=values,
        lines=numbers,
        remarks=remarks,
    )


def _is_ragged_end(cells: Cells, n_cells: int) -> bool:
    """Whether a line has only an empty cell more, after a separator at its end."""
    return len(cells) == n_cells + 1 and not cells[-1].strip()


class _Numbers:
    """Reads cells as numbers, with a decimal point or comma; never with both, nor where a comma may be of thousands."""

    def __init__(self, reading: Reading) -> None:
        self._decimal = reading.decimal
        self.has_commas = False
        self._has_points = False
        self._thousands = ""
        self._is_sure = reading.decimal == "comma"

    def __call__(self, cell: str) -> float:
        """Raises ValueError for what is no number."""
        if "," not in cell:
            if "." in cell:
                if self._decimal == "comma" or self.has_commas:
                    raise ValueError(cell)
                self._has_points = True
            return float(cell)
        if self._decimal == "point" or self._has_points or not _DECIMAL_COMMA.fullmatch(cell.strip()):
            raise ValueError(cell)
        self.has_commas = True
        if not self._is_sure:
            if _THOUSANDS.fullmatch(cell.strip()):
                self._thousands = self._thousands or cell.strip()
            else:
                self._is_sure = True
        return float(cell.replace(",", "."))

    def check(self, path: Path, told: str) -> None:
        """Refuses a file in which every comma may be one of thousands."""
        if self._thousands and not self._is_sure:
            raise refused(
                path,
                f"has {self._thousands!r}, which may be {self._thousands.replace(',', '')} or "
                f"{self._thousands.replace(',', '.')} ({told}): set problem.decimal to comma, or remove the commas",
            )


def _table(path: Path, understood: _Understood, reading: Reading, coding: str) -> Gathered:
    """A whole matrix, a row a line; what is empty or NaN is not given. Names of rows and columns where there are."""
    rows = list(understood.rows())
    first, second = understood.first, understood.second
    tail = [cell.strip() for cell in first[1:]]
    is_named = bool(tail) and all(_number(cell) is None for cell in tail if cell.lower() not in _MISSING)
    has_header = reading.header == "yes" or (
        reading.header == "auto"
        and any(tail)
        and (not first[0].strip() or is_named or _are_numbered_titles(first, second))
    )
    below = second if has_header else first
    # A first column that is no number, or whose header is empty, names the rows.
    has_names = bool(below) and (
        (has_header and (not first[0].strip() or len(first) == len(below) - 1))
        or (_number(below[0]) is None and below[0].strip().lower() not in _MISSING)
        or (has_header and names_rows(first[0]))
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
            if _is_missing(cell):
                continue
            try:
                values.append(to_number(cell))
            except ValueError:
                raise refused(
                    path,
                    f"line {number} column {column + start + 1} has {cell.strip()[:30]!r} (read as {how}): write a "
                    "number, leave it empty, or set problem.layout to list or problem.columns",
                ) from None
            row_codes.append(row)
            column_codes.append(column)
            numbers.append(number)
    to_number.check(path, f"read as {how}")
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


def _are_numbered_titles(first: Cells, second: Cells) -> bool:
    """Whether columns are called by numbers, as of a pivot table: the corner says what the rows are."""
    tail, corner = [cell.strip() for cell in first[1:]], first[0].strip()
    is_titled = names_rows(corner) or (_number(corner) is None and bool(second) and _number(second[0]) is not None)
    return is_titled and corner.lower() not in _MISSING and len(set(tail)) == len(tail)
