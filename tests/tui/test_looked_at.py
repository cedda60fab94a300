"""What the eye falls on: verdicts in words, numbers that are never cut, colours that can be read, figures half done."""

from __future__ import annotations

import itertools
import re
from array import array
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import presets
from solver import maps
from solver.history import History
from solver.records import AnyRecord, Claim, Ending, LaneEnding, Outcome
from solver.refusal import BadSetting
from solver.series import BY_NAME
from tests.tui import logs
from tests.tui.driving import caught_up, chart_text, opened, text_of, until
from tests.tui.histories import Told, ended, made, quantity
from tui.app import ImplicitApp
from tui.draw.cells import DIM, GRID, row
from tui.draw.curves import Curve
from tui.draw.frame import legend
from tui.draw.heat import FIRST_HEAT, LEVELS, bar
from tui.draw.matrix import Panel, View, panels
from tui.draw.palette import (
    DARK,
    GOOD,
    LEAST_CONTRAST,
    LEAST_OF_GRID,
    LIGHT,
    MARKS,
    contrast,
    heat,
    inks,
    is_light,
    rgb,
)
from tui.draw.plot import Plot
from tui.memory import Look
from tui.screens.selection import Selection
from tui.shown import claim_pages, look_for, pictures, settings_page, verdict
from tui.shown.figures import HOLLOW, figures
from tui.shown.quantities import Quantity
from tui.text import cut
from tui.watch.seen import Seen
from tui.widgets.charts import Charts
from tui.widgets.lane_table import LaneTable
from tui.widgets.look_for_list import LookForList
from tui.widgets.quantity_list import QuantityList

pytestmark = pytest.mark.usefixtures("stand_in")

NUMBERS = re.compile(r"[-−]?\d[\d.]*(?:e[-+]?\d+)?")
WORDS = st.lists(
    st.one_of(
        st.sampled_from(["depth", "≈", "±", "(median", "of", "σ"]),
        st.floats(1e-9, 1e9).map(lambda value: f"{value:.4g}"),
        st.floats(1e-9, 1e9).map(lambda value: f"({value:.4g})"),
        st.integers(0, 10**9).map(str),
    ),
    max_size=8,
)


@given(WORDS, st.integers(0, 60))
def test_a_number_is_shown_whole_or_not_at_all_and_every_cut_is_marked(words: list[str], width: int) -> None:
    text = " ".join(words)
    shown = cut(text, width)
    assert len(shown) <= width
    assert shown == text or width == 0 or shown.endswith("…")
    told = [word.strip("()") for word in words]
    assert set(NUMBERS.findall(shown)) <= {number for word in told for number in NUMBERS.findall(word)}


def lines_of_pages(width: int) -> list[str]:
    """The pages of claims of every preset, with verdicts that have long numbers, and of settings side by side."""
    found: list[str] = []
    for name in presets.built_in():
        order = presets.order_of(name)
        history = History()
        for claim in order.preset.claims:
            history.claims[claim] = Claim(
                name=claim,
                text="t 1.2345e-5",
                source="",
                measured=1.0012345e-05,
                expected=1.2345,
                tolerance=0.0212345,
                verdict="holds",
                relation="about",
            )
        shown = Seen(name, name, order, history)
        found += [text for text, _ in claim_pages.overview(shown, width)]
        for page in claim_pages.pages_of(order):
            found += [text for text, _ in page.lines(shown, width)]
        found += [
            text
            for text, _ in settings_page.lines(
                [shown, Seen("2", "two", presets.order_of(name, "paper"), history)], width
            )
        ]
    return [row((text, 0), width=width)[0] for text in found]


def test_pages_of_any_width_show_no_number_that_is_not_there() -> None:
    whole = {number for text in lines_of_pages(400) for number in NUMBERS.findall(text)}
    for width in (28, 36, 47, 52, 63, 70):
        lines = lines_of_pages(width)
        assert all(len(line) == width for line in lines)
        # A line that is cut says so; a wrapped one may part a formula, whose pieces are not values.
        cuts = [number for line in lines if line.rstrip().endswith("…") for number in NUMBERS.findall(line)]
        assert set(cuts) <= whole, width
        values = [line for line in lines if "1.00e-5" in line or "1.234" in line or "0.0212" in line]
        assert values
        for line in lines:
            if "≈" in line and "±" in line:
                assert "± 0.0212" in line, line


