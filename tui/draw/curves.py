"""Curves on a canvas: sparse ones point by point, dense ones column by column, bars, bands, and marks at their ends."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import msgspec

from tui.draw.canvas import Canvas
from tui.draw.cells import DIM, GRID, Row, put
from tui.draw.scale import Scale

_TINY, _HUGE = 1e-300, 1e300
# Dots this far away are as good as infinitely far.
_FAR = 1e9


class Curve(msgspec.Struct):
    """One series: x must not fall, but on a path. Values that are not finite, or not positive on a log axis, are left
    out.
    """

    name: str
    """In the legend; curves of one name and colour share an entry."""
    colour: int
    x: array[float]
    y: array[float]
    mark: str = ""
    """A character at the last point, so that curves can be told apart without colour; or a word."""
    low: array[float] = array("d")
    high: array[float] = array("d")
    """Where given, an upright bar at each point from low to high: quartiles, say."""
    points: bool = False
    """Whether the mark stands at every point: few points that are measurements, joined for the eye."""
    band: bool = False
    """Whether low and high are the edges of a shaded band, in the place of bars."""
    path: bool = False
    """Whether x may fall too: a trajectory in the plane of two quantities, or a cloud."""
    joined: bool = True
    """Whether neighbouring points are joined."""


class Mark(msgspec.Struct, frozen=True):
    """A vertical line at a value of x, with a word."""

    x: float
    text: str


def drawable(value: float, log: bool) -> bool:
    """Whether an axis can hold the value: beyond, its arithmetic overflows, and a diverging run gets there."""
    return _TINY <= value <= _HUGE if log else -_HUGE <= value <= _HUGE


def draw_curve(canvas: Canvas, curve: Curve, x: Scale, y: Scale) -> None:
    """The curve with its bars or its band."""
    if curve.band:
        _draw_band(canvas, curve, x, y)
    else:
        _draw_bars(canvas, curve, x, y)
    n = min(len(curve.x), len(curve.y))
    start, stop = (0, n) if curve.path else visible(curve.x, n, x)
    if stop - start > 2 * canvas.dots_across and not curve.path:
        _draw_dense(canvas, curve, x, y)
    else:
        _draw_sparse(canvas, curve, x, y, start, stop)


def visible(values: array[float], n: int, x: Scale) -> tuple[int, int]:
    """From where to where the first ``n`` values, which rise, lie inside ``x``, with one more to either side."""
    return max(0, bisect_left(values, x.low, 0, n) - 1), min(n, bisect_right(values, x.high, 0, n) + 1)


def _dot(place: float) -> int:
    return round(place if -_FAR < place < _FAR else (_FAR if place > 0 else -_FAR))


def _draw_bars(canvas: Canvas, curve: Curve, x: Scale, y: Scale) -> None:
    place_x, place_y = x.placing(canvas.dots_across - 1), y.placing(canvas.dots_down - 1, flip=True)
    for value, low, high in zip(curve.x, curve.low, curve.high, strict=False):
        if drawable(value, x.log) and drawable(low, y.log) and drawable(high, y.log):
            canvas.column(_dot(place_x(value)), _dot(place_y(high)), _dot(place_y(low)), curve.colour)


def _draw_band(canvas: Canvas, curve: Curve, x: Scale, y: Scale) -> None:
    """Between low and high, each column as its nearest point to the left has them."""
    place_y, n = y.placing(canvas.dots_down - 1, flip=True), min(len(curve.x), len(curve.low), len(curve.high))
    for column in range(canvas.dots_across):
        point = bisect_right(curve.x, x.value(column / max(1, canvas.dots_across - 1)), 0, n) - 1
        if point < 0 or (point == n - 1 and column > x.fraction(curve.x[n - 1]) * (canvas.dots_across - 1)):
            continue
        low, high = curve.low[point], curve.high[point]
        if drawable(low, y.log) and drawable(high, y.log):
            canvas.shade(column, _dot(place_y(high)), _dot(place_y(low)), curve.colour)


def _draw_sparse(canvas: Canvas, curve: Curve, x: Scale, y: Scale, start: int, stop: int) -> None:
    """Point by point from ``start`` to ``stop``, joined by straight lines."""
    place_x, place_y = x.placing(canvas.dots_across - 1), y.placing(canvas.dots_down - 1, flip=True)
    before: tuple[int, int] | None = None
    for value_x, value_y in zip(curve.x[start:stop], curve.y[start:stop], strict=False):
        if not drawable(value_x, x.log) or not drawable(value_y, y.log):
            before = None
            continue
        point = (_dot(place_x(value_x)), _dot(place_y(value_y)))
        if before is None or not curve.joined:
            canvas.column(point[0], point[1], point[1], curve.colour)
        elif point != before:
            canvas.line(*before, *point, curve.colour)
        before = point


def _draw_dense(canvas: Canvas, curve: Curve, x: Scale, y: Scale) -> None:
    """Column by column: from the smallest to the largest of the points that fall into it.

    The points of a column are found by bisection and compared in C, so thousands of points cost no more than columns.
    """
    columns, place = canvas.dots_across, y.placing(canvas.dots_down - 1, flip=True)
    values, n = curve.y, min(len(curve.x), len(curve.y))
    start = bisect_left(curve.x, x.low if not x.log else x.low * (1 - 1e-12), 0, n)
    end = bisect_right(curve.x, x.high if not x.log else x.high * (1 + 1e-12), 0, n)
    before: tuple[int, int] | None = None
    if start and drawable(values[start - 1], y.log):
        # Comes in from the left of what is shown.
        before = -2, _dot(place(values[start - 1]))
    for column in range(columns):
        stop = (
            end if column == columns - 1 else bisect_left(curve.x, x.value((column + 0.5) / (columns - 1)), start, end)
        )
        if stop <= start:
            continue
        piece = values[start:stop]
        start = stop
        low, high = min(piece), max(piece)
        if not (drawable(low, y.log) and drawable(high, y.log) and low <= high):
            usable = [value for value in piece if drawable(value, y.log)]
            if not usable:
                before = None
                continue
            piece, low, high = array("d", usable), min(usable), max(usable)
        top = _dot(place(high))
        low_dot = _dot(place(low))
        if before is not None and before[0] == column - 1:
            # Joined to the column before, whichever side its last point lies on.
            if before[1] < top - 1:
                top = before[1] + 1
            elif before[1] > low_dot + 1:
                low_dot = before[1] - 1
        elif before is not None:
            canvas.line(*before, column, max(top, min(before[1], low_dot)), curve.colour)
        canvas.column(column, top, low_dot, curve.colour)
        before = column, _dot(place(piece[-1]))
    if before is not None and end < n and drawable(values[end], y.log):
        # Goes out at the right of what is shown.
        canvas.line(*before, columns + 1, _dot(place(values[end])), curve.colour)


def draw_mark(canvas: Canvas, mark: Mark, x: Scale) -> None:
    """A dashed upright line."""
    if drawable(mark.x, x.log) and 0 <= x.fraction(mark.x) <= 1:
        column, dash = round(x.fraction(mark.x) * (canvas.dots_across - 1)), max(2, canvas.dots_down // canvas.height)
        for dot in range(0, canvas.dots_down, dash):
            canvas.column(column, dot, dot + dash // 2 - 1, GRID)


def place_ends(body: list[Row], canvas: Canvas, curves: Sequence[Curve], x: Scale, y: Scale) -> None:
    """The mark of each curve at its last point, or at every one; marks at the end make room for each other."""
    width = len(body[0][0])
    taken: set[tuple[int, int]] = set()
    # Words last: a mark across one would make it unreadable.
    for curve in sorted(curves, key=lambda one: (len(one.mark), not one.points)):
        n = min(len(curve.x), len(curve.y))
        if not curve.mark or not n:
            continue
        for point in range(n) if curve.points else (n - 1,):
            here_x, here_y = curve.x[point], curve.y[point]
            if not drawable(here_x, x.log) or not drawable(here_y, y.log):
                continue
            across, up = x.fraction(here_x), y.fraction(here_y)
            if not (-1e-9 <= across <= 1 + 1e-9 and -1e-9 <= up <= 1 + 1e-9):
                continue
            column, row = canvas.cell_of(
                round(across * (canvas.dots_across - 1)), round((1.0 - up) * (canvas.dots_down - 1))
            )
            column = min(width - len(curve.mark), column)
            if column < 0 or not 0 <= row < len(body):
                continue
            if not curve.points:
                is_level = min(curve.y) == max(curve.y)
                row, column = _free(taken, row, column, len(curve.mark), len(body), width, is_level=is_level)
            taken.update((row, column + k) for k in range(len(curve.mark)))
            body[row] = put(body[row], column, curve.mark, curve.colour)


def _free(
    taken: set[tuple[int, int]], row: int, column: int, length: int, height: int, width: int, *, is_level: bool
) -> tuple[int, int]:
    """The place nearest to this one with nothing on it or right beside it: two marks in a row would read as one.

    What names a level line stays on it.
    """
    upright = 100 if is_level else 3
    shifts = sorted(
        ((down, across) for down in range(-height, height + 1) for across in (0, -length - 1, -2 * length - 2, 2)),
        key=lambda shift: (upright * abs(shift[0]) + abs(shift[1]), shift),
    )
    for down, across in shifts:
        r, c = row + down, column + across
        if 0 <= r < height and 0 <= c <= width - length and taken.isdisjoint((r, c + k) for k in range(-1, length + 1)):
            return r, c
    return row, column


def place_marks(body: list[Row], canvas: Canvas, marks: Sequence[Mark], x: Scale) -> None:
    """The words of the marks, at the top."""
    width = len(body[0][0])
    for mark in marks:
        if drawable(mark.x, x.log) and 0 <= x.fraction(mark.x) <= 1:
            column, _ = canvas.cell_of(round(x.fraction(mark.x) * (canvas.dots_across - 1)), 0)
            column = max(0, min(column, width - len(mark.text)))
            body[0] = put(body[0], column, mark.text, DIM)
