"""The pages of claims: all verdicts, and each claim with its formula, its source and the numbers behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from solver import settings, sources
from solver.claims import CLAIMS
from solver.claims.claim import witnesses_of
from solver.history import History, LaneHistory
from solver.records import Claim
from solver.rundir import Order
from solver.series import BY_NAME
from tui.draw.cells import DIM, TEXT
from tui.draw.palette import BAD, BUSY, GOOD, series_colour
from tui.shown.lines import Line, wrapped
from tui.text import inert, label, quantity
from tui.watch.seen import Seen

VERDICTS = {"holds": ("✓", GOOD), "fails": ("✗", BAD), "pending": ("…", BUSY), "not-applicable": ("–", DIM)}

_RELATIONS = {"about": "≈", "at-least": "≥", "at-most": "≤"}

_ROOM = {"about": "± {:.3g}", "at-least": "(−{:.3g})", "at-most": "(+{:.3g})"}

_MOST_KNOWN = 64


class ClaimPage(NamedTuple):
    """One claim: its name, its page for a width, and its verdict in short."""

    name: str
    lines: Callable[[Seen, int], list[Line]]
    verdict: Callable[[Seen], str]


def pages_of(order: Order) -> list[ClaimPage]:
    """A page for each claim: its statement and formula, its source, and the numbers behind it."""
    lanes = settings.lanes(order.spec)
    known: dict[tuple[str, int], list[int]] = {}

    def concerned(seen: Seen, name: str) -> list[int]:
        """The lanes that the claim rests on; all of them before it can be measured."""
        key = name, sum(len(lane) for lane in seen.history.lanes)
        if key not in known:
            if len(known) > _MOST_KNOWN:
                known.clear()
            found = CLAIMS[name].concerned(witnesses_of(seen.history, lanes))
            known[key] = found or [lane.index for lane in seen.history.lanes]
        return known[key]

    return [
        ClaimPage(
            name,
            lambda seen, width, name=name: _one_claim(seen, name, concerned(seen, name), width),  # type: ignore[misc]
            lambda seen, name=name: _verdict(seen.history, name),  # type: ignore[misc]
        )
        for name in order.preset.claims
        if name in CLAIMS
    ]


def in_short(history: History, names: list[str]) -> str:
    """How many hold, and how many fail."""
    verdicts = [history.claims[name].verdict for name in names if name in history.claims]
    failed = verdicts.count("fails")
    text = f"{verdicts.count('holds')}/{len(names)} ✓"
    return f"{text} {failed} ✗" if failed else text


def _verdict(history: History, name: str) -> str:
    claim = history.claims.get(name)
    sign = VERDICTS["pending" if claim is None else claim.verdict][0]
    return f"{sign} {_shown(claim.measured)}" if claim is not None and claim.measured is not None else sign


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


def _headline(history: History, name: str, width: int) -> list[Line]:
    """A claim with its verdict and its numbers, on two lines where they do not fit on one."""
    claim = history.claims.get(name)
    sign, colour = VERDICTS["pending" if claim is None else claim.verdict]
    verdict = "waiting" if claim is None else claim.verdict
    numbers = "" if claim is None else compared(claim)
    return in_lines(sign, name, f" {verdict}", numbers, colour, width)


def in_lines(sign: str, name: str, words: str, numbers: str, colour: int, width: int) -> list[Line]:
    """A claim on a line, without the words that its sign says too where they do not fit, or else on two."""
    name = inert(name, 60)
    for told in (f"{sign} {name}{words}  {numbers}", f"{sign} {name}  {numbers}"):
        if len(told.rstrip()) <= width:
            return [(told, colour)]
    return [(f"{sign} {inert(name, max(1, width - 2))}", colour), *wrapped(numbers, colour, width)]


def overview(seen: Seen, width: int) -> list[Line]:
    """All verdicts, a line each; then each claim with its statement and its statistic."""
    history, names = seen.history, seen.order.preset.claims
    lines: list[Line] = [line for name in names for line in _headline(history, name, width)]
    lines += [("i explains them one by one: formula, source, numbers", DIM), ("", TEXT)]
    for name in names:
        claim, definition = history.claims.get(name), CLAIMS.get(name)
        lines += _headline(history, name, width)
        if definition is not None:
            lines += wrapped(definition.statement, TEXT, width)
        if claim is not None:
            lines += wrapped(claim.text, DIM, width)
        if definition is not None:
            lines += wrapped(f"tolerance: {definition.reason}", DIM, width)
            lines += wrapped(definition.source, DIM, width)
        lines.append(("", TEXT))
    return lines


def _one_claim(seen: Seen, name: str, lanes: Sequence[int], width: int) -> list[Line]:
    """One claim whole: what the papers say, what is measured, and the newest numbers of every lane it rests on."""
    definition, claim = CLAIMS[name], seen.history.claims.get(name)
    lines = [*_headline(seen.history, name, width), ("", TEXT), *wrapped(definition.statement, TEXT, width, "")]
    told = [("formula", definition.statistic), ("measured", claim.text if claim is not None else "waiting for the run")]
    if claim is not None and compared(claim):
        told.append(("judged", f"{compared(claim)}: {claim.verdict}"))
    told += [("tolerance", definition.reason), ("source", definition.source)]
    for word, text in told:
        lines += [("", TEXT), (word, DIM), *wrapped(text, TEXT, width)]
    lines += [("", TEXT), ("the numbers behind it, as they stand", DIM)]
    lines += _numbers(seen, lanes, definition.rests_on, width)
    for source in sources.named_in(definition.source):
        lines += [("", TEXT), ("paper", DIM), *wrapped(source.whole(), TEXT, width)]
    return lines


def _numbers(seen: Seen, lanes: Sequence[int], names: Sequence[str], width: int) -> list[Line]:
    """The newest values of these series, a line for each of the lanes and series that has them."""
    lines: list[Line] = []
    for lane in seen.history.lanes:
        if lane.index not in lanes:
            continue
        told = [(name, _newest(lane, name)) for name in names]
        if not any(values for _, values in told):
            continue
        lines.append((f"  {label(seen.history, lane)}", series_colour(lane.index)))
        lines += [(_fitting(f"    {name.replace('_', ' ')}:", values, width), TEXT) for name, values in told if values]
    return lines or [("  nothing of it is recorded yet", DIM)]


def _fitting(head: str, values: Sequence[float], width: int) -> str:
    """As many whole values as fit; dots for the others."""
    line = head
    for value in values:
        text = f" {quantity(value)} "
        if len(line) + len(text) + 1 > width:
            return f"{line}…"
        line += text
    return line


def _newest(lane: LaneHistory, name: str) -> list[float]:
    """The newest value of a series, the largest few of a vector."""
    if lane.columns.get(name):
        return [lane.columns[name][-1]]
    if name in lane.summary:
        return [lane.summary[name]]
    columns = [column for column in lane.vectors.get(name, []) if len(column)]
    if name in BY_NAME and BY_NAME[name].by_identity:
        columns = sorted(columns, key=lambda column: -column[-1])
    return [column[-1] for column in columns[:8]]