@pytest.mark.parametrize("width", range(20, 70, 7))
def test_a_legend_marks_what_it_leaves_out(width: int) -> None:
    entries = [
        (f"det sign {sign} · depth {depth}", 3 + depth, str(depth))
        for sign in ("positive", "negative")
        for depth in (1, 2)
    ]
    rows = legend("size of the entry", entries, width, 2)
    text = " ".join(line for line, _ in rows)
    told = sum(f"━{depth}" in text for depth in (1, 2))
    assert "…" in text or told == 2
    assert "positive 1" not in text, "a value is told from the next by more than a blank"


def grounds() -> dict[str, tuple[int, int, int]]:
    """The grounds of every theme that names one."""
    found = {}
    for name, theme in ImplicitApp().available_themes.items():
        ground = theme.to_color_system().generate()["background"]
        if ground.startswith("#"):
            found[name] = (int(ground[1:3], 16), int(ground[3:5], 16), int(ground[5:7], 16))
    return found


def test_curves_and_words_can_be_read_and_grids_be_seen_in_every_theme() -> None:
    """WCAG 2.2: 4.5 for what is read, 3 for what guides the eye."""
    every = grounds()
    assert every["textual-dark"] == DARK
    assert every["textual-light"] == LIGHT
    assert is_light(LIGHT)
    for name, ground in every.items():
        for colour, code in inks(ground).items():
            least = LEAST_OF_GRID if colour == GRID else LEAST_CONTRAST
            assert contrast(rgb(code), ground) >= least, (name, colour)


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21.0)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.005)


def test_on_the_dark_ground_curves_have_the_colours_they_were_given_and_twelve_differ_on_both() -> None:
    for ground in (DARK, LIGHT):
        found = [inks(ground)[colour] for colour in range(3, 15)]
        assert len(set(found)) == len(found)


def claims(verdicts: dict[str, str]) -> Sequence[AnyRecord]:
    return [
        Claim(name=name, text="", source="", measured=1.5, expected=1.0, tolerance=0.1, verdict=verdict)  # type: ignore[arg-type]
        for name, verdict in verdicts.items()
    ]


def of_preset(name: str, history: History) -> Seen:
    return Seen(name, name, presets.order_of(name), history)


def test_the_verdict_comes_first_and_an_end_that_was_foreseen_says_so() -> None:
    order = presets.order_of("det-2x2")
    lost = Outcome(kind="stopped", reason="the determinant lost its sign", cause="sign")
    told = {"train_loss": [1.0, 0.1]}
    records: list[AnyRecord] = [
        ended(0),
        LaneEnding(lane=1, outcome=lost),
        Ending(outcome=lost, wall="", elapsed_s=1.0),
    ]
    history = made([({"model.depth": 1}, told), ({"model.depth": 2}, told)], records)
    history.apply(claims(dict.fromkeys(order.preset.claims, "holds")))
    shown = of_preset("det-2x2", history)
    sign, _, words = verdict.standing(shown, "stopped")
    assert (sign, words) == ("✓", "1 converged, 1 stopped as foreseen")
    assert verdict.of_claims(history, order.preset.claims) == ("✓", GOOD, "7 of 7 claims hold")
    assert "as foreseen: depth 2 loses" in verdict.outcome(shown, "own words")
    plain = of_preset("mf-depth", history)
    assert verdict.standing(plain, "stopped").sign == "■", "another preset foresees no such end"
    assert "own words" in verdict.outcome(plain, "own words")


