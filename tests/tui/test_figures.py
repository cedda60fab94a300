"""Figures, pages and pictures of the live view, drawn from real runs."""

from __future__ import annotations

import functools
import math
from array import array
from typing import Any

import msgspec
import pytest

import presets
from solver import history
from solver.history import History
from solver.records import Claim
from solver.rundir import Order
from tests.solver.running import ran
from tests.tui.driving import live, opened, text_of, until
from tui.draw.curves import Curve
from tui.draw.heat import FIRST_HEAT, LEVELS, gallery, picture, shade
from tui.draw.plot import Plot
from tui.shown.claim_pages import compared, in_short
from tui.shown.figures import figures
from tui.shown.items import items
from tui.shown.pictures import Scene, kinds
from tui.shown.sheets import claim_sheets, sheets
from tui.watch.seen import Seen
from tui.widgets.chart import Chart
from tui.widgets.quantity_list import QuantityList

pytestmark = pytest.mark.usefixtures("stand_in")

IMAGES: dict[str, Any] = {
    "problem.train_images": 300,
    "problem.test_images": 100,
    "optimizer.batch_size": 100,
    "stop.max_steps": 30,
    "record.every": 10,
}
RECOVERY: dict[str, Any] = {"problem.shape": [30, 30], "problem.rank": 2, "record.nuclear_norm": True}


@functools.cache
def recorded(name: str) -> tuple[History, Order]:
    """What a small run of a preset recorded."""
    made = {
        "images": lambda: ran("mnist-rank", IMAGES, {"model.components": [1, 2]}),
        "recovery": lambda: ran("low-rank-recovery", RECOVERY, {"problem.observations": [260, 400]}),
        "2x2": lambda: ran("det-2x2", {"seeds": 1}, {"model.depth": [1, 3]}),
    }[name]()
    return history.read(made.log), made.order()


def test_the_figure_of_images_is_six_curves_of_error_against_rank() -> None:
    run, order = recorded("images")
    figure, gap = figures(order.spec)
    curves = figure.curves(run)
    drawn = [curve for curve in curves if curve.points]
    assert len(drawn) == 6
    assert all(list(curve.x) == [1.0, 2.0] for curve in drawn)
    assert {curve.mark for curve in drawn} == set("o•△▲□■")
    assert {curve.mark for curve in curves if not curve.points} == {"linear", "constant"}
    lane = next(lane for lane in run.lanes if lane.parameters["problem.variant"] == "random-labels")
    labels = next(curve for curve in drawn if curve.name == "random labels")
    assert labels.y[0] == lane.columns["test_error"][-1]
    by_variant = {curve.name: curve for curve in gap.curves(run)}
    assert set(by_variant) == {"variant original", "variant random-images", "variant random-labels"}
    assert by_variant["variant random-labels"].y[0] == labels.y[0] - lane.columns["train_error"][-1]


def test_the_figures_of_recovery_have_medians_quartiles_and_the_least_nuclear_norm() -> None:
    run, order = recorded("recovery")
    error, rank, norm = figures(order.spec)
    by_name = {curve.name: curve for curve in error.curves(run)}
    assert set(by_name) == {"depth 2", "depth 3", "least norm"}
    deep = by_name["depth 3"]
    values = sorted(
        lane.columns["reconstruction_error"][-1]
        for lane in run.lanes
        if lane.parameters["model.depth"] == 3 and lane.parameters["problem.observations"] == 260
    )
    assert len(values) == 3
    assert deep.y[0] == values[1]
    assert values[0] <= deep.low[0] <= deep.y[0] <= deep.high[0] <= values[2]
    assert "ground truth" in {curve.name for curve in rank.curves(run)}
    assert "ground truth" in {curve.name for curve in norm.curves(run)}


def test_the_figure_of_the_counterexample_runs_above_its_bound() -> None:
    run, order = recorded("2x2")
    (figure,) = figures(order.spec)
    assert (figure.x_log, figure.y_log) == (True, True)
    bound, *curves = figure.curves(run)
    assert bound.name.startswith("bound")
    assert all(list(curve.x) == sorted(curve.x) for curve in [bound, *curves])
    deep = next(curve for curve in curves if curve.name == "det sign positive · depth 3" and len(curve.x) > 1)
    assert deep.y[0] == pytest.approx(1 / math.sqrt(2 * deep.x[0]), rel=0.01)


def test_a_run_without_such_sweeps_has_the_law_alone_and_does_not_open_with_it() -> None:
    preset = presets.load("mf-depth")
    (law,) = figures(preset.decode(preset.raw))
    assert not law.opens


def test_the_page_of_claims_says_statement_numbers_and_verdict() -> None:
    run, order = recorded("2x2")
    seen = Seen("2x2", "2x2", order, run)
    page = next(one for one in sheets(seen) if one.title == "claims")
    text = "\n".join(line for line, _ in page.lines(seen, 80))
    assert "✓ norms-diverge holds" in text
    assert "Razin, Cohen 2020" in text
    assert "tolerance:" in text
    assert all(len(line) <= 80 for line, _ in page.lines(seen, 80))
    rows = page.rows(seen, 60, 10)
    assert len(rows) == 10
    assert rows[-1][0].startswith("… 5 shows what follows")
    assert in_short(run, order.preset.claims) == "7/7 ✓"


