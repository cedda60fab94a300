"""The runs on this machine, with what came of them: sorted, named, opened, compared, deleted."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import DataTable, Input, Static

from solver import runs
from solver.refusal import BadSetting
from solver.rundir import Notes, RunDirectory
from tui import keys
from tui.host import Host
from tui.screens.columns import ColumnsDialog
from tui.screens.deleted import Deleted
from tui.screens.dialogs import NotesDialog, PruneDialog
from tui.shown import run_page, run_rows
from tui.shown.run_rows import COLUMNS, Listed
from tui.widgets.field import Field
from tui.widgets.hints import Hints
from tui.widgets.rows import Rows
from tui.widgets.run_table import RunTable

_TICK_S, _LOOK_EVERY_TICKS = 0.25, 4
# From here on there is room for a page on the run beside the table, or below it.
_WIDE, _HIGH = 110, 30


class RunsScreen(Screen[None]):
    """A table of all runs, those under way first, then the newest unless sorted otherwise."""

    PLACE: ClassVar[keys.Place] = "runs"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("runs")
    app: Host

    def __init__(self) -> None:
        super().__init__()
        self._all: list[Listed] = []
        self._shown: list[Listed] = []
        self._marked: list[str] = []
        """Ids, in the order in which they were chosen."""
        self._deleted = Deleted()
        self._ticks = 0
        self._read_at = 0
        self._known = 0
        """The version of the results that are shown."""

    def compose(self) -> ComposeResult:
        yield Static("runs", id="title", markup=False)
        yield Field(placeholder="words that are in the run", id="filter", compact=True)
        with Horizontal(id="body"):
            yield RunTable()
            yield Rows(id="detail")
        yield Hints("runs")
        yield Static("too small: 40 × 12 needed", id="too-small", markup=False)

    def on_mount(self) -> None:
        self.query_one(RunTable).focus()
        self.set_interval(_TICK_S, self._tick)

    def on_screen_resume(self) -> None:
        self._read()

    def on_unmount(self) -> None:
        self._deleted.discard()

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < 40 or height < 12, "tiny")
        self.set_class(width >= _WIDE, "beside")
        self.set_class(width < _WIDE and height >= _HIGH, "below")
        self.call_after_refresh(self._fill)

    def _read(self) -> None:
        self._read_at = runs.changed_at()
        self._all = [run_rows.listed(run, self.app.state_of, self.app.results.of(run)) for run in runs.list_runs()]
        self._fill()
        # Once the list is painted; and first what one looks at.
        self.call_after_refresh(lambda: self.app.results.ask(one.run for one in (*self._shown, *self._all)))

    def _tick(self) -> None:
        self._ticks += 1
        if self._ticks % _LOOK_EVERY_TICKS == 0:
            if runs.changed_at() != self._read_at:
                self._read()
            self._look_again()
        if self._known != self.app.results.version:
            self._known = self.app.results.version
            for one in self._all:
                one.results = self.app.results.of(one.run)
            self._fill()

    def _look_again(self) -> None:
        """At the states and the results of what is not over."""
        changing = [one for one in self._all if one.is_changing]
        before = [one.state for one in changing]
        for one in changing:
            one.state = self.app.state_of(one.run)
        if changing:
            self.app.results.ask(one.run for one in changing)
        if before != [one.state for one in changing]:
            self._fill()

    def _fill(self) -> None:
        table, memory = self.query_one(RunTable), self.app.memory
        if memory.sort not in COLUMNS:
            memory.sort = "run"
        words = self.query_one("#filter", Input).value
        fitting = [one for one in self._all if one.fits(words)]
        self._shown = run_rows.ordered(fitting, memory.sort, descending=memory.descending, queue=self.app.queued())
        self._marked = [run_id for run_id in self._marked if any(one.run.id == run_id for one in self._all)]
        table.show(self._shown, self._sign, run_rows.wanted(memory.columns, self._all), self._order())
        self._title()
        self._show_detail()

    def _order(self) -> str:
        return f"{self.app.memory.sort} {'↓' if self.app.memory.descending else '↑'}"

    def _sign(self, one: Listed) -> str:
        return "●" if one.run.id in self._marked else "↧" if self.app.is_pinned(one.run) else "○"

    def _show_detail(self) -> None:
        detail, at = self.query_one("#detail", Rows), self._at()
        width, height = detail.content_size
        if width and height:
            detail.show([] if at is None else run_page.rows(at, width, height))

    def _title(self) -> None:
        told = run_rows.counted(self._all, len(self._shown))
        if self._marked:
            told += f" · {len(self._marked)} marked ●"
        if self.app.pinned:
            told += f" · {len(self.app.pinned)} pinned ↧"
        self.query_one("#title", Static).update(f"{told} · by {self._order()} · {runs.runs_home()}")

    def _at(self) -> Listed | None:
        return self.query_one(RunTable).at()

    def _chosen(self) -> list[Listed]:
        """The marked runs that are in sight, else the one under the cursor."""
        marked = [one for run_id in self._marked for one in self._shown if one.run.id == run_id]
        at = self._at()
        return marked or ([at] if at is not None else [])

    def on_data_table_row_selected(self, _: DataTable.RowSelected) -> None:
        self.action_open()

    def on_data_table_row_highlighted(self, _: DataTable.RowHighlighted) -> None:
        self._show_detail()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        if event.column_index:
            self._sort_by(self.query_one(RunTable).names[event.column_index - 1])

    def on_input_changed(self, _: Input.Changed) -> None:
        self._fill()

    def on_input_submitted(self, _: Input.Submitted) -> None:
        self.query_one(RunTable).focus()

    def action_filter(self) -> None:
        self.set_class(True, "filtering")
        self.query_one("#filter", Input).focus()

    def action_open(self) -> None:
        at = self._at()
        if at is not None:
            self.app.open_run(at.run)

    def action_mark(self) -> None:
        at = self._at()
        if at is None:
            return
        if at.run.id in self._marked:
            self._marked.remove(at.run.id)
        else:
            self._marked.append(at.run.id)
        self.query_one(RunTable).action_cursor_down()
        self._fill()

    def action_compare(self) -> None:
        chosen = [one.run for one in self._chosen() if one.state != "damaged"]
        if len(chosen) < 2:
            self.notify("compare needs two runs or more: space marks them")
            return
        self.app.open_run(chosen[0], chosen[1:])

    def action_pin(self) -> None:
        at = self._at()
        if at is not None:
            self.app.pin(at.run)
            self._fill()

    def action_stop(self) -> None:
        at = self._at()
        if at is not None and at.run.is_solving():
            self.app.tell(at.run, "stop")
        elif at is not None and self.app.leave_queue(at.run):
            self._read()
        else:
            self.notify("this run is not running")

    def action_export(self) -> None:
        at = self._at()
        if at is not None:
            self.app.ask_export(at.run, None)

    def action_new(self) -> None:
        at = self._at()
        if at is not None:
            try:
                self.app.edit_run(at.run.order())
            except BadSetting as error:
                self.app.complain(str(error))

    def action_fork(self) -> None:
        at = self._at()
        if at is not None:
            self.app.fork(at.run)

    def action_sort(self) -> None:
        shown, by = self.query_one(RunTable).names or list(COLUMNS), self.app.memory.sort
        self._sort_by(shown[(shown.index(by) + 1) % len(shown)] if by in shown else shown[0])

    def _sort_by(self, column: str) -> None:
        memory = self.app.memory
        memory.descending = not memory.descending if memory.sort == column else COLUMNS[column].is_descending
        memory.sort = column
        self._fill()

    def action_reverse(self) -> None:
        self.app.memory.descending = not self.app.memory.descending
        self._fill()

    def action_columns(self) -> None:
        shown = self.query_one(RunTable).names

        def chosen(answer: tuple[list[str], str] | None) -> None:
            if answer is not None:
                ticked, by = answer
                if set(ticked) != set(shown):
                    self.app.memory.columns = ticked
                if by != self.app.memory.sort:
                    self._sort_by(by)
                self._fill()

        self.app.push_screen(ColumnsDialog(self.app.memory.columns or shown, self.app.memory.sort), chosen)

    def action_annotate(self) -> None:
        at = self._at()
        if at is None:
            return

        def keep(notes: Notes | None) -> None:
            if notes is None:
                return
            try:
                at.run.write_notes(notes)
            except OSError as error:
                self.app.complain(
                    f"{at.run.notes} could not be written ({error.strerror}): what was there is unchanged"
                )
            self._read()

        self.app.push_screen(NotesDialog(at.notes), keep)

    def action_delete(self) -> None:
        chosen, self._marked = [one.run for one in self._chosen()], []
        self._delete(chosen)

    def _delete(self, chosen: list[RunDirectory]) -> None:
        told = self._deleted.take(chosen)
        self._read()
        self.notify(told)

    def action_undo(self) -> None:
        told = self._deleted.undo()
        self._read()
        self.notify(told)

    def action_prune(self) -> None:
        def chosen(old: list[RunDirectory] | None) -> None:
            self._delete(old or [])

        self.app.push_screen(PruneDialog(), chosen)

    def action_back(self) -> None:
        field = self.query_one("#filter", Input)
        if self.has_class("filtering"):
            # First out of the filter, then out of the list.
            field.value = ""
            self.set_class(False, "filtering")
            self.query_one(RunTable).focus()
            return
        self.app.show_home()
