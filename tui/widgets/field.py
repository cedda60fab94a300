"""A line to type in, which shows whatever it holds inertly: a directory's or a file's name may be anything."""

from __future__ import annotations

from rich.segment import Segment
from textual import events
from textual.binding import NoBinding
from textual.strip import Strip
from textual.widgets import Input

from tui.text import inert


class Field(Input):
    """An input whose value is kept as it is, and whose picture has no control and no format character.

    Keys take effect in the order in which they were typed. An input of Textual sends enter, or an arrow, up to the app
    and back, and letters typed meanwhile overtake it.
    """

    async def _on_key(self, event: events.Key) -> None:
        if event.is_printable:
            return
        try:
            found = self._bindings.get_bindings_for_key(event.key)
        except NoBinding:
            return
        for binding in found:
            if await self.app.run_action(binding.action, self):
                event.stop()
                event.prevent_default()
                return

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if strip.text.isascii() and strip.text.isprintable():
            return strip
        shown = [Segment(inert(text, len(text) + 1), style) for text, style, _ in strip]
        return Strip(shown).adjust_cell_length(self.size.width)
