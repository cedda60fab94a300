"""A setting in the form: a sign where it differs, its name, what is typed or chosen, and below it what is wrong."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Select, Static
from textual.widgets.input import Selection

from solver.fields import Raw
from tui.shown import form
from tui.widgets.field import Field

# By a sign, not by a colour alone.
DIFFERS = "●"


class Setting(Horizontal):
    """A field of the spec: one of few words is chosen, unless what stands there is none of them, or a list.

    A form has dozens, and each widget in it costs a millisecond: what is wrong has one only where something is.
    """

    def __init__(self, field: str, raw: Raw) -> None:
        super().__init__(classes="entry")
        self.field = field
        self._short = field.rpartition(".")[2]
        self._said = ""
        self.differs = False
        begun = form.begun(field, raw)
        self._words = form.words(field, raw)
        self.entry: Input | Select[str]
        if self._words:
            words = [(word, word) for word in self._words]
            self.entry = Select(words, value=begun, allow_blank=False, name=field, compact=True)
        else:
            self.entry = Field(begun, name=field, placeholder=form.default(field, raw), compact=True)
        self._label = Static(f"  {self._short}", classes="name", markup=False)
        self._message: Static | None = None

    def compose(self) -> ComposeResult:
        yield self._label
        yield self.entry

    @property
    def text(self) -> str:
        """What stands there."""
        return str(self.entry.value).strip()

    @property
    def is_kind(self) -> bool:
        """Whether it decides which other fields there are."""
        return self.field.endswith(".kind")

    def put(self, text: str) -> bool:
        """Puts something else there; False where the fields have to be made anew for that."""
        if self.is_kind or (isinstance(self.entry, Select) and text not in self._words):
            return False
        self.entry.value = text
        return True

    def go(self) -> None:
        """The keyboard to this field; what is typed takes the place of what stands there."""
        self.entry.focus()
        if isinstance(self.entry, Input):
            self.entry.selection = Selection(0, len(self.entry.value))

    def mark(self, differs: bool) -> None:
        """With the sign of a field that differs from the preset, or without."""
        if differs != self.differs:
            self.differs = differs
            self._label.update(f"{DIFFERS if differs else ' '} {self._short}")
            self._label.set_class(differs, "differs")

    def complain(self, sentence: str) -> None:
        """Says below the field what is wrong; nothing for an empty sentence."""
        if sentence == self._said:
            return
        self._said = sentence
        if self._message is not None:
            self._message.remove()
            self._message = None
        if sentence and isinstance(self.parent, Widget):
            self._message = Static(sentence, classes="message", name=self.field, markup=False)
            self.parent.mount(self._message, after=self)
