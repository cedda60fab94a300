"""Heat maps of matrices side by side on one scale: numbers where there is room, half blocks where there is not."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import msgspec

from tui.draw.cells import DIM, TEXT, Row, put
from tui.draw.heat import FIRST_HEAT, LEAST_WITH_BAR, LEVELS, bar, shade
from tui.text import cut

_GAP = 2
_WIDEST_ENTRY = 10
# From these widths on an entry is wide enough for its number, or for a mark.
_WITH_NUMBER, _WITH_MARK = 6, 2
_WITHIN_SCALE = 0.98


class Panel(msgspec.Struct, frozen=True):
    """One matrix, row by row."""

    caption: str
    values: Sequence[float]
    marked: Collection[int] = ()
    """Places of the entries that are observed."""
    blank: Collection[int] | None = None
    """Where given, all entries but these are left empty."""
    notes: Sequence[str] = ()
    """Lines under the caption."""


class View(msgspec.Struct, frozen=True):
    """What part of the matrices is shown: how much closer than all of them, and where."""

    closer: int = 0
    """Each one shows fewer rows and columns, down to every one of them."""
    down: int = 0
    across: int = 0
    """Pages moved from the upper left corner."""


def panels(
    shown: Sequence[Panel], rows: int, columns: int, width: int, height: int, view: View, least: int = 1
) -> list[Row]:
    """The panels in the arrangement that shows most of them, each as large as fits and at least ``least`` wide."""
    sheet: list[Row] = [(" " * width, bytes([TEXT] * width)) for _ in range(height)]
    with_bar = height > LEAST_WITH_BAR
    height -= with_bar
    head = 1 + max((len(panel.notes) for panel in shown), default=0)
    most = max(1, min(len(shown), (width + _GAP) // (least + _GAP)))
    across = min(range(1, most + 1), key=lambda n: _smallness(len(shown), n, rows, columns, width, height, head))
    down = -(-len(shown) // across)
    room = (width - _GAP * (across - 1)) // across, height // down - head
    if min(room) < 1:
        return sheet
    largest = _scale([panel.values for panel in shown])
    for index, panel in enumerate(shown):
        left, top = (index % across) * (room[0] + _GAP), (index // across) * (room[1] + head)
        body, note = _panel(panel, rows, columns, *room, largest, view)
        sheet[top] = put(sheet[top], left, cut(f"{panel.caption}{note}", room[0]), DIM)
        for line, told in enumerate(panel.notes, start=1):
            sheet[top + line] = put(sheet[top + line], left, cut(told, room[0]), DIM)
        for offset, (text, colours) in enumerate(body[: height - top - head]):
            before_text, before_colours = sheet[top + head + offset]
            end = left + len(text)
            sheet[top + head + offset] = (
                before_text[:left] + text + before_text[end:],
                before_colours[:left] + colours + before_colours[end:],
            )
    if with_bar:
        sheet[-1] = bar(largest, width)
    return sheet


def _smallness(n: int, across: int, rows: int, columns: int, width: int, height: int, head: int) -> tuple[int, int]:
    """Of every how many rows and columns one is shown, and how narrow entries are where all of them are."""
    room_width, room_height = (width - _GAP * (across - 1)) // across, height // -(-n // across) - head
    if room_width < 1 or room_height < 1:
        return rows * columns, 0
    every = max(1, -(-columns // room_width), -(-rows // (2 * room_height)))
    return every, -min(_WIDEST_ENTRY, room_width // columns) if rows <= room_height else 0


def _scale(matrices: Sequence[Sequence[float]]) -> float:
    sizes = sorted(abs(value) for values in matrices for value in values if math.isfinite(value))
    # A few entries far out must not darken all others.
    return sizes[int(_WITHIN_SCALE * (len(sizes) - 1))] or sizes[-1] if sizes else 0.0


def _panel(
    panel: Panel, rows: int, columns: int, width: int, height: int, largest: float, view: View
) -> tuple[list[Row], str]:
    entry = min(_WIDEST_ENTRY, width // columns)
    if rows <= height and entry >= _WITH_MARK:
        return [_wide_row(panel, row, columns, entry, largest) for row in range(rows)], ""
    every = max(1, -(-columns // width), -(-rows // (2 * height)))
    whole = every
    every = max(1, every - view.closer)
    # Closer, a page at a time, as far as the matrix goes.
    n_down, n_across = min(rows, 2 * height), min(columns, width)
    top = max(0, min(view.down * n_down * every // 2, rows - n_down * every))
    left = max(0, min(view.across * n_across * every // 2, columns - n_across * every))
    down = list(range(top, rows, every))[:n_down]
    over = list(range(left, columns, every))[:n_across]
    body = []
    for pair in range(0, len(down), 2):
        above = [_shade(panel, down[pair] * columns + column, largest) for column in over]
        below = [LEVELS // 2] * len(over)
        if pair + 1 < len(down):
            below = [_shade(panel, down[pair + 1] * columns + column, largest) for column in over]
        middle = LEVELS // 2
        text = "".join("·" if a == b == middle else "▀" for a, b in zip(above, below, strict=True))
        body.append((text, bytes(FIRST_HEAT + LEVELS * a + b for a, b in zip(above, below, strict=True))))
    where = f" from ({top}, {left})" if view.closer and (top or left or every < whole) else ""
    return body, (f" · 1 in {every}" if every > 1 else "") + where


def _wide_row(panel: Panel, row: int, columns: int, entry: int, largest: float) -> Row:
    """A row of entries several cells wide: the number, or a dot where it is observed."""
    text, colours = "", b""
    for column in range(columns):
        place = row * columns + column
        ground = _shade(panel, place, largest)
        # Text on a bright ground is dark, and bright on a dark one.
        ink = LEVELS // 2 if abs(ground - LEVELS // 2) >= 3 else LEVELS - 1
        mark = "•" if place in panel.marked else " "
        is_blank = panel.blank is not None and place not in panel.blank
        if entry >= _WITH_NUMBER:
            number = "" if is_blank else _number(panel.values[place], entry - 2)
            text += f"{number:>{entry - 2}}{mark} "
        else:
            text += f"{mark:<{entry}}"
        colours += bytes([FIRST_HEAT + LEVELS * ink + ground] * entry)
    return text, colours


def _number(value: float, room: int) -> str:
    """The value in as many digits as fit; nothing where not one does."""
    shown = (f"{value:.{digits}g}" for digits in (3, 2, 1))
    return next((text for text in shown if len(text) <= room), "")


def _shade(panel: Panel, place: int, largest: float) -> int:
    if panel.blank is not None and place not in panel.blank:
        return LEVELS // 2
    return shade(panel.values[place], largest)
