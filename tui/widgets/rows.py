"""A widget made of ready rows of characters and colours, of which only changed spans are painted again."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.draw.cells import DIM, FIRST_SERIES, TEXT, Row, changed_spans
from tui.draw.heat import FIRST_HEAT, LEVELS

# From the 256 colours that SSH carries: apart from each other on dark and on light, and for most colour-blind eyes.
_SERIES = (75, 208, 78, 212, 220, 45, 203, 141, 150, 179, 110, 174)
N_SERIES_COLOURS = len(_SERIES)
CHOSEN, GOOD, BAD, BUSY = 240, 241, 242, 243

# Blue over dark grey to orange.
_HEAT = (117, 75, 33, 26, 18, 235, 52, 94, 130, 172, 215)

_STYLES = {
    TEXT: Style.null(),
    DIM: Style(color="color(245)"),
    CHOSEN: Style(reverse=True),
    GOOD: Style(color="color(78)", bold=True),
    BAD: Style(color="color(203)", bold=True),
    BUSY: Style(color="color(220)", bold=True),
} | {FIRST_SERIES + index: Style(color=f"color({colour})") for index, colour in enumerate(_SERIES)}
_STYLES |= {
    FIRST_HEAT + LEVELS * above + below: Style(color=f"color({_HEAT[above]})", bgcolor=f"color({_HEAT[below]})")
    for above in range(LEVELS)
    for below in range(LEVELS)
}

# Colours with a ground of their own, which a blank beside them must not take.
_BACKED = {CHOSEN, *range(FIRST_HEAT, FIRST_HEAT + LEVELS**2)}

# Textual paints a changed span from the left edge of its widget (textual issue 5625), so the rows are shown by a few
# narrow widgets side by side. Measured on a live run: a third of the bytes.
_TILES = 8


def series_colour(index: int) -> int:
    """The colour of the lane or rank ``index``; they come round after a dozen."""
    return FIRST_SERIES + index % N_SERIES_COLOURS


class Rows(Widget):
    """Shows rows given to it; a row is a text and a colour for each character."""

    DEFAULT_CSS = "Rows { layout: horizontal; } Rows _Tile { width: 1fr; height: 1fr; }"

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._rows: list[Row] = []
        self._tiles = [_Tile(self) for _ in range(_TILES)]

    def compose(self) -> ComposeResult:
        yield from self._tiles

    @property
    def rows(self) -> list[Row]:
        """What is shown."""
        return self._rows

    def show(self, rows: list[Row]) -> None:
        """Shows ``rows``, painting what differs from before."""
        before, self._rows = self._rows, rows
        if len(before) != len(rows) or any(len(a[0]) != len(b[0]) for a, b in zip(before, rows, strict=False)):
            for tile in self._tiles:
                tile.refresh()
            return
        spans = changed_spans(before, rows)
        if spans:
            for tile in self._tiles:
                tile.paint(spans)


class _Tile(Widget):
    """Some columns of the rows of its owner."""

    def __init__(self, owner: Rows) -> None:
        super().__init__()
        self._owner = owner

    def paint(self, spans: list[tuple[int, int, int]]) -> None:
        """Paints the parts of these spans that are ours."""
        left, width = self._left(), self.size.width
        for row, column, length in spans:
            start, stop = max(column - left, 0), min(column + length - left, width)
            if start < stop:
                self.refresh(Region(start, row, stop - start, 1))

    def _left(self) -> int:
        return self.region.x - self._owner.content_region.x

    def render_line(self, y: int) -> Strip:
        left, width = self._left(), self.size.width
        rows = self._owner.rows
        if y >= len(rows):
            return Strip.blank(width, self.rich_style)
        text, colours = rows[y][0][left : left + width], rows[y][1][left : left + width]
        base = self.rich_style
        segments = []
        start = 0
        for column in range(1, len(text) + 1):
            if column < len(text):
                same = colours[column] == colours[start]
                # A blank takes any colour, and every change of colour costs twenty bytes on the wire.
                if same or (text[column] == " " and _BACKED.isdisjoint((colours[start], colours[column]))):
                    continue
            segments.append(Segment(text[start:column], base + _STYLES.get(colours[start], Style.null())))
            start = column
        return Strip(segments).adjust_cell_length(width, base)


def row(*pieces: tuple[str, int], width: int) -> Row:
    """A row of ``width`` from pieces of text and their colours, cut or filled with spaces."""
    text = "".join(piece for piece, _ in pieces)
    colours = b"".join(bytes([colour] * len(piece)) for piece, colour in pieces)
    if len(text) > width:
        text = text[: width - 1] + "…" if width else ""
    return text.ljust(width), colours[:width].ljust(width, bytes([TEXT]))
