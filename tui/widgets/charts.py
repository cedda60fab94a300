"""One large picture, or a grid of several; one of them is the one that keys act on."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message

from tui.draw.canvas import Marker
from tui.widgets.chart import Chart

Shape = tuple[int, int]
"""Charts side by side, and below each other."""
SHAPES: tuple[Shape, ...] = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (3, 3))
# Smaller than this a chart is mostly axes.
_LEAST_WIDTH, _LEAST_HEIGHT = 44, 11


class Charts(Container):
    """As many charts as its shape has places; ``active`` is what keys act on."""

    class Activated(Message):
        """Another chart was clicked: its place."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.shape: Shape = (1, 1)
        self.place = 0
        self._all = [Chart(id="chart")]

    def compose(self) -> ComposeResult:
        yield from self._all

    @property
    def active(self) -> Chart:
        """What keys act on."""
        return self._all[self.place]

    @property
    def shown(self) -> list[Chart]:
        """All that are in sight, row by row."""
        return self._all[: self.shape[0] * self.shape[1]]

    def fits(self, shape: Shape, width: int, height: int) -> bool:
        """Whether every chart of a shape has room for curves."""
        return width // shape[0] >= _LEAST_WIDTH and height // shape[1] >= _LEAST_HEIGHT

    def lay_out(self, shape: Shape, marker: Marker) -> None:
        """Shows so many charts; those that are new come later, when they have been mounted."""
        n = shape[0] * shape[1]
        if self.place >= n:
            # What keys act on stays in sight, in the first place; what was there comes back with the others.
            self._all[0], self._all[self.place] = self._all[self.place], self._all[0]
        self.shape, self.place = shape, self.place if self.place < n else 0
        new = [Chart() for _ in range(n - len(self._all))]
        self._all += new
        if new:
            self.mount_all(new)
        self.styles.grid_size_columns, self.styles.grid_size_rows = shape
        for place, chart in enumerate(self._all):
            chart.display = place < n
            chart.plot.marker = marker
        self.set_class(n > 1, "several")

    def activate(self, place: int) -> None:
        """Makes another chart the one that keys act on."""
        self.place = place % (self.shape[0] * self.shape[1])

    def on_click(self, event: events.Click) -> None:
        hit = event.widget
        ancestors = [] if hit is None else [hit, *hit.ancestors]
        place = next((place for place, chart in enumerate(self.shown) if chart in ancestors), self.place)
        if place != self.place:
            self.post_message(self.Activated(place))
