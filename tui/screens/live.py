"""A run, live or finished: the list of quantities, the chart, what happened, and where it stands."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from solver import runs
from solver.history import History, LaneHistory
from solver.progress import progress
from solver.refusal import BadSetting
from solver.rundir import Order, RunDirectory
from tui import keys
from tui.draw.cells import DIM, row
from tui.draw.palette import series_colour
from tui.pace import Pace
from tui.screens.arranging import ArrangingScreen
from tui.screens.compare import CompareDialog
from tui.shown import event_page, verdict
from tui.shown.run_rows import WAITING
from tui.text import inert, label
from tui.watch.seen import Follower, Seen
from tui.widgets.charts import Charts
from tui.widgets.hints import Hints
from tui.widgets.lane_table import LaneTable
from tui.widgets.look_for_list import LookForList
from tui.widgets.quantity_list import Listed, QuantityList
from tui.widgets.rows import Rows
from tui.widgets.slider import Slider
from tui.widgets.status import Status
from tui.widgets.title import Title

_LIST_EVERY_S = 0.5


class LiveScreen(ArrangingScreen):
    """Watches one run directory; it does not matter who started the run or whether it still goes on."""

    PLACE: ClassVar[keys.Place] = "live"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("live")

    def __init__(
        self, directory: RunDirectory, order: Order, frames_per_s: float, beside: Sequence[RunDirectory] = ()
    ) -> None:
        super().__init__(Follower(directory, order), frames_per_s)
        self.beside = list(beside)
        """Runs laid over this one and no other; pinned ones lie over every run."""
        self.directory = directory
        self.order = order
        self._frozen = False
        self.stopping = False
        """Whether the run was asked to stop and has not ended yet."""
        self._drawn_look = ""
        self._names = [""]
        """What stands on the first line, the most important first."""
        self._pace = Pace()
        self._next_list = 0.0
        self._list_waits = False

    @property
    def history(self) -> History:
        """All that the run has recorded, whatever moment is shown."""
        return self.follower.history

    def compose(self) -> ComposeResult:
        yield Title(id="title")
        with Horizontal(id="body"):
            with Vertical(id="aside"):
                yield LookForList(id="look-for")
                yield QuantityList(id="quantities")
                yield LaneTable(id="lanes")
            with Vertical(id="middle"):
                yield Charts(id="charts")
                yield Slider(id="slider")
        yield Rows(id="events")
        yield Status(id="status")
        yield Hints("live")
        yield Static("too small: 40 × 12 needed", id="too-small", markup=False)

    def on_mount(self) -> None:
        self.chart.plot.marker = self.query_one(QuantityList).marker = self.app.marker
        self.follower.feed.start()
        self.show_lane_table()
        self.lay_over()
        self._timer = self.set_interval(1 / self.frames_per_s, self._tick)

    def draw_so_often(self, frames_per_s: float) -> None:
        """From now on."""
        self._timer.stop()
        self.frames_per_s = frames_per_s
        self._timer = self.set_interval(1 / frames_per_s, self._tick)

    def on_unmount(self) -> None:
        self.remember()
        for follower in (self.follower, *self.others.values()):
            follower.feed.close()

    def on_screen_resume(self) -> None:
        self.lay_over()

    def lay_over(self) -> None:
        """Follows the runs that are chosen or pinned by now, and lets go of those that are not any more."""
        self.app.pinned = [run for run in self.app.pinned if run.path.exists()]
        self.beside = [run for run in self.beside if run.path.exists()]
        wanted = {run.id: run for run in (*self.beside, *self.app.pinned) if run.id != self.directory.id}
        for gone in [name for name in self.others if name not in wanted]:
            self.others.pop(gone).feed.close()
        for name, run in wanted.items():
            if name not in self.others:
                try:
                    self.others[name] = Follower(run, run.order())
                except BadSetting as error:
                    self.beside = [one for one in self.beside if one.id != name]
                    self.app.pinned = [one for one in self.app.pinned if one.id != name]
                    self.app.complain(str(error))
                    continue
                self.others[name].feed.start()
        own = self.directory.read_notes().name or self.order.preset.title or self.order.preset.name
        pinned = ["pinned"] if self.app.is_pinned(self.directory) else []
        beside = [f"with {other.name}" for other in self.others.values()]
        self._names = [inert(own, 80), *pinned, *beside, inert(self.directory.id)]
        self.show(changed=bool(self.history.lanes))

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < 60 or height < 15, "narrow")
        self.set_class(width < 100 or height < 30, "small")
        self.set_class(width < 40 or height < 12, "tiny")
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """As many charts as there is room for, and everything drawn at its size."""
        self.fit_charts()
        self.call_after_refresh(self.redraw)

    def _tick(self) -> None:
        # While frozen the feed still collects; catching up is one redraw.
        # The first points are shown at once, whatever it cost to open the screen.
        is_due = self._pace.is_due() or not any(len(lane) for lane in self.history.lanes)
        if (self._frozen and self.place is None) or not is_due:
            return
        self.play_on()
        changed = self._look() != self._drawn_look
        due = self._list_waits and time.monotonic() >= self._next_list
        # Every one takes up what it has, whether or not another had something.
        new = sum(follower.take() for follower in (self.follower, *self.others.values())) > 0
        # In a replay what comes is taken up, and shown when the replay has come there.
        if (new and self.place is None) or changed or due or self.is_playing:
            with self.app.batch_update():
                self._draw(at_once=self._look() != self._drawn_look)
            self._pace.drew(is_live=self.is_live())

    def read_cursor(self) -> None:
        if self.has_table:
            self.draw_table(self.selection.seen)

    def is_live(self) -> bool:
        """Whether a solver still works on the run."""
        return self.follower.is_live()

    def is_caught_up(self) -> bool:
        """Whether everything recorded when the screen was opened has been drawn."""
        return self.follower.feed.caught_up and bool(self.history.lanes) and self._drawn_look == self._look()

    def _look(self) -> str:
        """What the status line depends on besides frames: the state, whether the solver has let go, the moment."""
        return f"{self._state()} {self.follower.feed.solver_gone} {self.place} {self.is_playing}"

    def _state(self) -> str:
        """The log's word; the solver's own where it cannot write, or went without an ending."""
        if self.history.ending is not None:
            return self.history.state
        if self.follower.feed.solver_gone:
            return self.directory.silent_state()
        live = self.follower.feed.live_state
        return self.history.state if live == "running" else live

    def redraw(self) -> None:
        self._draw()

    def _draw(self, *, at_once: bool = True) -> None:
        if not self.is_mounted:
            return
        seen = self.seen()
        self.selection.update(seen, self.others_seen(), None if self.place is None else self.follower.seen())
        growing = self.is_live() and self.place is None
        self.draw_charts(growing=growing or any(other.is_live() for other in self.others.values()))
        self.draw_slider()
        lane = self._shown_lane(seen.history)
        now = time.monotonic()
        self._list_waits = now < self._next_list and not at_once
        if not self._list_waits:
            # Every row of list and status changes with every frame: twice a second is as fast as numbers are read.
            self._next_list = now + _LIST_EVERY_S
            colour = series_colour(lane.index if lane is not None else 0)
            self.query_one(LookForList).draw(self.selection.items, seen)
            if self.has_table:
                self.draw_table(seen)
            else:
                selection = self.selection
                listed = Listed(selection.items, selection.listing(), selection.place())
                self.query_one(QuantityList).draw(listed, seen, lane, colour)
            self._draw_status(seen, lane)
        self._draw_events(seen)
        self._drawn_look = self._look()

    def _draw_events(self, seen: Seen) -> None:
        widget = self.query_one("#events", Rows)
        width, height = widget.size
        if not width or not height:
            return
        rows = [row((inert(text, 400), DIM), width=width) for text in event_page.newest(seen, height)]
        rows += [row(width=width)] * (height - len(rows))
        widget.show(rows)

    def _draw_status(self, seen: Seen, lane: LaneHistory | None) -> None:
        now = progress(seen.history, self.order.spec)
        state = self._state() if self.place is None else "replayed"
        name = self.follower.feed.device or self.order.spec.device
        self.query_one(Title).draw(self._names, verdict.headline(seen, state, now, name))
        self.query_one(Status).draw(seen.history, lane, now, name, verdict.standing(seen, state), self._sentence(state))

    def _sentence(self, state: str) -> str:
        again = " · space takes it up again" if not self.is_live() and self.directory.can_resume() else ""
        if state == "replayed":
            return "w plays or holds · , . step · the slider goes anywhere · v shows the newest"
        if self.history.is_newer:
            return "its log was written by a newer version of implicit-tui: update to see it"
        if self.history.not_resumed is not None and not self.is_live():
            return inert(self.history.not_resumed.text, 400) + again + self._damage()
        if self.history.ending is None and self.follower.feed.solver_gone:
            return self.directory.silent_outcome().sentence() + again + self._damage()
        if self._frozen:
            return "the picture is frozen: v catches up"
        if self.history.ending is not None:
            own = self.history.ending.outcome.sentence()
            return verdict.outcome(self.follower.seen(), own) + again + self._damage()
        if self.stopping:
            return "stopping at the next step …"
        if state == "paused":
            return "space lets it go on"
        if state == "waiting-for-disk":
            return f"the disk is full: nothing is lost, free some room under {self.directory.path} and it goes on"
        if state == "suspended":
            return f"its solver was halted by a signal: `kill -CONT {self.directory.told().pid}` lets it go on"
        return (self._shown_lanes() if self.history.lanes else self._beginning()) + self._damage()

    def _beginning(self) -> str:
        told = {
            "queued": "it waits in the queue: space starts it now",
            "not started": "it never began: space starts it",
        }
        return told.get(self.app.state_of(self.directory), "the solver is starting")

    def _shown_lanes(self) -> str:
        alone, shown = self.selection.chosen_lane(), self.selection.lanes
        if alone is not None:
            return label(self.history, alone)
        return "all lanes" if shown is None else f"{len(shown)} of {len(self.history.lanes)} lanes (l shows all)"

    def _damage(self) -> str:
        damaged = self.follower.feed.damaged + self.history.refused
        return f" · {damaged} damaged lines of the log skipped" if damaged else ""

    def _shown_lane(self, history: History) -> LaneHistory | None:
        """The lane of sparklines and status: the chosen one, else the last that is under way."""
        alone = self.selection.chosen_lane()
        if alone is not None:
            return alone
        lanes = [lane for lane in history.lanes if self.selection.lanes is None or lane.index in self.selection.lanes]
        under_way = [lane for lane in lanes if lane.outcome is None]
        shown = under_way or lanes
        return shown[-1] if shown else None

    def action_maximise(self) -> None:
        self.toggle_class("maximised")
        self.call_after_refresh(self._fit)

    def action_freeze(self) -> None:
        if self.place is not None:
            self.end_replay()
        elif self._frozen or self.is_live():
            self._frozen = not self._frozen
            self.redraw()
        else:
            self.notify("the run has ended: the picture stands still")

    def action_pause(self) -> None:
        if self.app.state_of(self.directory) in WAITING:
            self.app.resume(self.directory)
        elif self.is_live() and self.stopping:
            self.notify("it is stopping at its next step: space takes it up again when it has")
        elif self.is_live():
            self.app.tell(self.directory, "resume" if self._state() == "paused" else "pause")
        elif self.directory.can_resume():
            self.stopping = False
            self.app.resume(self.directory)
        else:
            why = "it had no checkpoint yet" if self._state() in ("killed", "stopped") else "the run has ended"
            self.notify(f"{why}: n makes a new one from its settings, w replays it")

    def action_stop(self) -> None:
        if self.app.leave_queue(self.directory):
            self.notify("taken out of the queue: space starts it")
        elif self.is_live():
            self.stopping = self.app.tell(self.directory, "stop")
            self.redraw()
        else:
            self.notify("the run has already ended")

    def action_export(self) -> None:
        row = self.selection.map_row()
        cells = None if row is None else self.selection.cells(row)
        self.app.ask_export(self.directory, self.chart.as_svg, cells)

    def action_new(self) -> None:
        self.app.edit_run(self.order)

    def action_fork(self) -> None:
        self.app.fork(self.directory)

    def action_pin(self) -> None:
        is_pinned = self.app.pin(self.directory)
        self.notify("pinned: it is laid over every run that is opened" if is_pinned else "no longer pinned")
        self.lay_over()

    def action_compare(self) -> None:
        def chosen(runs: list[RunDirectory] | None) -> None:
            if runs is not None:
                ids = {run.id for run in runs}
                # What is let go of here is let go of everywhere.
                self.app.pinned = [run for run in self.app.pinned if run.id in ids | {self.directory.id}]
                self.beside = [run for run in runs if not self.app.is_pinned(run)]
                self.lay_over()

        others = [run for run in runs.list_runs()[::-1] if run.id != self.directory.id]
        self.app.push_screen(CompareDialog(self.order, others, set(self.others)), chosen)

    def action_runs(self) -> None:
        self.app.show_runs()

    def action_back(self) -> None:
        if self.place is not None:
            self.end_replay()
            return
        if self.is_live():
            self.app.notify(f"{inert(self.directory.id)} goes on: r lists it", markup=False)
        self.app.leave_run()
