"""Screens as pictures: every cell's character, ink and ground are found again where the cell lies."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual._ansi_theme import ALABASTER, MONOKAI

from tests.tui import logs
from tests.tui.driving import StandIn, app_of, caught_up, live, opened, text_of
from tui import exporting
from tui.draw import cell_svg
from tui.draw.glyphs import DOT, HEIGHT, WIDTH, glyph
from tui.draw.paper import Origin

_SPACE = "{http://www.w3.org/2000/svg}"
# Braille, box drawing, block elements.
DRAWN = [chr(code) for code in (*range(0x2800, 0x2900), *range(0x2500, 0x25A0))]
_MOVE = re.compile(r"m(-?[\d.]+)[ ]?(-?[\d.]+)h(-?[\d.]+)")


def picture(*lines: list[Segment]) -> ElementTree.Element:
    return ElementTree.fromstring(cell_svg.picture(lines, MONOKAI))


def lines_of(path: ElementTree.Element) -> Iterator[tuple[float, float, float, float]]:
    """Left, right, top and bottom of the level lines of a path, with its breadth; round ends are half of that."""
    breadth, x, y = float(path.attrib["stroke-width"]), 0.0, 0.0
    data = path.attrib["d"]
    assert _MOVE.sub("", data) == ""
    for across, down, length in _MOVE.findall(data):
        x, y = x + float(across), y + float(down)
        yield x, x + float(length), y - breadth / 2, y + breadth / 2
        x += float(length)


def painted(root: ElementTree.Element) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    for path in root.iter(f"{_SPACE}path"):
        if "stroke-width" in path.attrib:
            for left, right, top, bottom in lines_of(path):
                end = DOT / 2 if float(path.attrib["stroke-width"]) == DOT else 0.0
                yield path.attrib["stroke"], (left - end, right + end, top, bottom)


def letters(root: ElementTree.Element) -> dict[tuple[int, int], str]:
    """Characters by line and column."""
    found = {}
    for node in root.iter(f"{_SPACE}text"):
        said, places = node.text or "", node.attrib["x"].split()
        assert said == " ".join(said.split()), "of several blanks programs make one"
        assert len(places) == 1 or len(places) == len(said)
        pieces = [said] if len(places) == 1 else list(said)
        for place, piece in zip(places, pieces, strict=True):
            assert float(place) % WIDTH == 0
            if piece != " ":
                found[int(float(node.attrib["y"])) // HEIGHT, int(float(place)) // WIDTH] = piece
    return found


def test_a_character_that_is_a_picture_lies_in_its_own_cell() -> None:
    """As the third of a line, between two letters; as many dots as Unicode gives it; and no text."""
    for character in DRAWN:
        root = picture([Segment("ab"), Segment(character, Style(color="#010203")), Segment("c")])
        assert letters(root) == {(0, 0): "a", (0, 1): "b", (0, 3): "c"}, character
        drawn = [box for _, box in painted(root)]
        for left, right, top, bottom in drawn:
            assert 2 * WIDTH <= left <= right <= 3 * WIDTH, character
            assert 0 <= top <= bottom <= HEIGHT, character
        code = ord(character) - 0x2800
        if 0 <= code < 256:
            assert len(drawn) == code.bit_count(), character
        else:
            curved = [p for p in root.iter(f"{_SPACE}path") if "stroke-width" not in p.attrib and "stroke" in p.attrib]
            assert drawn or curved, character


def test_dots_lie_as_unicode_numbers_them() -> None:
    for bit, (x, y) in enumerate([(2, 2), (2, 6), (2, 10), (6, 2), (6, 6), (6, 10), (2, 14), (6, 14)]):
        shape = glyph(chr(0x2800 + (1 << bit)))
        assert shape is not None
        assert shape.dots == ((x, y),), f"dot {bit + 1}"


def test_blocks_fill_what_their_names_say() -> None:
    shares = {"▁": 1 / 8, "▂": 1 / 4, "▄": 1 / 2, "█": 1, "▏": 1 / 8, "▐": 1 / 2, "▔": 1 / 8, "▟": 3 / 4, "▉": 7 / 8}
    for character, share in shares.items():
        shape = glyph(character)
        assert shape is not None
        assert sum(width * height for _, _, width, height in shape.rectangles) == share * WIDTH * HEIGHT, character


def test_lines_meet_at_the_middle_of_the_edges_that_their_names_say() -> None:
    edges = {"UP": (4, 0), "DOWN": (4, 16), "LEFT": (0, 8), "RIGHT": (8, 8)}
    both = {"VERTICAL": ("UP", "DOWN"), "HORIZONTAL": ("LEFT", "RIGHT")}
    for character in map(chr, range(0x2500, 0x2580)):
        name, shape = unicodedata.name(character), glyph(character)
        assert shape is not None
        if "DASH" in name or "ARC" in name or "DIAGONAL" in name:
            continue
        wanted = {edge for word in name.split() for edge in both.get(word, (word,) if word in edges else ())}
        met = {
            edge
            for edge, (x, y) in edges.items()
            if any(left <= x <= left + w and top <= y <= top + h for left, top, w, h in shape.rectangles)
        }
        assert met == wanted, name


def test_wide_characters_and_marks_take_the_cells_that_a_terminal_gives_them() -> None:
    root = picture([Segment("a漢e\u0301😀z <&>")])
    assert letters(root) == {
        (0, 0): "a",
        (0, 1): "漢",
        (0, 3): "e\u0301",
        (0, 4): "😀",
        (0, 6): "z",
        (0, 8): "<",
        (0, 9): "&",
        (0, 10): ">",
    }


def test_colours_are_those_a_terminal_shows() -> None:
    """Of the 256, of the theme, turned round, dimmed, and none."""
    line = [
        Segment("█", Style(color="color(75)")),
        Segment("█", Style(color="red")),
        Segment("█", Style(bgcolor="#102030", color="#ffffff", reverse=True)),
        Segment("▒", Style(bgcolor="#000000", color="#ffffff")),
        Segment("█", Style(bgcolor="#000000", color="#646464", dim=True)),
    ]
    inks = [colour for colour, (_, _, top, bottom) in painted(picture(line)) if bottom - top == HEIGHT]
    red = "#" + "".join(f"{part:02x}" for part in MONOKAI.ansi_colors[1])
    assert inks[-5:] == ["#5fafff", red, "#102030", "#808080", "#424242"]
    default = ElementTree.fromstring(cell_svg.picture([[Segment("x")]], ALABASTER))
    (group,) = (node for node in default.iter(f"{_SPACE}g") if "fill" in node.attrib and node.attrib["fill"] != "none")
    assert group.attrib["fill"] == "#" + "".join(f"{part:02x}" for part in ALABASTER.foreground_color)


def test_what_text_says_is_inert() -> None:
    text = cell_svg.picture([[Segment("</text><script>\x1b[2J\x00")]], MONOKAI, "a <b> \x07")
    root = ElementTree.fromstring(text)
    assert "script" not in {node.tag.removeprefix(_SPACE) for node in root.iter()}
    assert "\x1b" not in text
    assert "\x00" not in text


@pytest.mark.parametrize(
    ("size", "most"), [((80, 24), 40_000), ((120, 40), 60_000), ((200, 60), 150_000)], ids=["80x24", "120x40", "200x60"]
)
async def test_a_screen_is_found_again_in_its_picture(size: tuple[int, int], most: int, stand_in: StandIn) -> None:
    async with opened(size, run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        for key in ("1", "3", "e"):
            await pilot.press(key)
            await pilot.pause(0.1)
            text = exporting.screen_svg(app_of(pilot))
            shown = text_of(pilot) if key != "e" else ""
            root = ElementTree.fromstring(text)
            assert (root.attrib["width"], root.attrib["height"]) == (str(size[0] * WIDTH), str(size[1] * HEIGHT))
            assert len(text) < most
            there = letters(root)
            assert not set(DRAWN) & set("".join(there.values()))
            if shown:
                assert there == dict(standing(shown))
            else:
                assert "Export" in "".join(there.values()), "the dialog"
                assert "converged" in "".join(there.values()), "and the run behind it"


def standing(shown: str) -> Iterator[tuple[tuple[int, int], str]]:
    for line, row in enumerate(shown.splitlines()):
        column = 0
        for character in row:
            if not character.isspace() and glyph(character) is None:
                yield (line, column), character
            column += cell_len(character)


async def test_rows_of_a_chart_are_drawn_in_the_theme_s_colours(stand_in: StandIn) -> None:
    """A page of text by itself, as `--format svg` gives it."""
    async with opened(run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        await pilot.press("5")
        chart = live(pilot).chart
        assert not chart.is_plot
        grounds = []
        for theme in ("textual-dark", "textual-light"):
            pilot.app.theme = theme
            await pilot.pause(0.1)
            root = ElementTree.fromstring(chart.as_svg(Origin(preset="mf-depth", run="a < b")))
            grounds.append(next(root.iter(f"{_SPACE}path")).attrib["fill"])
            words = "".join(letters(root).values())
            assert "low-rank-recovery" in words
            assert "run = a < b" in (root.findtext(f"{_SPACE}desc") or "")
        assert grounds[0] < "#333333"
        assert grounds[1] > "#cccccc"
