"""Maps of a sweep: drawn in cells at any size and on paper, and driven by keys."""

from __future__ import annotations

import itertools
import math
import string
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

import presets
from solver import settings
from solver.history import History
from solver.records import LaneEnding, LaneSchema, Outcome, OutcomeKind, Schema
from tests.tui import histories, logs
from tests.tui.driving import chart_text, live, opened, text_of, until
from tests.tui.swept import SWEEP, error_of, run_of
from tui.config import Config
from tui.draw import heatmap, heatmap_svg, palette
from tui.draw.canvas import MARKERS, Marker
from tui.draw.heatmap import BROKEN, HOLLOW, Field, HeatMap, Place, brief, place_at, shade, shades
from tui.draw.palette import CHOSEN, FIRST_SHADE, SHADES
from tui.draw.paper import PAPERS, WIDTHS, Width
from tui.draw.scale import Scale
from tui.memory import Look
from tui.screens.selection import Selection
from tui.shown.maps import MapRow
from tui.watch.seen import Seen
from tui.widgets.chart import Chart

pytestmark = pytest.mark.usefixtures("stand_in")

SIZES = [(32, 6), (40, 8), (47, 17), (53, 17), (80, 33), (150, 50)]
_SPACE = "{http://www.w3.org/2000/svg}"


def heat(nx: int = 3, ny: int = 4, log: bool = True) -> HeatMap:
    """Every number one of its own; the last field goes on, and the one before it broke down."""
    fields: list[list[Field | None]] = [
        [Field(10.0 ** (x - y), False, False, f"at {x}, {y}") for x in range(nx)] for y in range(ny)
    ]
    fields[-1][-1] = Field(math.nan, True, False, "under way")
    fields[-1][-2] = Field(math.nan, False, True, "diverged")
    return HeatMap(
        "map of error",
        "observations",
        "init scale",
        [str(100 * (x + 1)) for x in range(nx)],
        [f"1e{y - 9}" for y in range(ny)],
        fields,
        log,
    )


# Drawing in cells


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_map_fills_its_place_at_every_size_with_its_scale_and_names(width: int, height: int, marker: Marker) -> None:
    rows = heatmap.rows(heat(), None, marker, width, height)
    assert len(rows) == height
    assert all(len(text) == len(colours) == width for text, colours in rows)
    text = "\n".join(text for text, _ in rows)
    assert "map of error" in text
    assert {"100", "200", "300"} <= set(text.split())
    if height >= 12:
        assert "init scale" in text
        assert "observations" in text
        assert all(str(level) in rows[-1][0] for level in range(SHADES))
        assert rows[-1][0].startswith("0.001 ")
    if marker == "ascii":
        assert set(text) <= set(string.printable)


def test_y_goes_upwards_and_fields_have_the_shade_of_their_number() -> None:
    drawn = heat()
    rows = heatmap.rows(drawn, None, "block", 53, 17)
    lines = {text.split("│")[0].strip(): (text, colours) for text, colours in rows if "│" in text}
    assert [name for name in lines if name] == ["1e-6", "1e-7", "1e-8", "1e-9"]
    text, colours = lines["1e-9"]
    assert text.split("│")[1].split() == ["1", "10", "100"]
    scale = shades(drawn)
    assert scale == Scale(1e-3, 100.0, True)
    for x, number in enumerate(("1", "10", "100")):
        place = text.index(f" {number} ") + 1
        assert colours[place] == FIRST_SHADE + shade(10.0**x, scale)


