"""The large chart."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from tui.draw.plot import Curve, Mark, Plot
from tui.widgets.rows import Rows


class Chart(Rows):
    """Curves over one x axis. Keeps its limits while the data fit them, so that little is painted again."""

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.plot = Plot()
        self._last: tuple[Sequence[Curve], Sequence[Mark], str, str] = ((), (), "", "")

    def draw(self, curves: Sequence[Curve], marks: Sequence[Mark], title: str, x_name: str) -> None:
        """Shows these curves and vertical marks."""
        self._last = (curves, marks, title, x_name)
        self._paint()

    def on_resize(self, _: events.Resize) -> None:
        self._paint()

    def _paint(self) -> None:
        width, height = self.size
        if width and height:
            curves, marks, title, x_name = self._last
            self.show(self.plot.draw(width, height, curves, marks, title, x_name))
