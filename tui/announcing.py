"""What is told outside the picture: how far a run is, in the terminal's title; its end, by a bell or on the desktop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from solver import results
from solver.refusal import BadSetting
from solver.results import Results
from solver.rundir import RunDirectory
from tui.config import Config, Desktop
from tui.terminal import POP_TITLE, PUSH_TITLE
from tui.text import inert, quantity

_NAME = "implicit-tui"
_SIGNS = {"converged": "✓", "diverged": "✗", "failed": "✗", "killed": "✗"}


class Announcer:
    """Looks at the runs of an app, and writes to its terminal what has changed."""

    def __init__(self, config: Config, write: Callable[[str], object], *, is_titled: bool, in_tmux: bool) -> None:
        self._notify = config.notify
        self._write = write
        self._is_titled = is_titled
        self._in_tmux = in_tmux
        self._live: dict[str, RunDirectory] = {}
        self._last = _NAME
        """What the title is while nothing is under way."""
        self._title = ""
        self._suspended: str | None = None
        """The title before a suspension; None outside of one."""

    @property
    def has_something_to_say(self) -> bool:
        """Whether anything at all is told."""
        return self._is_titled or self._notify.bell or self._notify.desktop != "none"

    def look(self, live: Sequence[tuple[RunDirectory, float]]) -> None:
        """Takes up which runs are under way, and how far they are, those that one looks at first."""
        now = {run.id: run for run, _ in live}
        for run in [run for run_id, run in self._live.items() if run_id not in now]:
            # A run that goes on without us is no news; a solver that has said its last word may still be there.
            if run.outcome() is not None or not run.is_solving():
                self._tell_end(run)
        self._live = now
        if live:
            run, fraction = live[0]
            more = f" · {len(live) - 1} more" if len(live) > 1 else ""
            self._set_title(f"{_NAME} · {_name_of(run)} {fraction:.0%}{more}")
        else:
            self._set_title(self._last)

    def suspending(self) -> None:
        """Before the shell has its turn: the terminal has its own title meanwhile."""
        if self._is_titled:
            self._suspended, self._title = self._title, ""
            self._write(POP_TITLE)

    def resuming(self) -> None:
        """After it; a halt that nobody announced has left the title as it was."""
        if self._suspended is not None:
            title, self._suspended = self._suspended, None
            self._write(PUSH_TITLE)
            self._set_title(title)

    def _set_title(self, text: str) -> None:
        if self._suspended is not None:
            # The clock may have been faster than the news that we are back.
            self._suspended = text
        elif self._is_titled and text != self._title:
            self._title = text
            self._write(f"\x1b]2;{inert(text, 120)}\x1b\\")

    def _tell_end(self, run: RunDirectory) -> None:
        try:
            found, state = results.read(run, run.order(), quantity), run.state()
        except BadSetting:
            # It was deleted meanwhile.
            return
        name = _name_of(run)
        sign, sentence = _end(found, state)
        self._last = f"{sign} {name}"
        told = desktop(self._notify.desktop, f"{sign} {name} {sentence}", in_tmux=self._in_tmux)
        if self._notify.bell:
            told += "\a"
        if told:
            self._write(told)


def _name_of(run: RunDirectory) -> str:
    """What a person calls it, else its preset's name."""
    try:
        return inert(run.read_notes().name or run.order().preset.name, 40)
    except BadSetting:
        return inert(run.id, 40)


def _end(found: Results, state: str) -> tuple[str, str]:
    """The sign of an end, and what it came to."""
    failed = [claim.name for claim in found.claims if claim.verdict == "fails"]
    if failed:
        return "✗", f"{state}, and {'a claim fails' if len(failed) == 1 else 'claims fail'}: {', '.join(failed)}"
    holding = sum(claim.verdict == "holds" for claim in found.claims)
    told = f", {holding} of {len(found.claims)} claims hold" if found.claims else ""
    sign = "✓" if found.is_foreseen else _SIGNS.get(state, "■")
    return sign, state + told + (f": {found.sentence}" if found.sentence else "")


def desktop(kind: Desktop, text: str, *, in_tmux: bool) -> str:
    """What makes a terminal show a notification, through tmux where it runs in one; nothing for ``none``."""
    if kind == "none":
        return ""
    # Its parts are told apart by semicolons.
    shown = inert(text, 200).replace(";", ",")
    sequence = f"\x1b]9;{shown}\x1b\\" if kind == "osc9" else f"\x1b]777;notify;{_NAME};{shown}\x1b\\"
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\" if in_tmux else sequence
