"""Pages of text beside the charts: the claims of a run with their verdicts, and what it is held against."""

from __future__ import annotations

import math
from collections.abc import Callable
from textwrap import wrap

import msgspec

from solver.claims import CLAIMS
from solver.history import History
from solver.records import Claim, Value, number
from tui.draw.cells import DIM, TEXT, Row
from tui.text import inert, quantity
from tui.widgets.rows import BAD, BUSY, GOOD, row

# Never by colour alone: every verdict has a sign and a word.
_VERDICTS = {"holds": ("✓", GOOD), "fails": ("✗", BAD), "pending": ("…", BUSY), "not-applicable": ("–", DIM)}
_RELATIONS = {"about": "≈", "at-least": "≥", "at-most": "≤"}

_ROOM = {"about": "± {:.3g}", "at-least": "(−{:.3g})", "at-most": "(+{:.3g})"}

Line = tuple[str, int]


class Sheet(msgspec.Struct, frozen=True):
    """A page, as a row of the list."""

    title: str
    lines: Callable[[History, int], list[Line]]
    """The page for a width."""
    value: Callable[[History], str]
    """What the list shows of it."""
    short: str = ""
    """The title where there is little room."""

    @property
    def key(self) -> str:
        """What the row is known by."""
        return f"sheet {self.title}"

    def rows(self, history: History, width: int, height: int, start: int = 0) -> list[Row]:
        """``height`` rows from line ``start`` on; where the page is longer the last one says so."""
        lines = self.lines(history, width)[start:]
        if len(lines) > height > 0:
            lines = [*lines[: height - 1], ("… 5 shows what follows", DIM)]
        shown = [row((text, colour), width=width) for text, colour in lines]
        return shown + [row(width=width)] * (height - len(shown))


def sheets(history: History, names: list[str]) -> list[Sheet]:
    """The pages of a run whose preset names these claims."""
    found = []
    if names:
        found.append(
            Sheet("claims", lambda h, width: _claim_lines(h, names, width), lambda h: claims_in_short(h, names))
        )
    if history.events or any(lane.outcome is not None for lane in history.lanes):
        found.append(Sheet("events", event_lines, lambda h: str(len(event_lines(h, 80)))))
    if any("minimisers" in baselines for baselines in history.baselines.values()):
        found.append(Sheet("quantity | minimiser", _minimiser_lines, lambda _: "", "minimisers"))
    return found


def claims_in_short(history: History, names: list[str]) -> str:
    """How many hold, and how many fail."""
    verdicts = [history.claims[name].verdict for name in names if name in history.claims]
    failed = verdicts.count("fails")
    text = f"{verdicts.count('holds')}/{len(names)} ✓"
    return f"{text} {failed} ✗" if failed else text


def compared(claim: Claim) -> str:
    """Measured against expected, as in 1.332 ≈ 1.333 ± 0.02."""
    if claim.measured is None and claim.expected is None:
        return ""
    sign = _RELATIONS[claim.relation]
    text = f"{_shown(claim.measured)} {sign} {_shown(claim.expected)}"
    if claim.tolerance:
        text += f" {_ROOM[claim.relation].format(claim.tolerance)}"
    return text


def _shown(value: float | None) -> str:
    return "–" if value is None else quantity(value)


def _headline(history: History, name: str, width: int) -> Line:
    claim = history.claims.get(name)
    sign, colour = _VERDICTS["pending" if claim is None else claim.verdict]
    verdict = "waiting" if claim is None else claim.verdict
    numbers = "" if claim is None else compared(claim)
    return f"{sign} {name} {verdict}  {numbers}"[:width], colour


def event_lines(history: History, width: int, *, in_short: bool = False) -> list[Line]:
    """Everything that was said of the run and its lanes, in order; endings after.

    ``in_short`` leaves out which scheme takes over where several lanes would say so again and again.
    """
    lines: list[Line] = []
    for event in history.events:
        if in_short and event.name == "hand-over" and len(history.lanes) > 1:
            continue
        known = event.lane is not None and event.lane < len(history.lanes)
        who = f"{history.label(history.lanes[event.lane])}: " if known and event.lane is not None else ""
        lines.append((inert(f"{who}{event.text}", 400), TEXT))
    for lane in history.lanes:
        if lane.outcome is not None:
            text = f"{history.label(lane)}: {lane.outcome.kind}, {lane.outcome.sentence()}"
            lines.append((inert(text, 400), TEXT))
    return [(piece, colour) for text, colour in lines for piece in wrap(text, max(10, width), subsequent_indent="  ")]


def _claim_lines(history: History, names: list[str], width: int) -> list[Line]:
    """All verdicts, a line each; then each claim with its statement, statistic, tolerance and source."""
    lines: list[Line] = [*(_headline(history, name, width) for name in names), ("", TEXT)]
    for name in names:
        claim, definition = history.claims.get(name), CLAIMS.get(name)
        lines.append(_headline(history, name, width))
        told = [] if definition is None else [(definition.statement, TEXT)]
        if claim is not None:
            told.append((claim.text, DIM))
        if definition is not None:
            told += [(f"tolerance: {definition.reason}", DIM), (definition.source, DIM)]
        for text, shade in told:
            lines += [(f"  {piece}", shade) for piece in wrap(inert(text, 600), max(10, width - 2))]
        lines.append(("", TEXT))
    return lines


_QUANTITIES = {
    "schatten_1_2": "Schatten-1/2 norm",
    "schatten_2_3": "Schatten-2/3 norm",
    "nuclear_norm": "nuclear norm",
    "frobenius_norm": "Frobenius norm",
    "spectral_norm": "spectral norm",
    "effective_rank": "effective rank",
    "distance_from_lower_rank": "distance from lower rank",
}


def _minimiser_lines(history: History, width: int) -> list[Line]:
    """The talk's table, from what the solver computed for the run's own entries."""
    table: dict[str, Value] = next(b["minimisers"] for b in history.baselines.values() if "minimisers" in b)
    lines: list[Line] = [
        ("Over all W(w) that fit the given entries:"[:width], TEXT),
        ("", TEXT),
        (f"{'quantity':<24}{'infimum':>9}  at"[:width], DIM),
    ]
    for name, title in _QUANTITIES.items():
        least, at = _number(table.get(name)), _number(table.get(f"{name}.at"))
        attained = math.isfinite(at)
        # What falls for ever was followed to |w| = 1e5 √|z·z′|; its limit is what is meant.
        shown = quantity(least) if attained else f"→ {quantity(round(least, 4))}"
        lines.append((f"{title:<24}{shown:>9}  {f'w = {quantity(at)}' if attained else '|w| → ∞'}"[:width], TEXT))
    note = "Norms want w small. A rank that falls for ever wants |w| large: where runs go tells which they minimise."
    return [*lines, ("", TEXT), *((piece, DIM) for piece in wrap(note, max(10, width)))]


def _number(value: Value) -> float:
    return math.nan if value is None or isinstance(value, list) else number(value)
