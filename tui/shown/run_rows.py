"""Runs as rows of a table: the columns there are, what a run says in each, and in which order runs stand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from solver.machine import readable_bytes
from solver.records import Claim
from solver.refusal import BadSetting
from solver.results import Results
from solver.rundir import Notes, Order, RunDirectory
from tui.text import duration, inert, quantity

_LIVE = ("starting", "running", "paused", "waiting-for-disk", "suspended")
WAITING = ("queued", "not started")
"""States of a run that no solver has been given."""
_ALWAYS = ("state", "preset", "claims", "error", "duration", "run", "size")
# Those of other ends are a square.
_SIGNS = {
    "starting": "…", "queued": "…", "not started": "·", "running": "▶", "paused": "‖", "waiting-for-disk": "‖",
    "suspended": "‖", "converged": "✓", "diverged": "✗", "failed": "✗", "killed": "✗", "damaged": "✗",
}  # fmt: skip
# The narrowest that a cell of words is cut to.
_LEAST = 12
# Blanks about a cell.
_PADDING = 2


class Listed(msgspec.Struct):
    """A run of the list."""

    run: RunDirectory
    order: Order | None
    """None for a damaged run."""
    state: str
    notes: Notes
    size_bytes: int
    results: Results | None = None
    """None before they were read."""

    @property
    def name(self) -> str:
        """Its own name, else its id."""
        return inert(self.notes.name or self.run.id, 60)

    @property
    def is_live(self) -> bool:
        """Whether a solver works on it."""
        return self.state in _LIVE

    @property
    def is_changing(self) -> bool:
        """Whether its state will be another while one looks on."""
        return self.state in _LIVE + WAITING

    def fits(self, words: str) -> bool:
        """Whether every word stands in its id or its cells."""
        text = " ".join([self.run.id, *(column.cell(self) for column in COLUMNS.values())]).lower()
        return all(word in text for word in words.lower().split())


def listed(run: RunDirectory, state_of: Callable[[RunDirectory], str], results: Results | None) -> Listed:
    """The run as a row of the list, a damaged one too."""
    order, state = None, "damaged"
    with contextlib.suppress(BadSetting):
        order, state = run.order(), state_of(run)
    return Listed(run, order, state, run.read_notes(), run.size_bytes(), results)


def counted(rows: Sequence[Listed], n_shown: int) -> str:
    """How many runs there are, how many of them are shown, and what they take."""
    if not rows:
        return "no runs yet: esc goes to the presets"
    size = readable_bytes(sum(one.size_bytes for one in rows))
    told = f"{len(rows)} run{'s' * (len(rows) != 1)}, {size}"
    return f"{n_shown} of {told}" if n_shown < len(rows) else told


class Column(msgspec.Struct, frozen=True):
    """A column: its cells, and what it sorts by; None stands below everything, whichever way."""

    cell: Callable[[Listed], str]
    key: Callable[[Listed], str | float | None]
    help: str
    is_descending: bool = False
    """Whether the largest is what one wants to see first."""
    most: int = 40
    """The widest it grows."""


def judged(claims: Sequence[Claim], n: int) -> str:
    """How many of n claims hold and what is wrong with the others, as in 4/4 ✓, 6/7 ✗, or 2/4 … where some wait."""
    verdicts = [claim.verdict for claim in claims]
    # What the run does not record cannot be held against it.
    n -= verdicts.count("not-applicable")
    if not n:
        return "–"
    holding = verdicts.count("holds")
    sign = "✗" if "fails" in verdicts else "✓" if holding == n else "…"
    return f"{holding}/{n} {sign}"


def swept(order: Order) -> str:
    """The lists whose product the lanes are, in short: depth 1,2,3 · 5 seeds."""
    spec = order.spec
    told = [
        f"{field.rpartition('.')[2].replace('_', ' ')} {','.join(_short(value) for value in values)}"
        for field, values in spec.sweep.items()
    ]
    told = [f"variant {','.join(spec.variants)}"] * bool(spec.variants) + told
    return inert(" · ".join(told + [f"{spec.seeds} seeds"] * (spec.seeds > 1)), 120)


def _short(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _claims(one: Listed) -> str:
    if one.order is None or one.results is None:
        return ""
    if not one.results.n_lanes:
        return "–"
    return judged(one.results.claims, len(one.order.preset.claims))


def _claims_key(one: Listed) -> float | None:
    text = _claims(one)
    if "/" not in text:
        return None
    holding, n = text.partition(" ")[0].split("/")
    return int(holding) / int(n)


def signed(one: Listed) -> str:
    """The state with a sign before it; an end that the preset expects is as good as convergence."""
    is_foreseen = one.results is not None and one.results.outcome is not None and one.results.is_foreseen
    return f"{'✓' if is_foreseen else _SIGNS.get(one.state, '■')} {one.state}"


def _state(one: Listed) -> str:
    is_known = one.is_live and one.results is not None and one.results.n_lanes
    return f"{signed(one)} {one.results.fraction:.0%}" if is_known and one.results is not None else signed(one)


def _number(one: Listed, name: str) -> float | None:
    value: float | None = None if one.results is None else getattr(one.results, name)
    # Not a number is in no order.
    return None if value is None or value != value else value


def _shown(one: Listed, name: str) -> str:
    value = None if one.results is None else getattr(one.results, name)
    return "" if one.results is None else "–" if value is None else quantity(value)


def _device(one: Listed) -> str:
    told = {} if one.results is None else one.results.environment
    return inert(str(told.get("device", "")), 20)


def _preset(one: Listed) -> str:
    return "" if one.order is None else inert(one.order.preset.name, 40)


def _swept(one: Listed) -> str:
    return "" if one.order is None else swept(one.order)


def _tags(one: Listed) -> str:
    return inert(", ".join(one.notes.tags), 40)


def _duration(one: Listed) -> str:
    return "" if one.results is None else duration(one.results.elapsed_s)


# In the order in which they are given room.
COLUMNS: dict[str, Column] = {
    "state": Column(_state, lambda one: one.state, "how it goes or ended", most=22),
    "preset": Column(_preset, lambda one: _preset(one).lower(), "what it was made from", most=24),
    "claims": Column(_claims, _claims_key, "how many hold", is_descending=True),
    "error": Column(
        lambda one: _shown(one, "error"),
        lambda one: _number(one, "error"),
        "of what was not observed, at the end: the lanes' median",
    ),
    "duration": Column(_duration, lambda one: _number(one, "elapsed_s"), "of the training", is_descending=True),
    "run": Column(lambda one: one.name, lambda one: one.run.id, "its name or id; by age", is_descending=True),
    "eff. rank": Column(
        lambda one: _shown(one, "effective_rank"),
        lambda one: _number(one, "effective_rank"),
        "at the end: the lanes' median",
    ),
    "swept": Column(_swept, lambda one: _swept(one).lower(), "the settings that make its lanes"),
    "tags": Column(_tags, lambda one: _tags(one).lower() or None, "yours"),
    "device": Column(_device, lambda one: _device(one) or None, "what it was trained on", most=10),
    "size": Column(
        lambda one: readable_bytes(one.size_bytes), lambda one: one.size_bytes, "on the disk", is_descending=True
    ),
    "note": Column(lambda one: inert(one.notes.note, 80), lambda one: one.notes.note.lower() or None, "yours", most=80),
}


def ordered(rows: Sequence[Listed], by: str, *, descending: bool, queue: Sequence[str] = ()) -> list[Listed]:
    """Live runs first, then those that wait, in their turn; then the others by a column, equal ones by age."""
    key = COLUMNS[by].key
    by_age = sorted(rows, key=lambda one: one.run.id, reverse=descending)
    known = [one for one in by_age if key(one) is not None]
    known.sort(key=key, reverse=descending)  # type: ignore[arg-type]
    found = known + [one for one in by_age if key(one) is None]
    waiting = {run_id: place for place, run_id in enumerate(queue)}
    return sorted(found, key=lambda one: -1 if one.is_live else waiting.get(one.run.id, len(waiting)))


def fitted(
    names: Sequence[str], headers: Mapping[str, str], rows: Sequence[Listed], room: int
) -> list[tuple[str, int]]:
    """Which of these columns stand in ``room`` cells, in their order, and how wide.

    A column of numbers is whole or not there; words are cut, at worst to a dozen characters.
    """
    found: list[tuple[str, int]] = []
    for name in names:
        column = COLUMNS[name]
        width = max([len(headers.get(name, name)), *(min(len(column.cell(one)), column.most) for one in rows)])
        given = min(width, room - _PADDING)
        if given < (min(width, _LEAST) if column.most >= _LEAST else width):
            continue
        found.append((name, given))
        room -= given + _PADDING
    return found


def wanted(chosen: Sequence[str], rows: Sequence[Listed]) -> list[str]:
    """The chosen columns; with none chosen all those in which some run may say something."""
    known = [name for name in COLUMNS if name in chosen]
    return known or [name for name in COLUMNS if name in _ALWAYS or _says_something(name, rows)]


def _says_something(name: str, rows: Sequence[Listed]) -> bool:
    return any(COLUMNS[name].cell(one) not in ("", "–") for one in rows)
