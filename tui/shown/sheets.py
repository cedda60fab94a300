"""Pages of text beside the charts: claims with their verdicts, what happened, what differs between runs."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap

import msgspec

from solver import settings, sources
from solver.claims import CLAIMS
from solver.claims.claim import witnesses_of
from solver.history import History, LaneHistory
from solver.records import Claim, Value, number
from solver.rundir import Order
from solver.series import BY_NAME
from tui.draw.cells import DIM, TEXT, Row, row
from tui.draw.palette import BAD, BUSY, GOOD, series_colour
from tui.shown.differences import flat
from tui.text import inert, label, quantity
from tui.watch.seen import Seen

# Never by colour alone: every verdict has a sign and a word.
_VERDICTS = {"holds": ("✓", GOOD), "fails": ("✗", BAD), "pending": ("…", BUSY), "not-applicable": ("–", DIM)}
_RELATIONS = {"about": "≈", "at-least": "≥", "at-most": "≤"}

_ROOM = {"about": "± {:.3g}", "at-least": "(−{:.3g})", "at-most": "(+{:.3g})"}

_MOST_KNOWN = 64

Line = tuple[str, int]


class Sheet(msgspec.Struct, frozen=True):
    """A page, as a row of the list."""

    title: str
    lines: Callable[[Seen, int], list[Line]]
    """The page for a width."""
    value: Callable[[Seen], str]
    """What the list shows of it."""
    short: str = ""
    """The title where there is little room."""
    claim: str = ""
    """The claim that the page explains, where it explains one."""

    @property
    def key(self) -> str:
        """What the row is known by."""
        return f"sheet {self.title}"

    def rows(self, seen: Seen, width: int, height: int, start: int = 0) -> list[Row]:
        """``height`` rows from line ``start`` on; where the page is longer the last one says so."""
        lines = self.lines(seen, width)[start:]
        if len(lines) > height > 0:
            lines = [*lines[: height - 1], (f"… {'i' if self.claim else '5'} shows what follows", DIM)]
        shown = [row((text, colour), width=width) for text, colour in lines]
        return shown + [row(width=width)] * (height - len(shown))


def sheets(seen: Seen, others: Sequence[Seen] = ()) -> list[Sheet]:
    """The pages of a run; with others laid over it, first the settings that differ."""
    history, names = seen.history, seen.order.preset.claims
    found = []
    if others:
        found.append(
            Sheet(
                "settings that differ",
                lambda one, width: _difference_lines([one, *others], width),
                lambda _: "",
                "settings",
            )
        )
    if names:
        found.append(Sheet("claims", _claim_lines, lambda one: claims_in_short(one.history, names)))
    if history.events or seen.milestones or any(lane.outcome is not None for lane in history.lanes):
        found.append(Sheet("events", event_lines, _n_events))
    if any("minimisers" in baselines for baselines in history.baselines.values()):
        found.append(Sheet("quantity | minimiser", _minimiser_lines, lambda _: "", "minimisers"))
    return found


def claim_sheets(order: Order) -> list[Sheet]:
    """A page for each claim: its statement and formula, its source, and the numbers behind it."""
    lanes = settings.lanes(order.spec)
    known: dict[tuple[str, int], list[int]] = {}

    def concerned(seen: Seen, name: str) -> list[int]:
        """The lanes that the claim rests on; all of them before it can be measured."""
        key = name, sum(len(lane) for lane in seen.history.lanes)
        if key not in known:
            if len(known) > _MOST_KNOWN:
                known.clear()
            measured = CLAIMS[name].measure(witnesses_of(seen.history, lanes))
            found = [] if measured is None else [witness.history.index for witness in measured.witnesses]
            known[key] = found or [lane.index for lane in seen.history.lanes]
        return known[key]

    return [
        Sheet(
            f"  {name}",
            lambda seen, width, name=name: _one_claim(seen, name, concerned(seen, name), width),  # type: ignore[misc]
            lambda seen, name=name: _verdict_in_short(seen.history, name),  # type: ignore[misc]
            claim=name,
        )
        for name in order.preset.claims
        if name in CLAIMS
    ]


def claims_in_short(history: History, names: list[str]) -> str:
    """How many hold, and how many fail."""
    verdicts = [history.claims[name].verdict for name in names if name in history.claims]
    failed = verdicts.count("fails")
    text = f"{verdicts.count('holds')}/{len(names)} ✓"
    return f"{text} {failed} ✗" if failed else text


def _verdict_in_short(history: History, name: str) -> str:
    claim = history.claims.get(name)
    sign = _VERDICTS["pending" if claim is None else claim.verdict][0]
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


def _headline(history: History, name: str, width: int) -> Line:
    claim = history.claims.get(name)
    sign, colour = _VERDICTS["pending" if claim is None else claim.verdict]
    verdict = "waiting" if claim is None else claim.verdict
    numbers = "" if claim is None else compared(claim)
    return f"{sign} {inert(name, 60)} {verdict}  {numbers}"[:width], colour


def _events(seen: Seen, most: int | None = None) -> list[str]:
    """What was said of the run and its lanes, in order of time; endings after. With ``most`` the newest alone.

    Then hand-overs are left out where several lanes would say them again and again.
    """
    history = seen.history
    events, found = history.events, seen.milestones
    if most is not None:
        events = [one for one in events if one.name != "hand-over" or len(history.lanes) == 1][-most:]
        found = found[-most:]
    told = [(_said_at(history, event.lane, event.step), event.lane, event.text) for event in events]
    told += [(milestone.elapsed_s, milestone.lane, milestone.text) for milestone in found]
    told.sort(key=lambda one: one[0])
    told += [
        (math.inf, lane.index, f"{lane.outcome.kind}, {lane.outcome.sentence()}")
        for lane in history.lanes
        if lane.outcome is not None
    ]
    shown = told if most is None else told[-most:]
    return [inert(f"{_who(history, lane)}{text}", 400) for _, lane, text in shown]


def newest_events(seen: Seen, most: int) -> list[str]:
    """The last of the events."""
    return _events(seen, most)


def _n_events(seen: Seen) -> str:
    endings = sum(lane.outcome is not None for lane in seen.history.lanes)
    return str(len(seen.history.events) + len(seen.milestones) + endings)


def _who(history: History, index: int | None) -> str:
    is_known = index is not None and 0 <= index < len(history.lanes)
    return f"{label(history, history.lanes[index])}: " if is_known and index is not None else ""


def _said_at(history: History, index: int | None, step: float | None) -> float:
    """Solver seconds at which the lane came to a step; what was foretold came first."""
    if index is None or not 0 <= index < len(history.lanes) or step is None or not len(history.lanes[index]):
        return 0.0
    lane = history.lanes[index]
    return lane.columns["elapsed_s"][min(bisect_left(lane.columns["step"], step), len(lane) - 1)]


def event_lines(seen: Seen, width: int) -> list[Line]:
    """The events as lines."""
    return [(piece, TEXT) for text in _events(seen) for piece in wrap(text, max(10, width), subsequent_indent="  ")]


def _wrapped(text: str, colour: int, width: int, indent: str = "  ") -> list[Line]:
    return [(f"{indent}{piece}", colour) for piece in wrap(inert(text, 600), max(10, width - len(indent)))]


def _claim_lines(seen: Seen, width: int) -> list[Line]:
    """All verdicts, a line each; then each claim with its statement and its statistic."""
    history, names = seen.history, seen.order.preset.claims
    lines: list[Line] = [*(_headline(history, name, width) for name in names)]
    lines += [("i explains them one by one: formula, source, numbers"[:width], DIM), ("", TEXT)]
    for name in names:
        claim, definition = history.claims.get(name), CLAIMS.get(name)
        lines.append(_headline(history, name, width))
        if definition is not None:
            lines += _wrapped(definition.statement, TEXT, width)
        if claim is not None:
            lines += _wrapped(claim.text, DIM, width)
        if definition is not None:
            lines += _wrapped(f"tolerance: {definition.reason}", DIM, width)
            lines += _wrapped(definition.source, DIM, width)
        lines.append(("", TEXT))
    return lines


def _one_claim(seen: Seen, name: str, lanes: Sequence[int], width: int) -> list[Line]:
    """One claim whole: what the papers say, what is measured, and the newest numbers of every lane it rests on."""
    definition, claim = CLAIMS[name], seen.history.claims.get(name)
    lines = [_headline(seen.history, name, width), ("", TEXT), *_wrapped(definition.statement, TEXT, width, "")]
    told = [("formula", definition.statistic), ("measured", claim.text if claim is not None else "waiting for the run")]
    if claim is not None and compared(claim):
        told.append(("judged", f"{compared(claim)}: {claim.verdict}"))
    told += [("tolerance", definition.reason), ("source", definition.source)]
    told += [("paper", source.whole()) for source in sources.named_in(definition.source)]
    for word, text in told:
        lines += [("", TEXT), (word, DIM), *_wrapped(text, TEXT, width)]
    return [
        *lines,
        ("", TEXT),
        ("the numbers behind it, as they stand", DIM),
        *_numbers(seen, lanes, definition.rests_on, width),
    ]


def _numbers(seen: Seen, lanes: Sequence[int], names: Sequence[str], width: int) -> list[Line]:
    """The newest values of these series, a line for each of the lanes and series that has them."""
    lines: list[Line] = []
    for lane in seen.history.lanes:
        if lane.index not in lanes:
            continue
        told = [(name, _newest(lane, name)) for name in names]
        if not any(values for _, values in told):
            continue
        lines.append((f"  {label(seen.history, lane)}"[:width], series_colour(lane.index)))
        lines += [(_fitting(f"    {name.replace('_', ' ')}:", values, width), TEXT) for name, values in told if values]
    return lines or [("  nothing of it is recorded yet"[:width], DIM)]


def _fitting(head: str, values: Sequence[float], width: int) -> str:
    """As many whole values as fit; dots for the others."""
    line = head
    for value in values:
        text = f" {quantity(value)} "
        if len(line) + len(text) + 1 > width:
            return f"{line}…"[:width]
        line += text
    return line[:width]


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


def _difference_lines(runs: Sequence[Seen], width: int) -> list[Line]:
    """A line for each setting, a column for each run: those that differ first."""
    settings = [flat(one.order.spec) for one in runs]
    names = list(dict.fromkeys(name for one in settings for name in one))
    differing = [name for name in names if len({one.get(name, "–") for one in settings}) > 1]
    same = [name for name in names if name not in differing]
    room = max([len("setting"), *map(len, names)]) + 2
    column = max(8, (width - room) // len(runs) - 1)

    def line(name: str, values: Iterable[str]) -> str:
        return (f"{name:<{room}}" + " ".join(f"{inert(value, column):<{column}}" for value in values))[:width]

    lines: list[Line] = [(line("setting", (one.name for one in runs)), DIM)]
    lines += [(line(name, (one.get(name, "–") for one in settings)), TEXT) for name in differing]
    lines += [("all settings are the same"[:width], TEXT)] * (not differing) + [
        ("", TEXT),
        ("the same in all"[:width], DIM),
    ]
    return lines + [(line(name, (settings[0].get(name, "–"),))[:width], DIM) for name in same]


_QUANTITIES = {
    "schatten_1_2": "Schatten-1/2 norm",
    "schatten_2_3": "Schatten-2/3 norm",
    "nuclear_norm": "nuclear norm",
    "frobenius_norm": "Frobenius norm",
    "spectral_norm": "spectral norm",
    "effective_rank": "effective rank",
    "distance_from_lower_rank": "distance from lower rank",
}


def _minimiser_lines(seen: Seen, width: int) -> list[Line]:
    """The talk's table, from what the solver computed for the run's own entries."""
    baselines = seen.history.baselines.values()
    table: dict[str, Value] = next(found["minimisers"] for found in baselines if "minimisers" in found)
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
    return [*lines, ("", TEXT), *_wrapped(note, DIM, width, "")]


def _number(value: Value) -> float:
    return math.nan if value is None or isinstance(value, list) else number(value)
