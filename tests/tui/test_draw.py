"""Drawing: scales, ticks, braille, sparklines and charts as text."""

from __future__ import annotations

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.draw.canvas import Canvas
from tui.draw.cells import changed_spans
from tui.draw.curves import Curve, Mark
from tui.draw.plot import Plot
from tui.draw.scale import Scale, label, nice, ticks
from tui.draw.spark import spark

VALUES = st.floats(-1e12, 1e12).filter(lambda v: v == 0 or abs(v) > 1e-9)


@given(VALUES, VALUES)
def test_nice_limits_hold_the_data(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    scale = nice(low, high, log=False)
    slack = 1e-6 * max(abs(low), abs(high), 1e-9)
    assert scale.low <= low + slack
    assert high <= scale.high + slack
    assert scale.low < scale.high


@given(st.floats(1e-30, 1e30), st.floats(1e-30, 1e30))
def test_logarithmic_limits_are_decades(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    scale = nice(low, high, log=True)
    assert scale.low <= low * (1 + 1e-6)
    assert high <= scale.high * (1 + 1e-6)
    for end in (scale.low, scale.high):
        assert math.log10(end) == pytest.approx(round(math.log10(end)), abs=1e-9)


@given(VALUES, VALUES, st.integers(2, 12), st.booleans())
def test_ticks_are_inside_and_not_too_many(a: float, b: float, most: int, log: bool) -> None:
    low, high = (max(abs(a), 1e-6), max(abs(b), 1e-6)) if log else (a, b)
    scale = nice(min(low, high), max(low, high), log)
    found = ticks(scale, most)
    assert len(found) <= most + 1
    span = scale.high - scale.low
    assert all(scale.low - 1e-6 * span <= tick <= scale.high + 1e-6 * span for tick in found)


def test_limits_stay_while_the_data_fit_them() -> None:
    """So that one new point does not redraw the whole picture."""
    before = nice(0, 100, log=False)
    assert nice(0, 97, False, before) is before
    assert nice(0, 20, False, before) is not before
    assert nice(0, 120, False, before) is not before


@pytest.mark.parametrize("scale", [Scale(2.0, 10.0), Scale(1e-6, 1e3, True)])
def test_placing_is_the_fraction_of_a_size(scale: Scale) -> None:
    for fraction in (0.0, 0.3, 1.0):
        value = scale.value(fraction)
        assert scale.fraction(value) == pytest.approx(fraction, abs=1e-12)
        assert scale.placing(200)(value) == pytest.approx(200 * fraction, abs=1e-9)
        assert scale.placing(200, flip=True)(value) == pytest.approx(200 * (1 - fraction), abs=1e-9)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1000, "1k"),
        (1500, "1500"),
        (20000, "20k"),
        (2.5e6, "2500k"),
        (1e-3, "0.001"),
        (1e-6, "1e-6"),
        (5e-4, "5e-4"),
        (0.25, "0.25"),
        (1e15, "1e15"),
    ],
)
def test_labels_are_short(value: float, text: str) -> None:
    assert label(value) == text
    assert len(label(value)) <= 7


def test_braille_dots_stand_where_they_are_put() -> None:
    canvas = Canvas(1, 1)
    canvas.column(0, 0, 0, 2)
    assert canvas.rows() == [("⠁", b"\x02")]
    canvas.column(1, 3, 3, 3)
    assert canvas.rows() == [("⢁", b"\x03")]
    canvas.column(0, -5, 9, 2)
    assert canvas.rows() == [("⣇", b"\x02")]
    canvas.column(7, 0, 3, 2)
    assert canvas.rows() == [("⣇", b"\x02")]


def test_a_line_has_no_holes() -> None:
    canvas = Canvas(4, 8)
    canvas.line(0, 31, 7, 0, 2)
    dots = [[character != " " for character in text] for text, _ in canvas.rows()]
    assert all(any(row) for row in dots)


