"""The rows of the list: which there are, in which order, what stands behind them and which key leads there."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import pytest

from solver.history import History
from solver.records import Value
from solver.series import ALWAYS, AXES, BY_NAME, SERIES, VECTORS, Row, Series
from tests.tui.histories import Told, frames, made, quantity, schema, seen
from tui.memory import Look
from tui.screens.selection import Selection
from tui.shown import quantities
from tui.shown.quantities import Quantity
from tui.widgets.quantity_list import QuantityList

N_RANKS = 9
ROWS = [(series, row) for series in SERIES for row in series.rows]


def recorded(*lanes: Sequence[str], n_ranks: int = N_RANKS) -> History:
    """Lanes with a frame of these series."""
    return made(
        [
            ({"model.depth": k}, {"step": [0.0]} | {name: [_value(name, n_ranks)] for name in names})
            for k, names in enumerate(lanes)
        ]
    )


def _value(name: str, n_ranks: int) -> Value:
    return [float(n_ranks - rank) for rank in range(n_ranks)] if name in VECTORS else 1.0


def keys(history: History, *others: History) -> list[str]:
    return [one.key for one in quantities.available([history, *others])]


@pytest.mark.parametrize(("series", "row"), ROWS, ids=[f"{series.name}-{row.rank}" for series, row in ROWS])
def test_a_row_is_there_where_its_series_is_recorded_and_its_number_is_not_there_in_another_form(
    series: Series, row: Row
) -> None:
    item = Quantity(series, row)
    bare = "train_error" if series.name != "train_error" else "test_error"
    assert item.key in keys(recorded([series.name]))
    assert item.key in keys(recorded([bare], [series.name])), "any lane"
    assert item.key in keys(recorded([bare]), recorded([series.name])), "of any run"
    assert (item.key in keys(recorded([bare]))) == series.always
    if series.unless:
        assert item.key not in keys(recorded([series.name, series.unless]))
        assert item.key in keys(recorded([series.name, series.unless], [series.name])), "where one lane lacks it"
    if row.rank:
        assert item.key not in keys(recorded([series.name], n_ranks=row.rank)), "no more ranks than are recorded"
    if row.rank is not None:
        assert item.key in keys(recorded([series.name], n_ranks=row.rank + 1))


def test_rows_stand_in_the_order_of_their_places_which_are_unique() -> None:
    every = [series.name for series in SERIES]
    found = quantities.available([recorded([name for name in every if name != "singular_values"], every)])
    places = [one.row.place for one in found]
    assert places == sorted(row.place for _, row in ROWS)
    assert len(set(places)) == len(ROWS)
    assert len({one.key for one in found}) == len(ROWS)
    assert [one.key for one in found][:7] == ["singular_values None", *(f"singular_values {rank}" for rank in range(6))]


def test_a_run_without_lanes_or_frames_has_the_rows_that_it_will_have() -> None:
    """The list does not jump when the first frame comes, as far as that can be known."""
    assert quantities.available([History()]) == []
    assert quantities.available([]) == []
    waiting = History()
    waiting.apply([schema([({}, ["singular_values"])])])
    assert keys(waiting) == keys(recorded(["singular_values"]))


def test_what_series_say_of_each_other_is_declared_and_fits() -> None:
    """A misspelt name would only leave out a law, a level or a row, and nobody would see."""
    for series in SERIES:
        for name in (series.predicted, series.unless, series.baseline):
            assert not name or name in BY_NAME, f"{series.name} names {name}"
        if series.predicted:
            assert BY_NAME[series.predicted].shape == series.shape, f"the law of {series.name} has another shape"
            assert not BY_NAME[series.predicted].rows, "the law is drawn beside, and not by itself"
        assert series.baseline in ("", series.name), "a level of another number would be compared with it"
        assert series.unless != series.name
        assert series.shape == "vector" or all(row.rank is None for row in series.rows)
        assert series.rows or not series.keys, "a key leads to a row"
    assert [BY_NAME[name].axis_place for name in AXES] == list(range(1, 5))
    assert AXES == ("step", "time", "evaluations", "elapsed_s")


def chosen_by(number: int, *series: str) -> str | None:
    """The series that a number key shows in a run of these."""
    selection = Selection(seen(recorded(list(series))), Look())
    selection.update(selection.seen, [])
    if not selection.choose_view(number):
        return None
    item = selection.item()
    assert isinstance(item, Quantity)
    assert item.rank is None, "all of a vector"
    return item.series


@pytest.mark.parametrize(
    ("number", "recorded_ones", "expected"),
    [
        (1, ["singular_values", "component_norms", "train_error"], "singular_values"),
        (1, ["component_norms", "train_error"], "component_norms"),
        (1, ["train_error"], "train_error"),
        (1, [], None),
        (2, ["effective_rank", "frobenius_norm"], "effective_rank"),
        (2, ["frobenius_norm"], "frobenius_norm"),
        (2, ["frobenius_norm", "test_error"], "test_error"),
        (3, ["singular_values", "effective_rank", "reconstruction_error"], "train_loss"),
        (4, ["reconstruction_error", "held_out_error"], "reconstruction_error"),
        (4, ["held_out_error"], "held_out_error"),
        (4, ["test_error", "train_error"], "test_error"),
        (4, ["train_error"], None),
        (5, ["singular_values"], None),
    ],
)
def test_number_keys_lead_to_the_first_of_theirs_that_is_recorded(
    number: int, recorded_ones: list[str], expected: str | None
) -> None:
    assert chosen_by(number, *recorded_ones) == expected


def test_every_series_with_a_key_is_reached_by_it_where_it_alone_is_recorded() -> None:
    """And every number key of quantities leads somewhere."""
    assert {number for series in SERIES for number in series.keys} == {1, 2, 3, 4}
    for series in SERIES:
        for number in series.keys:
            assert chosen_by(number, series.name) == series.name


def test_the_largest_of_now_are_found_and_keep_their_order() -> None:
    columns = [array("d", values) for values in ([9.0, 1.0], [0.0, 5.0], [8.0, -2.0], [0.0, 3.0])]
    assert quantities.largest(columns, 2) == [1, 3]
    assert quantities.largest(columns, 3) == [0, 1, 3]
    assert quantities.largest(columns, 9) == [0, 1, 2, 3]
    assert quantities.largest([], 3) == []
    assert quantities.largest([array("d"), array("d")], 1) == [0], "before the first frame any will do"


def test_columns_are_one_a_curve_and_none_where_nothing_is_recorded() -> None:
    told: Told = {"effective_rank": [3.0, 4.0], "singular_values": [[7.0, 5.0, 1.0], [8.0, 6.0, 2.0]]}
    (lane,) = made([({}, told)]).lanes
    assert [list(one) for one in quantities.columns(quantity("effective_rank"), lane)] == [[3.0, 4.0]]
    ranks = [[7.0, 8.0], [5.0, 6.0], [1.0, 2.0]]
    assert [list(one) for one in quantities.columns(quantity("singular_values"), lane)] == ranks
    for rank, expected in enumerate(ranks):
        assert [list(one) for one in quantities.columns(quantity("singular_values", rank), lane)] == [expected]
    assert quantities.columns(quantity("singular_values", 3), lane) == []
    assert quantities.columns(quantity("component_norms"), lane) == []
    assert quantities.columns(quantity("unbalancedness"), lane) == []


def test_the_prediction_of_a_quantity_is_that_of_its_rank_where_there_is_one() -> None:
    (lane,) = recorded(["singular_value_rates", "predicted_rates", "unobserved_entry", "train_loss"], n_ranks=2).lanes
    for rank in range(2):
        found = quantities.prediction(quantity("singular_value_rates", rank), lane)
        assert found is lane.vectors["predicted_rates"][rank]
    assert quantities.prediction(quantity("unobserved_entry"), lane) is None
    assert quantities.prediction(quantity("train_loss"), lane) is None
    (bounded,) = recorded(["unobserved_entry", "unobserved_entry_bound"]).lanes
    bound = quantities.prediction(quantity("unobserved_entry"), bounded)
    assert bound is bounded.columns["unobserved_entry_bound"]
    (narrow,) = recorded(["singular_value_rates", "predicted_rates"], n_ranks=1).lanes
    assert quantities.prediction(quantity("singular_value_rates", 1), narrow) is None


def test_an_x_axis_is_what_every_lane_has_and_a_row_or_a_place_among_axes() -> None:
    """No vector, and nothing that only belongs to another curve."""
    assert quantities.axes(History()) == ["step"]
    first = ["time", "effective_rank", "singular_values", "predicted_rates", "unobserved_entry_bound", "rejections"]
    (found,) = [quantities.axes(recorded(first))]
    assert set(found) == {"step", "elapsed_s", "evaluations", "train_loss", "step_size", "time", "effective_rank"}
    assert set(quantities.axes(recorded(first, ["effective_rank"]))) == set(found) - {"time"}
    assert set(quantities.axes(recorded(["train_error"], ["time"]))) == set(found) - {"time", "effective_rank"}


def test_axes_have_names_that_fit_in_a_corner() -> None:
    expected = {"step": "step", "time": "time", "evaluations": "evals", "elapsed_s": "sec."}
    assert {axis: quantities.axis_name(axis) for axis in AXES} == expected
    assert quantities.axis_name("train_loss") == "training loss"
    assert quantities.axis_name("rejections") == "rejections", "a series without a row goes by its own name"
    assert quantities.axis_name("of a later version") == "of a later version"


def test_a_quantity_is_as_its_series_is_declared() -> None:
    for series, row in ROWS:
        item = Quantity(series, row)
        assert (item.series, item.title, item.short, item.rank) == (series.name, row.title, row.short, row.rank)
        assert (item.log_y, item.predicted, item.baseline) == (series.log, series.predicted, series.baseline)


def test_the_list_shows_the_newest_value_and_the_sparkline_of_the_first_curve() -> None:
    """Of components those of the one that is largest now: their order is not that of size."""
    told: Told = {
        "effective_rank": [1.0, 2.0, 3.5],
        "train_loss": [1.0, 0.1, 0.01],
        "singular_values": [[9.0, 1.0], [8.0, 2.0], [7.0, 3.0]],
        "component_norms": [[9.0, 1.0], [5.0, 5.0], [2.0, 8.0]],
    }
    written = schema([({}, list(told)), ({}, ["component_norms", "singular_values"])])
    history = History()
    history.apply([written])
    history.apply(frames(written.lanes[0], told))
    lane, waiting = history.lanes
    shown = QuantityList()
    shown.marker = "block"
    assert shown._numbers(quantity("effective_rank"), lane, 3) == ("▁▄█", "3.5")
    assert shown._numbers(quantity("train_loss"), lane, 3) == ("█▅▁", "0.01"), "logarithmic as its chart"
    assert shown._numbers(quantity("singular_values"), lane, 3) == ("█▅▁", "7")
    assert shown._numbers(quantity("singular_values", 1), lane, 3) == ("▁▅█", "3")
    assert shown._numbers(quantity("component_norms"), lane, 3) == ("▁▅█", "8")
    assert shown._numbers(quantity("test_error"), lane, 3) == ("", "–")
    assert shown._numbers(quantity("effective_rank"), None, 3) == ("", "–")
    assert shown._numbers(quantity("component_norms"), waiting, 3) == ("", "–")
    assert shown._numbers(quantity("train_loss"), waiting, 3) == ("   ", "–")


def test_every_lane_records_what_is_declared_so() -> None:
    assert {"step", "elapsed_s", "evaluations", "train_loss", "step_size"} == ALWAYS
    assert all(math.isfinite(row.place) for _, row in ROWS)
