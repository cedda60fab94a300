"""Small questions over a screen: what becomes of a live run, a run's name, which runs go, and the help."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from presets import writing
from solver import files, runs
from solver.machine import readable_bytes
from solver.refusal import BadSetting
from solver.rundir import Notes, RunDirectory
from tui import keys
from tui.text import inert
from tui.widgets.field import Field


class QuitDialog(ModalScreen[str | None]):
    """Asks what becomes of the runs under way: stop, leave running, or stay. Says what becomes of those that wait."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("quit")

    def __init__(self, n_live: int, n_queued: int = 0) -> None:
        super().__init__()
        self._n_live = n_live
        self._n_queued = n_queued

    def compose(self) -> ComposeResult:
        subject = "A run is" if self._n_live == 1 else f"{self._n_live} runs are"
        with Vertical(classes="dialog"):
            yield Static(f"{subject} under way.", markup=False)
            if self._n_queued:
                told = "1 run waits" if self._n_queued == 1 else f"{self._n_queued} runs wait"
                yield Static(
                    f"{told} in the queue, which ends with the app: listed as not started, and begun by space in "
                    "the opened run or `implicit-tui resume`.",
                    markup=False,
                )
            with Horizontal():
                yield Button("Leave running (l)", id="leave", variant="primary")
                yield Button("Stop (s)", id="stop", variant="error")
                yield Button("Stay (esc)", id="stay")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id)

    def action_answer(self, answer: str) -> None:
        self.dismiss(answer)


class NotesDialog(ModalScreen[Notes | None]):
    """Asks for a run's name, a note, and tags."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("notes")

    def __init__(self, notes: Notes) -> None:
        super().__init__()
        self._notes = notes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            for name, value in (
                ("name", self._notes.name),
                ("note", self._notes.note),
                ("tags", ", ".join(self._notes.tags)),
            ):
                with Horizontal(classes="entry"):
                    yield Static(name, classes="name", markup=False)
                    yield Field(inert(value, 400), id=name, max_length=400, select_on_focus=False, compact=True)
            yield Static("enter keeps it · tab next field · a comma parts tags · esc goes back", markup=False)

    def on_input_submitted(self, _: Input.Submitted) -> None:
        name, note, tags = (self.query_one(f"#{field}", Input).value for field in ("name", "note", "tags"))
        words = [tag.strip() for tag in tags.split(",")]
        self.dismiss(Notes(name=name.strip(), note=note.strip(), tags=[tag for tag in words if tag]))

    def action_cancel(self) -> None:
        self.dismiss(None)


class PruneDialog(ModalScreen[list[RunDirectory] | None]):
    """Asks which runs are old, and says what would go."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("prune")

    def __init__(self) -> None:
        super().__init__()
        self._chosen: list[RunDirectory] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            for name, label, value in (("keep", "keep the newest", "20"), ("days", "older than days", "30")):
                with Horizontal(classes="entry"):
                    yield Static(label, classes="name", markup=False)
                    yield Field(value, id=name, compact=True)
            yield Static("", id="said", markup=False)
            yield Static("enter deletes them · live runs stay · esc goes back", markup=False)

    def on_mount(self) -> None:
        self._count()

    def on_input_changed(self, _: Input.Changed) -> None:
        self._count()

    def _count(self) -> None:
        said = self.query_one("#said", Static)
        keep, days = (self.query_one(f"#{field}", Input).value.strip() for field in ("keep", "days"))
        self._chosen = []
        try:
            limits = int(keep) if keep else None, float(days) if days else None
        except ValueError:
            said.update("both are numbers; leave one empty to leave it out")
            return
        try:
            self._chosen = runs.old(runs.list_runs(), *limits, time.time())
        except BadSetting as error:
            said.update(inert(str(error), 200))
            return
        size = readable_bytes(sum(run.size_bytes() for run in self._chosen))
        said.update(f"{len(self._chosen)} run{'s' * (len(self._chosen) != 1)} would be deleted, {size}")

    def on_input_submitted(self, _: Input.Submitted) -> None:
        self.dismiss(self._chosen)

    def action_cancel(self) -> None:
        self.dismiss(None)


