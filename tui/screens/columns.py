"""Which columns the list of runs has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui import keys
from tui.shown.run_rows import COLUMNS


class ColumnsDialog(ModalScreen[tuple[list[str], str]]):
    """The columns there are, ticked where they are wanted, and by which one runs are sorted."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("columns")

    def __init__(self, chosen: Sequence[str], by: str) -> None:
        super().__init__()
        self._chosen = set(chosen)
        self._by = by

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Columns (space: tick · o: sort · enter: done); no tick: what fits", markup=False)
            yield OptionList(id="found", classes="short", markup=False)

    def on_mount(self) -> None:
        found = self.query_one(OptionList)
        found.add_options(Option(self._line(name)) for name in COLUMNS)
        found.highlighted = 0
        found.focus()

    def _line(self, name: str) -> str:
        box = "●" if name in self._chosen else "○"
        return f"{box} {name:<10} {COLUMNS[name].help}{' · sorted by it' if name == self._by else ''}"

    def _draw(self) -> None:
        found = self.query_one(OptionList)
        for place, name in enumerate(COLUMNS):
            found.replace_option_prompt_at_index(place, self._line(name))

    def _at(self) -> str | None:
        place = self.query_one(OptionList).highlighted
        return None if place is None else list(COLUMNS)[place]

    def action_choose(self) -> None:
        name = self._at()
        if name is not None:
            self._chosen ^= {name}
            self._draw()

    def action_sort(self) -> None:
        self._by = self._at() or self._by
        self._draw()

    def on_option_list_option_selected(self, _: OptionList.OptionSelected) -> None:
        self.action_done()

    def action_done(self) -> None:
        # In the order in which they stand, whichever was ticked first.
        self.dismiss(([name for name in COLUMNS if name in self._chosen], self._by))
