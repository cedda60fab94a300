"""The talk's table *quantity | minimiser*, from what the solver computed for the run's own entries."""

from __future__ import annotations

import math

from solver.records import Value, number
from tui.draw.cells import DIM, TEXT
from tui.shown.lines import Line, wrapped
from tui.text import quantity
from tui.watch.seen import Seen

_QUANTITIES = {
    "schatten_1_2": "Schatten-1/2 norm",
    "schatten_2_3": "Schatten-2/3 norm",
    "nuclear_norm": "nuclear norm",
    "frobenius_norm": "Frobenius norm",
    "spectral_norm": "spectral norm",
    "effective_rank": "effective rank",
    "distance_from_lower_rank": "distance from lower rank",
}


def lines(seen: Seen, width: int) -> list[Line]:
    """The talk's table, from what the solver computed for the run's own entries."""
    baselines = seen.history.baselines.values()
    table: dict[str, Value] = next(found["minimisers"] for found in baselines if "minimisers" in found)
    told: list[Line] = [
        ("Over all W(w) that fit the given entries:", TEXT),
        ("", TEXT),
        (f"{'quantity':<24}{'infimum':>9}  at", DIM),
    ]
    for name, title in _QUANTITIES.items():
        least, at = _number(table.get(name)), _number(table.get(f"{name}.at"))
        attained = math.isfinite(at)
        # What falls for ever was followed to |w| = 1e5 √|z·z′|; its limit is what is meant.
        shown = quantity(least) if attained else f"→ {quantity(round(least, 4))}"
        told.append((f"{title:<24}{shown:>9}  {f'w = {quantity(at)}' if attained else '|w| → ∞'}", TEXT))
    note = "Norms want w small. A rank that falls for ever wants |w| large: where runs go tells which they minimise."
    return [*told, ("", TEXT), *wrapped(note, DIM, width, "")]


def _number(value: Value) -> float:
    return math.nan if value is None or isinstance(value, list) else number(value)
