"""The runs on this machine: found, sorted, named, opened, compared, deleted."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import msgspec
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import DataTable, Input, Static

from solver import runs
from solver.machine import readable_bytes
from solver.refusal import BadSetting
from solver.rundir import Notes, RunDirectory
from tui import keys
from tui.host import Host
from tui.screens.dialogs import NotesDialog, PruneDialog
from tui.text import inert
from tui.widgets.field import Field
from tui.widgets.hints import Hints

# States that become others while one looks on.
_CHANGING = ("running", "paused", "waiting-for-disk", "suspended", "not started")
COLUMNS = ("run", "state", "preset", "tags", "size", "note")


class Listed(msgspec.Struct):
    """A run as a row of the table."""

    run: RunDirectory
    state: str
    preset: str
    notes: Notes
    size_bytes: int

    @property
    def name(self) -> str:
        """Its own name, else its id."""
        return inert(self.notes.name or self.run.id, 60)

    def cells(self) -> tuple[str, ...]:
        tags = inert(", ".join(self.notes.tags), 40)
        return self.name, self.state, self.preset, tags, readable_bytes(self.size_bytes), inert(self.notes.note, 80)

    def fits(self, words: str) -> bool:
        """Whether every word stands in its id or its cells."""
        text = f"{self.run.id} {' '.join(self.cells())}".lower()
        return all(word in text for word in words.lower().split())

    def sort_key(self, column: str) -> tuple[object, str]:
        """What the column sorts by; runs that are equal in it by age."""
        if column == "size":
            return self.size_bytes, self.run.id
        if column == "run":
            return "", self.run.id
        return self.cells()[COLUMNS.index(column)].lower(), self.run.id


def listed() -> list[Listed]:
    """Every run, damaged ones too."""
    return [_listed(run) for run in runs.list_runs()]


def _listed(run: RunDirectory) -> Listed:
    try:
        preset, state = inert(run.order().preset.name, 40), run.state()
    except BadSetting:
        preset, state = "", "damaged"
    return Listed(run, state, preset, run.read_notes(), run.size_bytes())


class RunsScreen(Screen[None]):
    """A table of all runs, newest first unless sorted otherwise."""

    PLACE: ClassVar[keys.Place] = "runs"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("runs")
    app: Host

    def __init__(self) -> None:
        super().__init__()
        self._all: list[Listed] = []
        self._shown: list[Listed] = []
        self._marked: list[str] = []
        """Ids, in the order in which they were chosen."""
        self._hidden: list[list[Path]] = []
        """What was deleted, by deletion, until somebody leaves."""

    def compose(self) -> ComposeResult:
        yield Static("runs", id="title", markup=False)
        yield Field(placeholder="words that are in the run", id="filter", compact=True)
        yield DataTable(id="runs", cursor_type="row", zebra_stripes=True)
        yield Hints("runs")
        yield Static("too small: 40 × 12 needed", id="too-small", markup=False)

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns(" ", *COLUMNS)
        self._read()
        table.focus()
        self.set_interval(1.0, self._refresh_states)

    def on_screen_resume(self) -> None:
        self._read()

    def on_unmount(self) -> None:
        runs.discard(path for paths in self._hidden for path in paths)

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < 40 or height < 12, "tiny")

    def _read(self) -> None:
        self._all = listed()
        self._fill()

    def _fill(self) -> None:
        table = self.query_one(DataTable)
        if not table.columns:
            return
        words, memory = self.query_one("#filter", Input).value, self.app.memory
        if memory.sort not in COLUMNS:
            memory.sort = COLUMNS[0]
        at, row = self._at(), table.cursor_row
        self._shown = sorted(
            (one for one in self._all if one.fits(words)),
            key=lambda one: one.sort_key(memory.sort),
            reverse=memory.descending,
        )
        self._marked = [run_id for run_id in self._marked if any(one.run.id == run_id for one in self._all)]
        table.clear()
        for one in self._shown:
            table.add_row(*(Text(cell) for cell in (self._sign(one), *one.cells())), key=one.run.id)
        if self._shown:
            ids = [one.run.id for one in self._shown]
            table.move_cursor(
                row=ids.index(at.run.id) if at is not None and at.run.id in ids else min(row, len(ids) - 1)
            )
        self._title()

    def _sign(self, one: Listed) -> str:
        return "●" if one.run.id in self._marked else "↧" if self.app.is_pinned(one.run) else " "

    def _title(self) -> None:
        memory = self.app.memory
        size = readable_bytes(sum(one.size_bytes for one in self._all))
        told = (
            f"{len(self._all)} run{'s' * (len(self._all) != 1)}, {size}"
            if self._all
            else "no runs yet: esc goes to the presets"
        )
        if len(self._shown) < len(self._all):
            told = f"{len(self._shown)} of {told}"
        if self._marked:
            told += f" · {len(self._marked)} marked ●"
        if self.app.pinned:
            told += f" · {len(self.app.pinned)} pinned ↧"
        order = f"by {memory.sort}{' ↓' if memory.descending else ' ↑'}"
        self.query_one("#title", Static).update(f"{told} · {order} · {runs.runs_home()}")

    def _refresh_states(self) -> None:
        table = self.query_one(DataTable)
        for index, one in enumerate(self._shown):
            if one.state in _CHANGING:
                one.state = one.run.state()
                table.update_cell_at((index, 2), Text(one.state))  # type: ignore[arg-type]

    def _at(self) -> Listed | None:
        row = self.query_one(DataTable).cursor_row
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def _chosen(self) -> list[Listed]:
        """The marked runs that are in sight, else the one under the cursor."""
        marked = [one for run_id in self._marked for one in self._shown if one.run.id == run_id]
        at = self._at()
        return marked or ([at] if at is not None else [])

    def on_data_table_row_selected(self, _: DataTable.RowSelected) -> None:
        self.action_open()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        if event.column_index:
            self._sort_by(COLUMNS[event.column_index - 1])

    def on_input_changed(self, _: Input.Changed) -> None:
        self._fill()

    def on_input_submitted(self, _: Input.Submitted) -> None:
        self.query_one(DataTable).focus()

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
        table = self.query_one(DataTable)
        table.update_cell_at((table.cursor_row, 0), Text(self._sign(at)))  # type: ignore[arg-type]
        table.action_cursor_down()
        self._title()

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
        following = COLUMNS[(COLUMNS.index(self.app.memory.sort) + 1) % len(COLUMNS)]
        self.app.memory.sort = following
        self._fill()

    def _sort_by(self, column: str) -> None:
        memory = self.app.memory
        memory.descending = not memory.descending if memory.sort == column else column in ("run", "size")
        memory.sort = column
        self._fill()

    def action_reverse(self) -> None:
        self.app.memory.descending = not self.app.memory.descending
        self._fill()

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
        chosen = self._chosen()
        hidden = [path for one in chosen if (path := runs.hide(one.run)) is not None]
        kept = len(chosen) - len(hidden)
        if hidden:
            self._hidden.append(hidden)
        self._marked = []
        self._read()
        told = f"{len(hidden)} run{'s' * (len(hidden) != 1)} deleted: u brings them back until you leave this list"
        self.notify(told + (f" · {kept} live, stop them first" if kept else ""))

    def action_undo(self) -> None:
        if not self._hidden:
            self.notify("nothing was deleted here")
            return
        back = sum(runs.restore(path) for path in self._hidden.pop())
        self._read()
        self.notify(f"{back} run{'s' * (back != 1)} brought back")

    def action_prune(self) -> None:
        def chosen(old: list[RunDirectory] | None) -> None:
            if not old:
                self.notify("nothing was deleted")
            else:
                hidden = [path for run in old if (path := runs.hide(run)) is not None]
                self._hidden.append(hidden)
                self._read()
                self.notify(f"{len(hidden)} runs deleted: u brings them back until you leave this list")

        self.app.push_screen(PruneDialog(), chosen)

    def action_back(self) -> None:
        field = self.query_one("#filter", Input)
        if self.has_class("filtering"):
            # First out of the filter, then out of the list.
            field.value = ""
            self.set_class(False, "filtering")
            self.query_one(DataTable).focus()
            return
        self.app.show_home()
