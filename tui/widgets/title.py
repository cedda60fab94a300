"""The first line of a run: what it is, and beside it how it stands; the name gives way before the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from tui.draw.cells import STRONG, TEXT, row
from tui.text import cut
from tui.widgets.rows import Rows

_BETWEEN = "  "


class Title(Rows):
    """One line."""

    def draw(self, names: Sequence[str], verdict: Sequence[tuple[str, int]]) -> None:
        """Shows as many of the names as fit beside the verdict, whose last parts go first."""
        width = self.size.width
        if not width:
            return
        told = list(verdict)
        while len(told) > 1 and _length(told) + len(_BETWEEN) + len(names[0]) > width:
            told.pop()
        room = max(0, width - _length(told) - len(_BETWEEN))
        shown = cut(names[0], room)
        for name in names[1:]:
            if len(shown) + len(name) + 3 <= room:
                shown += f" · {name}"
        pieces = [(shown.ljust(room + len(_BETWEEN)), STRONG)]
        for index, (text, colour) in enumerate(told):
            pieces += [(" · ", TEXT)] * (index > 0) + [(text, colour)]
        self.show([row(*pieces, width=width)])


def _length(pieces: Sequence[tuple[str, int]]) -> int:
    return sum(len(text) for text, _ in pieces) + 3 * max(0, len(pieces) - 1)
