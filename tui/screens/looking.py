"""A screen with a picture of a run: its actions choose what is shown, read values, zoom, and go back in time."""

from __future__ import annotations

import time

from textual.screen import Screen

from solver import claims, settings
from solver.maps import offered
from solver.records import Claim
from solver.refusal import BadSetting
from tui import memory
from tui.draw.canvas import MARKERS
from tui.host import Host
from tui.screens.dialogs import AskDialog
from tui.screens.finder import Entry, Finder
from tui.screens.selection import Selection
from tui.shown import maps, quantities
from tui.shown.items import FIGURES, Item, title
from tui.shown.pictures import Pictures
from tui.shown.quantities import Quantity
from tui.shown.sheets import Sheet
from tui.text import label, quantity
from tui.watch.seen import Follower, Seen
from tui.widgets.chart import Chart
from tui.widgets.quantity_list import QuantityList
from tui.widgets.slider import Slider

_ZOOM = 0.7
_FAR = 10
_PAN = 0.25
# A replay takes about so long.
_REPLAY_S = 12.0
_JUDGE_SELDOM = 5.0


class LookingScreen(Screen[None]):
    """What the keys of the live view do to its picture. Subclasses say when and how it is drawn."""

    app: Host

    def __init__(self, follower: Follower, frames_per_s: float) -> None:
        super().__init__()
        self.follower = follower
        self.frames_per_s = frames_per_s
        self.others: dict[str, Follower] = {}
        """Runs laid over this one, by id."""
        look = self.app.memory.looks.get(follower.order.preset.name, memory.Look())
        self.selection = Selection(follower.seen(), look)
        self.place: int | None = None
        """Which moment of the run is shown; None for the newest."""
        self.is_playing = False
        self._moments: list[float] = []
        self._clock = "step"
        """The axis of the moments."""
        self._played_at = 0.0
        self._judged: dict[str, Claim] = {}
        self._judge_at = 0.0
        self._lanes = settings.lanes(follower.order.spec)

    def redraw(self) -> None:
        """Draws everything as it stands."""
        raise NotImplementedError

    @property
    def chart(self) -> Chart:
        """The picture that keys act on."""
        return self.query_one(Chart)

    def seen(self) -> Seen:
        """The run at the moment that is shown, its claims judged as they stood."""
        if self.place is None:
            return self.follower.seen()
        seen = self.follower.seen(self._clock, self._moments[self.place])
        # Judging takes longer than drawing: while a replay plays, a sixth of the time at most.
        begin = time.monotonic()
        if not self.is_playing or begin >= self._judge_at:
            found = claims.judge(seen.order.preset.claims, seen.history, self._lanes, at_end=False)
            self._judged = {claim.name: claim for claim in found}
            self._judge_at = begin + _JUDGE_SELDOM * (time.monotonic() - begin)
        seen.history.claims = self._judged
        return seen

    def others_seen(self) -> list[Seen]:
        return [other.seen() for other in self.others.values()]

    def read_cursor(self) -> None:
        """Shows what stands at the cursor, where anything but the chart does."""

    def show(self, *, changed: bool) -> None:
        """Draws with limits of its own what was chosen."""
        if changed:
            self.chart.plot.forget()
            self.redraw()

    def remember(self) -> None:
        """Keeps how the run was looked at for the next one of its preset."""
        self.app.memory.looks[self.follower.order.preset.name] = self.remembered()

    def remembered(self) -> memory.Look:
        """How the run is looked at."""
        return self.selection.look()

    def on_quantity_list_chosen(self, message: QuantityList.Chosen) -> None:
        self.show(changed=self.selection.choose(message.index))

    def on_chart_pressed(self, message: Chart.Pressed) -> None:
        if self.selection.press_on_map(self.chart, message.column, message.row):
            self.redraw()

    def on_chart_wheeled(self, message: Chart.Wheeled) -> None:
        if self.selection.turn_page(self.chart, message.lines):
            self.redraw()

    def action_view(self, number: int) -> None:
        self.show(changed=self.selection.choose_view(number))

    def action_figure(self) -> None:
        self._choose_kind(FIGURES, "this run has no figure")

    def action_map(self) -> None:
        if self.selection.choose_map():
            self.show(changed=True)
        else:
            self.notify("a map needs two fields with several values each: give lists in a new run")

    def action_claims(self) -> None:
        self._choose_kind(Sheet, "this run's preset makes no claims")

    def action_pictures(self) -> None:
        self._choose_kind(Pictures, "there is no picture of this run yet, or its matrices are too large")

    def _choose_kind(self, kind: type[Item] | tuple[type[Item], ...], none: str) -> None:
        item = self.selection.item()
        already = isinstance(item, kind) and not (isinstance(item, Sheet) and item.claim)
        if (already and self.selection.turn_page(self.chart)) or self.selection.choose_kind(kind):
            self.show(changed=True)
        else:
            self.notify(none)

    def action_explain(self) -> None:
        item = self.selection.item()
        already = isinstance(item, Sheet) and bool(item.claim)
        if (already and self.selection.turn_page(self.chart)) or self.selection.choose_kind(Sheet, explaining=True):
            self.show(changed=True)
        else:
            self.notify("this run's preset makes no claims")

    def action_filter_list(self) -> None:
        def asked(words: str | None) -> None:
            if words is None:
                return
            try:
                self.selection.ask_for(words)
            except BadSetting as error:
                self.app.complain(str(error))
            self.redraw()

        self.app.push_screen(
            AskDialog("List only quantities with these words, norm* or /norm|rank/", self.selection.asked), asked
        )

    def action_pin_row(self) -> None:
        title = self.selection.toggle_pinned()
        self.notify(f"{title}: pinned or let go of at the head of the list" if title else "no row is chosen")
        self.redraw()

    def action_look_for(self) -> None:
        if self.selection.next_to_look_for():
            self.show(changed=True)
        else:
            self.notify("the preset says nothing to look for")

    def action_lanes(self) -> None:
        if len(self.follower.history.lanes) < 2:
            self.notify("the run has one lane")
        else:
            self.selection.next_lane()
            self.show(changed=True)

    def action_choose(self) -> None:
        self.app.push_screen(Finder("Find a quantity, page, picture, lane or x axis", self._entries), self._found)

    def _entries(self, words: str) -> list[Entry]:
        """What fits the words, rows of the list first."""
        history = self.follower.history
        found = [Entry(f"show  {title(item)}", "item", item.key) for item in self.selection.items]
        if len(history.lanes) > 1:
            lanes = [Entry(f"lane  {label(history, lane)}", "lanes", str(lane.index)) for lane in history.lanes]
            found += [Entry("lanes  all of them", "lanes", ""), *lanes]
        else:
            lanes = []
        found += [Entry(f"x axis  {quantities.axis_name(axis)}", "axis", axis) for axis in quantities.axes(history)]
        found += self._map_entries()
        fitting = [entry for entry in found if entry.fits(words)]
        matching = [entry.key for entry in lanes if entry.fits(words)]
        if words and 1 < len(matching) < len(lanes):
            fitting.insert(0, Entry(f"lanes  only these {len(matching)}: {words}", "lanes", ",".join(matching)))
        return fitting

    def _map_entries(self) -> list[Entry]:
        """What a map can show, and over which settings."""
        if self.selection.map_row() is None:
            return []
        axes = [
            Entry(f"map axes  {maps.field_name(x)} →, {maps.field_name(y)} ↑", "map axes", f"{x} {y}")
            for x, y in self.selection.map.axes()
        ]
        there = offered(self.follower.history)
        return axes + [Entry(f"map  {maps.name_of(one)}", "map", one.name) for one in there]

    def _found(self, entry: Entry | None) -> None:
        if entry is None:
            return
        if entry.kind == "item":
            self.selection.choose_key(entry.key)
        elif entry.kind == "axis":
            self.selection.choose_axis(entry.key)
            self._keep_moment()
        elif entry.kind in ("map", "map axes"):
            self._found_map(entry)
        else:
            self.selection.lanes = frozenset(int(index) for index in entry.key.split(",")) if entry.key else None
        self.show(changed=True)

    def _found_map(self, entry: Entry) -> None:
        choice, row = self.selection.map, self.selection.map_row()
        if row is None:
            return
        if entry.kind == "map axes":
            choice.choose_axes(*entry.key.split())
        else:
            choice.choose_statistic(next(one for one in offered(self.follower.history) if one.name == entry.key))
        self.selection.choose_key(row.key)

    def action_log_x(self) -> None:
        self.show(changed=self.selection.toggle_log("x"))

    def action_log_y(self) -> None:
        self.show(changed=self.selection.toggle_log("y"))

    def action_against(self) -> None:
        self.selection.next_axis()
        self._keep_moment()
        self.show(changed=True)

    def action_bands(self) -> None:
        if not isinstance(self.selection.item(), Quantity):
            self.notify("bands are for quantities: 1 to 4 show some")
        elif self.selection.toggle_bands():
            self.show(changed=True)
        else:
            self.notify("bands need three seeds or more: set seeds in a new run")

    def action_marker(self) -> None:
        plot = self.chart.plot
        plot.marker = MARKERS[(MARKERS.index(plot.marker) + 1) % len(MARKERS)]
        self.app.memory.marker = self.query_one(QuantityList).marker = plot.marker
        self.redraw()

    def action_cursor(self, where: str) -> None:
        cells = _FAR if where.startswith("far") else 1
        if self.selection.move_on_map(across=-cells if where.endswith("left") else cells):
            self.redraw()
        elif self.chart.is_plot:
            self.chart.plot.move_cursor(-cells if where.endswith("left") else cells)
            self.chart.redraw()
            self.read_cursor()

    def action_zoom(self, how: str) -> None:
        plot = self.chart.plot
        if how == "all":
            plot.reset()
            self.selection.map.cursor = None
            self.selection.view = type(self.selection.view)()
        elif self.selection.move_view(closer=1 if how.startswith("in") else -1):
            self.redraw()
            return
        elif not self.chart.is_plot:
            self.notify("a map or a page of text has nothing to zoom")
            return
        elif how in ("in y", "out y"):
            plot.zoom_y(_ZOOM if how == "in y" else 1.0 / _ZOOM)
        else:
            plot.zoom_x(_ZOOM if how == "in" else 1.0 / _ZOOM)
        self.redraw()

    def action_pan(self, where: str) -> None:
        across, up = {"left": (-1, 0), "right": (1, 0), "up": (0, 1), "down": (0, -1)}[where]
        if self.selection.move_on_map(across, up):
            self.redraw()
            return
        if not self.selection.move_view(across=across, down=-up):
            if not self.chart.is_plot or not self.chart.plot.is_zoomed:
                self.notify("all of it is shown: + zooms in")
            self.chart.plot.pan(_PAN * across, _PAN * up)
        self.redraw()

    def action_replay(self) -> None:
        if self.place is None and not self._begin_replay():
            return
        assert self.place is not None
        if not self.is_playing and self.place == len(self._moments) - 1:
            self.place = 0
        self.is_playing = not self.is_playing
        self._played_at = time.monotonic()
        self.show(changed=True)

    def _begin_replay(self) -> bool:
        self._clock, self._moments = self.selection.clock, self.selection.moments(self.follower.history)
        if len(self._moments) < 2:
            self.notify("there is nothing to replay yet")
            return False
        self.place = len(self._moments) - 1
        self.set_class(True, "replaying")
        return True

    def _keep_moment(self) -> None:
        """Goes on with a replay along another axis, from as far along it."""
        if self.place is not None:
            share = self.place / max(1, len(self._moments) - 1)
            self._clock, self._moments = self.selection.clock, self.selection.moments(self.follower.history)
            self.place = round(share * (len(self._moments) - 1))

    def end_replay(self) -> None:
        """Shows the newest moment again."""
        self.place, self.is_playing = None, False
        self.set_class(False, "replaying")
        self.show(changed=True)

    def play_on(self) -> None:
        """The next moments of a replay that is playing, as many as the time since the last ones asks for."""
        if self.place is None or not self.is_playing:
            return
        now = time.monotonic()
        step = int(len(self._moments) * (now - self._played_at) / _REPLAY_S)
        if step == 0:
            return
        self._played_at = now
        self.place = min(len(self._moments) - 1, self.place + step)
        self.is_playing = self.place < len(self._moments) - 1

    def action_replay_back(self) -> None:
        self._step(-1)

    def action_replay_forward(self) -> None:
        self._step(1)

    def _step(self, by: int) -> None:
        if self.place is None and (by > 0 or not self._begin_replay()):
            return
        assert self.place is not None
        self.is_playing = False
        self.place = max(0, self.place + by)
        if self.place >= len(self._moments):
            self.end_replay()
        else:
            self.redraw()

    def on_slider_moved(self, message: Slider.Moved) -> None:
        if self.place is not None:
            self.is_playing = False
            # Drawn at the next tick, however fast somebody drags.
            self.place = round(message.fraction * (len(self._moments) - 1))

    def draw_slider(self) -> None:
        """Where the replay stands."""
        if self.place is not None:
            last = max(1, len(self._moments) - 1)
            sign = "▶" if self.is_playing else "‖"
            where = f"{quantities.axis_name(self._clock)} {quantity(self._moments[self.place])}"
            self.query_one(Slider).draw(self.place / last, f"{sign} {where:<14}")