def test_a_claim_that_fails_is_as_plain_as_one_that_holds() -> None:
    failing = History()
    failing.claims["norms-diverge"] = Claim(
        name="norms-diverge", text="t", source="s", measured=1.2, expected=1.0, tolerance=0.05, verdict="fails"
    )
    _, order = recorded("2x2")
    info = msgspec.structs.replace(order.preset, claims=["norms-diverge", "rank-minimised"])
    seen = Seen("2x2", "2x2", msgspec.structs.replace(order, preset=info), failing)
    page = next(sheet for sheet in sheets(seen) if sheet.title == "claims")
    lines = [line for line, _ in page.lines(seen, 70)]
    assert lines[0] == "✗ norms-diverge fails  1.2 ≈ 1 ± 0.05"
    assert "… rank-minimised waiting  " in lines
    assert in_short(failing, ["norms-diverge", "rank-minimised"]) == "0/2 ✓ 1 ✗"


def test_comparisons_are_written_with_their_relation() -> None:
    def claim(relation: str, tolerance: float) -> Claim:
        return Claim(
            name="n",
            text="",
            source="",
            measured=1.5,
            expected=2.0,
            tolerance=tolerance,
            verdict="holds",
            relation=relation,  # type: ignore[arg-type]
        )

    assert compared(claim("about", 0.5)) == "1.5 ≈ 2 ± 0.5"
    assert compared(claim("at-most", 0.0)) == "1.5 ≤ 2"
    assert compared(claim("at-least", 0.5)) == "1.5 ≥ 2 (−0.5)"


def test_the_table_of_minimisers_is_a_page() -> None:
    run, order = recorded("2x2")
    seen = Seen("2x2", "2x2", order, run)
    table = next(one for one in sheets(seen) if one.short == "minimisers")
    lines = [line for line, _ in table.lines(seen, 70)]
    assert any(line.startswith("nuclear norm") and line.endswith("2  w = 0") for line in lines)
    assert any(line.startswith("effective rank") and line.endswith("→ 1  |w| → ∞") for line in lines)


def test_components_are_drawn_as_pictures() -> None:
    run, _ = recorded("images")
    (components,) = kinds(run)
    rows = components.rows(Scene(run, None, []), 70, 20)
    assert len(rows) == 20
    assert all(len(text) == len(colours) == 70 for text, colours in rows)
    assert "variant original · components 2" in rows[0][0]
    assert "component 2" in rows[1][0]


def test_shades_are_symmetric_and_pixels_fill_half_cells() -> None:
    middle = LEVELS // 2
    assert [shade(value, 2.0) for value in (-9.0, -2.0, 0.0, 2.0, math.nan)] == [0, 0, middle, LEVELS - 1, middle]
    ((text, colours),) = picture([1.0, 0.0, -1.0, 0.0], 2, 2, 1.0)
    assert text == "▀·"
    assert colours[0] == FIRST_HEAT + LEVELS * (LEVELS - 1) + 0
    sheet = gallery([("a", [1.0] * 4), ("b", [1.0] * 4)], 2, 2, 6, 3)
    assert [row[0] for row in sheet] == ["a   b ", "▀▀  ▀▀", "      "]


def test_bars_and_marks_at_every_point() -> None:
    curve = Curve(
        "c", 2, array("d", [1, 2, 3]), array("d", [1, 2, 3]), "o", array("d", [0.5, 1, 2]), array("d", [2, 3, 6]), True
    )
    rows = Plot().draw(60, 20, [curve], [], "t", "x")
    assert sum(text.count("o") for text, _ in rows[1:]) == 3
    assert "6" in rows[1][0] or "6" in rows[2][0], "the limits hold the bars"


def rows_of(screen: Any) -> str:
    return "\n".join(text for text, _ in screen.query_one(Chart).rows)


async def test_keys_show_claims_figure_and_pictures() -> None:
    made = ran("mnist-rank", IMAGES, {"model.components": [1, 2]})
    async with opened(run=made) as pilot:
        await until(pilot, lambda: live(pilot).history.ending)
        screen = live(pilot)
        await until(pilot, lambda: "error: open marks test" in rows_of(screen))
        await pilot.press("5")
        assert "real-data-low-rank" in rows_of(screen)
        await pilot.press("7")
        assert "log(w₁/w₀)" in rows_of(screen)
        await pilot.press("6")
        assert "error: open marks test" in rows_of(screen)
        await pilot.press("x", "y")
        assert "error: open marks test, filled ones training (log)" in rows_of(screen)
        listed = "\n".join(text for text, _ in screen.query_one(QuantityList).rows)
        assert "▣ claims" in listed
        assert "test error" in listed
        assert "claims" in text_of(pilot)


async def test_pages_beyond_the_first_screen_are_reached() -> None:
    made = ran("det-2x2", {"seeds": 1}, {"model.depth": [1]})
    async with opened(run=made) as pilot:
        await until(pilot, lambda: live(pilot).history.ending)
        screen = live(pilot)
        await pilot.press("7")
        assert "end matrix W" in rows_of(screen)
        seen = []
        for _ in range(8):
            await pilot.press("5")
            seen.append(rows_of(screen))
        assert any("norms-diverge" in page for page in seen), "claims beyond the first screen are reached"
        assert any("Over all W(w)" in page for page in seen)
        assert any("converged, train_loss" in page for page in seen)
        for key in ("down", "up", "l", "t", "z", "3"):
            await pilot.press(key)


def test_every_row_of_the_list_has_a_key_of_its_own() -> None:
    for name in ("images", "recovery", "2x2"):
        run, order = recorded(name)
        keys = [item.key for item in items(Seen(name, name, order, run), figures(order.spec), claim_sheets(order))]
        assert len(keys) == len(set(keys)), keys
