"""The rows of the live view's list: figures, pictures, series and pages of text."""

from __future__ import annotations

from collections.abc import Sequence

from tui.shown import pictures, quantities
from tui.shown.figures import Figure
from tui.shown.pictures import Pictures
from tui.shown.quantities import Quantity
from tui.shown.sheets import Sheet, sheets
from tui.watch.seen import Seen

Item = Figure | Quantity | Pictures | Sheet


def items(seen: Seen, own: Sequence[Figure], claims: Sequence[Sheet], others: Sequence[Seen] = ()) -> list[Item]:
    """The rows of the list: figures, pages and pictures first, then every quantity that a lane records, then claims."""
    found: list[Item] = []
    if seen.history.lanes:
        found += own
        found += sheets(seen, others)
        found += pictures.kinds(seen.history)
    found += quantities.available([seen.history, *(one.history for one in others)])
    return found + list(claims if seen.history.lanes else [])


def first(found: Sequence[Item]) -> str:
    """The key of the row that a run opens with: its figure, or else its first quantity."""
    opening = (item.key for item in found if isinstance(item, Quantity) or (isinstance(item, Figure) and item.opens))
    return next(opening, "")


def title(item: Item) -> str:
    """What a person reads and searches for."""
    return item.title.strip()
