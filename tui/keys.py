"""Every action of the app, declared once: keys, hints, help, palette entries and the config's names come from here."""

from __future__ import annotations

import contextlib
import difflib
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import msgspec

from solver.refusal import BadSetting

if TYPE_CHECKING:
    from textual.binding import BindingType

Place = Literal["home", "settings", "live", "runs"]
Dialog = Literal["quit", "notes", "prune", "help", "glossary", "ask", "compare", "export", "finder", "save", "columns"]
Group = Literal["run", "look", "chart", "lanes", "compare", "list", "app"]

GROUPS: dict[Group, str] = {
    "run": "The run",
    "look": "What is shown",
    "chart": "Inside the chart",
    "lanes": "The table of lanes",
    "compare": "Beside other runs",
    "list": "The list",
    "app": "Everywhere",
}


_TO_ID = str.maketrans("(_ ", "---", "')")


class Action(msgspec.Struct, frozen=True):
    """Something a person can do, by key, palette or mouse."""

    name: str
    """The method ``action_<name>`` of the screen (or the app, where ``places`` is empty)."""
    keys: str
    """Comma-separated, as Textual names them."""
    label: str
    """One or two words for the hint line."""
    help: str
    """A sentence for the help screen and the palette."""
    places: tuple[Place | Dialog, ...] = ()
    """The screens that have it; none means everywhere."""
    group: Group = "app"
    hint: bool = False
    """Whether the hint line names it where there is room."""
    priority: bool = False
    """Whether it acts even while a field has focus."""
    in_palette: bool = True
    """Whether the palette offers it; what one does again and again is done by key."""
    fixed: bool = False
    """Whether its keys cannot be changed."""

    @property
    def id(self) -> str:
        """What the config calls it: view-1 for view(1)."""
        return self.name.translate(_TO_ID)


_LIVE: tuple[Place, ...] = ("live",)
_RUNS: tuple[Place, ...] = ("runs",)
_BOTH: tuple[Place, ...] = ("live", "runs")
_HOME: tuple[Place, ...] = ("home",)
_FORM: tuple[Place, ...] = ("settings",)