def test_lanes_under_way_are_hollow_and_broken_ones_have_a_sign_in_words_too() -> None:
    rows = heatmap.rows(heat(), Place(2, 3), "block", 53, 17)
    text, colours = next((text, colours) for text, colours in rows if HOLLOW in text)
    assert BROKEN in text
    assert colours[text.index(BROKEN)] < FIRST_SHADE, "no ground"
    assert "under way" in rows[1][0]
    assert colours[text.index(HOLLOW)] == CHOSEN, "what is read out is reversed, which no colour is needed for"
    # A number of those that have ended, while others of the field go on.
    drawn = heat()
    drawn.fields[0][0] = Field(0.5, True, False, "")
    text, colours = next(row for row in heatmap.rows(drawn, None, "block", 53, 17) if "1e-9" in row[0])
    assert f"{HOLLOW}0.5" in text
    assert colours[text.index("0.5")] < FIRST_SHADE


def test_narrow_fields_have_the_digit_of_their_shade_so_that_no_colour_is_needed() -> None:
    drawn = heat(12, 3)
    rows = heatmap.rows(drawn, None, "ascii", 40, 10)
    scale = shades(drawn)
    (text,) = (text for text, _ in rows if text.startswith("1e-9"))
    assert text.split("|")[1].split() == [str(shade(10.0**x, scale)) for x in range(12)]


def test_a_map_larger_than_its_place_shows_what_lies_about_the_cursor() -> None:
    drawn = heat(60, 40)
    for cursor in (Place(0, 0), Place(59, 39), Place(30, 20)):
        rows = heatmap.rows(drawn, cursor, "block", 40, 12)
        assert any(CHOSEN in colours for _, colours in rows)
        assert drawn.y_labels[cursor.y] in {text.split("│")[0].strip() for text, _ in rows}


def test_how_many_lanes_go_on_is_said_whole_at_every_width() -> None:
    drawn = msgspec.structs.replace(heat(), going="3 of 12 lanes have ended", hint="keys")
    above = [[text.rstrip() for text, _ in heatmap.rows(drawn, None, "block", width, 17)[:2]] for width in (80, 30)]
    assert above == [["map of error · 3 of 12 lanes have ended", "keys"], ["map of error", "3 of 12 lanes have ended"]]


def test_fields_that_are_just_wide_enough_have_their_numbers_in_the_place_of_an_axis() -> None:
    """Eight values of five columns beside labels of five: as at 80 × 24."""
    drawn = heat(8, 3)
    drawn.y_labels[:] = ["1e-4", "0.001", "4"]
    for width, is_there in ((44, False), (45, True), (46, True)):
        rows = heatmap.rows(drawn, None, "block", width, 12)
        (text,) = (text for text, _ in rows if text.lstrip().startswith("1e-4"))
        assert ("1e7" in text) == is_there
        assert ("│" in text) == (width != 45)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_field_is_found_where_it_is_drawn(width: int, height: int) -> None:
    drawn = heat(5, 4)
    found = set()
    for x, y in itertools.product(range(5), range(4)):
        rows = heatmap.rows(drawn, Place(x, y), "block", width, height)
        cells = [(c, r) for r, (_, colours) in enumerate(rows) for c, colour in enumerate(colours) if colour == CHOSEN]
        assert cells
        for column, row in cells:
            assert place_at(drawn, Place(x, y), width, height, column, row) == (x, y)
        found.add(place_at(drawn, Place(x, y), width, height, *cells[0]))
    assert len(found) == 20
    assert place_at(drawn, None, width, height, width - 1, 0) is None


@given(st.floats(1e-300, 1e300) | st.floats(-1e300, -1e-300) | st.just(0.0), st.integers(0, 12))
def test_a_number_is_told_as_far_as_there_is_room_and_never_wrong(value: float, room: int) -> None:
    told = brief(value, room)
    assert len(told) <= room
    if told:
        assert float(told) == pytest.approx(value, rel=0.51)
    if room >= 9:
        assert float(told) == pytest.approx(value, rel=0.006)


def test_a_number_has_as_many_digits_as_fit() -> None:
    assert [brief(0.012345, room) for room in (6, 5, 4, 3)] == ["0.0123", "0.012", "0.01", ""]
    assert [brief(1.2345e-5, room) for room in (7, 6, 4, 3)] == ["1.23e-5", "1.2e-5", "1e-5", ""]
    assert [brief(12345.0, room) for room in (6, 3)] == ["1.23e4", "1e4"]


