"""Find something by typing a part of its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui import keys
from tui.text import inert
from tui.widgets.field import Field


class Entry(msgspec.Struct, frozen=True):
    """Something that can be found."""

    text: str
    kind: str
    key: str

    def fits(self, words: str) -> bool:
        """Whether every word is a part of the text; a number is meant as the value of the word before it."""
        text = self.text.lower()
        return all(re.search(pattern, text) for pattern in _patterns(words.lower().split()))


def _patterns(words: list[str]) -> list[str]:
    found: list[str] = []
    for word in words:
        if word[0].isdigit() and found:
            found[-1] += rf"\s+{re.escape(word)}(?![\d.])"
        else:
            found.append(re.escape(word))
    return found


class Finder(ModalScreen[Entry | None]):
    """A field, and below it what fits; enter takes the highlighted one."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("finder")

    def __init__(self, question: str, entries: Callable[[str], list[Entry]]) -> None:
        super().__init__()
        self._question = question
        self._entries = entries
        self._shown: list[Entry] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static(self._question, markup=False)
            yield Field(id="words", placeholder="type a part of its name", compact=True)
            yield OptionList(id="found", markup=False)

    def on_mount(self) -> None:
        self._fill("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def _fill(self, words: str) -> None:
        self._shown = self._entries(words)
        found = self.query_one(OptionList)
        found.clear_options()
        found.add_options(Option(inert(entry.text, 120)) for entry in self._shown)
        found.highlighted = 0 if self._shown else None

    def action_move(self, by: int) -> None:
        found = self.query_one(OptionList)
        if found.highlighted is not None:
            found.highlighted = min(max(0, found.highlighted + by), len(self._shown) - 1)

    def on_input_submitted(self, _: Input.Submitted) -> None:
        highlighted = self.query_one(OptionList).highlighted
        if highlighted is not None:
            self.dismiss(self._shown[highlighted])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[event.option_index])

    def action_cancel(self) -> None:
        self.dismiss(None)
