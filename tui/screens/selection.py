"""What of a run is shown, and how: the chosen row of the list, the lanes, the axes, the moment."""

from __future__ import annotations

import math

import msgspec

from solver.history import History, LaneHistory
from solver.maps import Table
from solver.refusal import BadSetting
from solver.series import AXES
from tui.draw import heatmap, heatmap_svg
from tui.draw.curves import Curve, Mark
from tui.draw.frame import plain
from tui.draw.matrix import View
from tui.memory import Look
from tui.shown import look_for, maps, quantities, traces
from tui.shown.bands import FEWEST_SEEDS
from tui.shown.figures import HOLLOW, Figure, figures
from tui.shown.items import Item, first, items, named
from tui.shown.listing import Listing, listing, matcher
from tui.shown.maps import MapRow
from tui.shown.pictures import Pictures, Scene
from tui.shown.quantities import Quantity
from tui.shown.sheets import Sheet, claim_sheets
from tui.text import label
from tui.watch import replay
from tui.watch.seen import Seen
from tui.widgets.chart import Chart

_CLOSEST = 20
_DECADE = 10.0
_MOST_SPANS = 60


class Selection:
    """The choices of one live view. Every method that changes them leaves drawing to the screen."""

    def __init__(self, seen: Seen, look: Look) -> None:
        self.seen = seen
        self.others: list[Seen] = []
        """Runs laid over this one."""
        self._whole: Seen | None = None
        """The run as it stands now, where an earlier moment is shown: axes hold all of it."""
        self._known = traces.Known()
        self._known_spans: dict[tuple[str, int], bool] = {}
        self._known_extents: dict[str, tuple[object, list[Curve]]] = {}
        self._figures = figures(seen.order.spec)
        self._claims = claim_sheets(seen.order)
        self.map = maps.Choice(seen.order.spec, look.map)
        """Which map is shown, where two fields are swept."""
        self.items: list[Item] = []
        self.lanes: frozenset[int] | None = None
        """The lanes that are shown; None for all."""
        self.view = View()
        """What part of a matrix is shown."""
        self._chosen = look.item
        self._axis = look.axis
        self._log_by_hand = dict(look.log)
        self._bands = look.bands
        self._pinned = list(look.pinned)
        self._asked = look.asked
        self._start = 0
        """The first line or slice of a page that is longer than the screen."""

    def look(self) -> Look:
        """The choices that another run of the same preset begins with."""
        # A page or a picture is read once; a chart is what one comes back to.
        item = self._chosen if isinstance(self.item(), Quantity | Figure | MapRow) else ""
        return Look(
            item=item,
            axis=self._axis,
            log=dict(self._log_by_hand),
            bands=self._bands,
            pinned=list(self._pinned),
            asked=self._asked,
            map=self.map.remembered(),
        )

    def update(self, seen: Seen, others: list[Seen], whole: Seen | None = None) -> None:
        """Takes up what the runs have by now; in a replay ``whole`` is all of the run."""
        self.seen, self.others, self._whole = seen, others, whole
        row = self.map.row(seen.history)
        self.items = items(seen, [*self._figures, *([] if row is None else [row])], self._claims, others)
        if self.item() is None and any(len(lane) for lane in seen.history.lanes):
            self._chosen = first(self.items, seen.order.preset.opens)

    def item(self) -> Item | None:
        """The chosen row of the list."""
        return next((item for item in self.items if item.key == self._chosen), None)

    def place(self) -> int:
        """Where it stands."""
        return next((place for place, item in enumerate(self.items) if item.key == self._chosen), 0)

    def choose(self, place: int) -> bool:
        """Chooses a row; False where there is none."""
        if not 0 <= place < len(self.items):
            return False
        self._chosen = self.items[place].key
        self._start, self.view = 0, View()
        return True

    def listing(self) -> Listing:
        """The rows of the list, as they were pinned and asked for."""
        try:
            return listing(self.items, self._asked, self._pinned, self._chosen)
        except BadSetting:
            # Remembered by another version.
            self._asked = ""
            return listing(self.items, "", self._pinned, self._chosen)

    def ask_for(self, words: str) -> None:
        """Lists the quantities that fit alone; none for all. Raises BadSetting."""
        matcher(words)
        self._asked = words.strip()

    @property
    def asked(self) -> str:
        """Which quantities are listed."""
        return self._asked

    def toggle_pinned(self) -> str:
        """Lets the list begin with the chosen row, or no longer; its title, or nothing where none is chosen."""
        item = self.item()
        if item is None:
            return ""
        if item.key in self._pinned:
            self._pinned.remove(item.key)
        else:
            self._pinned.append(item.key)
        return item.title.strip()

    def step(self, by: int) -> bool:
        """Chooses the row of the list so many further down; False where there is none."""
        places = self.listing().places
        at = next((index for index, place in enumerate(places) if place == self.place()), 0) + by
        return 0 <= at < len(places) and self.choose(places[at])

    def choose_key(self, key: str) -> bool:
        """Chooses the row of a key; False where there is none."""
        return self.choose(next((place for place, item in enumerate(self.items) if item.key == key), -1))

    def turn_page(self, chart: Chart, by: int = 0) -> bool:
        """Shows what follows on the page or among the pictures, or ``by`` lines; False where nothing does."""
        item = self.item()
        width, height = chart.size
        if isinstance(item, Sheet):
            n_lines = len(item.lines(self.seen, width))
            wanted = self._start + (by or max(1, height - 1))
            if by < 0 or n_lines > self._start + height:
                self._start = max(0, min(wanted, n_lines - 1))
                return True
        if isinstance(item, Pictures) and item.goes_on:
            self._start = max(0, self._start + (by or 1))
            return True
        return False

    def choose_kind(self, kind: type[Item] | tuple[type[Item], ...], *, explaining: bool = False) -> bool:
        """The first row of a kind, or from there the next one; False where there is none."""
        places = [
            place
            for place, item in enumerate(self.items)
            if isinstance(item, kind) and (not isinstance(item, Sheet) or bool(item.claim) == explaining)
        ]
        if not places:
            return False
        # The claims come first of all pages, whatever stands before them in the list.
        start = next((place for place in places if self.items[place].title == "claims"), places[0])
        return self.choose(
            next((place for place in places if place > self.place()), start) if self._is_in(places) else start
        )

    def _is_in(self, places: list[int]) -> bool:
        return self.item() is not None and self.place() in places

    def choose_view(self, number: int) -> bool:
        """The quantity behind a number key."""
        found = (
            place
            for place, item in enumerate(self.items)
            if isinstance(item, Quantity) and number in item.declared.keys
        )
        return self.choose(next(found, -1))

    def next_to_look_for(self) -> bool:
        """The row that shows the next thing to look for; False where the preset names none."""
        rows = [item for name in look_for.names(look_for.bullets(self.seen)) if (item := named(self.items, name))]
        rows = list({row.key: row for row in rows}.values())
        if not rows:
            return False
        at = next((place for place, row in enumerate(rows) if row.key == self._chosen), -1)
        return self.choose_key(rows[(at + 1) % len(rows)].key)

    def next_lane(self) -> None:
        """All lanes, then one after the other."""
        alone = self.chosen_lane()
        following = 0 if alone is None else alone.index + 1
        self.lanes = frozenset({following}) if following < len(self.seen.history.lanes) else None

    def next_axis(self) -> None:
        """Steps, flow time, evaluations, seconds: those that every lane has; on a map the next pair of fields."""
        item = self.item()
        if isinstance(item, MapRow):
            self.map.next_axes(item)
            return
        usable = [axis for axis in AXES if axis in quantities.axes(self.seen.history)]
        self._axis = usable[(usable.index(self._axis) + 1) % len(usable)] if self._axis in usable else "step"

    def choose_axis(self, axis: str) -> None:
        """Draws quantities against this series."""
        self._axis = axis

    @property
    def clock(self) -> str:
        """The axis that replay moves along: the chart's, or steps where that is a quantity."""
        is_there = all(self._axis in lane.columns for lane in self.seen.history.lanes)
        return self._axis if self._axis in AXES and is_there else "step"

    def toggle_log(self, axis: str) -> bool:
        """A logarithmic axis, or a linear one; False where what is shown has no axes."""
        item = self.item()
        if isinstance(item, MapRow) and axis == "y":
            self._log_by_hand[item.log_key] = not self._heat_map(item).log
            return True
        if not isinstance(item, Figure | Quantity):
            return False
        self._log_by_hand[self._log_key(item, axis)] = not self._log(item, axis)
        return True

    def toggle_bands(self) -> bool:
        """Medians with bands, or every lane; False where no lanes differ in their seed alone."""
        if not self._has_bands():
            return False
        self._bands = not self.bands
        return True

    def _has_bands(self) -> bool:
        return self.seen.order.spec.seeds >= FEWEST_SEEDS

    @property
    def bands(self) -> bool:
        """Whether the lanes of one setting are drawn as a median with its quartiles."""
        return self._has_bands() and self._bands

    def chosen_lane(self) -> LaneHistory | None:
        """The lane that is shown alone."""
        lanes = self.seen.history.lanes
        if self.lanes is None or len(self.lanes) != 1:
            return None
        return next((lane for lane in lanes if lane.index in (self.lanes or ())), None)

    def draw(self, chart: Chart, *, growing: bool, key: str = "", prefix: str = "") -> None:
        """Shows the chosen row, or that of a key; with ``growing`` more is to come."""
        item = self.item() if not key else next((one for one in self.items if one.key == key), None)
        if item is None:
            chart.draw([], [], "waiting for the solver", "")
            return
        if chart.plot.growing != growing:
            # The run has ended (or goes on): the limits fit what there is.
            chart.plot.growing = growing
            chart.plot.forget()
        if isinstance(item, Sheet):
            start = 0 if key else self._start
            is_plain = chart.plot.marker == "ascii"
            chart.paint(
                lambda width, height: [
                    plain(line) if is_plain else line for line in item.rows(self.seen, width, height, start)
                ]
            )
        elif isinstance(item, Pictures):
            start, view = (0, View()) if key else (self._start, self.view)
            scene = Scene(self.seen.history, self.chosen_lane(), self.seen.truths, start, view)
            chart.paint(lambda width, height: item.rows(scene, width, height))
        elif isinstance(item, MapRow):
            self._draw_map(chart, item, prefix)
        else:
            self.draw_curves(chart, item, prefix)

    def _draw_map(self, chart: Chart, item: MapRow, prefix: str) -> None:
        """The fields of the lanes that are shown, and as a figure the same on paper."""
        heat, cursor = self._heat_map(item), item.cursor
        on_screen = msgspec.structs.replace(heat, title=prefix + heat.title)
        chart.paint(
            lambda width, height: heatmap.rows(on_screen, cursor, chart.plot.marker, width, height),
            lambda origin, width: heatmap_svg.figure(heat, origin, width),
        )

    def _heat_map(self, item: MapRow) -> heatmap.HeatMap:
        return maps.heat_map(self.cells(item), self._log_by_hand.get(item.log_key))

    def cells(self, item: MapRow) -> Table:
        """The cells of a map, over the lanes that are shown."""
        lanes = [lane for lane in self.seen.history.lanes if self.lanes is None or lane.index in self.lanes]
        return self.map.table(item, lanes)

    def map_row(self) -> MapRow | None:
        """The map of the run; None where fewer than two fields are swept."""
        return next((item for item in self.items if isinstance(item, MapRow)), None)

    def choose_map(self) -> bool:
        """The map of the chosen quantity, on a map that of the next number; False where there is none."""
        item, row = self.item(), self.map_row()
        if row is None:
            return False
        if isinstance(item, MapRow):
            self.map.next_statistic(item, self.seen.history)
        elif isinstance(item, Quantity):
            self.map.choose_statistic(maps.statistic_of(item))
        return self.choose_key(row.key)

    def move_on_map(self, across: int = 0, up: int = 0) -> bool:
        """Another field is read out; False where no map is shown."""
        item = self.item()
        if not isinstance(item, MapRow):
            return False
        self.map.move_cursor(item, across, up)
        return True

    def press_on_map(self, chart: Chart, column: int, row: int) -> bool:
        """The field at a cell of the chart is read out; False where none is there."""
        item = self.item()
        if not isinstance(item, MapRow):
            return False
        found = heatmap.place_at(self._heat_map(item), item.cursor, *chart.size, column, row)
        self.map.cursor = found or self.map.cursor
        return found is not None

    def draw_curves(self, chart: Chart, item: Figure | Quantity, prefix: str = "") -> None:
        """The curves of a row; a chart that showed another one has limits of its own."""
        if chart.shows != item.key:
            chart.shows = item.key
            chart.plot.forget()
        chart.plot.y_log = self._log(item, "y")
        chart.plot.x_log = self._log(item, "x")
        chart.plot.from_zero = isinstance(item, Quantity) and not traces.is_plane(self._axis)
        title = prefix + item.title.strip() + (" (log)" if chart.plot.y_log else "")
        if isinstance(item, Quantity) and traces.is_plane(self.drawn_axis(item)):
            title += f" against {quantities.axis_name(self._axis)}"
        alone = self.chosen_lane()
        if alone is not None and isinstance(item, Quantity):
            title += f" · {label(self.seen.history, alone)}"
        lanes = self.seen.history.lanes
        ended = sum(lane.outcome is not None for lane in lanes)
        if isinstance(item, Figure) and item.of_ends and ended < len(lanes):
            title += f" · {ended} of {len(lanes)} lanes have ended, {HOLLOW} goes on"
        extent = [] if self._whole is None else self._extent(item, self._whole, chart)
        x_name = item.x_name if isinstance(item, Figure) else quantities.axis_name(self.drawn_axis(item))
        chart.draw(self._curves(item, self.seen, chart), self._marks(item), title, x_name, extent)

    def _extent(self, item: Figure | Quantity, whole: Seen, chart: Chart) -> list[Curve]:
        """The curves of the whole run, made anew only when they are others."""
        n_frames = sum(len(lane) for lane in whole.history.lanes)
        key = (item.key, self._axis, self.lanes, self.bands, chart.plot.x_log, n_frames, len(self.others))
        if item.key not in self._known_extents or self._known_extents[item.key][0] != key:
            self._known_extents[item.key] = key, self._curves(item, whole, chart)
        return self._known_extents[item.key][1]

    def _curves(self, item: Figure | Quantity, seen: Seen, chart: Chart) -> list[Curve]:
        if isinstance(item, Figure):
            return item.curves(seen.history)
        shown = traces.groups(seen, self.others, self.lanes)
        return traces.curves(
            item, shown, self.drawn_axis(item), bands=self.bands, log_x=chart.plot.x_log, known=self._known
        )

    def _marks(self, item: Figure | Quantity) -> list[Mark]:
        if isinstance(item, Figure):
            return []
        lanes = traces.groups(self.seen, (), self.lanes)[-1].lanes
        return traces.marks(item, self.seen.history, lanes, self.drawn_axis(item))

    def drawn_axis(self, item: Quantity) -> str:
        """The chosen axis, or steps where not every lane that records the quantity has it."""
        lanes = [lane for lane in self.seen.history.lanes if quantities.columns(item, lane)]
        return self._axis if all(self._axis in lane.columns for lane in lanes) else "step"

    def moments(self, history: History) -> list[float]:
        """The places of the clock that replay stops at."""
        return list(dict.fromkeys(replay.ticks(history, self.clock)))

    def move_view(self, *, closer: int = 0, down: int = 0, across: int = 0) -> bool:
        """Another part of a matrix; False where none is shown."""
        item = self.item()
        if not isinstance(item, Pictures):
            return False
        view = self.view
        self.view = msgspec.structs.replace(
            view,
            closer=min(_CLOSEST, max(0, view.closer + closer)),
            down=max(0, view.down + down),
            across=max(0, view.across + across),
        )
        if item.is_paged:
            return True
        # Half a screen at a time, one reaches the end of a matrix in twice as many steps as one has come closer.
        reach = 2 * self.view.closer
        self.view = msgspec.structs.replace(
            self.view, down=min(self.view.down, reach), across=min(self.view.across, reach)
        )
        return True

    def _log(self, item: Figure | Quantity, axis: str) -> bool:
        """Whether an axis is logarithmic: as chosen by hand, else as the item starts out."""
        key = self._log_key(item, axis)
        if key in self._log_by_hand:
            return self._log_by_hand[key]
        if isinstance(item, Figure):
            return item.x_log if axis == "x" else item.y_log
        return axis == "y" and (item.log_y or self._spans_decades(item))

    def _spans_decades(self, item: Quantity) -> bool:
        """Whether a scalar goes over more than a decade, all above zero: then a linear axis shows its largest alone.

        Singular values and norms of components are left: that most of them are near zero is what they show.
        """
        runs = [self._whole or self.seen, *self.others]
        lanes = [lane for run in runs for lane in run.history.lanes if lane.columns.get(item.series)]
        key = item.series, sum(len(lane) for lane in lanes)
        if key not in self._known_spans:
            columns = [lane.columns[item.series] for lane in lanes]
            least, most = min(map(min, columns), default=0.0), max(map(max, columns), default=0.0)
            self._known_spans = {key: 0.0 < _DECADE * least < most < math.inf, **self._known_spans}
            if len(self._known_spans) > _MOST_SPANS:
                self._known_spans = {key: self._known_spans[key]}
        return self._known_spans[key]

    def _log_key(self, item: Figure | Quantity, axis: str) -> str:
        """The x axis is the same for all quantities; a figure has its own."""
        name = item.series if isinstance(item, Quantity) else item.key
        return axis if axis == "x" and isinstance(item, Quantity) else f"{axis} {name}"