def test_shades_rise_with_the_numbers_from_the_first_to_the_last() -> None:
    scale = Scale(1e-6, 1.0, True)
    found = [shade(10.0 ** (k / 10), scale) for k in range(-60, 1)]
    assert found == sorted(found)
    assert set(found) == set(range(SHADES))
    assert shade(0.0, scale) == shade(-1.0, scale) == 0, "what has no logarithm is less than all"
    assert shade(3.0, None) == 0
    assert shade(3.0, Scale(3.0, 3.0)) == 0
    assert shade(0.0, Scale(-1.7e308, 1.7e308)) == 0, "a distance beyond range costs no picture"


@pytest.mark.parametrize("is_true", [False, True])
def test_numbers_can_be_read_on_every_shade_and_shades_grow_lighter(is_true: bool) -> None:
    """WCAG 2.2: a contrast of 4.5; and an order that is seen without colour."""
    grounds = palette.RAMP if is_true else [palette.rgb(code) for code in palette._RAMP_CODES]
    assert len(grounds) == len(palette.shades(is_true=is_true)) == SHADES
    assert all(palette.contrast(ground, palette.ink_on(ground)) >= palette.LEAST_CONTRAST for ground in grounds)
    lightness = [palette.contrast(ground, (0, 0, 0)) for ground in grounds]
    assert lightness == sorted(lightness)


# On paper


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("size", [(3, 4), (8, 8), (40, 6)])
def test_a_figure_has_a_rectangle_for_each_field_and_all_lies_on_the_page(width: Width, size: tuple[int, int]) -> None:
    drawn, paper = heat(*size), PAPERS[width]
    root = ElementTree.fromstring(heatmap_svg.figure(drawn, None, width))
    (group,) = (node for node in root.iter(f"{_SPACE}g") if node.attrib.get("id") == "fields")
    boxes = [node.attrib for node in group if node.tag == f"{_SPACE}rect"]
    assert len(boxes) == size[0] * size[1]
    scale = shades(drawn)
    filled = [box["fill"] for box in boxes]
    lowest = ["#" + bytes(palette.RAMP[shade(10.0**x, scale)]).hex() for x in range(size[0])]
    assert filled[: size[0]] == lowest
    assert filled[-2:] == ["none", "none"], "hollow, and without a number"
    # The first value of y lies lowest, that of x leftmost.
    assert float(boxes[0]["y"]) == max(float(box["y"]) for box in boxes)
    assert float(boxes[0]["x"]) == min(float(box["x"]) for box in boxes)
    texts = [(node.text or "", node.attrib) for node in root.iter(f"{_SPACE}text")]
    assert {"map of error", "observations", "init scale"} <= {text for text, _ in texts}
    height = float(root.attrib["viewBox"].split()[3])
    for text, attributes in texts:
        assert 0 <= float(attributes["x"]) <= paper.width
        assert 0 <= float(attributes["y"]) <= height
        if attributes.get("text-anchor") is None:
            assert float(attributes["x"]) + 0.5 * paper.font * len(text) <= paper.width + paper.font
    assert BROKEN in {text for text, _ in texts}
    assert HOLLOW in {text for text, _ in texts}


def test_a_figure_without_a_number_yet_is_a_page_all_the_same() -> None:
    empty = heat(2, 2)
    for line in empty.fields:
        line[:] = [Field(math.nan, True, False, ""), None]
    for log in (True, False):
        root = ElementTree.fromstring(
            heatmap_svg.figure(HeatMap("m", "x", "y", ["1", "2"], ["1", "2"], empty.fields, log))
        )
        assert len(list(root.iter(f"{_SPACE}rect"))) == 1 + 2


# What a run has


def selected(history: History, sweep: dict[str, list[Any]], look: Look | None = None) -> Selection:
    order = presets.order_of("phase-map", "quick", {"seeds": 1}, sweep)
    selection = Selection(Seen("mine", "mine", order, history), look or Look())
    selection.update(selection.seen, [])
    return selection


