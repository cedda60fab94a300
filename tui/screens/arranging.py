"""A screen with several pictures of a run where it is large, and the table of lanes where there are many."""

from __future__ import annotations

from tui import memory
from tui.screens.looking import LookingScreen
from tui.shown import lane_rows, look_for, quantities, traces
from tui.shown.items import named
from tui.shown.lane_rows import ORDERS, LaneRow
from tui.shown.maps import MapRow
from tui.shown.quantities import Quantity
from tui.watch.seen import Follower, Seen
from tui.widgets.chart import Chart
from tui.widgets.charts import SHAPES, Charts, Shape
from tui.widgets.lane_table import LaneTable
from tui.widgets.look_for_list import LookForList

# From so many lanes on they have a table, and from this size on a screen has several charts, by themselves.
_MANY_LANES = 9
_LARGE = (160, 48)


class ArrangingScreen(LookingScreen):
    """Which charts there are, and which lanes they show."""

    def __init__(self, follower: Follower, frames_per_s: float) -> None:
        super().__init__(follower, frames_per_s)
        look = self.app.memory.looks.get(follower.order.preset.name, memory.Look())
        self._tiles: list[str] = list(look.tiles)
        """The key of the row that each chart shows."""
        self._shape: Shape | None = tuple(look.shape) if look.shape in map(list, SHAPES) else None  # type: ignore[assignment]
        """As chosen by hand; None for what fits the screen."""
        self.has_table = len(self._lanes) >= _MANY_LANES
        self._at, self._order, self._falls = 0, ORDERS[0], False
        self._rows: list[LaneRow] = []

    @property
    def charts(self) -> Charts:
        return self.query_one(Charts)

    @property
    def chart(self) -> Chart:
        return self.charts.active

    def remembered(self) -> memory.Look:
        """How the run is looked at, with its charts."""
        look = super().remembered()
        look.tiles, look.shape = self._tiles, list(self._shape or ())
        return look

    def fit_charts(self) -> None:
        """As many charts as were chosen, or as the screen and what there is to look for ask for."""
        width, height = self.charts.size
        wanted = self._shape or (self._proposed() if self._is_large() else (1, 1))
        if self.has_class("maximised") or not self.charts.fits(wanted, width, height):
            wanted = (1, 1)
        if wanted != self.charts.shape:
            place = self.charts.place
            self.charts.lay_out(wanted, self.app.marker)
            if self.charts.place != place and place < len(self._tiles):
                self._tiles[0], self._tiles[place] = self._tiles[place], self._tiles[0]
            self.call_after_refresh(self.redraw)

    def _is_large(self) -> bool:
        return self.size.width >= _LARGE[0] and self.size.height >= _LARGE[1]

    def _proposed(self) -> Shape:
        n = len(self._to_look_at())
        return (2, 2) if n > 2 else (1, 2) if n == 2 else (1, 1)

    def _to_look_at(self) -> list[str]:
        """The rows that show what there is to look for, each once; then the first quantities."""
        selection, seen = self.selection, self.follower.seen()
        names = [seen.order.preset.opens, *look_for.names(look_for.bullets(seen))]
        found = [item.key for name in names if (item := named(selection.items, name)) is not None]
        found += [item.key for item in selection.items if isinstance(item, Quantity) and item.declared.keys]
        return list(dict.fromkeys(found))

    def draw_charts(self, *, growing: bool) -> None:
        """Every chart; the one that keys act on shows the chosen row."""
        charts, selection = self.charts, self.selection
        if self._is_large():
            # What there is to look at is known when lanes are.
            self.fit_charts()
        n = len(charts.shown)
        there = {item.key for item in selection.items}
        if self.follower.history.lanes:
            # Remembered from a run that had more.
            self._tiles = [key for key in self._tiles if key in there]
        proposed = [key for key in self._to_look_at() if key not in self._tiles]
        while len(self._tiles) < n and proposed:
            self._tiles.append(proposed.pop(0))
        chosen = selection.item()
        if chosen is not None and charts.place < len(self._tiles):
            self._tiles[charts.place] = chosen.key
        elif chosen is not None:
            self._tiles.append(chosen.key)
        for place, chart in enumerate(charts.shown):
            if place == charts.place:
                selection.draw(chart, growing=growing, prefix="▸ " if n > 1 else "")
            elif place < len(self._tiles):
                selection.draw(chart, growing=growing, key=self._tiles[place])

    def draw_table(self, seen: Seen) -> None:
        """The lanes, with the value of the chosen quantity at the cursor or at their ends."""
        item, cursor = self.selection.item(), self.chart.plot.cursor
        shown = item if isinstance(item, Quantity) else item.quantity if isinstance(item, MapRow) else None
        axis = self.selection.drawn_axis(shown) if shown is not None else "step"
        # On a path there are many places with one x.
        cursor = cursor if shown is not None and self.chart.is_plot and not traces.is_plane(axis) else None
        here = self._rows[self._at].lane if self._at < len(self._rows) else 0
        self._rows = lane_rows.rows(seen, shown, axis, cursor, self._order, falls=self._falls)
        # The lane that was chosen, wherever the order has it now.
        self._at = next((place for place, one in enumerate(self._rows) if one.lane == here), 0)
        what = (shown.short or shown.title.strip()) if shown is not None else "training loss"
        where = "" if cursor is None else f" at {quantities.axis_name(axis)} {cursor:.4g}"
        order = f"{self._order} {'↓' if self._falls else '↑'}"
        fields = lane_rows.fields_of(seen)
        self.query_one(LaneTable).draw(order, fields, f"{what}{where}", self._rows, self._at, self.selection.lanes)

    def show_lane_table(self) -> None:
        """The table of lanes, or the list of quantities, in the same place."""
        self.set_class(self.has_table, "with-lanes")
        self.call_after_refresh(self.redraw)

    def action_table(self) -> None:
        if len(self.follower.history.lanes) < 2:
            self.notify("the run has one lane")
            return
        self.has_table = not self.has_table
        self.show_lane_table()

    def action_next_quantity(self) -> None:
        self._move(1)

    def action_previous_quantity(self) -> None:
        self._move(-1)

    @property
    def _shows_table(self) -> bool:
        """Whether the table is there and in sight."""
        return self.has_table and self.query_one(LaneTable).size.height > 0

    def _move(self, by: int) -> None:
        if self._shows_table:
            self._at = max(0, min(self._at + by, len(self._rows) - 1))
            self.redraw()
        else:
            self.show(changed=self.selection.step(by))

    def _lane_here(self) -> int | None:
        return self._rows[self._at].lane if self._shows_table and self._at < len(self._rows) else None

    def action_solo(self) -> None:
        here = self._lane_here()
        if here is None:
            self.notify("the table of lanes has rows to show alone: L brings it")
            return
        self.selection.lanes = None if self.selection.lanes == frozenset({here}) else frozenset({here})
        self.show(changed=True)

    def action_hide(self) -> None:
        here, lanes = self._lane_here(), self.follower.history.lanes
        if here is None:
            self.notify("the table of lanes has rows to hide: L brings it")
            return
        every = frozenset(lane.index for lane in lanes)
        shown = (every if self.selection.lanes is None else self.selection.lanes) ^ {here}
        if not shown:
            self.notify("one lane stays in sight")
            return
        self.selection.lanes = None if shown == every else shown
        self._move(1)
        self.show(changed=True)

    def action_sort_lanes(self) -> None:
        """By the next column; the same one downwards first."""
        if not self.has_table:
            self.notify("the table of lanes can be sorted: L brings it")
            return
        if self._falls:
            self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._falls = not self._falls
        self.redraw()

    def on_lane_table_chosen(self, message: LaneTable.Chosen) -> None:
        self._at = next((place for place, one in enumerate(self._rows) if one.lane == message.lane), 0)
        self.action_solo()

    def on_look_for_list_chosen(self, message: LookForList.Chosen) -> None:
        self.show(changed=self.selection.choose_key(message.key))

    def on_charts_activated(self, message: Charts.Activated) -> None:
        self._activate(message.place)

    def action_next_chart(self) -> None:
        if len(self.charts.shown) > 1:
            self._activate(self.charts.place + 1)
        else:
            self.notify("there is one chart: g shows more where there is room")

    def _activate(self, place: int) -> None:
        self.charts.activate(place)
        if self.charts.place < len(self._tiles):
            self.selection.choose_key(self._tiles[self.charts.place])
        self.redraw()

    def action_grid(self) -> None:
        """The next larger grid that fits; after the largest one chart."""
        width, height = self.charts.size
        fitting = [shape for shape in SHAPES if self.charts.fits(shape, width, height)]
        if len(fitting) < 2:
            self.notify("more charts need a larger screen")
            return
        at = fitting.index(self.charts.shape) if self.charts.shape in fitting else 0
        self._shape = fitting[(at + 1) % len(fitting)]
        self.fit_charts()
