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
from tui import keys
from tui.draw.cells import DIM
from tui.feed import Feed
from tui.figures import Figure
from tui.items import Item, Pictures
from tui.pace import Pace
from tui.screens.picture import Picture
from tui.sheets import Sheet, claims_in_short, event_lines
from tui.text import inert
from tui.widgets.chart import Chart
from tui.widgets.quantity_list import QuantityList
from tui.widgets.rows import Rows, row, series_colour
from tui.widgets.status import Status

if TYPE_CHECKING:
    from tui.app import ImplicitApp

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
        self.picture = Picture(self.history, order)
        self._frozen = False
        self.stopping = False
        """Whether the run was asked to stop and has not ended yet."""
        self._drawn_look = ""
        self._pace = Pace()
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
        if self._frozen or not self._pace.is_due():
            return
        changed = self._look() != self._drawn_look
        due = self._list_waits and time.monotonic() >= self._next_list
        if self.history.apply(self.feed.take()) or changed or due:
            with self.app.batch_update():
                self._draw(at_once=self._look() != self._drawn_look)
            self._pace.drew(is_live=self.is_live())

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
        self.picture.update()
        self.picture.draw(self.query_one(Chart), growing=self.is_live())
        lane = self._shown_lane()
        now = time.monotonic()
        self._list_waits = now < self._next_list and not at_once
        if not self._list_waits:
            # Every row of list and status changes with every frame: twice a second is as fast as numbers are read.
            self._next_list = now + _LIST_EVERY_S
            colour = series_colour(lane.index if lane is not None else 0)
            self.query_one(QuantityList).draw(self.picture.items, self.picture.place(), self.history, lane, colour)
            self._draw_status(lane)
        self._draw_events()
        self._drawn_look = self._look()

    def _draw_events(self) -> None:
        widget = self.query_one("#events", Rows)
        width, height = widget.size
        if not width or not height:
            return
        lines = event_lines(self.history, 1_000, in_short=True)
        shown = lines[-height:]
        shown += [(text, DIM) for text in self.order.preset.look_for[: height - len(shown)]]
        rows = [row((inert(text, 400), colour), width=width) for text, colour in shown]
        rows += [row(width=width)] * (height - len(rows))
        widget.show(rows)

    def _draw_status(self, lane: LaneHistory | None) -> None:
        now = progress(self.history, self.order.spec)
        state = self._state()
        name = self.feed.device or self.order.spec.device
        self.query_one(Status).draw(self.history, lane, now, name, state, self._sentence(state))

    def _sentence(self, state: str) -> str:
        again = " · space takes it up again" if not self.is_live() and self.directory.can_resume() else ""
        if state == "killed":
            return KILLED.sentence() + again + self._damage()
        if self._frozen:
            return "the picture is frozen: v catches up"
        if self.history.ending is not None:
            return self.history.ending.outcome.sentence() + self._claims() + again + self._damage()
        if self.stopping:
            return "stopping at the next step …"
        if state == "paused":
            return "space lets it go on"
        alone = self.picture.chosen_lane()
        shown = "all lanes" if alone is None else self.history.label(alone)
        return (shown if self.history.lanes else "the solver is starting") + self._damage()

    def _claims(self) -> str:
        names = self.order.preset.claims
        return f" · claims {claims_in_short(self.history, names)} (5 shows them)" if names else ""

    def _damage(self) -> str:
        return f" · {self.feed.damaged} damaged lines of the log skipped" if self.feed.damaged else ""

    def _shown_lane(self) -> LaneHistory | None:
        """The lane of sparklines and status: the chosen one, else the last that is under way."""
        lanes, alone = self.history.lanes, self.picture.chosen_lane()
        if alone is not None:
            return alone
        under_way = [lane for lane in lanes if lane.outcome is None]
        shown = under_way or lanes
        return shown[-1] if shown else None

    def on_quantity_list_chosen(self, message: QuantityList.Chosen) -> None:
        self._redraw(self.picture.choose(message.index))

    def _redraw(self, changed: bool) -> None:
        """Draws with limits of its own what was chosen."""
        if changed:
            self.query_one(Chart).plot.forget()
            self._draw()

    def action_next_quantity(self) -> None:
        self._redraw(self.picture.choose(self.picture.place() + 1))

    def action_previous_quantity(self) -> None:
        self._redraw(self.picture.choose(self.picture.place() - 1))

    def action_view(self, number: int) -> None:
        self._redraw(self.picture.choose_view(number))

    def action_figure(self) -> None:
        self._choose_kind(Figure, "this run has no figure")

    def action_claims(self) -> None:
        self._choose_kind(Sheet, "this run's preset makes no claims")

    def action_pictures(self) -> None:
        self._choose_kind(Pictures, "this run has no components to draw: image presets have")

    def _choose_kind(self, kind: type[Item], none: str) -> None:
        already = isinstance(self.picture.item(), kind)
        if (already and self.picture.turn_page(self.query_one(Chart))) or self.picture.choose_kind(kind):
            self._redraw(changed=True)
        else:
            self.notify(none)

    def action_lanes(self) -> None:
        if len(self.history.lanes) < 2:
            self.notify("the run has one lane")
        else:
            self.picture.next_lane()
            self._redraw(changed=True)

    def action_log_x(self) -> None:
        self._redraw(self.picture.toggle_log("x"))

    def action_log_y(self) -> None:
        self._redraw(self.picture.toggle_log("y"))

    def action_against(self) -> None:
        self.picture.next_axis()
        self._redraw(changed=True)

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
            self.stopping = False
            self.app.resume(self.directory)
        else:
            why = "it had no checkpoint yet" if self._state() in ("killed", "stopped") else "the run has ended"
            self.notify(f"{why}: n makes a new one from its settings")

    def action_stop(self) -> None:
        if self.is_live():
            control.send(self.directory.control, "stop")
            self.stopping = True
            self._draw()
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
