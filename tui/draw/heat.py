"""Pictures in half blocks: two pixels a cell, one above the other, on a scale from cold over dark to warm."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tui.draw.cells import DIM, TEXT, Row, put
from tui.draw.scale import label
from tui.text import cut

LEVELS = 11
"""Shades: the middle one is zero, those below cold, those above warm."""
FIRST_HEAT = 100
"""The colour of a cell is FIRST_HEAT + LEVELS · (shade above) + (shade below)."""

GAP = 2
"""Cells between pictures."""
_WITHIN_SCALE = 0.9
# With fewer rows there is none for the scale.
LEAST_WITH_BAR = 8


def shade(value: float, largest: float) -> int:
    """The shade of a value on the scale ±largest; the middle for what is not a number."""
    middle = LEVELS // 2
    if not math.isfinite(value) or not largest > 0.0:
        return middle
    return middle + round(max(-1.0, min(1.0, value / largest)) * middle)


def picture(values: Sequence[float], rows: int, columns: int, largest: float) -> list[Row]:
    """A picture of ``rows`` × ``columns`` pixels as half as many rows of cells."""
    shades = [shade(value, largest) for value in values]
    shown = []
    for top in range(0, rows, 2):
        above = shades[top * columns : (top + 1) * columns]
        below = shades[(top + 1) * columns : (top + 2) * columns] or [LEVELS // 2] * columns
        # Another character where both pixels are near zero, so that the shape is seen without colours too.
        middle = LEVELS // 2
        text = "".join("·" if a == b == middle else "▀" for a, b in zip(above, below, strict=True))
        shown.append((text, bytes(FIRST_HEAT + LEVELS * a + b for a, b in zip(above, below, strict=True))))
    return shown


def bar(largest: float, width: int, *, is_signed: bool = True) -> Row:
    """The scale in colours, with the numbers at its ends: beyond them all is as bright. From zero if not signed."""
    low, high = label(-largest if is_signed else 0.0), label(largest)
    shades = bytes(
        FIRST_HEAT + LEVELS * level + level
        for level in range(0 if is_signed else LEVELS // 2, LEVELS)
        for _ in range(2)
    )
    text = f"{low} {'▀' * len(shades)} {high}"
    colours = bytes([DIM] * (len(low) + 1)) + shades + bytes([DIM] * (len(high) + 1))
    if len(text) > width:
        return " " * width, bytes(width)
    return text.ljust(width), colours.ljust(width, bytes([TEXT]))


def gallery(
    pictures: Sequence[tuple[str, Sequence[float]]],
    rows: int,
    columns: int,
    width: int,
    height: int,
    largest: float | None = None,
) -> list[Row]:
    """Pictures of one size with a caption each, side by side and below each other as they fit, on one scale.

    ``largest`` is the end of a scale from zero; without it the scale is as far on either side as the values ask for.
    """
    sheet = [(" " * width, bytes([TEXT] * width)) for _ in range(height)]
    across, cell_height = max(1, (width + GAP) // (columns + GAP)), (rows + 1) // 2 + 1
    height -= height > LEAST_WITH_BAR
    sizes = sorted(abs(value) for _, values in pictures for value in values if math.isfinite(value))
    is_signed = largest is None
    if largest is None:
        # Some pixels far out must not darken all others.
        largest = sizes[int(_WITHIN_SCALE * (len(sizes) - 1))] if sizes else 0.0
    for index, (caption, values) in enumerate(pictures):
        left, top = (index % across) * (columns + GAP), (index // across) * cell_height
        if top >= height:
            break
        sheet[top] = put(sheet[top], left, cut(caption, columns), DIM)
        for offset, (text, colours) in enumerate(picture(values, rows, columns, largest)):
            if top + 1 + offset < height:
                row_text, row_colours = sheet[top + 1 + offset]
                fitting = max(0, min(len(text), width - left))
                sheet[top + 1 + offset] = (
                    row_text[:left] + text[:fitting] + row_text[left + fitting :],
                    row_colours[:left] + colours[:fitting] + row_colours[left + fitting :],
                )
    if height < len(sheet):
        sheet[-1] = bar(largest, width, is_signed=is_signed)
    return sheet