# The order is that of the hint line.
ACTIONS = (
    Action("run", "enter", "run", "Run the chosen preset as it is.", _HOME, "run", hint=True),
    Action("settings", "n", "settings", "Change the settings of the chosen preset, then run it.", _HOME, "run", hint=True),
    Action("queue", "Q", "queue", "Run the chosen preset when the runs that were started here have ended.", _HOME, "run", hint=True),
    Action("open", "enter", "open", "Open the run: live, or replayed.", _RUNS, "list", hint=True),
    Action("pause", "space", "pause", "Pause the run, or let it go on; take a stopped or killed one up, start one that waits.", _LIVE, "run", hint=True),
    Action("stop", "s", "stop", "Stop the run at its next step and keep what it recorded; take it out of the queue.", _BOTH, "run", hint=True),
    Action("claims", "5", "claims", "Show the claims of the preset; again for what follows, then the other pages.", _LIVE, "look", hint=True),
    Action("choose", "slash", "find", "Find a quantity, a lane, a picture or an x axis by its name.", _LIVE, "look", hint=True),
    Action("filter", "slash", "filter", "Show only the runs with these words in them.", _RUNS, "list", hint=True),
    Action("compare", "c", "compare", "Lay other runs over this one, or the chosen ones over each other.", _BOTH, "compare", hint=True),
    Action("mark", "space", "mark", "Choose the run, for compare or delete; again to let it go.", _RUNS, "list", hint=True),
    Action("export", "e", "export", "Write the run, its chart or the screen to a file or the clipboard.", _BOTH, "run", hint=True),
    Action("lanes", "l", "lanes", "Show all lanes over each other, or one after the other.", _LIVE, "look", hint=True),
    Action("log_x", "x", "log x", "Logarithmic x axis, or linear.", _LIVE, "chart", hint=True),
    Action("log_y", "y", "log y", "Logarithmic y axis, or linear; on a map the scale of its shades.", _LIVE, "chart", hint=True),
    Action("replay", "w", "replay", "Watch the run again from its beginning; again holds it.", _LIVE, "look", hint=True),
    Action("fork", "f", "fork", "A new run from the settings of this one, which is laid over it.", _BOTH, "compare", hint=True),
    Action("new", "n", "new", "A new run from the settings of this one.", _BOTH, "run", hint=True),
    Action("runs", "r", "runs", "List the runs on this machine.", ("home", "live"), "app", hint=True),
    Action("view(1)", "1", "σ", "Show the singular values, component norms or training error.", _LIVE, "look"),
    Action("view(2)", "2", "rank", "Show the effective rank, or the norm or test error.", _LIVE, "look"),
    Action("view(3)", "3", "loss", "Show the training loss.", _LIVE, "look"),
    Action("view(4)", "4", "error", "Show the reconstruction, held-out or test error.", _LIVE, "look"),
    Action("figure", "6", "figure", "Show the figure that the lanes make together; again for the next one.", _LIVE, "look"),
    Action("map", "M", "map", "Show the map of the chosen quantity over two swept settings; again of the next number.", _LIVE, "look"),
    Action("pictures", "7", "pictures", "Show matrices, tensor slices or components as pictures; again for the next.", _LIVE, "look"),
    Action("look_for", "8", "look for", "Show what the preset says to look for, one after the other.", _LIVE, "look"),
    Action("explain", "i", "explain", "Show one claim: its formula, its source, and the numbers behind it.", _LIVE, "look"),
    Action("filter_list", "F", "filter list", "List only the quantities that fit: words, norm* or /norm|rank/.", _LIVE, "look"),
    Action("pin_row", "asterisk", "pin row", "Let the list begin with the chosen row; again to let it go.", _LIVE, "look"),
    Action("next_quantity", "down,j", "next", "Show the next row of the list, or go to the next lane of the table.", _LIVE, "look"),
    Action("previous_quantity", "up,k", "previous", "Show the row before.", _LIVE, "look"),
    Action("maximise", "z", "maximise", "The chart alone, or with what stands around it.", _LIVE, "look"),
    Action("grid", "g", "charts", "More charts at once, as many as fit; then one again.", _LIVE, "look"),
    Action("next_chart", "tab", "next chart", "Of several charts, let the keys act on the next one.", _LIVE, "look"),
    Action("table", "L", "lane table", "The table of lanes in the place of the list; again the list.", _LIVE, "lanes"),
    Action("solo", "enter", "alone", "In the table of lanes: show this lane alone; again all of them.", _LIVE, "lanes"),
    Action("hide", "H", "hide", "In the table of lanes: hide this lane in the chart, or show it again.", _LIVE, "lanes"),
    Action("sort_lanes", "o", "sort lanes", "In the table of lanes: sort by the next column, up and down.", _LIVE, "lanes"),
    Action("freeze", "v", "freeze", "Hold the picture still while the run goes on; again to catch up.", _LIVE, "look"),
    Action("replay_back", "comma", "earlier", "A moment earlier in the run.", _LIVE, "look"),
    Action("replay_forward", "full_stop", "later", "A moment later.", _LIVE, "look"),
    Action("against", "t", "steps/time", "Draw against steps, flow time, gradient evaluations or seconds; a map over other settings.", _LIVE, "chart"),
    Action("cursor('left')", "left", "cursor left", "Read values: move the cursor to the left, in curves and on a map.", _LIVE, "chart"),
    Action("cursor('right')", "right", "cursor right", "Move the cursor to the right.", _LIVE, "chart"),
    Action("cursor('far left')", "ctrl+left", "cursor", "Move the cursor ten cells to the left.", _LIVE, "chart", in_palette=False),
    Action("cursor('far right')", "ctrl+right", "cursor", "Move the cursor ten cells to the right.", _LIVE, "chart", in_palette=False),
    Action("zoom('in')", "plus,equals_sign", "zoom in", "Show less of the x axis, about the cursor or the middle.", _LIVE, "chart"),
    Action("zoom('out')", "minus", "zoom out", "Show more of the x axis.", _LIVE, "chart"),
    Action("zoom('in y')", "right_square_bracket", "zoom y in", "Show less of the y axis.", _LIVE, "chart"),
    Action("zoom('out y')", "left_square_bracket", "zoom y out", "Show more of the y axis.", _LIVE, "chart"),
    Action("zoom('all')", "0", "show all", "Show all of both axes, without a cursor.", _LIVE, "chart"),
    Action("pan('left')", "shift+left", "pan left", "Move the zoomed picture to the left.", _LIVE, "chart"),
    Action("pan('right')", "shift+right", "pan right", "Move the zoomed picture to the right.", _LIVE, "chart"),
    Action("pan('up')", "shift+up", "pan up", "Move the zoomed picture up, or the cursor on a map.", _LIVE, "chart"),
    Action("pan('down')", "shift+down", "pan down", "Move the zoomed picture down, or the cursor on a map.", _LIVE, "chart"),
    Action("bands", "b", "bands", "Medians with quartile bands over the seeds, or every lane by itself.", _LIVE, "chart"),
    Action("marker", "m", "markers", "Draw curves in braille, blocks or plain ASCII.", _LIVE, "chart"),
    Action("pin", "p", "pin", "Keep this run laid over every run that is opened; again to let it go.", _BOTH, "compare"),
    Action("annotate", "m", "name", "Give the run a name, a note and tags.", _RUNS, "list", hint=True),
    Action("columns", "C", "columns", "Choose the columns, and by which of them runs are sorted.", _RUNS, "list", hint=True),
    Action("sort", "o", "sort", "Sort by the next column.", _RUNS, "list"),
    Action("reverse", "O", "reverse", "Sort the other way round.", _RUNS, "list"),
    Action("delete", "x,delete", "delete", "Delete the chosen runs; u brings them back.", _RUNS, "list", hint=True),
    Action("undo", "u", "undo", "Bring back what was deleted last.", _RUNS, "list"),
    Action("prune", "P", "prune", "Delete old runs, all but the newest or those older than some days.", _RUNS, "list"),
    Action("back", "escape,d", "back", "Back to the presets; a live run goes on.", _BOTH, "app", hint=True),
    Action("leave", "escape", "back", "Back without running.", _FORM, "app", hint=True),
    Action("start", "f5", "run", "Run with these settings (enter in a field does the same).", _FORM, "run", hint=True, priority=True),
    Action("jump", "f3,slash", "find", "Go to a setting by a part of its name (a field that is typed in keeps /).", _FORM, "look", hint=True),
    Action("reset", "f6", "reset", "Set the field back to what the preset says, at this size.", _FORM, "run", hint=True),
    Action("save", "f7", "save", "Keep these settings as a preset of one's own, under a name.", _FORM, "run", hint=True),
    Action("edit_text", "f8", "editor", "Edit the settings as text in $VISUAL, $EDITOR or vi.", _FORM, "run", hint=True),
    Action("enqueue", "f9", "queue", "Run with these settings when the runs that were started here have ended.", _FORM, "run", hint=True, priority=True),
    Action("help", "question_mark,f1", "help", "Show this help.", hint=True),
    Action("glossary", "f4", "words", "What the words mean: end matrix, effective rank, lane, flow time, t*."),
    Action("command_palette", "colon", "more", "Search all actions by name.", hint=True, in_palette=False),
    Action("request_quit", "q", "quit", "Leave; a live run is asked about.", hint=True),
    Action("suspend_process", "ctrl+z", "suspend", "Back to the shell for a while; its fg brings the app back.", priority=True, fixed=True),
    Action("request_quit", "ctrl+c", "quit", "The same, from anywhere.", priority=True, fixed=True, in_palette=False),
)  # fmt: skip