def history_with(sweep: dict[str, list[Any]]) -> History:
    lanes = settings.lanes(presets.order_of("phase-map", "quick", {"seeds": 1}, sweep).spec)
    return histories.made(
        [
            (
                lane.parameters,
                {"reconstruction_error": [error_of(lane.parameters)], "effective_rank": [2.0 + lane.index]},
            )
            for lane in lanes
        ],
        [histories.ended(lane.index) for lane in lanes],
    )


def refresh(selection: Selection) -> MapRow:
    selection.update(selection.seen, [])
    row = selection.map_row()
    assert row is not None
    return row


def test_a_run_opens_with_its_map_where_its_preset_says_so() -> None:
    selection = selected(history_with(SWEEP), SWEEP)
    item = selection.item()
    assert isinstance(item, MapRow)
    assert item.title == "map of reconstruction error"
    assert (item.map.x, item.map.y) == tuple(SWEEP)


def test_one_swept_field_makes_no_map() -> None:
    sweep: dict[str, list[Any]] = {"problem.observations": [120, 160], "model.init_scale": [0.1]}
    selection = selected(history_with(sweep), sweep)
    assert selection.map_row() is None
    assert not selection.choose_map()


def test_any_two_swept_fields_are_axes_and_the_lanes_that_are_shown_are_its_cells() -> None:
    sweep = SWEEP | {"model.depth": [2, 3]}
    selection = selected(history_with(sweep), sweep)
    pairs = set()
    for _ in range(6):
        row = refresh(selection)
        pairs.add((row.map.x, row.map.y))
        selection.next_axis()
    fields = list(sweep)
    assert pairs == {(x, y) for x in fields for y in fields if x != y}
    row = refresh(selection)
    cells = selection.cells(row)
    assert {cell.n_lanes for line in cells.cells for cell in line if cell} == {2}, "both depths"
    deep = frozenset(lane.index for lane in selection.seen.history.lanes if lane.parameters["model.depth"] == 3)
    selection.lanes = deep
    cells = selection.cells(refresh(selection))
    assert {cell.n_lanes for line in cells.cells for cell in line if cell} == {1}
    assert cells.n_lanes == len(deep)


def test_a_map_is_remembered_and_one_of_other_settings_is_not_taken() -> None:
    history = history_with(SWEEP)
    selection = selected(history, SWEEP)
    selection.next_axis()
    assert selection.choose_view(2)
    assert selection.choose_map()
    row = refresh(selection)
    assert row.title == "map of effective rank"
    look = selection.look()
    again = selected(history, SWEEP, look)
    assert again.map_row() == row
    assert again.item() == row
    other: dict[str, list[Any]] = {
        "problem.observations": [120, 160],
        "model.init_scale": [0.1],
        "model.depth": [2, 3],
    }
    lanes = settings.lanes(presets.order_of("phase-map", "quick", {"seeds": 1}, other).spec)
    plain = histories.made([(lane.parameters, {}) for lane in lanes])
    lost = selected(plain, other, look).map_row()
    assert lost is not None
    assert (lost.map.x, lost.map.y) == ("problem.observations", "model.depth")
    assert lost.title == "map of training loss"


# In the app


