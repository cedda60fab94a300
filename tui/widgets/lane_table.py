"""The lanes of a run in the list's place: every one with its settings, its state and its value."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from textual import events
from textual.message import Message

from tui.draw.cells import DIM, STRONG, TEXT, Row, row
from tui.draw.palette import CHOSEN, series_colour
from tui.shown.lane_rows import LaneRow
from tui.text import cut
from tui.widgets.rows import Rows

_VALUE_WIDTH = 9


class LaneTable(Rows):
    """A row for each lane; a click shows the lane alone."""

    class Chosen(Message):
        """A lane was clicked."""

        def __init__(self, lane: int) -> None:
            super().__init__()
            self.lane = lane

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._first = 0
        self._lanes: list[int] = []

    def draw(
        self,
        order: str,
        fields: Sequence[str],
        what: str,
        lanes: Sequence[LaneRow],
        at: int,
        shown: Collection[int] | None,
    ) -> None:
        """Shows the lanes around the place ``at``; those that are not ``shown`` in the chart dim and without a mark.

        ``fields`` are those in which the lanes differ, ``what`` is the value that stands beside each.
        """
        width, height = self.size
        if width < 1 or height < 3:
            return
        room = height - 2
        self._first = max(0, min(self._first, at, len(lanes) - room), at - room + 1)
        in_sight = lanes[self._first : self._first + room]
        self._lanes = [one.lane for one in in_sight]
        count = f"{at + 1} of {len(lanes)}" if len(lanes) > room else f"{len(lanes)}"
        head = f"Lanes by {order}"
        names = max(1, width - len(what) - 3)
        is_short = any(len(one.name) > width - _VALUE_WIDTH - 5 for one in lanes)
        told = " · ".join(field.rpartition(".")[2].replace("_", " ") for field in fields) if is_short else ""
        rows = [
            row((f"{head:<{max(0, width - len(count))}}", STRONG), (count, DIM), width=width),
            row((f"  {cut(told, names):<{names}} ", DIM), (cut(what, max(1, width - 3)), DIM), width=width),
        ]
        rows += [
            self._row(one, self._first + place == at, shown is None or one.lane in shown, width, is_short=is_short)
            for place, one in enumerate(in_sight)
        ]
        self.show(rows + [row(width=width)] * (height - len(rows)))

    def _row(self, one: LaneRow, is_here: bool, is_shown: bool, width: int, *, is_short: bool) -> Row:
        room = max(1, width - _VALUE_WIDTH - 5)
        text = CHOSEN if is_here else TEXT if is_shown else DIM
        return row(
            (f"{one.mark if is_shown else ' '} ", series_colour(one.lane) if is_shown else DIM),
            (f"{cut(one.values if is_short else one.name, room):<{room}} ", text),
            (f"{one.sign} ", DIM),
            (f"{one.value:>{_VALUE_WIDTH}}", TEXT if is_shown else DIM),
            width=width,
        )

    def on_click(self, event: events.Click) -> None:
        if 1 < event.y <= len(self._lanes) + 1:
            self.post_message(self.Chosen(self._lanes[event.y - 2]))
