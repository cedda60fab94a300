"""The runs on this machine: open, replay, stop or export one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import DataTable, Static

from solver import control, rundir
from solver.estimate import readable_bytes
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tui import keys
from tui.text import inert

if TYPE_CHECKING:
    from tui.app import ImplicitApp


class RunsScreen(Screen[None]):
    """A table of all runs, newest first, damaged ones too."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("runs")
    app: ImplicitApp

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[RunDirectory] = []

    def compose(self) -> ComposeResult:
        yield Static("runs", id="title", markup=False)
        yield DataTable(id="runs", cursor_type="row", zebra_stripes=True)
        yield Static("", id="hints", markup=False)
        yield Static("too small: 40 × 12 needed", id="too-small", markup=False)

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("run", "state", "preset", "size")
        self._fill()
        table.focus()
        self.set_interval(1.0, self._refresh_states)

    def on_screen_resume(self) -> None:
        self._fill()

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < 40 or height < 12, "tiny")
        self.query_one("#hints", Static).update(keys.hint("runs", width - 2))

    def _fill(self) -> None:
        table = self.query_one(DataTable)
        if not table.columns:
            return
        row = table.cursor_row
        self._runs = rundir.list_runs()[::-1]
        table.clear()
        for run in self._runs:
            table.add_row(*(Text(cell) for cell in _cells(run)), key=run.id)
        if self._runs:
            table.move_cursor(row=min(row, len(self._runs) - 1))
        count = (
            f"{len(self._runs)} run{'s' * (len(self._runs) > 1)}"
            if self._runs
            else "no runs yet: esc goes to the presets"
        )
        self.query_one("#title", Static).update(f"{count} · {rundir.runs_home()}")

    def _refresh_states(self) -> None:
        table = self.query_one(DataTable)
        for index, run in enumerate(self._runs):
            shown = table.get_cell_at((index, 1))  # type: ignore[arg-type]
            if str(shown) in ("running", "not started"):
                table.update_cell_at((index, 1), Text(run.state()))  # type: ignore[arg-type]

    def _run(self) -> RunDirectory | None:
        row = self.query_one(DataTable).cursor_row
        return self._runs[row] if 0 <= row < len(self._runs) else None

    def on_data_table_row_selected(self, _: DataTable.RowSelected) -> None:
        self.action_open()

    def action_open(self) -> None:
        run = self._run()
        if run is not None:
            self.app.open_run(run)

    def action_stop(self) -> None:
        run = self._run()
        if run is not None and run.is_solving():
            control.send(run.control, "stop")
        else:
            self.notify("this run is not running")

    def action_export(self) -> None:
        run = self._run()
        if run is not None:
            self.app.ask_export(run)

    def action_new(self) -> None:
        run = self._run()
        if run is not None:
            try:
                self.app.edit_run(run.order())
            except BadSetting as error:
                self.app.complain(str(error))

    def action_back(self) -> None:
        self.app.show_home()


def _cells(run: RunDirectory) -> tuple[str, str, str, str]:
    try:
        order = run.order()
    except BadSetting:
        return inert(run.id, 60), "damaged", "", readable_bytes(run.size_bytes())
    return inert(run.id, 60), run.state(), inert(order.preset.name, 40), readable_bytes(run.size_bytes())
