"""A setting in the form: its name, what is typed or chosen, and room for a message."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Select, Static
from textual.widgets.input import Selection

from solver import fields
from solver.fields import Raw
from tui.shown import form
from tui.widgets.field import Field


class Setting(Vertical):
    """A field of the spec. One of few words is chosen, unless several are swept."""

    def __init__(self, field: str, raw: Raw) -> None:
        super().__init__()
        self.field = field
        self._said = ""
        words, value = fields.choices(raw, field), form.value(field, raw)
        self.entry: Input | Select[str]
        if words and "," not in value:
            self.entry = Select(
                [(word, word) for word in words], value=value or words[0], allow_blank=False, name=field, compact=True
            )
        else:
            self.entry = Field(value, name=field, placeholder=form.default(field, raw), compact=True)
        self._message = Static("", classes="message", name=field, markup=False)

    def compose(self) -> ComposeResult:
        with Horizontal(classes="entry"):
            yield Static(self.field.rpartition(".")[2], classes="name", markup=False)
            yield self.entry
        yield self._message

    @property
    def text(self) -> str:
        """What stands there."""
        return str(self.entry.value).strip()

    def go(self) -> None:
        """The keyboard to this field; what is typed takes the place of what stands there."""
        self.entry.focus()
        if isinstance(self.entry, Input):
            self.entry.selection = Selection(0, len(self.entry.value))

    def complain(self, sentence: str) -> None:
        """Says below the field what is wrong; nothing for an empty sentence."""
        if sentence != self._said:
            self._said = sentence
            self._message.update(sentence)
            self._message.set_class(bool(sentence), "wrong")
