"""The list beside the chart: what can be shown, in groups, with a sparkline and a value; one row is chosen."""

from __future__ import annotations

from array import array
from typing import NamedTuple

from textual import events
from textual.message import Message

from solver.history import LaneHistory
from tui.draw.canvas import Marker
from tui.draw.cells import DIM, STRONG, TEXT, Row, row
from tui.draw.palette import CHOSEN
from tui.draw.spark import spark
from tui.shown import quantities
from tui.shown.items import Item
from tui.shown.listing import Listing
from tui.shown.quantities import Quantity
from tui.shown.sheets import Sheet
from tui.text import cut, label
from tui.text import quantity as short
from tui.watch.seen import Seen
from tui.widgets.rows import Rows

_NAME_WIDTH = 21
_VALUE_WIDTH = 8
_MOST_SPARKS = 200


class _Line(NamedTuple):
    """A row of the list, and the place of the item that it leads to; -1 for a heading."""

    row: Row
    place: int


class Listed(NamedTuple):
    """The rows there are, which of them are shown in what order, and the place of the chosen one."""

    items: list[Item]
    listing: Listing
    chosen: int


class QuantityList(Rows):
    """Shows the quantities of one lane; a click chooses one."""

    class Chosen(Message):
        """A row was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.marker: Marker = "braille"
        self._first = 0
        self._fitted = (0, 0)
        self._sparks: dict[tuple[str, int, int, int, str], tuple[array[float], str]] = {}
        self._drawn: list[_Line] = []
        self._last: tuple[Listed, Seen | None, LaneHistory | None, int] = (Listed([], Listing([]), 0), None, None, 0)

    def on_resize(self, _: events.Resize) -> None:
        # The status line may grow or shrink by itself, and takes its rows from here.
        self.draw(*self._last)

    def draw(self, listed: Listed, seen: Seen | None, lane: LaneHistory | None, colour: int) -> None:
        """Shows of the groups the rows around the chosen one."""
        self._last = (listed, seen, lane, colour)
        width, height = self.size
        if not width or not height or seen is None:
            return
        lines = self._groups(listed, seen, lane, colour, width)
        self._drawn = self._in_sight(lines, listed.chosen, height, width)
        rows = [line.row for line in self._drawn]
        self.show(rows + [row(width=width)] * (height - len(rows)))

    def _groups(self, listed: Listed, seen: Seen, lane: LaneHistory | None, colour: int, width: int) -> list[_Line]:
        lines: list[_Line] = []
        before, rows = "", listed.listing
        for index, place in enumerate(rows.places):
            item = listed.items[place]
            heading = "Pinned" if index < rows.n_pinned else _heading(item, rows.asked, seen, lane, width)
            if heading != before:
                lines.append(_Line(row((heading, STRONG), width=width), -1))
                before = heading
            lines.append(_Line(self._row(item, seen, lane, place == listed.chosen, colour, width), place))
        return lines

    def _heads(self, lines: list[_Line], upto: int) -> str:
        """The heading that the line at this place stands under."""
        texts = [line.row[0].strip() for line in lines[: upto + 1] if line.place < 0]
        return f" · {texts[-1]}" if texts else ""

    def _in_sight(self, lines: list[_Line], chosen: int, height: int, width: int) -> list[_Line]:
        """As many of the lines as fit, scrolled no further than the chosen one needs, with what is left out counted."""
        if self._fitted != (len(lines), height):
            # Another list, or another room for it: where it stood before says nothing.
            self._fitted, self._first = (len(lines), height), 0
        if len(lines) <= height or height < 1:
            self._first = 0
            return lines[: max(0, height)]
        at = next((index for index, line in enumerate(lines) if line.place == chosen), 0)
        # A row above and one below say how many there are beyond.
        first = min(self._first, max(0, at - 1), len(lines) - height)
        self._first = first = max(first, min(at - height + 2, len(lines) - height))
        shown = lines[first : first + height]
        if first > 0 and height > 2:
            shown[0] = _Line(row((f"↑ {first + 1} more{self._heads(lines, first + 1)}", DIM), width=width), -1)
        left = len(lines) - first - height
        if left > 0 and height > 2:
            shown[-1] = _Line(row((f"↓ {left + 1} more", DIM), width=width), -1)
        return shown

    def _row(self, item: Item, seen: Seen, lane: LaneHistory | None, is_chosen: bool, colour: int, width: int) -> Row:
        """Name, sparkline and newest value of a quantity; of anything else its name and what it says in short."""
        here = CHOSEN if is_chosen else TEXT
        if not isinstance(item, Quantity):
            value = item.value(seen) if isinstance(item, Sheet) else ""
            sign = "" if isinstance(item, Sheet) and item.claim else "▣ "
            room = max(1, width - len(value) - 1)
            title = sign + (item.short if item.short and len(sign + item.title) > room else item.title)
            return row((f"{cut(title, room):<{room}} ", here), (value, TEXT), width=width)
        name_width = min(_NAME_WIDTH, max(8, width - _VALUE_WIDTH - 8))
        title = item.short if item.short and len(item.title) > name_width else item.title
        room = max(0, width - name_width - _VALUE_WIDTH - 2)
        values, newest = self._numbers(item, lane, room)
        return row(
            (f"{cut(title, name_width):<{name_width}} ", here),
            (f"{values:<{room}} ", colour if is_chosen else DIM),
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
        # Most keys change nothing of what has been recorded.
        key = item.key, lane.index if lane is not None else -1, len(column), width, self.marker
        known = self._sparks.get(key)
        if known is None or known[0] is not column:
            if len(self._sparks) > _MOST_SPARKS:
                self._sparks.clear()
            self._sparks[key] = known = column, spark(column, width, item.log_y, self.marker)
        return known[1], short(column[-1]) if len(column) else "–"

    def on_click(self, event: events.Click) -> None:
        if event.y < len(self._drawn) and self._drawn[event.y].place >= 0:
            self.post_message(self.Chosen(self._drawn[event.y].place))


def _heading(item: Item, asked: str, seen: Seen, lane: LaneHistory | None, width: int) -> str:
    """What the group of a row is called; that of quantities says whose values stand beside them."""
    if isinstance(item, Quantity):
        if lane is None:
            return "Quantities"
        when = "then" if seen.history.state == "replayed" else "now" if lane.outcome is None else "at its end"
        only = f" · {asked}" if asked else ""
        return f"{cut(label(seen.history, lane), max(1, width - len(when + only) - 2))}, {when}{only}"
    return "Claims" if isinstance(item, Sheet) and item.claim else "Figures and pages"
