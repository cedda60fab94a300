"""Small questions over a screen: where to export to, what becomes of a live run, and the help."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from solver import client
from solver.refusal import BadSetting
from tui import keys
from tui.text import inert


class ExportDialog(ModalScreen[Path | None]):
    """Asks where to; a file that is there is replaced only when asked a second time."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss_none", "back", show=False, priority=True)]

    def __init__(self, proposed: Path) -> None:
        super().__init__()
        self._proposed = proposed
        self._agreed: Path | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Export to (.json, .csv or .jsonl)", markup=False)
            yield Input(str(self._proposed), id="path", select_on_focus=False)
            yield Static("enter writes it · esc goes back", id="said", markup=False)

    def on_input_changed(self, _: Input.Changed) -> None:
        self._agreed = None

    def on_input_submitted(self, event: Input.Submitted) -> None:
        said = self.query_one("#said", Static)
        try:
            path = client.check_export_path(Path(event.value.strip()))
        except BadSetting as error:
            said.update(inert(str(error).removeprefix("--out "), 400))
            return
        if path.suffix not in (".json", ".csv", ".jsonl"):
            said.update("the file name must end in .json, .csv or .jsonl")
        elif path.exists() and self._agreed != path:
            self._agreed = path
            said.update("this file exists: enter again replaces it")
        else:
            self.dismiss(path)

    def action_dismiss_none(self) -> None:
        self.dismiss(None)


class QuitDialog(ModalScreen[str | None]):
    """Asks what becomes of the runs under way: stop, leave running, or stay."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "answer('stay')", "stay", show=False),
        Binding("s", "answer('stop')", "stop", show=False),
        Binding("l", "answer('leave')", "leave", show=False),
        Binding("ctrl+c", "answer('stay')", "stay", show=False, priority=True),
    ]

    def __init__(self, n_live: int) -> None:
        super().__init__()
        self._n_live = n_live

    def compose(self) -> ComposeResult:
        subject = "A run is" if self._n_live == 1 else f"{self._n_live} runs are"
        with Vertical(classes="dialog"):
            yield Static(f"{subject} under way.", markup=False)
            with Horizontal():
                yield Button("Leave running (l)", id="leave", variant="primary")
                yield Button("Stop (s)", id="stop", variant="error")
                yield Button("Stay (esc)", id="stay")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id)

    def action_answer(self, answer: str) -> None:
        self.dismiss(answer)


class HelpScreen(ModalScreen[None]):
    """Every key of the screen it was called from, from the one table."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,f1,q,enter", "close", "close", show=False)]

    def __init__(self, place: keys.Place) -> None:
        super().__init__()
        self._place = place

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog tall"):
            lines = [f"{action.shown:>7}  {action.help}" for action in keys.of(self._place)]
            yield Static("\n".join(lines), markup=False)
            yield Static(_WORDS, id="words", markup=False)

    def action_close(self) -> None:
        self.dismiss(None)


_WORDS = """
Words
  end matrix      W = W_N … W_1, the product of the N layers
  σ₁ ≥ σ₂ ≥ …     singular values of W: dσ/dt = N σ^(2−2/N) γ
  γ               how hard the loss pulls on that direction
  effective rank  exp of the entropy of σ/Σσ: 5 equal ones give 5
  training loss   on the observed entries
  recon. error    on all entries; the zero matrix scores 1
  lane            one trained factorization of the run
  flow time       what gradient descent's steps add up to
  t*              where σ₁ escapes at the earliest, γ frozen
esc closes this."""