def test_a_claim_that_fails_is_named_with_its_numbers_before_anything_else() -> None:
    told = {"train_loss": [1.0, 0.1], "reconstruction_error": [1.0, 0.5]}
    done = Outcome(kind="converged", reason="all lanes reached their training loss")
    history = made([({"model.depth": 3}, told)], [ended(0), Ending(outcome=done, wall="", elapsed_s=1.0)])
    names = presets.order_of("mf-depth").preset.claims
    history.apply(claims({name: "fails" if name == "rate-formula" else "holds" for name in names}))
    shown = of_preset("mf-depth", history)
    found = verdict.of_claims(history, names)
    assert found is not None
    assert (found.sign, found.words) == ("✗", f"1 of {len(names)} claims fails")
    assert verdict.outcome(shown, "own").startswith("fails: rate-formula (1.5 ≈ 1 ± 0.1)")


def test_lanes_under_way_are_hollow_and_hold_no_median() -> None:
    """What is at .5 now may end at 1e-6: a line through it would say the opposite of the result."""
    order = presets.order_of("low-rank-recovery")
    told = {"reconstruction_error": [1.0, 1e-6], "effective_rank": [9.0, 5.0], "nuclear_norm": [1.0, 2.0]}
    going = {**told, "reconstruction_error": [1.0, 0.5]}
    lanes = [({"problem.observations": 1750 + 250 * k, "model.depth": 3}, going if k == 2 else told) for k in range(3)]
    history = made(lanes, [ended(0), ended(1)])
    figure = next(one for one in figures(order.spec) if one.title.startswith("reconstruction error"))
    assert figure.of_ends
    hollow = [curve for curve in figure.curves(history) if curve.mark == HOLLOW]
    joined = [curve for curve in figure.curves(history) if curve.joined and curve.points and curve.colour != DIM]
    assert [list(curve.y) for curve in hollow] == [[0.5]]
    assert not any(curve.joined for curve in hollow)
    assert [list(curve.x) for curve in joined] == [[1750.0, 2000.0]]


def test_settings_that_differ_lists_only_values_that_lanes_had() -> None:
    """The base of a swept field is no lane's: the sweep takes its place."""
    one, other = presets.order_of("mf-depth"), presets.order_of("mf-depth", sweeps={"model.depth": [1, 4]})
    pages = [Seen(name, name, order, History()) for name, order in (("a", one), ("b", other))]
    lines = [text for text, _ in settings_page.lines(pages, 100)]
    (depth,) = [line for line in lines if "model.depth" in line]
    assert depth.split() == ["model.depth", "1,", "2,", "3", "1,", "4"]
    assert not any("sweep" in line for line in lines)