_BACK = "Back to the screen below."
# What dialogs know besides fields and buttons; these keys are the dialogs' own.
DIALOGS = (
    Action("answer('stay')", "escape", "stay", "Stay.", ("quit",), fixed=True),
    Action("answer('stop')", "s", "stop", "Stop the runs under way, and leave.", ("quit",), fixed=True),
    Action("answer('leave')", "l", "leave", "Leave; the runs go on.", ("quit",), fixed=True),
    Action("answer('stay')", "ctrl+c", "stay", "Stay.", ("quit",), priority=True, fixed=True),
    Action(
        "cancel",
        "escape",
        "back",
        _BACK,
        ("ask", "notes", "prune", "export", "finder", "save"),
        priority=True,
        fixed=True,
    ),
    Action("close", "escape,question_mark,f1,q,enter", "close", "Close the help.", ("help",), fixed=True),
    Action("close", "escape,f4,q,enter", "close", "Close the words.", ("glossary",), fixed=True),
    Action("done", "escape", "done", "Lay the chosen runs over this one.", ("compare",), priority=True, fixed=True),
    Action("choose", "space", "choose", "Choose the run, or let it go.", ("compare",), priority=True, fixed=True),
    Action("done", "escape", "done", "Show the ticked columns.", ("columns",), priority=True, fixed=True),
    Action("choose", "space", "tick", "Tick the column, or let it go.", ("columns",), priority=True, fixed=True),
    Action("sort", "o", "sort", "Sort by the column.", ("columns",), priority=True, fixed=True),
    Action("clipboard", "f2", "clipboard", "Copy through the terminal.", ("export",), priority=True, fixed=True),
    Action("move(-1)", "up", "up", "The entry before.", ("finder",), priority=True, fixed=True),
    Action("move(1)", "down", "down", "The next entry.", ("finder",), priority=True, fixed=True),
)

