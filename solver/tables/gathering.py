"""What a reader has gathered of a file, before ids become places."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec


class Gathered(msgspec.Struct, kw_only=True):
    """Entries in the file's order; ids are counted as they come."""

    format: str
    """What the file was understood as, in words."""
    names: list[str]
    """What the file calls the modes; empty words where it does not."""
    value_name: str = ""
    ids: Sequence[Sequence[str | int]]
    """By mode, the ids in the order of their first appearance."""
    codes: list[array[int]]
    """By mode, for each entry the place of its id in ``ids``."""
    values: array[float]
    lines: array[int] | None = None
    """The line of each entry; None where the file has none."""
    sizes: tuple[int, ...] | None = None
    """Sizes of the modes where the file says them; its ids are places from zero then."""
    remarks: list[str] = []
    """What was passed over, in words."""
