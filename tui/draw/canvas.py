"""A canvas of braille cells, 2 × 4 dots each, every cell with the colour of what was drawn on it last."""

from __future__ import annotations

_BLANK = 0x2800
# Dots of a cell by row, left and right.
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_CHARACTERS = [" "] + [chr(_BLANK + bits) for bits in range(1, 256)]


class Canvas:
    """Dots, counted from the top left: ``width`` and ``height`` in cells, so 2·width × 4·height dots."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._dots = bytearray(width * height)
        self._colours = bytearray(width * height)

    def column(self, x: int, top: int, bottom: int, colour: int) -> None:
        """The dots of column ``x`` from ``top`` to ``bottom``, both included, cut at the edges."""
        if not 0 <= x < 2 * self.width:
            return
        top, bottom = max(top, 0), min(bottom, 4 * self.height - 1)
        side = x & 1
        cell = (top >> 2) * self.width + (x >> 1)
        dots, colours, width = self._dots, self._colours, self.width
        while top <= bottom:
            stop = min(bottom, top | 3)
            bits = 0
            for y in range(top & 3, (stop & 3) + 1):
                bits |= _BITS[y][side]
            dots[cell] |= bits
            colours[cell] = colour
            cell += width
            top = stop + 1

    def line(self, x0: int, y0: int, x1: int, y1: int, colour: int) -> None:
        """A straight line, both ends included, joined from column to column; x0 ≤ x1."""
        if x1 == x0:
            self.column(x0, min(y0, y1), max(y0, y1), colour)
            return
        slope = (y1 - y0) / (x1 - x0)
        before = y0
        for x in range(max(x0, -1), min(x1, 2 * self.width) + 1):
            y = round(y0 + slope * (x - x0))
            if y > before + 1:
                self.column(x, before + 1, y, colour)
            elif y < before - 1:
                self.column(x, y, before - 1, colour)
            else:
                self.column(x, y, y, colour)
            before = y

    def rows(self) -> list[tuple[str, bytes]]:
        """Each row as characters (blank cells are spaces) and colours."""
        width = self.width
        characters = [_CHARACTERS[bits] for bits in self._dots]
        return [
            ("".join(characters[start : start + width]), bytes(self._colours[start : start + width]))
            for start in range(0, width * self.height, width)
        ]
