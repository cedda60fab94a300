"""Mode trees: how the modes of a tensor are joined, group by group, up to the root (R22)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Literal

import msgspec

Pattern = Literal["neighbours", "interleaved"]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A node of a mode tree."""

    modes: tuple[int, ...]
    """The modes below it, as its leaves stand from left to right."""
    level: int
    """0 for a leaf; of the others the pooling that made it, 1 for the first."""
    parent: int
    """Its place in the tree; −1 for the root."""
    children: tuple[int, ...]
    """Their places; none for a leaf."""


class ModeTree(msgspec.Struct, frozen=True):
    """The nodes in breadth-first order, the root first: a node's place says which it is, everywhere."""

    nodes: tuple[Node, ...]

    @property
    def n_levels(self) -> int:
        """How often modes are pooled: the level of the root."""
        return self.nodes[0].level

    @property
    def order(self) -> tuple[int, ...]:
        """The modes as the leaves stand from left to right."""
        return self.nodes[0].modes

    @property
    def interior(self) -> tuple[int, ...]:
        """The places of the nodes with children."""
        return tuple(place for place, node in enumerate(self.nodes) if node.children)

    @property
    def matricised(self) -> tuple[int, ...]:
        """The places of the nodes whose modes against the rest unfold the tensor, each unfolding once.

        All but the root; and where the root has two children but the first, whose unfolding is the second's transposed.
        """
        halves = self.nodes[0].children if len(self.nodes[0].children) == 2 else ()
        return tuple(place for place in range(1, len(self.nodes)) if place not in halves[1:])

    def shapes(self, sizes: Sequence[int], widths: Sequence[int]) -> list[tuple[int, int]]:
        """Rows and columns of each node's weights: its mode's size or its width, and the width of its parent.

        ``widths`` are those of the levels from 1 on; the root ends in one column.
        """

        def width(place: int) -> int:
            return 1 if place < 0 else widths[self.nodes[place].level - 1]

        return [
            (width(place) if node.children else sizes[node.modes[0]], width(node.parent))
            for place, node in enumerate(self.nodes)
        ]

    def components(self, widths: Sequence[int]) -> list[tuple[int, int]]:
        """(place of the node, which of its width) of every local component, in the order that they are numbered."""
        return [(place, index) for place in self.interior for index in range(widths[self.nodes[place].level - 1])]


@functools.cache
def mode_tree(n_modes: int, pooling: int, pattern: Pattern = "neighbours") -> ModeTree:
    """The tree that joins ``pooling`` neighbours at a time, level by level.

    A last group of fewer is joined all the same, and one that would be alone goes up as it is: so every number of
    modes has its tree. Interleaved, the leaves stand so that modes far apart are joined first: those that are equal
    modulo powers of ``pooling``.
    """
    order = _interleaved(range(n_modes), pooling) if pattern == "interleaved" else list(range(n_modes))
    # Of each node its level, its children by where they stand here, and its modes.
    found: list[tuple[int, list[int], tuple[int, ...]]] = [(0, [], (mode,)) for mode in order]
    current, level = list(range(n_modes)), 0
    while len(current) > 1:
        level += 1
        above = []
        for start in range(0, len(current), pooling):
            group = current[start : start + pooling]
            if len(group) > 1:
                found.append((level, group, tuple(mode for below in group for mode in found[below][2])))
                above.append(len(found) - 1)
            else:
                above += group
        current = above
    places, parents = [current[0]], {current[0]: -1}
    for parent, one in enumerate(places):
        for below in found[one][1]:
            parents[below] = parent
            places.append(below)
    where = {one: place for place, one in enumerate(places)}
    return ModeTree(
        tuple(
            Node(
                modes=found[one][2],
                level=found[one][0],
                parent=parents[one],
                children=tuple(where[below] for below in found[one][1]),
            )
            for one in places
        )
    )


def _interleaved(modes: Sequence[int], pooling: int) -> list[int]:
    if len(modes) <= pooling:
        return list(modes)
    return [mode for first in range(pooling) for mode in _interleaved(modes[first::pooling], pooling)]
