"""Where a run, its chart or the screen goes: a file, or the clipboard."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Select, Static
from textual.widgets.input import Selection

from solver import client
from solver.refusal import BadSetting
from tui import keys
from tui.export import FORMATS, PICTURES, Format, format_of, suffix
from tui.text import inert
from tui.widgets.field import Field


class Wanted(msgspec.Struct, frozen=True):
    """What is to be written where."""

    kind: Format
    path: Path | None
    """None for the clipboard."""


class ExportDialog(ModalScreen[Wanted | None]):
    """Asks for a format and a place; a file that is there is replaced only when asked a second time."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("export")

    def __init__(self, proposed: Path, *, with_pictures: bool, with_map: bool = False) -> None:
        super().__init__()
        self._proposed = f"{proposed}.json"
        self._is_chosen = False
        """Whether the person has said a format."""
        self._agreed: Path | None = None
        self._kinds: list[Format] = [
            kind for kind in FORMATS if (with_pictures or kind not in PICTURES) and (with_map or kind != "map")
        ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Export to a file (its end says the format)", markup=False)
            yield Field(self._proposed, id="path", select_on_focus=False)
            with Horizontal(classes="entry"):
                yield Static("format", classes="name", markup=False)
                yield Select(
                    [(f"{kind}: {FORMATS[kind]}", kind) for kind in self._kinds],
                    value="json",
                    allow_blank=False,
                    id="kind",
                    compact=True,
                )
            with Horizontal():
                yield Button("Write (enter)", id="write", variant="primary", compact=True)
                yield Button("To the clipboard (f2)", id="clipboard", compact=True)
            yield Static("type another end, or tab to the formats · esc goes back", id="said", markup=False)

    def on_mount(self) -> None:
        path = self.query_one("#path", Input)
        path.focus()
        # What is typed first takes the place of the ending.
        path.selection = Selection(len(self._proposed) - len("json"), len(self._proposed))
        self.watch(self.query_one("#kind", Select), "expanded", self._unfolded, init=False)

    def _unfolded(self, expanded: bool) -> None:
        # A format taken with enter, the same one too, is followed by an enter that writes.
        if not expanded:
            self.call_after_refresh(self._back_to_path)

    def _back_to_path(self) -> None:
        if self.focused is self.query_one("#kind"):
            path = self.query_one("#path", Input)
            path.focus()
            path.action_end()

    def _kind(self) -> Format | None:
        found = format_of(self.query_one("#path", Input).value.strip())
        return found if found in self._kinds else None

    @on(Select.Changed, "#kind")
    def _chosen(self, event: Select.Changed) -> None:
        path = self.query_one("#path", Input)
        kind = self._of_select(event.value)
        before = self._kind()
        if before != kind:
            stem = path.value.strip().removesuffix(suffix(before)) if before else path.value.strip()
            path.value = f"{stem}{suffix(kind)}"

    def on_input_changed(self, event: Input.Changed) -> None:
        self._agreed = None
        self._is_chosen |= event.value != self._proposed
        kind, select = self._kind(), self.query_one("#kind", Select)
        if kind is not None and select.value != kind:
            # What follows a letter must not be heard as a choice after the next one: json, then jsonl.
            with select.prevent(Select.Changed):
                select.value = kind

    def on_input_submitted(self, _: Input.Submitted) -> None:
        self._write()

    @on(Button.Pressed, "#write")
    def _pressed(self, _: Button.Pressed) -> None:
        self._write()

    def _write(self) -> None:
        said, text = self.query_one("#said", Static), self.query_one("#path", Input).value.strip()
        try:
            path = client.check_export_path(Path(text))
        except BadSetting as error:
            said.update(inert(str(error).removeprefix("--out "), 400))
            return
        kind = self._kind()
        if kind is None:
            said.update(f"the file name must end in {', '.join(suffix(one) for one in self._kinds)}")
        elif path.exists() and self._agreed != path:
            self._agreed = path
            said.update("this file exists: enter again replaces it")
        else:
            self.dismiss(Wanted(kind, path))

    @on(Button.Pressed, "#clipboard")
    def _copied(self, _: Button.Pressed) -> None:
        self.action_clipboard()

    def action_clipboard(self) -> None:
        kind = self._of_select(self.query_one("#kind", Select).value)
        if not self._is_chosen and "svg" in self._kinds:
            # The run whole, which stands there at first, is more than most terminals take.
            kind = "svg"
        self.dismiss(Wanted(kind, None))

    def _of_select(self, value: object) -> Format:
        return next((kind for kind in self._kinds if kind == value), self._kinds[0])

    def action_cancel(self) -> None:
        self.dismiss(None)