async def test_the_title_has_the_verdict_and_the_list_says_whose_values_it_has() -> None:
    async with opened((120, 40), run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        lines = text_of(pilot).splitlines()
        assert "✓ converged · 1:00" in lines[0]
        assert "depth 3, at its end" in text_of(pilot)
        await pilot.press("l")
        await until(pilot, lambda: "depth 1, at its end" in text_of(pilot))
        assert "singular values · depth 1" in chart_text(pilot), "the chart names the lane that is alone"
        assert "Look for" in text_of(pilot)
        assert screen.query_one(LookForList).display


async def test_small_screens_keep_the_verdict_and_lose_the_name() -> None:
    run = logs.run_in_state("ended")
    for size in ((80, 24), (40, 12)):
        async with opened(size, run=run) as pilot:
            await caught_up(pilot)
            assert "✓ converged" in text_of(pilot).splitlines()[0]


async def test_what_to_look_for_is_shown_one_after_the_other_and_by_a_click() -> None:
    async with opened((120, 40), run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        shown = []
        for _ in range(4):
            await pilot.press("8")
            item = screen.selection.item()
            assert item is not None
            shown.append(item.title.strip())
        assert shown == ["training loss", "reconstruction error", "effective rank", "singular values"]
        await pilot.click(LookForList, offset=(4, 2))
        await until(pilot, lambda: chart_text(pilot).lstrip().startswith("reconstruction error"))


async def test_the_table_of_lanes_sorts_hides_and_shows_alone() -> None:
    async with opened((120, 40), run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        await pilot.press("L")
        await until(pilot, lambda: "Lanes by lane" in text_of(pilot))
        table = screen.query_one(LaneTable)

        def names() -> list[str]:
            return [text[:9] for text, _ in table.rows[2:5]]

        assert names() == ["1 depth 1", "2 depth 2", "3 depth 3"]
        await pilot.press("down", "enter")
        await until(pilot, lambda: screen.selection.lanes == frozenset({1}))
        await pilot.press("enter", "H")
        await until(pilot, lambda: screen.selection.lanes == frozenset({0, 2}))
        await pilot.press("o")
        await until(pilot, lambda: names() == ["3 depth 3", "  depth 2", "1 depth 1"])
        await pilot.press("3", "left")
        await until(pilot, lambda: "training loss at step" in text_of(pilot))
        value = table.rows[2][0].split()[-1]
        await pilot.press("ctrl+left", "ctrl+left")
        await until(pilot, lambda: table.rows[2][0].split()[-1] != value)
        await pilot.press("L")
        await until(pilot, lambda: "depth 3, at its end" in text_of(pilot))


async def test_a_large_screen_has_several_charts_and_keys_act_on_one() -> None:
    async with opened((200, 60), run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        charts = screen.query_one(Charts)
        await until(pilot, lambda: charts.shape == (2, 2) and all(chart.rows for chart in charts.shown))
        titles = [chart.titles[0] for chart in charts.shown]
        assert titles[0] == "▸ singular values"
        assert len({title.removeprefix("▸ ") for title in titles}) == 4
        await pilot.press("tab", "y")
        await until(pilot, lambda: charts.shown[1].titles[0].startswith("▸ "))
        assert not charts.shown[1].plot.y_log
        await pilot.press("z")
        await until(pilot, lambda: charts.shape == (1, 1))
        await pilot.press("z")
        await until(pilot, lambda: charts.shape == (2, 2))
        await pilot.press("g")
        await until(pilot, lambda: charts.shape != (2, 2))
        chosen = charts.shape
        remembered = screen.remembered()
        assert tuple(remembered.shape) == chosen
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: charts.shape == (1, 1))


def test_a_legend_of_one_setting_says_its_word_once_where_all_would_not_fit() -> None:
    entries = [(f"depth {depth}", 3 + depth, str(depth)) for depth in range(1, 6)]
    (line, _), *_ = legend("loss", entries, 40, 1)
    assert line.startswith("loss  depth  ━1 1")


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("height", range(15, 36, 3))
def test_ticks_of_a_whole_axis_are_evenly_spaced(height: int, log: bool) -> None:
    """Round limits have a number of rows in which they can be; four rows at most are given up for it."""
    y = [10.0 ** (k % 7 - 3) if log else 60.0 * k / 99 for k in range(100)]
    plot = Plot()
    plot.y_log = log
    rows = plot.draw(90, height, [Curve("c", 3, array("d", range(100)), array("d", y))], [], "t", "x")
    at = [place for place, (text, _) in enumerate(rows) if text[7] == "┤"]
    assert len(at) >= 3
    assert len({after - before for before, after in itertools.pairwise(at)}) == 1
    line = next(text for text, _ in rows if text[7] == "└")
    across = [place for place, character in enumerate(line) if character == "┬"]
    assert len({after - before for before, after in itertools.pairwise(across)}) == 1


@given(st.lists(st.integers(0, 3), min_size=2, max_size=9))
def test_marks_at_the_ends_of_curves_never_hide_each_other(ends: list[int]) -> None:
    curves = [
        Curve(f"c{k}", 3 + k, array("d", [0.0, 1.0]), array("d", [float(k), end]), MARKS[k])
        for k, end in enumerate(ends)
    ]
    text = "\n".join(line[8:] for line, _ in Plot().draw(60, 20, curves, [], "t", "x")[1:-2])
    assert all(MARKS[k] in text for k in range(len(ends)))


def test_a_scalar_over_more_than_a_decade_starts_out_logarithmic_and_singular_values_do_not() -> None:
    told: Told = {"effective_rank": [80.0, 5.0], "nuclear_norm": [200.0, 220.0], "singular_values": [[0.01], [50.0]]}
    selection = Selection(Seen("a", "a", presets.order_of("mf-depth"), made([({}, told)])), Look())
    rows = {name: quantity(name) for name in told}
    assert [selection._log(rows[name], "y") for name in told] == [True, False, False]
    selection.update(selection.seen, [])
    assert selection.choose_key(rows["effective_rank"].key)
    assert selection.toggle_log("y")
    assert not selection._log(rows["effective_rank"], "y"), "what was chosen by hand stays"


def test_pictures_have_a_scale_with_numbers_and_true_colours_where_there_are_some() -> None:
    text, colours = bar(2.5, 40)
    assert text.split()[0] == "-2.5"
    assert text.split()[-1] == "2.5"
    assert len(text) == len(colours) == 40
    unsigned, shades = bar(1.0, 40, is_signed=False)
    assert unsigned.split() == ["0", "▀" * 12, "1"]
    assert FIRST_HEAT + (LEVELS + 1) * (LEVELS // 2) in shades, "nothing colder than zero"
    assert min(shade for shade in shades if shade >= FIRST_HEAT) == FIRST_HEAT + (LEVELS + 1) * (LEVELS // 2)
    rows = panels([Panel("W", [0.1] * 400)], 20, 20, 60, 20, View())
    assert rows[-1][0].startswith("-0.1 ▀")
    for ground in (DARK, LIGHT):
        assert all(shade.startswith("color(") for shade in heat(ground, is_true=False))
        assert len(set(heat(ground, is_true=True))) == len(heat(ground, is_true=False)) == LEVELS


def test_the_look_of_an_older_version_is_read() -> None:
    """Memory without charts is one chart."""
    assert msgspec.json.decode(b'{"item": "train_loss None"}', type=Look).tiles == []


@pytest.mark.parametrize(
    ("asked", "fitting"),
    [
        ("norm", ["nuclear norm", "Frobenius norm", "spectral norm", "Schatten-2/N norm", "gradient norm"]),
        ("*norm", ["nuclear norm", "Frobenius norm", "spectral norm", "Schatten-2/N norm", "gradient norm"]),
        ("/^(nuclear|spectral)/", ["nuclear norm", "spectral norm"]),
        ("train_loss", ["training loss"]),
        ("", None),
    ],
)
def test_quantities_are_listed_by_words_by_a_pattern_or_by_an_expression(asked: str, fitting: list[str] | None) -> None:
    told = {name: [1.0] for name in logs.SERIES if name != "singular_values"}
    selection = Selection(Seen("a", "a", presets.order_of("mf-depth"), made([({}, told)])), Look())
    selection.update(selection.seen, [])
    assert selection.choose_key("sheet claims")
    selection.ask_for(asked)
    listed = [selection.items[place] for place in selection.listing().places]
    names = [item.title.strip() for item in listed if isinstance(item, Quantity)]
    assert names == fitting if fitting is not None else len(names) > 6
    assert any(item.title == "claims" for item in listed), "pages stay"


def test_an_expression_that_is_none_is_refused_and_what_was_listed_stays() -> None:
    selection = Selection(Seen("a", "a", presets.order_of("mf-depth"), History()), Look(asked="norm"))
    with pytest.raises(BadSetting, match="no regular expression"):
        selection.ask_for("/(/")
    assert selection.asked == "norm"


async def test_rows_are_pinned_and_the_list_is_filtered_and_both_are_remembered() -> None:
    async with opened((120, 40), run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        await pilot.press("3", "asterisk")
        rows = screen.query_one(QuantityList)
        await until(pilot, lambda: rows.rows[0][0].strip() == "Pinned" and "training loss" in rows.rows[1][0])
        await pilot.press("F", *"norm", "enter")
        await until(pilot, lambda: not any("effective rank" in text for text, _ in rows.rows))
        assert "depth 3, at its end · norm" in text_of(pilot)
        await pilot.press("up")
        assert screen.selection.place() == 0 or screen.selection.listing().places[0] == screen.selection.place()
        look = screen.remembered()
        assert (look.asked, look.pinned) == ("norm", ["train_loss None"])


@pytest.mark.parametrize("size", presets.SIZES)
@pytest.mark.parametrize("name", presets.built_in())
def test_every_thing_to_look_for_has_a_row_that_shows_it(name: str, size: presets.Size) -> None:
    """A series, a claim, or the beginning of the title of a figure, a page or a picture that such a run has."""
    order = presets.order_of(name, size)
    titles = [figure.title for figure in figures(order.spec)]
    titles += [kind.title for kind in pictures._KINDS] + [
        "claims",
        "events",
        "quantity | minimiser",
        "held-out entries",
    ]
    titles += [pictures._NAMED.title]
    titles += [row.title.strip() for series in BY_NAME.values() for row in series.rows]
    titles += ["map of a number"] * (len(maps.fields(order.spec)) > 1)
    for show in (order.preset.opens, *(one.show for one in look_for.of(of_preset(name, History())))):
        wanted = [part.strip().lower() for part in show.split("|")]
        known = [one for one in wanted if one in BY_NAME or one in order.preset.claims]
        assert known or any(title.lower().startswith(one) for one in wanted for title in titles), show


@pytest.mark.parametrize("state", ["killed", "suspended", "waiting-for-disk", "stopped"])
def test_a_run_that_was_broken_off_has_no_end_that_was_foreseen(state: str) -> None:
    """One lane ended as foreseen, and then the solver was killed: that is no good end."""
    lost = Outcome(kind="stopped", reason="the determinant lost its sign", cause="sign")
    told = {"train_loss": [1.0, 0.1]}
    lanes = [({"model.depth": depth}, told) for depth in (2, 3)]
    found = verdict.standing(of_preset("det-2x2", made(lanes, [LaneEnding(lane=0, outcome=lost)])), state)
    assert found.words == state
    assert found.colour != GOOD


def test_claims_that_are_not_applicable_are_not_waited_for() -> None:
    history = made([({"model.depth": 3}, {"train_loss": [1.0, 0.1]})], [ended(0)])
    history.apply(claims({"low-rank-recovery": "holds", "rate-formula": "not-applicable"}))
    found = verdict.of_claims(history, ["low-rank-recovery", "rate-formula"])
    assert found is not None
    assert (found.sign, found.words) == ("✓", "1 of 1 claim holds")


async def test_the_chart_that_keys_act_on_stays_when_there_is_room_for_one_and_the_others_come_back() -> None:
    async with opened((200, 60), run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        charts = screen.query_one(Charts)
        await until(pilot, lambda: charts.shape == (2, 2) and all(chart.rows for chart in charts.shown))
        before = sorted(chart.titles[0].removeprefix("▸ ") for chart in charts.shown)
        await pilot.press("tab", "tab", "tab")
        await until(pilot, lambda: charts.shown[3].titles[0].startswith("▸ "))
        title = charts.shown[3].titles[0].removeprefix("▸ ")
        await pilot.press("z")
        await until(pilot, lambda: charts.shape == (1, 1) and charts.shown[0].titles[0] == title)
        await pilot.press("z")
        await until(pilot, lambda: charts.shape == (2, 2))
        await until(pilot, lambda: sorted(chart.titles[0].removeprefix("▸ ") for chart in charts.shown) == before)


async def test_keys_step_through_quantities_where_the_table_of_lanes_is_out_of_sight() -> None:
    async with opened((120, 40), run=logs.run_in_state("ended")) as pilot:
        screen = await caught_up(pilot)
        await pilot.press("L")
        await until(pilot, lambda: "Lanes by lane" in text_of(pilot))
        await pilot.press("z")
        await until(pilot, lambda: "Lanes by lane" not in text_of(pilot))
        place = screen.selection.place()
        await pilot.press("down")
        await until(pilot, lambda: screen.selection.place() == place + 1)


async def test_the_description_of_the_preset_is_reached_on_the_smallest_screen() -> None:
    async with opened((40, 12), run=logs.run_in_state("ended")) as pilot:
        await caught_up(pilot)
        await pilot.press("slash", *"look", "enter")
        await until(pilot, lambda: "A product of N matrices can fit" in " ".join(chart_text(pilot).split()))
