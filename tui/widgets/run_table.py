"""The table of the list of runs, in which no more is painted anew than what has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.text import Text
from textual.widgets import DataTable

from tui.shown import run_rows
from tui.shown.run_rows import COLUMNS, Listed

# A sign with a blank to either side, and the scroll bar.
_BESIDE_COLUMNS = 4


class RunTable(DataTable[Text]):
    """A row for each run: a sign, then the columns that fit."""

    def __init__(self) -> None:
        super().__init__(id="runs", cursor_type="row", zebra_stripes=True)
        self.runs: list[Listed] = []
        """In the order in which they stand."""
        self.names: list[str] = []
        """Of the columns that are shown."""
        self._layout: tuple[object, ...] = ()
        self._cells: list[list[str]] = []

    def at(self) -> Listed | None:
        """The run under the cursor."""
        return self.runs[self.cursor_row] if 0 <= self.cursor_row < len(self.runs) else None

    def show(self, rows: Sequence[Listed], sign: Callable[[Listed], str], names: Sequence[str], order: str) -> None:
        """Shows these runs in these columns, as far as there is room; ``order`` is a column's name and an arrow."""
        headers = {order.rpartition(" ")[0]: order}
        columns = run_rows.fitted(names, headers, rows, (self.size.width or self.screen.size.width) - _BESIDE_COLUMNS)
        layout = (columns, order, [one.run.id for one in rows])
        cells = [[sign(one), *(COLUMNS[name].cell(one) for name, _ in columns)] for one in rows]
        at = self.at()
        self.runs, self.names = list(rows), [name for name, _ in columns]
        if layout == self._layout:
            for place, (old, new) in enumerate(zip(self._cells, cells, strict=True)):
                for column in (k for k in range(len(new)) if old[k] != new[k]):
                    self.update_cell_at((place, column), _text(new[column]))  # type: ignore[arg-type]
        else:
            self._rebuild(columns, headers, cells, None if at is None else at.run.id)
        self._layout, self._cells = layout, cells

    def _rebuild(
        self, columns: Sequence[tuple[str, int]], headers: Mapping[str, str], cells: list[list[str]], at: str | None
    ) -> None:
        row, scrolled = self.cursor_row, self.scroll_y
        self.clear(columns=True)
        self.add_column(" ", width=1)
        for name, width in columns:
            self.add_column(headers.get(name, name), width=width)
        self.add_rows([_text(cell) for cell in line] for line in cells)
        if self.runs:
            ids = [one.run.id for one in self.runs]
            self.scroll_to(y=scrolled, animate=False)
            self.move_cursor(row=ids.index(at) if at in ids else min(row, len(ids) - 1))


def _text(cell: str) -> Text:
    return Text(cell, no_wrap=True, overflow="ellipsis")