class SaveDialog(ModalScreen[Path | None]):
    """Asks for the name of a preset; one's own is replaced only when asked a second time, a built-in one never."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("save")

    def __init__(self, proposed: str) -> None:
        super().__init__()
        self._proposed = proposed
        self._agreed: Path | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Keep these settings as a preset of your own", markup=False)
            with Horizontal(classes="entry"):
                yield Static("name", classes="name", markup=False)
                yield Field(self._proposed, id="name", max_length=80, compact=True)
            yield Static("enter keeps it · esc goes back", id="said", markup=False)

    def on_input_changed(self, _: Input.Changed) -> None:
        self._agreed = None

    def on_input_submitted(self, event: Input.Submitted) -> None:
        said, name = self.query_one("#said", Static), event.value.strip()
        try:
            path = writing.place(name)
        except BadSetting as error:
            said.update(inert(str(error), 400))
            return
        if files.is_there(path) and self._agreed != path:
            self._agreed = path
            said.update(f"you have a preset {name}: enter again replaces it")
        else:
            self.dismiss(path)

    def action_cancel(self) -> None:
        self.dismiss(None)


class AskDialog(ModalScreen[str | None]):
    """Asks for a line of text."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("ask")

    def __init__(self, question: str, text: str) -> None:
        super().__init__()
        self._question, self._text = question, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._question, markup=False)
            yield Field(self._text, id="text", max_length=80, compact=True)
            yield Static("enter takes it, an empty line all of them · esc goes back", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    def action_cancel(self) -> None:
        self.dismiss(None)


class HelpScreen(ModalScreen[None]):
    """Every key of the screen it was called from, from the one table."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("help")

    def __init__(self, place: keys.Place, table: keys.Keys) -> None:
        super().__init__()
        self._place = place
        self._keys = table

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog tall"):
            for group, heading in keys.GROUPS.items():
                actions = [action for action in keys.of(self._place) if action.group == group]
                if actions:
                    yield Static(heading, classes="section", markup=False)
                    yield Static("\n".join(self._line(action) for action in actions), markup=False)
            yield Static("Mouse: click the list, the keys below and the chart; wheel zooms, drag moves.", markup=False)
            yield Static("esc closes this · f4 says what the words mean", id="words", markup=False)

    def _line(self, action: keys.Action) -> str:
        shown = " ".join(keys.shown(key) for key in self._keys.keys(action).split(","))
        return f"{shown:>11}  {action.help}"

    def action_close(self) -> None:
        self.dismiss(None)


class GlossaryScreen(ModalScreen[None]):
    """What the words on the screens mean."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("glossary")

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog tall"):
            yield Static("What the words mean", classes="section", markup=False)
            yield Static("\n".join(f"{word:<15} {meaning}" for word, meaning in _WORDS.items()), markup=False)
            yield Static("\nesc closes this", markup=False)

    def action_close(self) -> None:
        self.dismiss(None)


_WORDS = {
    "end matrix": "W = W_N … W_1, the product of the N layers",
    "σ₁ ≥ σ₂ ≥ …": "singular values of W: dσ/dt = N σ^(2−2/N) γ",
    "γ": "how hard the loss pulls on that direction",
    "effective rank": "exp of the entropy of σ/Σσ: 5 equal ones give 5",
    "alignment": "1 where σ_r's vectors lie in the truth's spaces",
    "training loss": "on the observed entries",
    "recon. error": "on all entries; the zero matrix scores 1",
    "lane": "one trained factorization of the run",
    "claim": "a statement of the papers, measured on the run",
    "flow time": "what gradient descent's steps add up to",
    "t*": "where σ₁ escapes at the earliest, γ frozen",
    "component": "one of the R rank-1 tensors whose sum is fitted",
    "CP rank": "the least number of components that fit it",
    "balanced": "W_{j+1}ᵀW_{j+1} = W_jW_jᵀ, which the flow keeps",
    "least norm": "of all that fit to 1e-3, the least nuclear norm",
}
