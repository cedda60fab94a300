"""What stands around the curves of a chart: legend, and axes with ticks."""

from __future__ import annotations

from collections.abc import Sequence

from tui.draw.cells import DIM, TEXT, Row
from tui.draw.scale import Scale, labels, ticks

MARGIN = 8
"""Cells left of the curves: labels and axis."""


def legend(
    title: str, names: Sequence[tuple[str, int, str]], width: int, most: int = 1, *, as_they_are: bool = False
) -> list[Row]:
    """Title, then (name, colour, mark) of each curve, on at most ``most`` rows.

    Where they do not fit on one row, the words that all names have are said once; where that is not enough, the entries
    go on in the next row, and the last row says how many are left over. ``as_they_are`` leaves words and order alone.
    """
    entries = [entry for entry in dict.fromkeys(names) if entry[0]]
    # A lane's first curve carries its mark; the others would only repeat its name.
    marked = {(name, colour) for name, colour, mark in entries if mark}
    entries = [entry for entry in entries if entry[2] or entry[:2] not in marked]
    if not as_they_are:
        # What is drawn dim, and first, stands for comparison: the curves are named before it.
        entries.sort(key=lambda entry: entry[1] == DIM)
    pieces = [(f"{title}  ", TEXT), *((f"━{mark} {name}  ", colour) for name, colour, mark in entries)]
    if _length(pieces) - 2 > width and len(entries) > 1 and not as_they_are:
        told = [name.split() for name, colour, _ in entries if colour != DIM]
        shared = [word for word in (told[0] if len(told) > 1 else []) if all(word in words for words in told)]
        said = [word for word in shared if word != "·"]
        pieces = [(" ".join([f"{title} ", *said]) + " ", TEXT)]
        for name, colour, mark in entries:
            own = name if colour == DIM else " ".join(word for word in name.split() if word not in shared)
            pieces.append((f"━{mark} {own} ", colour))
    rows: list[list[tuple[str, int]]] = [[]]
    for index, piece in enumerate(pieces):
        left = len(pieces) - index
        # The last row keeps room for the number of those that do not fit.
        reserve = len(f"… {left - 1} more") if len(rows) == most and left > 1 else 0
        if not rows[-1] or _length([*rows[-1], piece]) - 1 + reserve <= width:
            rows[-1].append(piece)
        elif len(rows) < most:
            rows.append([piece])
        else:
            rows[-1].append((f"… {left} more", TEXT))
            break
    return [_cut(row, width) for row in rows]


def _length(pieces: Sequence[tuple[str, int]]) -> int:
    return sum(len(piece) for piece, _ in pieces)


def _cut(pieces: Sequence[tuple[str, int]], width: int) -> Row:
    text = "".join(piece for piece, _ in pieces)
    colours = b"".join(bytes([colour] * len(piece)) for piece, colour in pieces)
    if len(text.rstrip()) > width:
        text = text[: width - 1] + "…"
    return text[:width].ljust(width), colours[:width].ljust(width, b"\0")


def with_y_axis(body: list[Row], y: Scale) -> list[Row]:
    """The rows of curves with labels and axis to their left."""
    height = len(body)
    beside = [""] * height
    values = ticks(y, max(2, height // 3))
    for tick, text in zip(values, labels(values), strict=True):
        row = round((1.0 - y.fraction(tick)) * (height - 1))
        if 0 <= row < height:
            beside[row] = text
    rows = []
    for text, (cells, colours) in zip(beside, body, strict=True):
        axis = f"{text[: MARGIN - 1]:>{MARGIN - 1}}" + ("┤" if text else "│")
        rows.append((axis + cells, bytes([DIM] * MARGIN) + colours))
    return rows


def x_axis(x: Scale, width: int, name: str) -> list[Row]:
    """Axis, and below it labels and the name of x; for a whole chart of ``width``."""
    span = width - MARGIN
    line = ["─"] * span
    below = [" "] * width
    end = -1
    values = ticks(x, max(2, span // 12))
    for tick, text in zip(values, labels(values), strict=True):
        column = min(span - 1, round(x.fraction(tick) * (2 * span - 1)) >> 1)
        line[column] = "┬"
        start = max(0, min(MARGIN + column - len(text) // 2, width - len(text)))
        if start > end:
            below[start : start + len(text)] = text
            end = start + len(text)
    shown = name[: max(0, width - 2)]
    if end + len(shown) + 2 < width:
        below[width - len(shown) :] = shown
    elif shown:
        # No room at the right end: the corner under the y axis has some.
        corner = shown[: MARGIN - 2]
        if not "".join(below[: len(corner) + 1]).strip():
            below[: len(corner)] = corner
    axis = " " * (MARGIN - 1) + "└" + "".join(line)
    return [(axis, bytes([DIM] * width)), ("".join(below[:width]), bytes([DIM] * width))]


_PLAIN = str.maketrans("┤│└─┬━•░█…", "+|+-+-*:#~")


def plain(row: Row) -> Row:
    """The row with lines and blocks that every terminal has."""
    return row[0].translate(_PLAIN), row[1]
