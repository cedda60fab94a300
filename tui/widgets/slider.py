"""A row that shows where a replay stands; a click or a drag goes there."""

from __future__ import annotations

from textual import events
from textual.message import Message

from tui.draw.cells import DIM, TEXT, row
from tui.widgets.rows import Rows


class Slider(Rows):
    """From the first moment to the last."""

    class Moved(Message):
        """A place was pointed at: a fraction of the way."""

        def __init__(self, fraction: float) -> None:
            super().__init__()
            self.fraction = fraction

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._left = 0
        self._held = False

    def draw(self, fraction: float, words: str) -> None:
        """Shows the knob after the words, which say the moment."""
        width = self.size.width
        head = f"{words} "[: max(0, width - 10)]
        self._left = len(head)
        length = max(1, width - self._left)
        knob = round(fraction * (length - 1))
        self.show([row((head, TEXT), ("━" * knob + "●", TEXT), ("─" * (length - 1 - knob), DIM), width=width)])

    def _point(self, event: events.MouseEvent) -> None:
        length = max(1, self.size.width - self._left - 1)
        column = event.screen_x - self.content_region.x - self._left
        self.post_message(self.Moved(min(1.0, max(0.0, column / length))))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._held = True
        self.capture_mouse()
        self._point(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._held:
            self._point(event)

    def on_mouse_up(self, _: events.MouseUp) -> None:
        self._held = False
        self.release_mouse()
