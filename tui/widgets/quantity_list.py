"""The list of what can be shown: a name, a sparkline and the newest value in each row; one of them is chosen."""

from __future__ import annotations

from textual import events
from textual.message import Message

from solver.history import LaneHistory
from tui.draw.cells import DIM, TEXT, Row, row
from tui.draw.palette import CHOSEN
from tui.draw.spark import spark
from tui.shown import quantities
from tui.shown.items import Item
from tui.shown.quantities import Quantity
from tui.shown.sheets import Sheet
from tui.text import quantity as short
from tui.watch.seen import Seen
from tui.widgets.rows import Rows

_NAME_WIDTH = 21
_VALUE_WIDTH = 8


class QuantityList(Rows):
    """Shows the quantities of one lane; a click chooses one."""

    class Chosen(Message):
        """A row was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._first = 0
        self._last: tuple[list[Item], int, Seen | None, LaneHistory | None, int] = ([], 0, None, None, 0)

    def on_resize(self, _: events.Resize) -> None:
        # The status line may grow or shrink by itself, and takes its rows from here.
        self.draw(*self._last)

    def draw(self, items: list[Item], chosen: int, seen: Seen | None, lane: LaneHistory | None, colour: int) -> None:
        """Shows the rows around the chosen one."""
        self._last = (items, chosen, seen, lane, colour)
        width, height = self.size
        if not width or not height or seen is None:
            return
        # Scrolls no further than needed to keep the chosen row in sight.
        self._first = max(0, min(self._first, chosen, max(0, len(items) - height)), chosen - height + 1)
        rows = []
        for index in range(self._first, min(len(items), self._first + height)):
            here = CHOSEN if index == chosen else TEXT
            rows.append(self._row(items[index], seen, lane, here, colour, width))
        rows += [row((" ", DIM), width=width)] * (height - len(rows))
        self.show(rows)

    def _row(self, item: Item, seen: Seen, lane: LaneHistory | None, here: int, colour: int, width: int) -> Row:
        """Name, sparkline and newest value of a quantity; of anything else its name and what it says in short."""
        if not isinstance(item, Quantity):
            value = item.value(seen) if isinstance(item, Sheet) else ""
            sign = "" if isinstance(item, Sheet) and item.claim else "▣ "
            room = max(1, width - len(value) - 1)
            title = sign + (item.short if item.short and len(sign + item.title) > room else item.title)
            return row((f"{title[:room]:<{room}} ", here), (value, TEXT), width=width)
        name_width = min(_NAME_WIDTH, max(8, width - _VALUE_WIDTH - 8))
        title = item.short if item.short and len(item.title) > name_width else item.title
        room = max(0, width - name_width - _VALUE_WIDTH - 2)
        values, newest = self._numbers(item, lane, room)
        return row(
            (f"{title[:name_width]:<{name_width}} ", here),
            (f"{values:<{room}} ", colour),
            (f"{newest:>{_VALUE_WIDTH}}", TEXT),
            width=width,
        )

    def _numbers(self, item: Quantity, lane: LaneHistory | None, width: int) -> tuple[str, str]:
        """The sparkline of a row and its newest value."""
        found = quantities.columns(item, lane) if lane is not None else []
        if item.declared.by_identity and found:
            found = [min(found, key=quantities.falling)]
        if not found:
            return "", "–"
        column = found[0]
        return spark(column, width, item.log_y), short(column[-1]) if len(column) else "–"

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Chosen(self._first + event.y))
