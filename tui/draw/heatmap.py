"""A heat map of a sweep in cells: a field for each pair of swept values, its number or its shade, and the scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from tui.draw.canvas import Marker
from tui.draw.cells import DIM, TEXT, Row, fit, put, row
from tui.draw.palette import CHOSEN, FIRST_SHADE, SHADES
from tui.draw.scale import Scale, label
from tui.text import cut

HOLLOW, BROKEN = "○", "✗"
_PLAIN = str.maketrans("○✗↑→↓←│·…", "ox^>v<|.~")
_MARGIN = 8
"""Cells left of the fields at most: labels and axis."""
_WIDEST, _TALLEST = 12, 3
# From this width on a field has its number; narrower ones the digit of their shade.
_WITH_NUMBER = 5
# Below this a number is written with a power of ten.
_SMALL = 1e-3
# So many rows of fields stay in sight before there is a title.
_FEWEST = 3


class Field(msgspec.Struct, frozen=True):
    """What stands at a pair of swept values."""

    value: float
    """NaN where there is no number yet."""
    is_hollow: bool
    """Whether lanes of it are under way."""
    is_broken: bool
    """Whether lanes of it came to no finite number."""
    said: str
    """What is read out of it."""


class HeatMap(msgspec.Struct, frozen=True):
    """A map ready to be drawn."""

    title: str
    x_name: str
    y_name: str
    x_labels: list[str]
    y_labels: list[str]
    fields: list[list[Field | None]]
    """fields[j][i] at the j-th value of y, which goes upwards, and the i-th of x; None where no lane is."""
    log: bool
    """Whether the scale of the shades is logarithmic."""
    going: str = ""
    """How many lanes have ended, while some go on."""
    hint: str = ""
    """What is said in the place of a field that is read out."""

    @property
    def whole_title(self) -> str:
        return f"{self.title} · {self.going}" if self.going else self.title


class Place(NamedTuple):
    """A field, counted from the lowest values of x and y."""

    x: int
    y: int


class _Layout(NamedTuple):
    """Where the fields lie among the rows of a drawing, and which rows stand around them."""

    above: int
    """Title, then what is read out, then the name of y: so many of them."""
    has_labels: bool
    """Whether the values of x stand below the fields."""
    has_name: bool
    """Whether the name of x has a row."""
    has_bar: bool
    has_axis: bool
    """Whether there is a line between the values of y and the fields."""
    left: int
    width: int
    height: int
    """Of a field, in cells."""
    xs: range
    ys: range
    """The places in sight."""


def shades(heat: HeatMap) -> Scale | None:
    """From the least to the largest number; None where there is none yet. Zero and below have no logarithm."""
    values = [field.value for line in heat.fields for field in line if field is not None]
    shown = [value for value in values if math.isfinite(value) and (value > 0.0 or not heat.log)]
    return Scale(min(shown), max(shown), heat.log) if shown else None


def shade(value: float, scale: Scale | None) -> int:
    """The shade of a number, from 0 for the least; what has no logarithm counts as the least."""
    if scale is None or scale.high <= scale.low or (scale.log and value <= 0.0):
        return 0
    share = scale.fraction(value)
    # The distance of two numbers may be beyond range where they are not.
    return max(0, min(SHADES - 1, int(share * SHADES))) if math.isfinite(share) else 0


def rows(heat: HeatMap, cursor: Place | None, marker: Marker, width: int, height: int) -> list[Row]:
    """``height`` rows of ``width``: title, what stands at the cursor, the fields with their axes, and the scale."""
    layout, scale = _layout(heat, cursor, width, height), shades(heat)
    is_whole = len(heat.whole_title) <= width
    hint = heat.hint if is_whole or not heat.going else heat.going
    said = hint if cursor is None else _said(heat, cursor, width)
    above = [
        (heat.whole_title if is_whole else heat.title, TEXT),
        (said, DIM if cursor is None else TEXT),
        (f"{heat.y_name} ↑", DIM),
    ]
    lines = fit(above[: layout.above], width, layout.above)
    for y in reversed(layout.ys):
        lines += _lines(heat, y, cursor, layout, scale, width)
    if layout.has_labels:
        lines.append(_x_labels(heat, layout, width))
    if layout.has_name:
        end = layout.left + layout.width * len(layout.xs)
        lines.append(row((f"{f'{heat.x_name} →':>{end}}", DIM), width=width))
    lines += [row(width=width)] * (height - len(lines) - layout.has_bar)
    if layout.has_bar:
        lines.append(_bar(scale, width))
    shown = lines[:height]
    return [(text.translate(_PLAIN), colours) for text, colours in shown] if marker == "ascii" else shown


def place_at(heat: HeatMap, cursor: Place | None, width: int, height: int, column: int, line: int) -> Place | None:
    """The field at a cell of the drawing; None beside the fields."""
    layout = _layout(heat, cursor, width, height)
    across, down = column - layout.left, line - layout.above
    if across < 0 or down < 0:
        return None
    x, from_top = across // layout.width, down // layout.height
    if x >= len(layout.xs) or from_top >= len(layout.ys):
        return None
    return Place(layout.xs[x], layout.ys[len(layout.ys) - 1 - from_top])


def _layout(heat: HeatMap, cursor: Place | None, width: int, height: int) -> _Layout:
    n_x, n_y = len(heat.x_labels), len(heat.y_labels)
    # Title, values of x and what is read out come before fields in sight, and these before whatever else there is.
    spare = height - min(n_y, _FEWEST)
    has_title, has_labels, has_said = spare > 0, spare > 1, spare > 2
    spare = height - has_title - has_labels - has_said - n_y
    has_bar, has_y_name, has_name = spare > 0, spare > 1, spare > 2
    room = max(1, n_y + spare - has_bar - has_y_name - has_name)
    longest = max(map(len, heat.y_labels))
    # The axis is given up where fields then have room for their numbers.
    is_tight = (width - longest - 1) // n_x < _WITH_NUMBER <= (width - longest) // n_x
    left = min(_MARGIN, longest + (not is_tight), width // 2)
    across, tall = max(1, min(_WIDEST, (width - left) // n_x)), max(1, min(_TALLEST, room // n_y))
    at = cursor or Place(0, 0)
    return _Layout(
        above=has_title + has_said + has_y_name,
        has_labels=has_labels,
        has_name=has_name,
        has_bar=has_bar,
        has_axis=not is_tight,
        left=left,
        width=across,
        height=tall,
        xs=_in_sight(n_x, (width - left) // across, at.x),
        ys=_in_sight(n_y, room // tall, at.y),
    )


def _in_sight(n: int, room: int, at: int) -> range:
    """Of ``n`` places as many as there is room for, with the one at the cursor among them."""
    shown = max(1, min(n, room))
    start = max(0, min(at - shown // 2, n - shown))
    return range(start, start + shown)


def _said(heat: HeatMap, cursor: Place, width: int) -> str:
    """Where the cursor stands and what is there; the values without their names where that is too long."""
    field, x, y = heat.fields[cursor.y][cursor.x], heat.x_labels[cursor.x], heat.y_labels[cursor.y]
    told = "no lane" if field is None else field.said
    whole = f"{heat.x_name} {x} · {heat.y_name} {y}: {told}"
    return whole if len(whole) <= width else f"{x} · {y}: {told}"


def _lines(heat: HeatMap, y: int, cursor: Place | None, layout: _Layout, scale: Scale | None, width: int) -> list[Row]:
    """The rows of one value of y: its label and the numbers in the middle one."""
    found = []
    for line in range(layout.height):
        is_middle = line == (layout.height - 1) // 2
        room = max(0, layout.left - layout.has_axis)
        name = cut(heat.y_labels[y], room) if is_middle else ""
        text = f"{name:>{room}}{'│' * layout.has_axis}"
        colours = bytes([DIM] * len(text))
        for x in layout.xs:
            field = heat.fields[y][x]
            shown, colour = (
                _field(field, layout.width, scale) if is_middle else (" " * layout.width, _ground(field, scale))
            )
            text += shown
            colours += bytes([CHOSEN if cursor == (x, y) else colour] * layout.width)
        found.append((text[:width].ljust(width), colours[:width].ljust(width, bytes([TEXT]))))
    return found


def _ground(field: Field | None, scale: Scale | None) -> int:
    """Hollow is what goes on, and what has no number."""
    if field is None or field.is_hollow or not math.isfinite(field.value):
        return TEXT
    return FIRST_SHADE + shade(field.value, scale)


def _field(field: Field | None, width: int, scale: Scale | None) -> tuple[str, int]:
    """What is written in a field so wide: its number or the digit of its shade, its sign, or both; and its colour."""
    if field is None:
        return " " * width, TEXT
    told = BROKEN if field.is_broken else HOLLOW if field.is_hollow else ""
    if math.isfinite(field.value):
        number = brief(field.value, width - 1 - len(told)) if width >= _WITH_NUMBER else ""
        told += number or ("" if told else str(shade(field.value, scale)))
    # A blank before it parts it from what stands to its left, whatever the colours.
    blank = " " * (width > 1)
    return f"{blank}{told:^{width - len(blank)}}"[:width], _ground(field, scale)


def brief(value: float, room: int) -> str:
    """A number in as many digits, three at most, as fit; nothing where not one does."""
    for digits in (3, 2, 1):
        plain = f"{value:.{digits}g}"
        if "e" in plain or 0.0 < abs(value) < _SMALL:
            plain = _power(value, digits)
        if len(plain) <= room:
            return plain
    power = _power(value, 1)
    return power if len(power) <= room else ""


def _power(value: float, digits: int) -> str:
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}"


def _x_labels(heat: HeatMap, layout: _Layout, width: int) -> Row:
    """The swept values under their fields, as many as have room; at the end the name, where there is no row for it."""
    line: Row = " " * width, bytes([DIM] * width)
    end = -1
    for index, x in enumerate(layout.xs):
        text = heat.x_labels[x]
        middle = layout.left + index * layout.width + layout.width // 2
        start = max(0, min(middle - len(text) // 2, width - len(text)))
        if start > end:
            line = put(line, start, cut(text, width - start), DIM)
            end = start + len(text)
    name = f"{heat.x_name} →"
    if not layout.has_name and end + 1 + len(name) <= width:
        line = put(line, width - len(name), name, DIM)
    return line


def _bar(scale: Scale | None, width: int) -> Row:
    """The shades with their digits, between the numbers at their ends."""
    if scale is None:
        return row(("no lane has ended yet", DIM), width=width)
    low, high = label(float(f"{scale.low:.3g}")), label(float(f"{scale.high:.3g}"))
    wide = 3 if width >= len(low) + len(high) + 2 + 3 * SHADES else 1
    digits: Sequence[str] = [f"{level:^{wide}}" for level in range(SHADES)]
    pieces = [(f"{low} ", DIM), *((text, FIRST_SHADE + level) for level, text in enumerate(digits)), (f" {high}", DIM)]
    return row(*pieces, width=width)
