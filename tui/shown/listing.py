"""Which rows the list beside the chart shows: pinned ones first, then quantities as far as they are asked for."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Sequence

import msgspec

from solver.refusal import BadSetting
from tui.shown.items import Item
from tui.shown.quantities import Quantity

_MOST = 80


class Listing(msgspec.Struct, frozen=True):
    """The places of rows, in the order of the list."""

    places: list[int]
    n_pinned: int = 0
    asked: str = ""
    """What quantities are asked for; empty for all."""


def matcher(asked: str) -> Callable[[str], bool]:
    """Whether a name is asked for: by /a regular expression/, by a pattern with * ? or [ ], or by words that are in it.

    Raises BadSetting for an expression that is none.
    """
    text = asked.strip()[:_MOST]
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        try:
            pattern = re.compile(text[1:-1], re.IGNORECASE)
        except re.error as error:
            raise BadSetting(f"filter {text} is no regular expression ({error}): try norm* or /norm|rank/") from None
        return lambda name: pattern.search(name) is not None
    if any(sign in text for sign in "*?["):
        return lambda name: fnmatch.fnmatchcase(name.lower(), text.lower())
    words = text.lower().split()
    return lambda name: all(word in name.lower() for word in words)


def listing(items: Sequence[Item], asked: str, pinned: Collection[str], chosen: str) -> Listing:
    """The rows: those pinned, then all others; of quantities those asked for, and the chosen one whatever is asked."""
    fits = matcher(asked)
    first = [place for key in pinned for place, item in enumerate(items) if item.key == key]
    rest = [
        place
        for place, item in enumerate(items)
        if place not in first
        and (not isinstance(item, Quantity) or item.key == chosen or fits(item.title.strip()) or fits(item.series))
    ]
    return Listing([*first, *rest], len(first), asked.strip())
