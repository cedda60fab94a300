"""The large picture: curves over an axis, or rows that somebody else makes; wheel and drag zoom and move it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.message import Message
from textual.strip import Strip

from tui.draw import cell_svg, svg
from tui.draw.cells import Row
from tui.draw.curves import Curve, Mark
from tui.draw.paper import Origin, Width
from tui.draw.plot import Plot
from tui.widgets.rows import Rows

Painter = Callable[[int, int], list[Row]]
"""Rows for a width and a height."""
Figure = Callable[[Origin, Width], str]
"""The same as a picture for a talk or a paper."""

_ZOOM = 0.8


class Chart(Rows):
    """Keeps its limits while the data fit them, so that little is painted again."""

    class Wheeled(Message):
        """The wheel was turned over a page of text or a picture: by so many lines."""

        def __init__(self, lines: int) -> None:
            super().__init__()
            self.lines = lines

    class Pressed(Message):
        """A picture or a page was clicked: column and row."""

        def __init__(self, column: int, row: int) -> None:
            super().__init__()
            self.column, self.row = column, row

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.plot = Plot()
        self.shows = ""
        """The key of the row whose curves it shows."""
        self.curves: Sequence[Curve] = ()
        """What is drawn; none for rows that somebody else makes."""
        self.marks: Sequence[Mark] = ()
        self.titles = ("", "")
        """What is drawn, and the name of its x axis."""
        self._extent: Sequence[Curve] = ()
        self._painter: Painter = self._plotted
        self._figure: Figure | None = None
        self._held: tuple[int, int] | None = None
        """The cell under a pressed button."""
        self._was_dragged = False

    @property
    def is_plot(self) -> bool:
        """Whether it shows curves."""
        return self._painter == self._plotted

    def draw(
        self, curves: Sequence[Curve], marks: Sequence[Mark], title: str, x_name: str, extent: Sequence[Curve] = ()
    ) -> None:
        """Shows these curves and vertical marks; with ``extent`` on axes that hold those curves."""
        if x_name != self.titles[1]:
            # A place on one axis says nothing on another.
            self.plot.reset()
        self.curves, self.marks, self.titles, self._extent = curves, marks, (title, x_name), extent
        self.paint(self._plotted)

    def _plotted(self, width: int, height: int) -> list[Row]:
        return self.plot.draw(width, height, self.curves, self.marks, *self.titles, self._extent)

    def paint(self, painter: Painter, figure: Figure | None = None) -> None:
        """Shows what ``painter`` makes, now and at every other size; exported as ``figure`` says, else as shown."""
        self._painter, self._figure = painter, figure
        self.redraw()

    def redraw(self) -> None:
        """Shows the same as the plot's zoom and cursor have it now."""
        width, height = self.size
        if width and height:
            self.show(self._painter(width, height))

    def as_svg(self, origin: Origin, width: Width = "talk") -> str:
        """What is shown as a picture for a talk or a paper: curves as lines, maps as fields, the rest cell by cell."""
        if self._figure is not None:
            return self._figure(origin, width)
        drawn = self.plot.drawn
        if self.is_plot and drawn is not None:
            return svg.chart(self.curves, self.marks, *self.titles, drawn.x, drawn.y, origin, width)
        # The tiles side by side, in the colours that the theme gives them.
        lines = [Strip.join(tile.render_line(y) for tile in self.children) for y in range(self.size.height)]
        return cell_svg.picture(lines, self.app.ansi_theme, f"{origin.preset} · {origin.run}", origin.text())

    def on_resize(self, _: events.Resize) -> None:
        self.redraw()

    def _cell(self, event: events.MouseEvent) -> tuple[int, int]:
        """Column and row of the chart under the pointer, whichever of its tiles it is over."""
        return event.screen_x - self.content_region.x, event.screen_y - self.content_region.y

    def _wheel(self, event: events.MouseEvent, factor: float, lines: int) -> None:
        event.stop()
        event.prevent_default()
        if not self.is_plot:
            self.post_message(self.Wheeled(lines))
            return
        drawn = self.plot.drawn
        if drawn is not None:
            column, row = self._cell(event)
            if event.shift or event.ctrl:
                self.plot.zoom_y(factor, min(1.0, max(0.0, drawn.y_fraction(row))))
            else:
                self.plot.zoom_x(factor, min(1.0, max(0.0, drawn.x_fraction(column))))
            self.redraw()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, _ZOOM, -3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1.0 / _ZOOM, 3)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if not self.is_plot:
            self.post_message(self.Pressed(*self._cell(event)))
        elif self.plot.drawn is not None:
            self._held, self._was_dragged = self._cell(event), False
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        drawn, held = self.plot.drawn, self._held
        if held is None or drawn is None:
            return
        self._was_dragged = True
        column, row = self._held = self._cell(event)
        if self.plot.is_zoomed:
            self.plot.pan((held[0] - column) / drawn.width, (row - held[1]) / drawn.height)
        else:
            self.plot.place_cursor(drawn.x_fraction(column))
        self.redraw()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        drawn, held, self._held = self.plot.drawn, self._held, None
        if held is None:
            return
        self.release_mouse()
        if drawn is not None and not self._was_dragged:
            # A click reads the values there.
            self.plot.place_cursor(drawn.x_fraction(self._cell(event)[0]))
            self.redraw()
