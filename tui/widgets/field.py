"""A line to type in, which shows whatever it holds inertly: a directory's or a file's name may be anything."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import Input

from tui.text import inert


class Field(Input):
    """An input whose value is kept as it is, and whose picture has no control and no format character."""

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if strip.text.isascii() and strip.text.isprintable():
            return strip
        shown = [Segment(inert(text, len(text) + 1), style) for text, style, _ in strip]
        return Strip(shown).adjust_cell_length(self.size.width)
