"""A canvas of cells that hold several dots each, every cell with the colour of what was drawn on it last."""

from __future__ import annotations

from typing import Literal

import msgspec

Marker = Literal["braille", "block", "ascii"]
MARKERS: tuple[Marker, ...] = ("braille", "block", "ascii")


class _Cell(msgspec.Struct, frozen=True):
    """The dots of a cell, powers of two across and down, and the characters that show them."""

    across: int
    down: int
    bits: tuple[tuple[int, ...], ...]
    """The bit of each dot, row by row."""
    characters: list[str]
    """For every set of bits; a blank cell is a space."""
    shade: str = ""
    """What stands for a shaded cell where dots cannot be thinned out."""


# Unicode's quadrants by bit: upper left 1, upper right 2, lower left 4, lower right 8.
_QUADRANTS = list(" ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█")
_CELLS: dict[Marker, _Cell] = {
    "braille": _Cell(
        across=2,
        down=4,
        bits=((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80)),
        characters=[" "] + [chr(0x2800 + bits) for bits in range(1, 256)],
    ),
    "block": _Cell(across=2, down=2, bits=((1, 2), (4, 8)), characters=_QUADRANTS, shade="░"),
    "ascii": _Cell(across=1, down=1, bits=((1,),), characters=[" ", "*"], shade="."),
}


class Canvas:
    """Dots, counted from the top left: ``width`` and ``height`` in cells, ``dots_across`` and ``dots_down`` in dots."""

    def __init__(self, width: int, height: int, marker: Marker = "braille") -> None:
        self._cell = _CELLS[marker]
        self.width = width
        self.height = height
        self.dots_across = width * self._cell.across
        self.dots_down = height * self._cell.down
        self._dots = bytearray(width * height)
        self._colours = bytearray(width * height)
        self._shades = bytearray(width * height)
        self._shade_colours = bytearray(width * height)

    def cell_of(self, x: int, y: int) -> tuple[int, int]:
        """Column and row of the cell that holds a dot."""
        return x // self._cell.across, y // self._cell.down

    def column(self, x: int, top: int, bottom: int, colour: int) -> None:
        """The dots of column ``x`` from ``top`` to ``bottom``, both included, cut at the edges."""
        if not 0 <= x < self.dots_across:
            return
        top, bottom = max(top, 0), min(bottom, self.dots_down - 1)
        across, down = self._cell.across, self._cell.down
        side, bits_of, last = x % across, self._cell.bits, down - 1
        cell = (top // down) * self.width + x // across
        dots, colours, width = self._dots, self._colours, self.width
        while top <= bottom:
            stop = min(bottom, top | last)
            bits = 0
            for y in range(top & last, (stop & last) + 1):
                bits |= bits_of[y][side]
            dots[cell] |= bits
            colours[cell] = colour
            cell += width
            top = stop + 1

    def line(self, x0: int, y0: int, x1: int, y1: int, colour: int) -> None:
        """A straight line, both ends included, joined from column to column."""
        if x1 < x0:
            x0, y0, x1, y1 = x1, y1, x0, y0
        if x1 == x0:
            self.column(x0, min(y0, y1), max(y0, y1), colour)
            return
        slope = (y1 - y0) / (x1 - x0)
        first = max(x0, -1)
        before = round(y0 + slope * (first - x0))
        for x in range(first, min(x1, self.dots_across) + 1):
            y = round(y0 + slope * (x - x0))
            if y > before + 1:
                self.column(x, before + 1, y, colour)
            elif y < before - 1:
                self.column(x, y, before - 1, colour)
            else:
                self.column(x, y, y, colour)
            before = y

    def shade(self, x: int, top: int, bottom: int, colour: int) -> None:
        """Every other dot of column ``x`` from ``top`` to ``bottom``, seen in cells where nothing else is drawn."""
        if not 0 <= x < self.dots_across:
            return
        across, down = self._cell.across, self._cell.down
        for y in range(max(top, 0), min(bottom, self.dots_down - 1) + 1):
            if (x + y) % 2 == 0 or self._cell.shade:
                cell = (y // down) * self.width + x // across
                self._shades[cell] |= self._cell.bits[y % down][x % across]
                self._shade_colours[cell] = colour

    def rows(self) -> list[tuple[str, bytes]]:
        """Each row as characters (blank cells are spaces) and colours."""
        width, characters, shade = self.width, self._cell.characters, self._cell.shade
        cells = [characters[bits] for bits in self._dots]
        colours = self._colours
        if any(self._shades):
            for cell, bits in enumerate(self._shades):
                if bits and not self._dots[cell]:
                    cells[cell] = shade or characters[bits]
                    colours[cell] = self._shade_colours[cell]
        return [
            ("".join(cells[start : start + width]), bytes(colours[start : start + width]))
            for start in range(0, width * self.height, width)
        ]