def curve(y: list[float], name: str = "a") -> Curve:
    return Curve(name, 2, array("d", range(len(y))), array("d", y))


@pytest.mark.parametrize("n", [2, 50, 5000])
def test_a_rising_curve_goes_from_corner_to_corner(n: int) -> None:
    """Sparse and dense drawing alike."""
    rows = Plot().draw(60, 12, [curve([float(i) for i in range(n)])], [], "y", "x")
    body = [text[8:] for text, _ in rows[1:-2]]
    assert body[-1][0] != " "
    assert any(character != " " for character in body[0] + body[1] + body[2])
    assert all(len(text) == 60 for text, _ in rows)
    assert len(rows) == 12


def test_dense_and_sparse_drawing_show_the_same_peak() -> None:
    """One point among thousands must not be lost."""
    y = [1.0] * 5000
    y[2500] = 9.0
    rows = Plot().draw(60, 12, [curve(y)], [], "y", "x")
    assert any(character not in " │┤" for character in rows[2][0][8:])


def test_what_cannot_be_drawn_is_left_out() -> None:
    y = [math.nan, 1.0, math.inf, 2.0, -1.0, 0.0, 3.0]
    plot = Plot()
    for log in (False, True):
        plot.y_log = log
        plot.forget()
        rows = plot.draw(60, 12, [curve(y)], [], "y", "x")
        assert "no points" not in rows[1][0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_empty_chart_says_why(value: float) -> None:
    plot = Plot()
    plot.growing = True
    assert "no points yet" in plot.draw(60, 12, [], [], "y", "x")[1][0]
    plot.growing = False
    assert "nothing was recorded" in plot.draw(60, 12, [], [], "y", "x")[1][0]
    assert "3 points, and none of them is finite" in plot.draw(60, 12, [curve([value] * 3)], [], "y", "x")[1][0]
    plot.y_log = True
    assert "no point is above zero" in plot.draw(60, 12, [curve([0.0, -1.0])], [], "y", "x")[1][0]


@given(
    st.integers(0, 80),
    st.integers(0, 30),
    st.booleans(),
    st.booleans(),
    st.lists(st.floats(allow_nan=True), max_size=300),
)
def test_any_numbers_at_any_size_draw(width: int, height: int, x_log: bool, y_log: bool, y: list[float]) -> None:
    plot = Plot()
    plot.x_log, plot.y_log = x_log, y_log
    rows = plot.draw(width, height, [curve(y)], [Mark(3.0, "t*"), Mark(math.nan, "?")], "title", "x")
    assert len(rows) == height
    assert all(len(text) == width == len(colours) for text, colours in rows)


def test_only_changed_spans_are_named() -> None:
    before = [("abcdef", bytes(6)), ("ghijkl", bytes(6))]
    after = [("abXdeY", bytes(6)), ("ghijkl", bytes([0, 0, 5, 0, 0, 0]))]
    assert changed_spans(before, after) == [(0, 2, 4), (1, 2, 1)]
    assert changed_spans(before, before) == []


def test_a_sparkline_runs_from_its_smallest_to_its_largest_value() -> None:
    def steps(values: list[float], width: int, *, log: bool = False) -> str:
        return spark(array("d", values), width, log, "block")

    assert steps([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert steps([1, 10, 100], 3, log=True) == "▁▅█"
    assert steps([5, 5], 4) == "▄▄  "
    assert steps([math.nan, 1, 2], 3) == " ▁█"
    assert steps([], 3) == "   "
    assert steps(list(range(1000)), 10)[-1] == "█"
    assert spark(array("d", [0, 1, 2]), 3, log=False, marker="ascii").isascii()
    assert spark(array("d", [0, 0, 1, 1]), 2, log=False) == "⣀⠏", "a thin line of dots"
    assert spark(array("d", [1, math.nan]), 1, log=False) == "⠄", "what is no number is left out"
