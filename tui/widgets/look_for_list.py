"""What a preset says to look for, beside the chart: ticked when it has happened, with the key that shows it."""

from __future__ import annotations

from typing import NamedTuple

from textual import events
from textual.message import Message

from tui.draw.cells import DIM, STRONG, TEXT, row
from tui.shown import look_for
from tui.shown.items import Item, key_of, named
from tui.text import cut
from tui.watch.seen import Seen
from tui.widgets.rows import Rows

# Where the list below has less left than this, it is more use without what to look for.
_LEAST_BELOW = 10


class _Drawn(NamedTuple):
    items: list[Item]
    seen: Seen | None


class LookForList(Rows):
    """A line for each thing; a click shows it."""

    class Chosen(Message):
        """A line was clicked: the key of the row that shows it."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._last = _Drawn([], None)
        self._keys: list[str] = []

    def on_resize(self, _: events.Resize) -> None:
        self.draw(*self._last)

    def draw(self, items: list[Item], seen: Seen | None) -> None:
        """Shows what has become of everything by now."""
        self._last = _Drawn(items, seen)
        bullets = [] if seen is None else look_for.bullets(seen)
        around = self.parent.size.height if self.parent is not None and hasattr(self.parent, "size") else 0
        height = len(bullets) + 1 if bullets and around >= len(bullets) + 1 + _LEAST_BELOW else 0
        self.styles.height, self.display = height, height > 0
        width = self.size.width
        if not height or not width:
            return
        head = "Look for, ticked when seen"
        rows, self._keys = [row((f"{head:<{max(0, width - 3)}}", STRONG), ("key", DIM), width=width)], [""]
        for bullet in bullets:
            item = named(items, bullet.show)
            key = "" if item is None else key_of(items, item) or "8"
            room = max(1, width - 4)
            pieces = ((f"{bullet.sign} ", bullet.colour), (f"{cut(bullet.text, room):<{room}}", TEXT), (f" {key}", DIM))
            rows.append(row(*pieces, width=width))
            self._keys.append("" if item is None else item.key)
        self.show(rows)

    def on_click(self, event: events.Click) -> None:
        if event.y < len(self._keys) and self._keys[event.y]:
            self.post_message(self.Chosen(self._keys[event.y]))
