"""The rows of the live view's list: figures, maps, pictures, series and pages of text."""

from __future__ import annotations

from collections.abc import Sequence

from tui.shown import pictures, quantities
from tui.shown.figures import Figure
from tui.shown.maps import MapRow
from tui.shown.pictures import Pictures
from tui.shown.quantities import Quantity
from tui.shown.sheets import Sheet, sheets
from tui.watch.seen import Seen

Item = Figure | MapRow | Quantity | Pictures | Sheet
FIGURES = (Figure, MapRow)
"""What lanes make together."""


def items(
    seen: Seen, own: Sequence[Figure | MapRow], claims: Sequence[Sheet], others: Sequence[Seen] = ()
) -> list[Item]:
    """The rows of the list: figures, maps, pages and pictures, then every quantity that a lane records, then claims."""
    found: list[Item] = []
    if seen.history.lanes:
        found += own
        found += sheets(seen, others)
        found += pictures.kinds(seen.history)
    found += quantities.available([seen.history, *(one.history for one in others)])
    return found + list(claims if seen.history.lanes else [])


def named(found: Sequence[Item], names: str) -> Item | None:
    """The row of a series, of a claim, or whose title begins so; of several names, parted by |, the first there is."""
    return next((item for name in names.split("|") if (item := _named(found, name)) is not None), None)


def _named(found: Sequence[Item], name: str) -> Item | None:
    wanted = name.strip().lower()
    if not wanted:
        return None
    for item in found:
        if isinstance(item, Quantity) and item.series == wanted and item.rank is None:
            return item
        if isinstance(item, Sheet) and item.claim == wanted:
            return item
    return next((one for one in found if one.title.strip().lower().startswith(wanted) or one.short == wanted), None)


def key_of(found: Sequence[Item], item: Item) -> str:
    """The key that shows a row at once; empty for one that has none."""
    if isinstance(item, Quantity):
        first_of = next(
            (
                one
                for one in found
                if isinstance(one, Quantity) and item.declared.keys and item.declared.keys[0] in one.declared.keys
            ),
            None,
        )
        return str(item.declared.keys[0]) if first_of == item else ""
    kinds: list[tuple[tuple[type[Item], ...], str]] = [(FIGURES, "6"), ((Pictures,), "7")]
    for kind, key in kinds:
        if isinstance(item, kind):
            return key if next(one for one in found if isinstance(one, kind)) == item else ""
    return "5" if item.title == "claims" else ""


def first(found: Sequence[Item], opens: str = "") -> str:
    """The key of the row that a run opens with: what its preset says, or its figure, or else its first quantity."""
    chosen = named(found, opens)
    if chosen is not None:
        return chosen.key
    opening = (item.key for item in found if isinstance(item, Quantity) or (isinstance(item, Figure) and item.opens))
    return next(opening, "")


def title(item: Item) -> str:
    """What a person reads and searches for."""
    return item.title.strip()
