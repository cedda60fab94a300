"""What of a run is shown, and how: the chosen row of the list, the lanes, the axes."""

from __future__ import annotations

from solver.history import History, LaneHistory
from solver.rundir import Order
from tui import quantities
from tui.figures import Figure
from tui.items import Item, Pictures, curves_of, first, items, marks_of, pictures
from tui.quantities import Quantity
from tui.sheets import Sheet
from tui.widgets.chart import Chart

_AXES = ("step", "time", "evaluations")
# Short enough for the corner under the y axis.
_AXIS_NAMES = {"step": "step", "time": "time", "evaluations": "evals"}


class Picture:
    """The choices of one live view. Every method that changes them leaves drawing to the screen."""

    def __init__(self, history: History, order: Order) -> None:
        self._history = history
        self._order = order
        self.items: list[Item] = []
        self.lane: int | None = None
        """The lane that is shown alone; None for all."""
        self._chosen = ""
        self._axis = "step"
        self._log_by_hand: dict[str, bool] = {}
        self._start = 0
        """The first line or picture of a page that is longer than the screen."""

    def update(self) -> None:
        """Takes up what the history has by now."""
        self.items = items(self._history, self._order)
        if self.item() is None:
            self._chosen = first(self.items)

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
        self._start = 0
        return True

    def turn_page(self, chart: Chart) -> bool:
        """Shows what follows on the page or among the pictures; False where nothing does."""
        item = self.item()
        width, height = chart.size
        if isinstance(item, Sheet) and len(item.lines(self._history, width)) > self._start + height:
            self._start += max(1, height - 1)
            return True
        if isinstance(item, Pictures):
            self._start += 1
            return True
        return False

    def choose_kind(self, kind: type[Item]) -> bool:
        """The first row of a kind, or from there the next one; False where there is none."""
        places = [place for place, item in enumerate(self.items) if isinstance(item, kind)]
        return bool(places) and self.choose(next((place for place in places if place > self.place()), places[0]))

    def choose_view(self, number: int) -> bool:
        """The quantity behind a number key."""
        views = quantities.VIEWS[number]
        found = (k for k, item in enumerate(self.items) if isinstance(item, Quantity) and item.series in views)
        return self.choose(next(found, -1))

    def next_lane(self) -> None:
        """All lanes, then one after the other."""
        following = 0 if self.lane is None else self.lane + 1
        self.lane = following if following < len(self._history.lanes) else None

    def next_axis(self) -> None:
        """Steps, flow time, evaluations: those that every lane has."""
        usable = [axis for axis in _AXES if all(axis in lane.columns for lane in self._history.lanes)]
        self._axis = usable[(usable.index(self._axis) + 1) % len(usable)] if self._axis in usable else "step"

    def toggle_log(self, axis: str) -> bool:
        """A logarithmic axis, or a linear one; False where what is shown has no axes."""
        item = self.item()
        if not isinstance(item, Figure | Quantity):
            return False
        self._log_by_hand[self._log_key(item, axis)] = not self._log(item, axis)
        return True

    def chosen_lane(self) -> LaneHistory | None:
        """The lane that is shown alone."""
        return None if self.lane is None else self._history.lanes[self.lane]

    def draw(self, chart: Chart, *, growing: bool) -> None:
        """Shows the chosen row; with ``growing`` more is to come."""
        item = self.item()
        if item is None:
            chart.draw([], [], "waiting for the solver", "")
            return
        if chart.plot.growing != growing:
            # The run has ended (or goes on): the limits fit what there is.
            chart.plot.growing = growing
            chart.plot.forget()
        if isinstance(item, Sheet):
            chart.paint(lambda width, height: item.rows(self._history, width, height, self._start))
        elif isinstance(item, Pictures):
            lane = self.chosen_lane()
            chart.paint(lambda width, height: pictures(self._history, lane, width, height, self._start))
        else:
            self._draw_curves(chart, item)

    def _draw_curves(self, chart: Chart, item: Figure | Quantity) -> None:
        chart.plot.y_log = self._log(item, "y")
        chart.plot.x_log = self._log(item, "x")
        chart.plot.from_zero = isinstance(item, Quantity)
        title = item.title.strip() + (" (log)" if chart.plot.y_log else "")
        if isinstance(item, Figure):
            chart.draw(item.curves(self._history), [], title, item.x_name)
            return
        alone = self.chosen_lane()
        lanes = [lane for lane in ([alone] if alone else self._history.lanes) if quantities.columns(item, lane)]
        axis = self._axis if all(self._axis in lane.columns for lane in lanes) else "step"
        marks = marks_of(item, self._history.events, lanes, axis)
        chart.draw(curves_of(item, self._history, lanes, axis), marks, title, _AXIS_NAMES[axis])

    def _log(self, item: Figure | Quantity, axis: str) -> bool:
        """Whether an axis is logarithmic: as chosen by hand, else as the item starts out."""
        own = item.y_log if isinstance(item, Figure) else item.log_y
        if axis == "x":
            own = isinstance(item, Figure) and item.x_log
        return self._log_by_hand.get(self._log_key(item, axis), own)

    def _log_key(self, item: Figure | Quantity, axis: str) -> str:
        """The x axis is the same for all quantities; a figure has its own."""
        name = item.series if isinstance(item, Quantity) else item.key
        return axis if axis == "x" and isinstance(item, Quantity) else f"{axis} {name}"
