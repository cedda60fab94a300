"""What stands around the curves of a chart: legend, and axes with ticks."""

from __future__ import annotations

from collections.abc import Sequence

from tui.draw.cells import DIM, GRID, TEXT, Row
from tui.draw.palette import is_pale
from tui.draw.scale import Scale, cell_of, even_ticks, labels, ticks
from tui.text import cut

MARGIN = 8
"""Cells left of the curves: labels and axis."""
# So many rows or columns, less one, are given up for ticks that are evenly spaced.
_MOST_SPARE = 5


def legend(
    title: str, names: Sequence[tuple[str, int, str]], width: int, most: int = 1, *, as_they_are: bool = False
) -> list[Row]:
    """Title, then (name, colour, mark) of each curve, on at most ``most`` rows.

    Where they do not fit, the words that the names share are said once, and where that is not enough the last row says
    how many are left over. ``as_they_are`` leaves words and order alone.
    """
    entries = [entry for entry in dict.fromkeys(names) if entry[0]]
    # A lane's first curve carries its mark; the others would only repeat its name.
    marked = {(name, colour) for name, colour, mark in entries if mark}
    entries = [entry for entry in entries if entry[2] or entry[:2] not in marked]
    if not as_they_are:
        # What is drawn dim or paler, and first, stands for comparison: the curves are named before it.
        entries.sort(key=lambda entry: (entry[1] == DIM, is_pale(entry[1])))
    pieces = [(f"{title}  ", TEXT), *((f"━{mark} {name}  ", colour) for name, colour, mark in entries)]
    rows, left = _laid(pieces, width, most)
    if left and len(entries) > 1 and not as_they_are:
        # Not all of them fit: what all names share is said once, whole parts of them first, then their first words.
        curves = [entry for entry in entries if entry[1] != DIM]
        for by_words in (False, True):
            shared, own = _parted([name for name, _, _ in curves], by_words=by_words)
            pieces = [(" ".join([f"{title} ", *([shared] if shared else [])]) + "  ", TEXT)]
            pieces += [(f"━{mark} {name}  ", colour) for name, (_, colour, mark) in zip(own, curves, strict=True)]
            pieces += [(f"━{mark} {name}  ", colour) for name, colour, mark in entries if colour == DIM]
            rows, left = _laid(pieces, width, most)
            if not left:
                break
    if left:
        rows[-1].append((f"… {left} more", TEXT))
    return [_cut(row, width) for row in rows]


def _laid(pieces: Sequence[tuple[str, int]], width: int, most: int) -> tuple[list[list[tuple[str, int]]], int]:
    """The pieces on at most so many rows, and how many of them have no room; the last row leaves some to say so."""
    rows: list[list[tuple[str, int]]] = [[]]
    for index, piece in enumerate(pieces):
        left = len(pieces) - index
        reserve = len(f"… {left - 1} more") if len(rows) == most and left > 1 else 0
        if not rows[-1] or _length([*rows[-1], piece]) - 2 + reserve <= width:
            rows[-1].append(piece)
        elif len(rows) < most:
            rows.append([piece])
        else:
            return rows, left
    return rows, 0


def _parted(names: Sequence[str], *, by_words: bool) -> tuple[str, list[str]]:
    """The parts that all names have, and the names without; ``by_words`` what begins each part: depth, then 1, 2."""
    parts = [[part.split() for part in name.split(" · ")] for name in names]
    if len(names) < 2 or len({len(one) for one in parts}) > 1:
        return "", list(names)
    shared: list[str] = []
    own: list[list[str]] = [[] for _ in names]
    for column in zip(*parts, strict=True):
        n = 0
        while all(len(words) > n for words in column) and len({words[n] for words in column}) == 1:
            n += 1
        if not by_words and len({tuple(words) for words in column}) > 1:
            n = 0
        shared.append(" ".join(column[0][:n]))
        for told, words in zip(own, column, strict=True):
            told.append(" ".join(words[n:]))
    return " · ".join(filter(None, shared)), [" · ".join(filter(None, told)) for told in own]


def _length(pieces: Sequence[tuple[str, int]]) -> int:
    return sum(len(piece) for piece, _ in pieces)


def _cut(pieces: Sequence[tuple[str, int]], width: int) -> Row:
    text = "".join(piece for piece, _ in pieces)
    colours = b"".join(bytes([colour] * len(piece)) for piece, colour in pieces)
    return cut(text.rstrip(), width).ljust(width), colours[:width].ljust(width, b"\0")


def spare(scale: Scale, most: int, cells: int) -> int:
    """How many of the cells along an axis to leave out for ticks that are evenly spaced; none where that is no help."""
    return next((spare for spare in range(_MOST_SPARE) if even_ticks(scale, most, cells - spare)), 0)


def with_y_axis(body: list[Row], y: Scale, most: int) -> list[Row]:
    """The rows of curves with at most so many labels, and the axis, to their left."""
    height = len(body)
    beside = [""] * height
    values = even_ticks(y, most, height) or ticks(y, most)
    for tick, text in zip(values, labels(values), strict=True):
        row = cell_of(1.0 - y.fraction(tick), height)
        if 0 <= row < height:
            beside[row] = text
    rows = []
    for text, (cells, colours) in zip(beside, body, strict=True):
        axis = f"{text[: MARGIN - 1]:>{MARGIN - 1}}" + ("┤" if text else "│")
        rows.append((axis + cells, bytes([DIM] * (MARGIN - 1) + [GRID]) + colours))
    return rows


def x_axis(x: Scale, width: int, name: str, span: int, most: int) -> list[Row]:
    """Axis of ``span`` cells, and below it labels and the name of x; for a whole chart of ``width``."""
    line = ["─"] * span
    below = [" "] * width
    end = -1
    values = even_ticks(x, most, span) or ticks(x, most)
    for tick, text in zip(values, labels(values), strict=True):
        column = min(span - 1, cell_of(x.fraction(tick), span))
        line[column] = "┬"
        start = max(0, min(MARGIN + column - len(text) // 2, width - len(text)))
        if start > end:
            below[start : start + len(text)] = text
            end = start + len(text)
    shown = cut(name, max(0, width - 2))
    if end + len(shown) + 2 < width:
        below[width - len(shown) :] = shown
    elif shown:
        # No room at the right end: the corner under the y axis has some.
        corner = cut(shown, MARGIN - 2)
        if not "".join(below[: len(corner) + 1]).strip():
            below[: len(corner)] = corner
    axis = (" " * (MARGIN - 1) + "└" + "".join(line)).ljust(width)
    return [(axis, bytes([GRID] * width)), ("".join(below[:width]), bytes([DIM] * width))]


_PLAIN = str.maketrans("┤│└─┬━•░█…⋮∘", "+|+-+-*:#~:o")


def plain(row: Row) -> Row:
    """The row with lines and blocks that every terminal has."""
    return row[0].translate(_PLAIN), row[1]
