"""Every action of the app, declared once: keys, hint, help, palette entry and command come from this table."""

from __future__ import annotations

from typing import Literal

import msgspec
from textual.binding import Binding, BindingType

Place = Literal["home", "settings", "live", "runs"]


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person can do, by key, palette or mouse."""

    name: str
    """The method ``action_<name>`` of the screen (or the app, where ``places`` is empty)."""
    keys: str
    """Comma-separated, as Textual names them."""
    shown: str
    """The key as a person reads it."""
    label: str
    """One or two words for the hint line."""
    help: str
    """A sentence for the help screen and the palette."""
    places: tuple[Place, ...] = ()
    """The screens that have it; none means everywhere."""
    hint: bool = True
    """Whether the hint line names it."""
    priority: bool = False
    """Whether it acts even while a field has focus."""


ACTIONS = (
    Action(
        name="run", keys="enter", shown="enter", label="run", help="Run the chosen preset as it is.", places=("home",)
    ),
    Action(
        name="open",
        keys="enter",
        shown="enter",
        label="open",
        help="Open the run: live, or replayed.",
        places=("runs",),
    ),
    Action(
        name="settings",
        keys="n",
        shown="n",
        label="settings",
        help="Change the settings of the chosen preset, then run it.",
        places=("home",),
    ),
    Action(
        name="runs", keys="r", shown="r", label="runs", help="List the runs on this machine.", places=("home", "live")
    ),
    Action(
        name="pause",
        keys="space",
        shown="space",
        label="pause",
        help="Pause the run, or let it go on; take a stopped or killed one up again.",
        places=("live",),
    ),
    Action(
        name="freeze",
        keys="v",
        shown="v",
        label="freeze",
        help="Hold the picture still while the run goes on; again to catch up.",
        places=("live",),
        hint=False,
    ),
    Action(
        name="stop",
        keys="s",
        shown="s",
        label="stop",
        help="Stop the run at its next step and keep what it recorded.",
        places=("live", "runs"),
    ),
    Action(
        name="export",
        keys="e",
        shown="e",
        label="export",
        help="Write the run to a file: .json, .csv or .jsonl.",
        places=("live", "runs"),
    ),
    Action(
        name="lanes",
        keys="l",
        shown="l",
        label="lanes",
        help="Show all lanes over each other, or one after the other.",
        places=("live",),
    ),
    Action(name="log_x", keys="x", shown="x", label="log x", help="Logarithmic x axis, or linear.", places=("live",)),
    Action(name="log_y", keys="y", shown="y", label="log y", help="Logarithmic y axis, or linear.", places=("live",)),
    Action(
        name="against",
        keys="t",
        shown="t",
        label="steps/time",
        help="Draw against steps, flow time, or gradient evaluations.",
        places=("live",),
        hint=False,
    ),
    Action(
        name="maximise",
        keys="z",
        shown="z",
        label="maximise",
        help="The chart alone, or with the list of quantities.",
        places=("live",),
        hint=False,
    ),
    Action(
        name="view(1)",
        keys="1",
        shown="1",
        label="σ",
        help="Show the singular values.",
        places=("live",),
        hint=False,
    ),
    Action(
        name="view(2)",
        keys="2",
        shown="2",
        label="rank",
        help="Show the effective rank.",
        places=("live",),
        hint=False,
    ),
    Action(
        name="view(3)",
        keys="3",
        shown="3",
        label="loss",
        help="Show the training loss.",
        places=("live",),
        hint=False,
    ),
    Action(
        name="view(4)",
        keys="4",
        shown="4",
        label="error",
        help="Show the reconstruction or held-out error.",
        places=("live",),
        hint=False,
    ),
    Action(
        name="claims",
        keys="5",
        shown="5",
        label="claims",
        help="Show the claims of the preset; again for what follows, then for the events and other pages.",
        places=("live",),
    ),
    Action(
        name="figure",
        keys="6",
        shown="6",
        label="figure",
        help="Show the figure that the lanes make together; again for the next one.",
        places=("live",),
        hint=False,
    ),
    Action(
        name="pictures",
        keys="7",
        shown="7",
        label="pictures",
        help="Show the components of an image lane, each as a picture; again for the next ones.",
        places=("live",),
        hint=False,
    ),
    Action(
        name="next_quantity",
        keys="down,j",
        shown="↓",
        label="next",
        help="Show the next quantity of the list.",
        places=("live",),
        hint=False,
    ),
    Action(
        name="previous_quantity",
        keys="up,k",
        shown="↑",
        label="previous",
        help="Show the previous quantity of the list.",
        places=("live",),
        hint=False,
    ),
    Action(
        name="new",
        keys="n",
        shown="n",
        label="new",
        help="A new run from the settings of this one.",
        places=("live", "runs"),
    ),
    Action(
        name="back",
        keys="escape,d",
        shown="esc",
        label="back",
        help="Back to the presets; a live run goes on.",
        places=("live", "runs"),
    ),
    Action(
        name="back",
        keys="escape",
        shown="esc",
        label="back",
        help="Back without running.",
        places=("settings",),
    ),
    Action(
        name="start",
        keys="f5",
        shown="f5",
        label="run",
        help="Run with these settings (enter in a field does the same).",
        places=("settings",),
        priority=True,
    ),
    Action(name="help", keys="question_mark,f1", shown="?", label="help", help="Show this help."),
    Action(
        name="command_palette",
        keys="colon",
        shown=":",
        label="palette",
        help="Search all actions by name.",
        hint=False,
    ),
    Action(
        name="request_quit",
        keys="q",
        shown="q",
        label="quit",
        help="Leave; a live run is asked about.",
    ),
    Action(
        name="request_quit",
        keys="ctrl+c",
        shown="ctrl+c",
        label="quit",
        help="The same, from anywhere.",
        hint=False,
        priority=True,
    ),
)


def of(place: Place) -> list[Action]:
    """The actions of a screen, its own first."""
    return [action for action in ACTIONS if place in action.places] + [a for a in ACTIONS if not a.places]


def bindings(place: Place | None) -> list[BindingType]:
    """The key bindings of a screen, or of the app for None."""
    return [
        Binding(action.keys, action.name, action.label, show=False, priority=action.priority)
        for action in ACTIONS
        if (place in action.places if place is not None else not action.places)
    ]


def hint(place: Place, width: int) -> str:
    """One line of keys and labels: as many as fit, quit and help always."""
    actions = [action for action in of(place) if action.hint]
    always = [action for action in actions if action.name in ("help", "request_quit")]
    chosen = [action for action in actions if action not in always]
    while chosen:
        line = "  ".join(f"{action.shown} {action.label}" for action in chosen + always)
        if len(line) <= width:
            return line
        chosen.pop()
    return "  ".join(f"{action.shown} {action.label}" for action in always)[:width]
