"""The chart's window and cursor, its markers, bands and paths."""

from __future__ import annotations

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.draw import svg, window
from tui.draw.canvas import MARKERS, Canvas, Marker
from tui.draw.curves import Curve
from tui.draw.plot import Plot
from tui.draw.readout import readout, value_at
from tui.draw.scale import Scale, labels, ticks
from tui.shown.bands import band


def line(n: int = 101, factor: float = 1.0, name: str = "c", colour: int = 2) -> Curve:
    return Curve(name, colour, array("d", range(n)), array("d", (factor * k for k in range(n))))


def drawn(plot: Plot, *curves: Curve) -> str:
    return "\n".join(text for text, _ in plot.draw(80, 20, curves, [], "t", "x"))


def test_zooming_shows_a_part_about_the_cursor_and_y_fits_what_is_in_it() -> None:
    plot = Plot()
    drawn(plot, line())
    plot.cursor = 25.0
    plot.zoom_x(0.2)
    drawn(plot, line())
    assert plot.drawn is not None
    x, y = plot.drawn.x, plot.drawn.y
    assert (x.low, x.high) == pytest.approx((20.0, 40.0)), "a fifth of 0 to 100, with 25 where it was"
    assert y.low <= 20.0 <= 40.0 <= y.high <= 60.0
    plot.reset()
    drawn(plot, line())
    assert plot.drawn is not None
    assert (plot.drawn.x.low, plot.drawn.x.high) == (0.0, 100.0)
    assert plot.cursor is None


def test_panning_stops_at_the_ends_and_zooming_out_far_enough_is_everything() -> None:
    plot = Plot()
    drawn(plot, line())
    plot.zoom_x(0.25, 0.0)
    for _ in range(20):
        drawn(plot, line())
        plot.pan(0.5, 0.0)
    drawn(plot, line())
    assert plot.drawn is not None
    assert (plot.drawn.x.low, plot.drawn.x.high) == pytest.approx((75.0, 100.0))
    for _ in range(9):
        plot.zoom_x(2.0)
        drawn(plot, line())
    assert not plot.is_zoomed


@given(st.floats(0, 1), st.floats(0.05, 20.0), st.booleans())
def test_a_window_never_leaves_the_whole_and_keeps_its_fixed_point(about: float, factor: float, log: bool) -> None:
    whole = Scale(1.0, 1000.0, log)
    shown: Scale | None = whole
    for _ in range(5):
        before = shown or whole
        shown = window.zoomed(before, whole, factor, about)
        now = shown or whole
        assert whole.low * (1 - 1e-9) <= now.low < now.high <= whole.high * (1 + 1e-9)
        if factor < 1.0 and now is not before:
            assert now.fraction(before.value(about)) == pytest.approx(about, abs=1e-6)


def test_the_cursor_reads_the_recorded_values_and_takes_the_window_along() -> None:
    plot, twice = Plot(), line(factor=2.0, name="twice", colour=3)
    drawn(plot, line(), twice)
    plot.move_cursor(-1)
    assert plot.cursor == 100.0
    plot.cursor = 50.2
    text = drawn(plot, line(), twice)
    assert "x 50.2" in text
    assert "c: 50 " in text
    assert "twice: 100" in text
    assert "│" in text.splitlines()[5][20:]
    plot.zoom_x(0.1)
    for _ in range(900):
        drawn(plot, line(), twice)
        plot.move_cursor(1)
    assert plot.drawn is not None
    assert plot.drawn.x.high == pytest.approx(100.0)


def test_a_readout_has_nothing_beside_a_curve_nor_of_a_path() -> None:
    assert value_at(line(), 150.0) is None
    assert value_at(line(), -1.0) is None
    assert readout([line()], 150.0) == [("c: (100)", 2, "")], "its last value, as it has ended"
    assert readout([line()], -1.0) == [("c: –", 2, "")]
    assert value_at(Curve("p", 2, array("d", [1, 0]), array("d", [1, 2]), path=True), 0.5) is None
    many = [line(factor=float(k)) for k in range(1, 9)]
    assert readout(many, 10.0) == [("c: 10 20 30 40 …", 2, "")]


@pytest.mark.parametrize("marker", MARKERS)
def test_every_marker_draws_the_same_line(marker: Marker) -> None:
    plot = Plot()
    plot.marker = marker
    text = drawn(plot, line())
    body = [row[8:] for row in text.splitlines()[1:-2]]
    assert all(row.strip() for row in body)
    starts = [len(row) - len(row.lstrip()) for row in body]
    assert starts == sorted(starts, reverse=True), "it rises"
    if marker == "ascii":
        assert text.isascii()


