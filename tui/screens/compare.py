"""Which runs are laid over the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from solver.refusal import BadSetting
from solver.rundir import Order, RunDirectory
from tui import keys
from tui.shown.differences import in_short
from tui.text import inert

_LONGEST_LINE = 160


class CompareDialog(ModalScreen[list[RunDirectory] | None]):
    """The other runs, those of the same preset first, each with the settings in which it differs."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("compare")

    def __init__(self, order: Order, others: Sequence[RunDirectory], laid_over: Collection[str]) -> None:
        super().__init__()
        self._order = order
        self._readable = [(run, other) for run in others if (other := _order_of(run)) is not None]
        self._readable.sort(key=lambda one: one[1].preset.name != order.preset.name)
        self._chosen = set(laid_over)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static("Lay over this run (enter: this one · space: several · esc: done)", markup=False)
            yield OptionList(id="found", markup=False)
            if not self._readable:
                yield Static("there is no other run yet: f forks this one", markup=False)

    def on_mount(self) -> None:
        found = self.query_one(OptionList)
        found.add_options(Option(self._line(run, order)) for run, order in self._readable)
        found.highlighted = 0 if self._readable else None
        found.focus()

    def _line(self, run: RunDirectory, order: Order) -> str:
        box = "●" if run.id in self._chosen else "○"
        name = run.read_notes().name or run.id
        is_same = order.preset.name == self._order.preset.name
        # What another preset has otherwise would fill the screen.
        told = in_short(self._order.spec, order.spec) if is_same else order.preset.title
        return inert(f"{box} {name} · {run.state()} · {told}", _LONGEST_LINE)

    def action_choose(self) -> None:
        found = self.query_one(OptionList)
        place = found.highlighted
        if place is not None:
            run, order = self._readable[place]
            self._chosen ^= {run.id}
            found.replace_option_prompt_at_index(place, self._line(run, order))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        run = self._readable[event.option_index][0]
        self._chosen ^= {run.id}
        self.action_done()

    def action_done(self) -> None:
        self.dismiss([run for run, _ in self._readable if run.id in self._chosen])


def _order_of(run: RunDirectory) -> Order | None:
    try:
        return run.order()
    except BadSetting:
        return None