FIRST = ("help", "glossary")
"""What the palette begins with."""
_ALWAYS = ("help", "command_palette", "request_quit")
_SHOWN = {
    "question_mark": "?", "colon": ":", "slash": "/", "plus": "+", "equals_sign": "=", "minus": "-", "comma": ",",
    "full_stop": ".", "asterisk": "*", "left_square_bracket": "[", "right_square_bracket": "]", "escape": "esc",
    "left": "←", "right": "→", "up": "↑", "down": "↓",
}  # fmt: skip


def of(place: Place) -> list[Action]:
    """The actions of a screen, its own first."""
    return [action for action in ACTIONS if place in action.places] + [a for a in ACTIONS if not a.places]


def bindings(place: Place | Dialog | None) -> list[BindingType]:
    """The key bindings of a screen or dialog, or of the app for None."""
    from textual.binding import Binding

    return [
        Binding(
            action.keys,
            action.name,
            action.label,
            show=False,
            priority=action.priority,
            id=None if action.fixed else action.id,
        )
        for action in (*ACTIONS, *DIALOGS)
        if (place in action.places if place is not None else not action.places)
    ]


def shown(key: str) -> str:
    """A key as a person reads it."""
    modifiers, _, last = key.rpartition("+")
    return "".join(f"{word}+" for word in modifiers.split("+") if word) + _SHOWN.get(last, last)


def _normal(key: str, action: str) -> str:
    """The key as Textual names it: question_mark for ?. Raises BadSetting for what is no key."""
    from textual import keys

    modifiers, _, last = key.strip().rpartition("+")
    if key.strip().endswith("+"):
        modifiers, last = key.strip()[:-1].rstrip("+"), "+"
    if len(last) == 1:
        last, is_named = keys._character_to_key(last), True
    else:
        is_named = last in {one.value for one in keys.Keys} | set(keys.KEY_NAME_REPLACEMENTS.values())
        with contextlib.suppress(KeyError):
            is_named = is_named or bool(unicodedata.lookup(last.replace("_", " ")))
    if last and not is_named:
        raise BadSetting(f"keys.{action} = {key!r} is no key: as in space, f2, ctrl+left, question_mark or ?", "keys")
    return f"{modifiers}+{last}" if modifiers else last


def _parted(text: str) -> list[str]:
    """Keys parted by commas; a comma by itself is the key."""
    return ["comma"] if text.strip() == "," else text.split(",")


class Keys:
    """The table with a person's own keys in the place of some. Raises BadSetting for what cannot be."""

    def __init__(self, own: Mapping[str, str]) -> None:
        known = {action.id for action in ACTIONS}
        for name in own:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
                raise BadSetting(f"keys.{name} is no action (do you mean {near}?): `config show` lists them", "keys")
        self.own = {name: ",".join(_normal(key, name) for key in _parted(text)) for name, text in own.items()}
        self._check_priority()
        for place in ("home", "settings", "live", "runs"):
            self._check(place)

    def _check_priority(self) -> None:
        for action in ACTIONS:
            for key in self.keys(action).split(","):
                # It would act while it is typed into a field.
                if action.priority and not action.fixed and len(key) == 1:
                    raise BadSetting(f"keys.{action.id} = {key!r} is a letter, which fields need: take f5, say", "keys")

    def _check(self, place: Place) -> None:
        taken: dict[str, Action] = {}
        for action in of(place):
            for key in self.keys(action).split(","):
                other = taken.setdefault(key, action)
                if not key or (other.id != action.id and {other.id, action.id} & set(self.own)):
                    raise BadSetting(
                        f"keys.{action.id} = {key!r} is {'empty' if not key else f'taken by {other.id}'}: "
                        "give each action of a screen a key of its own",
                        "keys",
                    )

    def keys(self, action: Action) -> str:
        """Comma-separated."""
        return action.keys if action.fixed else self.own.get(action.id, action.keys)

    def shown(self, action: Action) -> str:
        """The first of its keys as a person reads it."""
        return shown(self.keys(action).partition(",")[0])

    def hints(self, place: Place, width: int) -> list[Action]:
        """The actions whose key and label fit on one line: help, palette and quit always."""
        actions = [action for action in of(place) if action.hint]
        always = [action for action in actions if action.name in _ALWAYS]
        chosen = [action for action in actions if action not in always]
        while chosen and sum(len(self.shown(a)) + len(a.label) + 3 for a in chosen + always) - 2 > width:
            chosen.pop()
        return chosen + always
