"""The large picture: curves over an axis, or rows that somebody else makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events

from tui.draw.cells import Row
from tui.draw.plot import Curve, Mark, Plot
from tui.widgets.rows import Rows

Painter = Callable[[int, int], list[Row]]
"""Rows for a width and a height."""


class Chart(Rows):
    """Keeps its limits while the data fit them, so that little is painted again."""

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.plot = Plot()
        self._painter: Painter = lambda width, height: self.plot.draw(width, height, (), (), "", "")

    def draw(self, curves: Sequence[Curve], marks: Sequence[Mark], title: str, x_name: str) -> None:
        """Shows these curves and vertical marks."""
        self.paint(lambda width, height: self.plot.draw(width, height, curves, marks, title, x_name))

    def paint(self, painter: Painter) -> None:
        """Shows what ``painter`` makes, now and at every other size."""
        self._painter = painter
        self._paint()

    def on_resize(self, _: events.Resize) -> None:
        self._paint()

    def _paint(self) -> None:
        width, height = self.size
        if width and height:
            self.show(self._painter(width, height))
