"""Places for labels that would lie over each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

# Sums of the same numbers in another order differ by less.
_TOUCHING = 1e-6
_GAP = 1.0


class Box(msgspec.Struct, frozen=True):
    """A rectangle; y goes down."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def is_beside(self, other: Box) -> bool:
        """Whether they share a part of their widths, so that one must stand above the other."""
        return self.left < other.right - _TOUCHING and other.left < self.right - _TOUCHING

    def overlaps(self, other: Box) -> bool:
        """Whether they share an area."""
        is_level = self.top < other.bottom - _TOUCHING and other.top < self.bottom - _TOUCHING
        return is_level and self.is_beside(other)


def placed(wanted: Sequence[Box], frame: Box, taken: Sequence[Box] = ()) -> list[Box | None]:
    """Each box inside the frame and apart from ``taken`` and those before it, moved up or down as little as can be.

    Where a column is full it goes to the next one; None for one that has no room anywhere.
    """
    there = list(taken)
    found: list[Box | None] = []
    for box in wanted:
        place = _place(box, frame, there)
        found.append(place)
        if place is not None:
            there.append(place)
    return found


def _place(box: Box, frame: Box, there: Sequence[Box]) -> Box | None:
    if box.width > frame.width or box.height > frame.height:
        return None
    left = max(frame.left, min(box.left, frame.right - box.width))
    top = max(frame.top, min(box.top, frame.bottom - box.height))
    for column in _columns(left, box.width + _GAP, frame.left, frame.right - box.width):
        here = Box(column, top, box.width, box.height)
        beside = [other for other in there if other.is_beside(here)]
        tops = [top, *(other.top - box.height for other in beside), *(other.bottom for other in beside)]
        for one in sorted(tops, key=lambda one: abs(one - top)):
            moved = Box(column, one, box.width, box.height)
            is_inside = frame.top - _TOUCHING <= one and moved.bottom <= frame.bottom + _TOUCHING
            if is_inside and not any(moved.overlaps(other) for other in beside):
                return moved
    return None


def _columns(first: float, step: float, least: float, most: float) -> Iterator[float]:
    """From the first one to the left, where a line comes from, then to the right."""
    left = first
    while left >= least:
        yield left
        left -= step
    left = first + step
    while left <= most:
        yield left
        left += step