def test_a_band_is_shaded_only_where_nothing_else_is_drawn() -> None:
    canvas = Canvas(4, 1, "block")
    canvas.shade(0, 0, 1, 3)
    canvas.shade(2, 0, 1, 3)
    canvas.column(2, 0, 1, 2)
    assert canvas.rows() == [("░▌  ", bytes([3, 2, 0, 0]))]


def test_quartiles_over_seeds_are_those_of_the_values_at_each_place() -> None:
    """Five straight lines recorded at different places: quartiles of lines are lines."""
    xs = [array("d", [0, 10 + k, 100 + k]) for k in range(5)]
    ys = [array("d", [0, (10 + k) * (k + 1), (100 + k) * (k + 1)]) for k in range(5)]
    x, low, middle, high = band(xs, ys, log=False)
    assert (x[0], x[-1]) == (0.0, 100.0)
    for place, a, b, c in zip(x, low, middle, high, strict=True):
        assert (a, b, c) == pytest.approx((2 * place, 3 * place, 4 * place))
    x, _, middle, _ = band(xs, ys, log=False, held=[True] * 5)
    assert (x[-1], middle[-1]) == pytest.approx((104.0, 3 * 102.0)), "those that have ended keep their last value"
    assert band([array("d"), array("d", [1, 2])], [array("d"), array("d", [1, 2])], log=False)[0] == array("d")
    logarithmic, *_ = band(xs, ys, log=True)
    assert logarithmic[0] == 14.0
    assert logarithmic[1] / logarithmic[0] == pytest.approx(logarithmic[-1] / logarithmic[-2])


def test_a_path_goes_back_and_a_dense_curve_zoomed_in_on_enters_from_the_left() -> None:
    circle = [2 * math.pi * k / 100 for k in range(101)]
    path = Curve("o", 2, array("d", map(math.cos, circle)), array("d", map(math.sin, circle)), path=True)
    plot = Plot()
    plot.from_zero = False
    rows = drawn(plot, path).splitlines()[1:-2]
    middle = rows[len(rows) // 2][8:]
    assert len(middle.split()) == 2, "both sides of the circle"
    dense = line(2000)
    drawn(plot, dense)
    plot.zoom_x(0.01, 0.5)
    body = [row[8:] for row in drawn(plot, dense).splitlines()[1:-2]]
    assert any(row[0] != " " for row in body)
    assert plot.drawn is not None
    assert max(len(row.rstrip()) for row in body) == plot.drawn.width, "it goes out at the right"


def test_ticks_of_less_than_two_decades_and_labels_that_stay_apart() -> None:
    assert ticks(Scale(2.0, 60.0, log=True), 8) == [2.0, 5.0, 10.0, 20.0, 50.0]
    close = ticks(Scale(123_456.0, 123_457.0), 4)
    assert len(set(labels(close))) == len(close) >= 2


def test_values_far_outside_of_a_window_do_not_overflow() -> None:
    spike = Curve("s", 2, array("d", [0, 1, 2, 3]), array("d", [0, 1e299, -1e299, 1]))
    plot = Plot()
    drawn(plot, spike)
    plot.zoom_x(0.001, 0.999)
    plot.zoom_y(1e-5)
    assert drawn(plot, spike)


def test_a_chart_as_svg_has_its_curves_inside_the_frame_and_no_font_from_elsewhere() -> None:
    """Parsed as XML; a straight line from corner to corner lands on the corners."""
    from xml.etree import ElementTree

    banded = Curve(
        "b",
        3,
        array("d", [0, 50, 100]),
        array("d", [1, 2, 3]),
        "",
        array("d", [0, 1, 2]),
        array("d", [2, 3, 4]),
        band=True,
    )
    text = svg.chart([line(), banded], [], "a < b & c", "step", Scale(0, 100), Scale(0, 100))
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    titles = [node.text for node in root.iter(f"{space}text")]
    assert "a < b & c" in titles
    assert {"c", "b", "step", "0", "100"} <= set(titles)
    first = next(root.iter(f"{space}polyline")).attrib["points"].split()
    frame = list(root.iter(f"{space}rect"))[-1].attrib
    left, top = float(frame["x"]), float(frame["y"])
    right, bottom = left + float(frame["width"]), top + float(frame["height"])
    assert first[0] == f"{left:.1f},{bottom:.1f}"
    assert first[-1] == f"{right:.1f},{top:.1f}"
    assert len(list(root.iter(f"{space}polygon"))) == 1
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
