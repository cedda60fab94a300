"""A run, live or finished: the list of quantities, the chart, what happened, and where it stands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Static

from solver import control
from solver.export import KILLED
from solver.history import History, LaneHistory
from solver.progress import progress
from solver.rundir import Order, RunDirectory
from tui import keys, quantities
from tui.draw.cells import DIM, TEXT
from tui.draw.plot import Curve, Mark
from tui.feed import Feed
from tui.quantities import Quantity
from tui.text import inert
from tui.widgets.chart import Chart
from tui.widgets.quantity_list import QuantityList
from tui.widgets.rows import Rows, row, series_colour
from tui.widgets.status import Status

if TYPE_CHECKING:
    from tui.app import ImplicitApp

_AXES = ("step", "time", "evaluations")
# Short enough for the corner under the y axis.
_AXIS_NAMES = {"step": "step", "time": "time", "evaluations": "evals"}
# So many singular values of a lane are drawn together.
_CURVES_OF_VECTOR = 8
_LIST_EVERY_S = 0.5


class LiveScreen(Screen[None]):
    """Watches one run directory; it does not matter who started the run or whether it still goes on."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("live")
    app: ImplicitApp

    def __init__(self, directory: RunDirectory, order: Order, frames_per_s: float) -> None:
        super().__init__()
        self.directory = directory
        self.order = order
        self.history = History()
        self.feed = Feed(directory)
        self._frames_per_s = frames_per_s
        self._lane: int | None = None
        self._axis = "step"
        self._chosen = 0
        self._items: list[Quantity] = []
        self._frozen = False
        self._log_y_by_hand: dict[str, bool] = {}
        self._drawn_look = ""
        self._next_list = 0.0
        self._list_waits = False

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        with Horizontal(id="body"):
            yield QuantityList(id="quantities")
            yield Chart(id="chart")
        yield Rows(id="events")
        yield Status(id="status")
        yield Static("", id="hints", markup=False)
        yield Static("too small: 40 × 12 needed", id="too-small", markup=False)

    def on_mount(self) -> None:
        self.query_one("#title", Static).update(
            f"{inert(self.order.preset.title or self.order.preset.name, 80)} · {self.directory.id}"
        )
        self.feed.start()
        self.set_interval(1 / self._frames_per_s, self._tick)

    def on_unmount(self) -> None:
        self.feed.close()

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < 60 or height < 15, "narrow")
        self.set_class(width < 100 or height < 30, "small")
        self.set_class(width < 40 or height < 12, "tiny")
        self.query_one("#hints", Static).update(keys.hint("live", width - 2))
        self.call_after_refresh(self._draw)

    def _tick(self) -> None:
        # While frozen the feed still collects; catching up is one redraw.
        if self._frozen:
            return
        changed = self._look() != self._drawn_look
        due = self._list_waits and time.monotonic() >= self._next_list
        if self.history.apply(self.feed.take()) or changed or due:
            with self.app.batch_update():
                self._draw(at_once=self._look() != self._drawn_look)

    def is_live(self) -> bool:
        """Whether a solver still works on the run."""
        return self.history.ending is None and not self.feed.solver_gone

    def _look(self) -> str:
        """What the status line depends on besides frames: the state, and whether the solver has let go."""
        return f"{self._state()} {self.feed.solver_gone}"

    def _state(self) -> str:
        if self.history.ending is None and self.feed.solver_gone:
            return "killed"
        return self.history.state

    def _draw(self, *, at_once: bool = True) -> None:
        if not self.is_mounted:
            return
        self._items = quantities.available(self.history)
        self._chosen = max(0, min(self._chosen, len(self._items) - 1))
        self._draw_chart()
        lane = self._shown_lane()
        now = time.monotonic()
        self._list_waits = now < self._next_list and not at_once
        if not self._list_waits:
            # Every row of list and status changes with every frame: twice a second is as fast as numbers are read.
            self._next_list = now + _LIST_EVERY_S
            colour = series_colour(lane.index if lane is not None else 0)
            self.query_one(QuantityList).draw(self._items, self._chosen, lane, colour)
            self._draw_status(lane)
        self._draw_events()
        self._drawn_look = self._look()

    def _draw_chart(self) -> None:
        chart = self.query_one(Chart)
        if not self._items:
            chart.draw([], [], "waiting for the solver", "")
            return
        item = self._items[self._chosen]
        if chart.plot.growing != self.is_live():
            # The run has ended (or goes on): the limits fit what there is.
            chart.plot.growing = self.is_live()
            chart.plot.forget()
        chart.plot.y_log = self._log_y_by_hand.get(item.series, item.log_y)
        lanes = self.history.lanes if self._lane is None else [self.history.lanes[self._lane]]
        axis = self._axis if all(self._axis in lane.columns for lane in lanes) else "step"
        curves = [curve for lane in lanes for curve in self._curves(item, lane, axis)]
        title = item.title.strip() + (" (log)" if chart.plot.y_log else "")
        chart.draw(curves, self._marks(lanes, axis, item), title, _AXIS_NAMES[axis])

    def _curves(self, item: Quantity, lane: LaneHistory, axis: str) -> list[Curve]:
        colour, name = series_colour(lane.index), self.history.label(lane)
        x = lane.columns[axis]
        mark = str(lane.index + 1) if len(self.history.lanes) > 1 and lane.index < 9 else ""
        found = quantities.columns(item, lane)[:_CURVES_OF_VECTOR]
        curves = [Curve(name, colour, x, y, mark if rank == 0 else "") for rank, y in enumerate(found)]
        predicted = quantities.prediction(item, lane)
        if predicted is not None:
            # Under the measurement: where the law holds its curve hides behind.
            curves.insert(0, Curve("law", DIM, x, predicted))
        return curves

    def _marks(self, lanes: list[LaneHistory], axis: str, item: Quantity) -> list[Mark]:
        """The predicted escape times, on charts of singular values."""
        if item.series != "singular_values" or axis == "evaluations":
            return []
        shown = {lane.index for lane in lanes}
        marks = {}
        for event in self.history.events:
            where = event.step if axis == "step" else event.time
            if event.name == "predicted-escape" and event.lane in shown and where is not None:
                marks[round(where, 6)] = Mark(where, "t*")
        return list(marks.values())

    def _draw_events(self) -> None:
        widget = self.query_one("#events", Rows)
        width, height = widget.size
        if not width or not height:
            return
        lines = []
        for event in self.history.events[-height:]:
            who = ""
            if event.lane is not None and event.lane < len(self.history.lanes):
                who = f"{self.history.label(self.history.lanes[event.lane])}: "
            lines.append((f"{who}{event.text}", TEXT))
        for lane in self.history.lanes:
            if lane.outcome is not None:
                where = f"{self.history.label(lane)}: {lane.outcome.kind}, {lane.outcome.sentence()}"
                lines.append((where, TEXT))
        shown = lines[-height:]
        shown += [(text, DIM) for text in self.order.preset.look_for[: height - len(shown)]]
        rows = [row((inert(text, 400), colour), width=width) for text, colour in shown]
        rows += [row(width=width)] * (height - len(rows))
        widget.show(rows)

    def _draw_status(self, lane: LaneHistory | None) -> None:
        now = progress(self.history, self.order.spec)
        state = self._state()
        name = str(self.feed.environment.get("device", self.order.spec.device))
        self.query_one(Status).draw(self.history, lane, now, name, state, self._sentence(state))

    def _sentence(self, state: str) -> str:
        again = " · space takes it up again" if not self.is_live() and self.directory.can_resume() else ""
        if state == "killed":
            return KILLED.sentence() + again + self._damage()
        if self._frozen:
            return "the picture is frozen: v catches up"
        if self.history.ending is not None:
            return self.history.ending.outcome.sentence() + again + self._damage()
        if state == "paused":
            return "space lets it go on"
        shown = "all lanes" if self._lane is None else self.history.label(self.history.lanes[self._lane])
        return (shown if self.history.lanes else "the solver is starting") + self._damage()

    def _damage(self) -> str:
        return f" · {self.feed.damaged} damaged lines of the log skipped" if self.feed.damaged else ""

    def _shown_lane(self) -> LaneHistory | None:
        """The lane of sparklines and status: the chosen one, else the last that is under way."""
        lanes = self.history.lanes
        if self._lane is not None:
            return lanes[self._lane]
        under_way = [lane for lane in lanes if lane.outcome is None]
        shown = under_way or lanes
        return shown[-1] if shown else None

    def on_quantity_list_chosen(self, message: QuantityList.Chosen) -> None:
        self._choose(message.index)

    def _choose(self, index: int) -> None:
        if 0 <= index < len(self._items):
            self._chosen = index
            self.query_one(Chart).plot.forget()
            self._draw()

    def action_next_quantity(self) -> None:
        self._choose(self._chosen + 1)

    def action_previous_quantity(self) -> None:
        self._choose(self._chosen - 1)

    def action_view(self, number: int) -> None:
        for index, item in enumerate(self._items):
            if item.series in quantities.VIEWS[number]:
                self._choose(index)
                return

    def action_lanes(self) -> None:
        if len(self.history.lanes) < 2:
            self.notify("the run has one lane")
        else:
            following = 0 if self._lane is None else self._lane + 1
            self._lane = following if following < len(self.history.lanes) else None
            self.query_one(Chart).plot.forget()
            self._draw()

    def action_log_x(self) -> None:
        plot = self.query_one(Chart).plot
        plot.x_log = not plot.x_log
        plot.forget()
        self._draw()

    def action_log_y(self) -> None:
        if self._items:
            item = self._items[self._chosen]
            self._log_y_by_hand[item.series] = not self._log_y_by_hand.get(item.series, item.log_y)
            self.query_one(Chart).plot.forget()
            self._draw()

    def action_against(self) -> None:
        usable = [axis for axis in _AXES if all(axis in lane.columns for lane in self.history.lanes)]
        self._axis = usable[(usable.index(self._axis) + 1) % len(usable)] if self._axis in usable else "step"
        self.query_one(Chart).plot.forget()
        self._draw()

    def action_maximise(self) -> None:
        self.toggle_class("maximised")
        self.call_after_refresh(self._draw)

    def action_freeze(self) -> None:
        if self._frozen or self.is_live():
            self._frozen = not self._frozen
            self._draw()
        else:
            self.notify("the run has ended: the picture stands still")

    def action_pause(self) -> None:
        if self.is_live():
            control.send(self.directory.control, "resume" if self.history.state == "paused" else "pause")
        elif self.directory.can_resume():
            self.app.resume(self.directory)
        else:
            why = "it had no checkpoint yet" if self._state() in ("killed", "stopped") else "the run has ended"
            self.notify(f"{why}: n makes a new one from its settings")

    def action_stop(self) -> None:
        if self.is_live():
            control.send(self.directory.control, "stop")
        else:
            self.notify("the run has already ended")

    def action_export(self) -> None:
        self.app.ask_export(self.directory)

    def action_new(self) -> None:
        self.app.edit_run(self.order)

    def action_runs(self) -> None:
        self.app.show_runs()

    def action_back(self) -> None:
        if self.is_live():
            self.app.notify(f"{self.directory.id} goes on: r lists it")
        self.app.show_home()
