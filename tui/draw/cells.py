"""Rows of cells: characters with a colour each, and what differs between two drawings."""

from __future__ import annotations

from tui.text import cut

# Colour 0 is the plain text, 1 the dim one, 2 that of lines which only guide the eye; series have 3 and above.
TEXT, DIM, GRID, FIRST_SERIES = 0, 1, 2, 3
STRONG = 244
"""Plain text, heavier: headings and what is read first."""
_SPAN_GAP = 12

Row = tuple[str, bytes]
"""Characters, and a colour for each."""


def put(row: Row, column: int, text: str, colour: int) -> Row:
    """The row with ``text`` written over it from ``column`` on."""
    cells, colours = row
    text = text[: len(cells) - column]
    end = column + len(text)
    return cells[:column] + text + cells[end:], colours[:column] + bytes([colour] * len(text)) + colours[end:]


def row(*pieces: tuple[str, int], width: int) -> Row:
    """A row of ``width`` from pieces of text and their colours, cut or filled with spaces."""
    text = "".join(piece for piece, _ in pieces)
    colours = b"".join(bytes([colour] * len(piece)) for piece, colour in pieces)
    return cut(text, width).ljust(width), colours[:width].ljust(width, bytes([TEXT]))


def widened(line: Row, width: int) -> Row:
    """The row with blanks after it up to ``width``."""
    return line[0].ljust(width), line[1].ljust(width, bytes([TEXT]))


def fit(lines: list[tuple[str, int]], width: int, height: int) -> list[Row]:
    """``height`` rows of ``width`` that begin with these lines and their colours."""
    rows = [(cut(text, width).ljust(width), bytes([colour] * width)) for text, colour in lines[:height]]
    return rows + [(" " * width, bytes(width))] * (height - len(rows))


def changed_spans(before: list[Row], after: list[Row]) -> list[tuple[int, int, int]]:
    """(row, first column, width) of what differs between two drawings of one size.

    Neighbouring differences make one span: placing the cursor anew costs as much as a few cells.
    """
    spans = []
    for row, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        (old_text, old_colours), (new_text, new_colours) = old, new
        width = len(new_text)
        different = [
            column
            for column in range(width)
            if old_text[column] != new_text[column] or old_colours[column] != new_colours[column]
        ]
        first = last = different[0]
        for column in different[1:]:
            if column - last > _SPAN_GAP:
                spans.append((row, first, last - first + 1))
                first = column
            last = column
        spans.append((row, first, last - first + 1))
    return spans
