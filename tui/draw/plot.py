"""A line chart as rows of cells: limits that stay put, curves on a braille canvas, marks."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from tui.draw.canvas import Canvas
from tui.draw.cells import DIM, TEXT, Row, fit, put
from tui.draw.frame import MARGIN, legend, with_y_axis, x_axis
from tui.draw.scale import Scale, nice

_ROOM = 0.25
# From these heights on the curves can spare a row.
_TWO_ROWS_OF_LEGEND, _THREE_ROWS_OF_LEGEND = 14, 17
_TINY, _HUGE = 1e-300, 1e300


class Curve(msgspec.Struct):
    """One series: x must not fall. Values that are not finite, or not positive on a log axis, are left out."""

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


class Mark(msgspec.Struct, frozen=True):
    """A vertical line at a value of x, with a word."""

    x: float
    text: str


class Plot:
    """Keeps its limits from one drawing to the next while the data fit them."""

    def __init__(self) -> None:
        self._x: Scale | None = None
        self._y: Scale | None = None
        self.x_log = False
        self.y_log = False
        self.from_zero = True
        """Whether a linear x axis begins at zero, as for what counts from there."""
        self.growing = False
        """Whether more points are to come: then a new limit leaves room for them."""

    def forget(self) -> None:
        """Starts the limits anew: another quantity is shown."""
        self._x = self._y = None

    def draw(
        self, width: int, height: int, curves: Sequence[Curve], marks: Sequence[Mark], title: str, x_name: str
    ) -> list[Row]:
        """``height`` rows of ``width`` cells."""
        if width < 20 or height < 5:
            return fit([(title[:width], TEXT)], width, height)
        limits = self._limits(curves)
        if limits is None:
            return fit([(title, TEXT), ("no points yet", DIM)], width, height)
        x, y = limits
        most = 1 + (height >= _TWO_ROWS_OF_LEGEND) + (height >= _THREE_ROWS_OF_LEGEND)
        head = legend(title, [(curve.name, curve.colour, curve.mark) for curve in curves], width, most)
        canvas = Canvas(width - MARGIN, height - 2 - len(head))
        for mark in marks:
            _draw_mark(canvas, mark, x)
        for curve in curves:
            _draw_bars(canvas, curve, x, y)
            _draw_curve(canvas, curve, x, y)
        body = canvas.rows()
        _place_ends(body, curves, x, y)
        _place_marks(body, marks, x)
        return [*head, *with_y_axis(body, y), *x_axis(x, width, x_name)]

    def _limits(self, curves: Sequence[Curve]) -> tuple[Scale, Scale] | None:
        x_range = _range([curve.x for curve in curves], self.x_log)
        y_range = _range([column for curve in curves for column in (curve.y, curve.low, curve.high)], self.y_log)
        if x_range is None or y_range is None:
            return None
        if not self.x_log and self.from_zero:
            x_range = (min(0.0, x_range[0]), x_range[1])
        if self.x_log and self._x is None and x_range[0] == x_range[1]:
            x_range = (x_range[0], x_range[1] * 10.0)
        room = _ROOM if self.growing else 0.0
        self._x = nice(*x_range, self.x_log, self._x, room)
        self._y = nice(*y_range, self.y_log, self._y, room)
        return self._x, self._y


def _range(columns: list[array[float]], log: bool) -> tuple[float, float] | None:
    """Smallest and largest drawable value."""
    low, high = math.inf, -math.inf
    for column in columns:
        if not len(column):
            continue
        smallest, largest = min(column), max(column)
        # min and max are quick but let a NaN through or hide behind one: then every value is looked at.
        if not (_drawable(smallest, log) and _drawable(largest, log)) or column[0] != column[0]:
            values = [value for value in column if _drawable(value, log)]
            if not values:
                continue
            smallest, largest = min(values), max(values)
        low, high = min(low, smallest), max(high, largest)
    return None if low > high else (low, high)


def _draw_curve(canvas: Canvas, curve: Curve, x: Scale, y: Scale) -> None:
    if len(curve.x) > 4 * canvas.width:
        _draw_dense(canvas, curve, x, y)
    else:
        _draw_sparse(canvas, curve, x, y)


def _draw_bars(canvas: Canvas, curve: Curve, x: Scale, y: Scale) -> None:
    place_x, place_y = x.placing(2 * canvas.width - 1), y.placing(4 * canvas.height - 1, flip=True)
    for value, low, high in zip(curve.x, curve.low, curve.high, strict=False):
        if _drawable(value, x.log) and _drawable(low, y.log) and _drawable(high, y.log):
            canvas.column(round(place_x(value)), round(place_y(high)), round(place_y(low)), curve.colour)


def _draw_sparse(canvas: Canvas, curve: Curve, x: Scale, y: Scale) -> None:
    """Point by point, joined by straight lines."""
    place_x, place_y = x.placing(2 * canvas.width - 1), y.placing(4 * canvas.height - 1, flip=True)
    before: tuple[int, int] | None = None
    for value_x, value_y in zip(curve.x, curve.y, strict=False):
        if not _drawable(value_x, x.log) or not _drawable(value_y, y.log):
            before = None
            continue
        point = (round(place_x(value_x)), round(place_y(value_y)))
        if before is None:
            canvas.column(point[0], point[1], point[1], curve.colour)
        elif point != before:
            canvas.line(*before, *point, curve.colour)
        before = point


def _draw_dense(canvas: Canvas, curve: Curve, x: Scale, y: Scale) -> None:
    """Column by column: from the smallest to the largest of the points that fall into it.

    The points of a column are found by bisection and compared in C, so thousands of points cost no more than columns.
    """
    columns, place = 2 * canvas.width, y.placing(4 * canvas.height - 1, flip=True)
    values, n = curve.y, min(len(curve.x), len(curve.y))
    start = bisect_left(curve.x, x.low if not x.log else x.low * (1 - 1e-12), 0, n)
    before: tuple[int, int] | None = None
    for column in range(columns):
        stop = n if column == columns - 1 else bisect_left(curve.x, x.value((column + 0.5) / (columns - 1)), start, n)
        if stop <= start:
            continue
        piece = values[start:stop]
        start = stop
        low, high = min(piece), max(piece)
        if not (_drawable(low, y.log) and _drawable(high, y.log) and low <= high):
            usable = [value for value in piece if _drawable(value, y.log)]
            if not usable:
                before = None
                continue
            piece, low, high = array("d", usable), min(usable), max(usable)
        top = round(place(high))
        low_dot = round(place(low))
        if before is not None and before[0] == column - 1:
            # Joined to the column before, whichever side its last point lies on.
            if before[1] < top - 1:
                top = before[1] + 1
            elif before[1] > low_dot + 1:
                low_dot = before[1] - 1
        elif before is not None:
            canvas.line(*before, column, max(top, min(before[1], low_dot)), curve.colour)
        canvas.column(column, top, low_dot, curve.colour)
        before = column, round(place(piece[-1]))


def _drawable(value: float, log: bool) -> bool:
    # Beyond these the arithmetic of an axis would overflow; a diverging run gets there.
    return _TINY <= value <= _HUGE if log else -_HUGE <= value <= _HUGE


def _draw_mark(canvas: Canvas, mark: Mark, x: Scale) -> None:
    if _drawable(mark.x, x.log) and 0 <= x.fraction(mark.x) <= 1:
        column = round(x.fraction(mark.x) * (2 * canvas.width - 1))
        for dot in range(0, 4 * canvas.height, 4):
            canvas.column(column, dot, dot + 1, DIM)


def _place_ends(body: list[Row], curves: Sequence[Curve], x: Scale, y: Scale) -> None:
    """The mark of each curve at its last point, or at every one."""
    height, width = len(body), len(body[0][0])
    # Words last: a mark across one would make it unreadable.
    for curve in sorted(curves, key=lambda one: len(one.mark)):
        n = min(len(curve.x), len(curve.y))
        if not curve.mark or not n:
            continue
        for point in range(n) if curve.points else (n - 1,):
            here_x, here_y = curve.x[point], curve.y[point]
            if not _drawable(here_x, x.log) or not _drawable(here_y, y.log):
                continue
            column = min(width - len(curve.mark), round(x.fraction(here_x) * (2 * width - 1)) >> 1)
            row = min(height - 1, round((1.0 - y.fraction(here_y)) * (4 * height - 1)) >> 2)
            if column >= 0 and row >= 0:
                body[row] = put(body[row], column, curve.mark, curve.colour)


def _place_marks(body: list[Row], marks: Sequence[Mark], x: Scale) -> None:
    width = len(body[0][0])
    for mark in marks:
        if _drawable(mark.x, x.log) and 0 <= x.fraction(mark.x) <= 1:
            column = round(x.fraction(mark.x) * (2 * width - 1)) >> 1
            column = max(0, min(column, width - len(mark.text)))
            body[0] = put(body[0], column, mark.text, DIM)
