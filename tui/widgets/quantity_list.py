"""The list of quantities: a name, a sparkline and the newest value in each row; one of them is chosen."""

from __future__ import annotations

from textual import events
from textual.message import Message

from solver.history import LaneHistory
from tui import quantities
from tui.draw.cells import DIM, TEXT
from tui.draw.spark import spark
from tui.quantities import Quantity
from tui.text import quantity as short
from tui.widgets.rows import CHOSEN, Rows, row

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
        self._last: tuple[list[Quantity], int, LaneHistory | None, int] = ([], 0, None, 0)

    def on_resize(self, _: events.Resize) -> None:
        # The status line may grow or shrink by itself, and takes its rows from here.
        self.draw(*self._last)

    def draw(self, items: list[Quantity], chosen: int, lane: LaneHistory | None, colour: int) -> None:
        """Shows the rows around the chosen one."""
        self._last = (items, chosen, lane, colour)
        width, height = self.size
        if not width or not height:
            return
        # Scrolls no further than needed to keep the chosen row in sight.
        self._first = max(0, min(self._first, chosen, max(0, len(items) - height)), chosen - height + 1)
        name_width = min(_NAME_WIDTH, max(8, width - _VALUE_WIDTH - 8))
        rows = []
        for index in range(self._first, min(len(items), self._first + height)):
            item = items[index]
            found = quantities.columns(item, lane) if lane is not None else []
            column = found[0] if found else None
            values = "" if column is None else spark(column, width - name_width - _VALUE_WIDTH - 2, item.log_y)
            newest = short(column[-1]) if column is not None and len(column) else "–"
            title = item.short if item.short and len(item.title) > name_width else item.title
            name = f"{title[:name_width]:<{name_width}} "
            here = CHOSEN if index == chosen else TEXT
            spark_width = max(0, width - name_width - _VALUE_WIDTH - 2)
            rows.append(
                row(
                    (name, here),
                    (f"{values:<{spark_width}} ", colour),
                    (f"{newest:>{_VALUE_WIDTH}}", TEXT),
                    width=width,
                )
            )
        rows += [row((" ", DIM), width=width)] * (height - len(rows))
        self.show(rows)

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Chosen(self._first + event.y))
