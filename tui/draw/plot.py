"""A line chart as rows of cells: limits that stay put, a part of them zoomed in on, curves, and a cursor."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import msgspec

from tui.draw import window
from tui.draw.canvas import Canvas, Marker
from tui.draw.cells import DIM, GRID, TEXT, Row, fit, put, widened
from tui.draw.curves import Curve, Mark, draw_curve, draw_mark, drawable, place_ends, place_marks
from tui.draw.frame import MARGIN, legend, plain, spare, with_y_axis, x_axis
from tui.draw.readout import readout
from tui.draw.scale import Scale, label, nice

_ROOM = 0.25
# From these heights on the curves can spare a row.
_TWO_ROWS_OF_LEGEND, _THREE_ROWS_OF_LEGEND = 14, 17


class Drawn(msgspec.Struct, frozen=True):
    """Where the last drawing put its axes: the body of curves begins at (``left``, ``top``) in cells."""

    x: Scale
    y: Scale
    whole_x: Scale
    whole_y: Scale
    left: int
    top: int
    width: int
    height: int

    def x_fraction(self, column: int) -> float:
        """How far along the x axis a cell of the chart lies; outside of 0 to 1 beside the body."""
        return (column - self.left + 0.5) / self.width

    def y_fraction(self, row: int) -> float:
        """How far up the y axis a cell lies."""
        return 1.0 - (row - self.top + 0.5) / self.height


class Plot:
    """Keeps its limits from one drawing to the next while the data fit them."""

    def __init__(self) -> None:
        self._x: Scale | None = None
        self._y: Scale | None = None
        self._zoom_x: Scale | None = None
        self._zoom_y: Scale | None = None
        self.marker: Marker = "braille"
        self.x_log = False
        self.y_log = False
        self.from_zero = True
        """Whether a linear x axis begins at zero, as for what counts from there."""
        self.growing = False
        """Whether more points are to come: then a new limit leaves room for them."""
        self._ends = (0.0, 0.0)
        """The smallest and the largest x there is."""
        self.cursor: float | None = None
        """The x whose values the legend tells; None without a cursor."""
        self.drawn: Drawn | None = None
        """Where things stand; None while there are no axes."""

    def forget(self) -> None:
        """Starts the limits anew: another quantity is shown, or other lanes."""
        self._x = self._y = None
        self._zoom_y = None

    @property
    def is_zoomed(self) -> bool:
        """Whether only a part of the axes is shown."""
        return self._zoom_x is not None or self._zoom_y is not None

    def reset(self) -> None:
        """All of both axes, and no cursor."""
        self._zoom_x = self._zoom_y = self.cursor = None

    def zoom_x(self, factor: float, about: float | None = None) -> None:
        """Shows ``factor`` times as much of the x axis, about a fraction of it, the cursor, or the middle."""
        if self.drawn is not None:
            place = self._cursor_fraction() if about is None else about
            self._zoom_x = window.zoomed(self.drawn.x, self.drawn.whole_x, factor, 0.5 if place is None else place)

    def zoom_y(self, factor: float, about: float = 0.5) -> None:
        """Shows ``factor`` times as much of the y axis, about a fraction of it."""
        if self.drawn is not None:
            self._zoom_y = window.zoomed(self.drawn.y, self.drawn.whole_y, factor, about)

    def pan(self, across: float, up: float) -> None:
        """Moves what is shown by fractions of it, on the axes that are zoomed."""
        if self.drawn is not None:
            if self._zoom_x is not None and across:
                self._zoom_x = window.moved(self.drawn.x, self.drawn.whole_x, across)
            if self._zoom_y is not None and up:
                self._zoom_y = window.moved(self.drawn.y, self.drawn.whole_y, up)

    def place_cursor(self, fraction: float) -> None:
        """Puts the cursor at a fraction of the x axis, at its ends at most."""
        if self.drawn is not None:
            self.cursor = self.drawn.x.value(min(1.0, max(0.0, fraction)))

    def move_cursor(self, cells: int) -> None:
        """Moves the cursor by cells; at the edge of what is shown it takes the picture along."""
        drawn = self.drawn
        if drawn is None:
            return
        place = self._cursor_fraction()
        if place is None or not 0.0 <= place <= 1.0:
            # It appears where the eye is: at the newest points that are shown, or at the oldest.
            edge = self._ends[1] if cells < 0 else self._ends[0]
            self.cursor = min(max(edge, drawn.x.low), drawn.x.high)
            return
        step = cells / max(1, drawn.width - 1)
        if not 0.0 <= place + step <= 1.0:
            self.pan(step, 0.0)
        beyond = drawn.x.value(place + step)
        whole = drawn.whole_x
        self.cursor = min(max(beyond, whole.low), whole.high)

    def _cursor_fraction(self) -> float | None:
        if self.cursor is None or self.drawn is None or not drawable(self.cursor, self.drawn.x.log):
            return None
        return self.drawn.x.fraction(self.cursor)

    def draw(
        self,
        width: int,
        height: int,
        curves: Sequence[Curve],
        marks: Sequence[Mark],
        title: str,
        x_name: str,
        extent: Sequence[Curve] = (),
    ) -> list[Row]:
        """``height`` rows of ``width`` cells. With ``extent`` the limits hold those curves, whatever is drawn."""
        self.drawn = None
        if width < 20 or height < 5:
            return fit([(title, TEXT)], width, height)
        whole = self._limits(extent or curves)
        if whole is None:
            return fit([(title, TEXT), (self._why_empty(curves), DIM)], width, height)
        x, y = self._shown(curves, *whole)
        head = self._head(width, height, curves, title, x_name)
        room = height - 2 - len(head)
        most_x, most_y = max(2, (width - MARGIN) // 12), max(2, room // 3)
        blank_rows = spare(y, most_y, room)
        span = width - MARGIN - spare(x, most_x, width - MARGIN)
        canvas = Canvas(span, room - blank_rows, self.marker)
        self.drawn = Drawn(x, y, *whole, MARGIN, len(head) + blank_rows, canvas.width, canvas.height)
        for mark in marks:
            draw_mark(canvas, mark, x)
        for curve in curves:
            draw_curve(canvas, curve, x, y)
        body = canvas.rows()
        self._place_cursor(body)
        place_ends(body, canvas, curves, x, y)
        place_marks(body, canvas, marks, x)
        blank = [(" " * width, bytes(width))] * blank_rows
        rows = [
            *head,
            *blank,
            *(widened(line, width) for line in with_y_axis(body, y, most_y)),
            *x_axis(x, width, x_name, span, most_x),
        ]
        return [plain(row) for row in rows] if self.marker == "ascii" else rows

    def _why_empty(self, curves: Sequence[Curve]) -> str:
        """What is to be said where no point can be drawn."""
        points = [point for curve in curves for point in zip(curve.x, curve.y, strict=False)]
        if not points:
            return "no points yet" if self.growing else "nothing was recorded"
        if any(math.isfinite(x) and math.isfinite(y) for x, y in points):
            return "no point is above zero: a logarithmic axis has no place for them"
        return f"{len(points)} points, and none of them is finite"

    def _head(self, width: int, height: int, curves: Sequence[Curve], title: str, x_name: str) -> list[Row]:
        """The legend, with the values at the cursor where there is one."""
        most = 1 + (height >= _TWO_ROWS_OF_LEGEND) + (height >= _THREE_ROWS_OF_LEGEND)
        entries = [(curve.name, curve.colour, curve.mark) for curve in curves]
        if self.cursor is not None:
            where = label(float(f"{self.cursor:.4g}"))
            return legend(f"{x_name} {where}", readout(curves, self.cursor), width, most, as_they_are=True)
        if self.is_zoomed:
            title += " (zoomed, 0 shows all)"
        return legend(title, entries, width, most)

    def _place_cursor(self, body: list[Row]) -> None:
        place = self._cursor_fraction()
        if place is None or not 0.0 <= place <= 1.0:
            return
        column = min(len(body[0][0]) - 1, int(place * len(body[0][0])))
        for index, row in enumerate(body):
            if row[0][column] == " ":
                body[index] = put(row, column, "│", GRID)

    def _limits(self, curves: Sequence[Curve]) -> tuple[Scale, Scale] | None:
        x_range = _range([curve.x for curve in curves], self.x_log)
        y_range = _range([column for curve in curves for column in (curve.y, curve.low, curve.high)], self.y_log)
        if x_range is None or y_range is None:
            return None
        self._ends = x_range
        if not self.x_log and self.from_zero:
            x_range = (min(0.0, x_range[0]), x_range[1])
        if self.x_log and self._x is None and x_range[0] == x_range[1]:
            x_range = (x_range[0], x_range[1] * 10.0)
        room = _ROOM if self.growing else 0.0
        self._x = nice(*x_range, self.x_log, self._x, room)
        self._y = nice(*y_range, self.y_log, self._y, room)
        return self._x, self._y

    def _shown(self, curves: Sequence[Curve], whole_x: Scale, whole_y: Scale) -> tuple[Scale, Scale]:
        """The part of the axes that is shown; y fits what lies in a zoomed x unless it is zoomed itself."""
        if self._zoom_x is not None and self._zoom_x.log != whole_x.log:
            self._zoom_x = None
        if self._zoom_y is not None and self._zoom_y.log != whole_y.log:
            self._zoom_y = None
        x = self._zoom_x or whole_x
        if self._zoom_y is not None or self._zoom_x is None:
            return x, self._zoom_y or whole_y
        seen = _range([column for curve in curves for column in _within(curve, x)], whole_y.log)
        return x, whole_y if seen is None else nice(*seen, whole_y.log)


def _within(curve: Curve, x: Scale) -> list[array[float]]:
    """The parts of a curve's columns that lie inside ``x``, and a point to either side."""
    columns = (curve.y, curve.low, curve.high)
    if curve.path:
        inside = [index for index, value in enumerate(curve.x) if x.low <= value <= x.high]
        return [array("d", (curve.y[index] for index in inside if index < len(curve.y)))]
    start, stop = max(0, bisect_left(curve.x, x.low) - 1), bisect_right(curve.x, x.high) + 1
    return [column[start:stop] for column in columns]


def _range(columns: list[array[float]], log: bool) -> tuple[float, float] | None:
    """Smallest and largest drawable value."""
    low, high = math.inf, -math.inf
    for column in columns:
        if not len(column):
            continue
        smallest, largest = min(column), max(column)
        # min and max are quick but let a NaN through or hide behind one: then every value is looked at.
        if not (drawable(smallest, log) and drawable(largest, log)) or column[0] != column[0]:
            values = [value for value in column if drawable(value, log)]
            if not values:
                continue
            smallest, largest = min(values), max(values)
        low, high = min(low, smallest), max(high, largest)
    return None if low > high else (low, high)