def y_labels(pilot: Pilot[None]) -> list[str]:
    """From above."""
    names = [line.split("│")[0].strip() for line in chart_text(pilot).splitlines() if "│" in line]
    return [name for name in names if name]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_map_is_read_turned_and_changed_by_keys(size: tuple[int, int]) -> None:
    async with opened(size, run=run_of()) as pilot:
        await until(pilot, lambda: "map of reconstruction error (log)" in chart_text(pilot))
        screen = live(pilot)
        assert "observations" in chart_text(pilot)
        assert "0.1" in chart_text(pilot)
        await pilot.press("left")
        assert "observations 160 · init scale 1: 0.3906" in chart_text(pilot)
        await pilot.press("right", "shift+up", "shift+up")
        assert "observations 400 · init scale 4: 0.04" in chart_text(pilot)
        await pilot.press("ctrl+left", "shift+down", "shift+down", "shift+down", "shift+down")
        assert "observations 120 · init scale 1e-4: 1.23e-4" in chart_text(pilot)
        await pilot.press("0")
        assert "read" in chart_text(pilot)
        await pilot.press("y")
        assert chart_text(pilot).splitlines()[0].rstrip() == "map of reconstruction error", "on a linear scale"
        await pilot.press("y", "t")
        assert y_labels(pilot) == ["400", "160", "120"]
        await pilot.press("2", "M")
        assert "map of effective rank" in chart_text(pilot)
        await pilot.press("M")
        assert "map of σ₁" in chart_text(pilot)
        await pilot.press("slash", *"map training", "enter")
        await until(pilot, lambda: "map of training loss" in chart_text(pilot))
        await pilot.press("slash", *"axes obs", "enter")
        await until(pilot, lambda: y_labels(pilot) == ["4", "1", "0.1", "1e-4"])
        await pilot.press("6")
        assert "reconstruction error against observations" in chart_text(pilot)
        await pilot.press("8")
        await until(pilot, lambda: isinstance(screen.selection.item(), MapRow))
        # Zooming says that there is nothing to zoom, and leaves the map as it is.
        await pilot.press("plus", "shift+left", "m", "m")
        assert chart_text(pilot).isascii() or HOLLOW not in chart_text(pilot)


async def test_a_click_reads_the_field_under_it() -> None:
    async with opened((120, 40), run=run_of()) as pilot:
        await until(pilot, lambda: "map of reconstruction error" in chart_text(pilot))
        rows = chart_text(pilot).splitlines()
        line = next(place for place, text in enumerate(rows) if text.lstrip().startswith("4│"))
        await pilot.click(Chart, offset=(rows[line].index("│") + 2, line))
        await until(pilot, lambda: "observations 120 · init scale 4: 4.938" in chart_text(pilot))
        await pilot.click(Chart, offset=(1, line))
        assert "observations 120 · init scale 4" in chart_text(pilot)


async def test_the_map_fills_as_lanes_end() -> None:
    kinds: list[OutcomeKind | None] = [*["converged"] * 5, "diverged", *[None] * 6]  # type: ignore[list-item]
    made = run_of(kinds)
    with logs.held(made):
        async with opened((120, 40), run=made) as pilot:
            await until(pilot, lambda: "6 of 12 lanes have ended, ○ goes on" in chart_text(pilot))
            fields = "\n".join(line for line in chart_text(pilot).splitlines() if "│" in line)
            assert fields.count(HOLLOW) == 6
            assert fields.count(BROKEN) == 1
            screen = live(pilot)
            hollow = screen.chart.rows
            lane = LaneSchema(index=6, parameters={}, series=[], problem=0)
            screen.history.apply([LaneEnding(lane=lane.index, outcome=Outcome(kind="converged", reason=""))])
            screen.redraw()
            assert "7 of 12" in chart_text(pilot)
            assert screen.chart.rows != hollow


async def test_sixteen_colours_and_none_show_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened((80, 24), run=run_of(), config=Config()) as pilot:
        await until(pilot, lambda: "map of reconstruction error" in chart_text(pilot))
        assert "0.39" in text_of(pilot)
        assert " 0  1  2  3  4  5  6  7  8  9 " in text_of(pilot)


def test_the_schema_of_lanes_is_that_of_the_sweep() -> None:
    """A guard for ``run_of``: its lanes have the parameters that the map asks for."""
    from solver.log import Reader

    (schema,) = (record for record in Reader(run_of().log).read() if isinstance(record, Schema))
    assert [lane.parameters["model.init_scale"] for lane in schema.lanes[:4]] == SWEEP["model.init_scale"]
