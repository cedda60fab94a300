"""A screen as vector graphics on a grid of cells: all lies where it lies in a terminal, whatever the fonts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby

import msgspec
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from tui.draw.glyphs import DOT, HEIGHT, WIDTH, glyph
from tui.text import inert, inert_lines

Colour = tuple[int, int, int]

_FONT = "DejaVu Sans Mono, Menlo, Consolas, monospace"
# A character of these fonts is then as wide as a cell.
_FONT_SIZE = 13.3
_BASELINE = 12
_DIM = 0.66


class _Cell(msgspec.Struct, frozen=True):
    """What stands at a place of the grid; a wide character has two."""

    line: int
    column: int
    text: str
    """A character with what combines with it."""
    width: int
    ink: Colour
    ground: Colour
    look: str
    """Attributes of the text."""


class _Paths:
    """Shapes of one kind, by what paints them: each a path that goes from shape to shape by relative moves."""

    def __init__(self) -> None:
        self._rectangles: defaultdict[tuple[Colour, float], list[tuple[float, float, float]]] = defaultdict(list)
        self._dots: defaultdict[Colour, list[tuple[float, float]]] = defaultdict(list)
        self._strokes: defaultdict[Colour, list[str]] = defaultdict(list)

    def fill(self, left: float, top: float, width: float, height: float, colour: Colour) -> None:
        self._rectangles[colour, height].append((top + height / 2, left, left + width))

    def dot(self, x: float, y: float, colour: Colour) -> None:
        self._dots[colour].append((x, y))

    def stroke(self, x: float, y: float, path: str, colour: Colour) -> None:
        self._strokes[colour].append(f"M{x:g} {y:g}{path}")

    def elements(self) -> Iterator[str]:
        # Rectangles of one height are broad lines: half as long to write. Crisp, so that no seams show between them.
        yield '<g fill="none" shape-rendering="crispEdges">'
        for (colour, height), spans in self._rectangles.items():
            yield f'<path stroke="{_hex(colour)}" stroke-width="{height:g}" d="{_joined(_merged(spans))}"/>'
        yield "</g>"
        yield '<g fill="none" stroke-linecap="round">'
        for colour, strokes in self._strokes.items():
            yield f'<path stroke="{_hex(colour)}" d="{"".join(strokes)}"/>'
        for colour, dots in self._dots.items():
            places = _joined((y, x, x) for x, y in sorted(dots, key=lambda dot: dot[::-1]))
            yield f'<path stroke="{_hex(colour)}" stroke-width="{DOT}" d="{places}"/>'
        yield "</g>"


def _merged(spans: list[tuple[float, float, float]]) -> Iterator[tuple[float, float, float]]:
    """Stretches of one line that touch each other, as one."""
    line, left, right = min(spans)
    for next_line, next_left, next_right in sorted(spans)[1:]:
        if next_line == line and next_left <= right:
            right = max(right, next_right)
        else:
            yield line, left, right
            line, left, right = next_line, next_left, next_right
    yield line, left, right


def _joined(spans: Iterable[tuple[float, float, float]]) -> str:
    """Level lines, each given by its height on the page and where it begins and ends."""
    x = y = 0.0
    found = []
    for line, left, right in spans:
        found.append(f"m{left - x:g} {line - y:g}h{right - left:g}".replace(" -", "-"))
        x, y = right, line
    return "".join(found)


def picture(lines: Sequence[Iterable[Segment]], theme: TerminalTheme, title: str = "", about: str = "") -> str:
    """The lines as SVG: braille, blocks and lines as shapes, all other characters as text in their cells.

    ``theme`` has the terminal's own colours: those that are named by a number below sixteen, and the default ones.
    """
    rows = [list(_cells(line, segments, theme)) for line, segments in enumerate(lines)]
    columns = max((cells[-1].column + cells[-1].width for cells in rows if cells), default=1)
    width, height = columns * WIDTH, max(1, len(rows)) * HEIGHT
    grounds = Counter(cell.ground for cells in rows for cell in cells)
    page = grounds.most_common(1)[0][0] if grounds else (0, 0, 0)
    paths = _Paths()
    for cells in rows:
        for cell in cells:
            if cell.ground != page:
                paths.fill(cell.column * WIDTH, cell.line * HEIGHT, cell.width * WIDTH, HEIGHT, cell.ground)
    for cells in rows:
        for cell in cells:
            _shape(cell, paths)
    return (
        "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}">',
                *([f"<title>{escape(inert(title), quote=False)}</title>"] if title else []),
                *([f"<desc>{escape(inert_lines(about), quote=False)}</desc>"] if about else []),
                f'<path fill="{_hex(page)}" d="M0 0h{width}v{height}H0z"/>',
                *paths.elements(),
                f'<g font-family="{_FONT}" font-size="{_FONT_SIZE}">',
                *_texts(rows),
                "</g>",
                "</svg>",
            ]
        )
        + "\n"
    )


def _cells(line: int, segments: Iterable[Segment], theme: TerminalTheme) -> Iterator[_Cell]:
    column = 0
    for text, style, control in segments:
        if control:
            continue
        ink, ground, look = _resolved(style or Style.null(), theme)
        for character in _clusters(inert(text, len(text))):
            width = cell_len(character)
            yield _Cell(line, column, character, width, ink, ground, look)
            column += width


def _clusters(text: str) -> list[str]:
    """Characters, each with those of no width after it."""
    found: list[str] = []
    for character in text:
        if found and not cell_len(character):
            found[-1] += character
        else:
            found.append(character)
    return found


def _resolved(style: Style, theme: TerminalTheme) -> tuple[Colour, Colour, str]:
    """Ink and ground as a terminal of this theme shows them, and how the letters are."""
    ink, ground = _rgb(style.color, theme, is_ink=True), _rgb(style.bgcolor, theme, is_ink=False)
    if style.reverse:
        ink, ground = ground, ink
    if style.dim:
        ink = _between(ground, ink, _DIM)
    look = ' font-weight="bold"' if style.bold else ""
    look += ' font-style="italic"' if style.italic else ""
    if style.underline or style.strike:
        look += f' text-decoration="{"underline" if style.underline else "line-through"}"'
    return ink, ground, look


def _rgb(colour: Color | None, theme: TerminalTheme, *, is_ink: bool) -> Colour:
    red, green, blue = (colour or Color.default()).get_truecolor(theme, foreground=is_ink)
    return red, green, blue


def _between(ground: Colour, ink: Colour, share: float) -> Colour:
    red, green, blue = (round(under + share * (over - under)) for under, over in zip(ground, ink, strict=True))
    return red, green, blue


def _hex(colour: Colour) -> str:
    red, green, blue = colour
    return f"#{red:02x}{green:02x}{blue:02x}"


def _shape(cell: _Cell, paths: _Paths) -> None:
    drawn = glyph(cell.text) if len(cell.text) == 1 else None
    if drawn is None:
        return
    left, top = cell.column * WIDTH, cell.line * HEIGHT
    colour = cell.ink if drawn.share == 1.0 else _between(cell.ground, cell.ink, drawn.share)
    for x, y, width, height in drawn.rectangles:
        paths.fill(left + x, top + y, width, height, colour)
    for x, y, path in drawn.strokes:
        paths.stroke(left + x, top + y, path, colour)
    for x, y in drawn.dots:
        paths.dot(left + x, top + y, colour)


def _texts(rows: Sequence[Sequence[_Cell]]) -> Iterator[str]:
    """Words by their look, so that colour and weight are written once."""
    by_look: defaultdict[tuple[Colour, str], list[str]] = defaultdict(list)
    for cells in rows:
        for _, run in groupby(enumerate(_written(cells)), key=_run_of):
            found = [cell for _, cell in run]
            by_look[found[0].ink, found[0].look].append(_text(found))
    for (ink, look), texts in by_look.items():
        yield f'<g fill="{_hex(ink)}"{look}>{"".join(texts)}</g>'


def _written(cells: Sequence[_Cell]) -> Iterator[_Cell]:
    """The letters, and a blank between two of one look: programs keep one, and make one of several."""
    for before, cell, after in zip([None, *cells], cells, [*cells[1:], None], strict=False):
        if _is_letter(cell):
            yield cell
        elif cell.text == " " and before and after and _is_letter(before) and _look(before) == _look(after):
            yield msgspec.structs.replace(cell, ink=before.ink, look=before.look)


def _look(cell: _Cell) -> tuple[Colour, str] | None:
    return (cell.ink, cell.look) if _is_letter(cell) else None


def _is_letter(cell: _Cell) -> bool:
    return not cell.text.isspace() and not (len(cell.text) == 1 and glyph(cell.text))


def _run_of(numbered: tuple[int, _Cell]) -> tuple[Colour, str, int]:
    """The same for neighbours that one list of places can set.

    A wide character, one with marks, and one of two UTF-16 units stand alone: programs count their places differently.
    """
    index, cell = numbered
    is_alone = cell.width != 1 or len(cell.text) > 1 or ord(cell.text) > 0xFFFF
    return cell.ink, cell.look, -1 - cell.column if is_alone else cell.column - index


def _text(cells: Sequence[_Cell]) -> str:
    places = " ".join(str(cell.column * WIDTH) for cell in cells)
    said = escape("".join(cell.text for cell in cells), quote=False)
    return f'<text x="{places}" y="{cells[0].line * HEIGHT + _BASELINE}">{said}</text>'
