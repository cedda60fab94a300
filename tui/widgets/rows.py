"""A widget made of ready rows of characters and colours, of which only changed spans are painted again."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.draw.cells import STRONG, TEXT, Row, changed_spans
from tui.draw.heat import FIRST_HEAT, LEVELS
from tui.draw.palette import CHOSEN, DARK, FIRST_SHADE, LIGHT, SHADES, SIGNS, Rgb, heat, inks
from tui.draw.palette import shades as map_shades


def _styles_on(ground: Rgb, *, is_true: bool) -> dict[int, Style]:
    """How each colour number is painted on a ground, in 256 colours or, for pictures, more."""
    shades = heat(ground, is_true=is_true)
    styles = {colour: Style(color=f"color({code})", bold=colour in SIGNS) for colour, code in inks(ground).items()}
    of_maps = enumerate(map_shades(is_true=is_true), FIRST_SHADE)
    styles |= {colour: Style(color=ink, bgcolor=under) for colour, (ink, under) in of_maps}
    styles |= {TEXT: Style.null(), STRONG: Style(bold=True), CHOSEN: Style(reverse=True)}
    return styles | {
        FIRST_HEAT + LEVELS * above + below: Style(color=shades[above], bgcolor=shades[below])
        for above in range(LEVELS)
        for below in range(LEVELS)
    }


# Colours with a ground of their own, which a blank beside them must not take.
_BACKED = {CHOSEN, *range(FIRST_HEAT, FIRST_HEAT + LEVELS**2), *range(FIRST_SHADE, FIRST_SHADE + SHADES)}

# Textual paints a changed span from the left edge of its widget (textual issue 5625), so the rows are shown by a few
# narrow widgets side by side. Measured on live runs: a third of the bytes with eight of them, little more with three,
# whose full drawing after a key takes a sixth less time.
_TILES = 3


class Rows(Widget):
    """Shows rows given to it; a row is a text and a colour for each character."""

    DEFAULT_CSS = "Rows { layout: horizontal; } Rows _Tile { width: 1fr; height: 1fr; }"

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._rows: list[Row] = []
        self._tiles = [_Tile(self) for _ in range(_TILES)]
        self._styles: dict[int, Style] = {}

    def style(self, colour: int) -> Style:
        """How a colour is painted on the widget's own ground. Asking Textual for that ground costs more than a line."""
        if not self._styles:
            base = self.rich_style
            ground = base.bgcolor.get_truecolor() if base.bgcolor is not None and not base.bgcolor.is_default else None
            # A terminal's own colours are not known; themes of them say whether they are dark.
            unknown = DARK if self.app.current_theme.dark else LIGHT
            styles = _styles_on(
                unknown if ground is None else ground, is_true=self.app.console.color_system == "truecolor"
            )
            self._styles = {known: base + style for known, style in styles.items()}
        return self._styles.get(colour) or self._styles[TEXT]

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}

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
        regions = []
        for row, column, length in spans:
            start, stop = max(column - left, 0), min(column + length - left, width)
            if start < stop:
                regions.append(Region(start, row, stop - start, 1))
        if regions:
            self.refresh(*regions)

    def _left(self) -> int:
        return self.region.x - self._owner.content_region.x

    def render_line(self, y: int) -> Strip:
        left, width = self._left(), self.size.width
        rows = self._owner.rows
        style = self._owner.style
        if y >= len(rows):
            return Strip.blank(width, style(TEXT))
        text, colours = rows[y][0][left : left + width], rows[y][1][left : left + width]
        segments = []
        start = 0
        for column in range(1, len(text) + 1):
            if column < len(text):
                same = colours[column] == colours[start]
                # A blank takes any colour, and every change of colour costs twenty bytes on the wire.
                if same or (text[column] == " " and _BACKED.isdisjoint((colours[start], colours[column]))):
                    continue
            segments.append(Segment(text[start:column], style(colours[start])))
            start = column
        return Strip(segments).adjust_cell_length(width, style(TEXT))
