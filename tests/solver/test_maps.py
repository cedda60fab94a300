"""Maps of a sweep: what a cell is made of, what is asked for by name, and the table that is written."""

from __future__ import annotations

import csv
import io
import math
import statistics
from typing import Any

import pytest

from solver import maps, settings
from solver.history import History, LaneHistory
from solver.maps import Cell, Map, Statistic, Table
from solver.records import LaneSchema, Outcome, OutcomeKind
from solver.refusal import BadSetting
from solver.spec import RunSpec
from tests.solver.running import history_of
from tests.solver.small import finished

SWEEP: dict[str, list[Any]] = {"problem.observations": [40, 20], "model.init_scale": [0.1, 1e-3, 1e-2]}
SERIES = ["step", "train_loss", "reconstruction_error", "singular_values", "method"]
X, Y = SWEEP


def spec_of(sweep: dict[str, list[Any]], seeds: int = 1) -> RunSpec:
    problem = {"kind": "matrix-completion", "shape": [8, 8], "rank": 1, "observations": 40}
    return settings.decode({"problem": problem, "sweep": sweep, "seeds": seeds})


def ran(sweep: dict[str, list[Any]], seeds: int = 1) -> tuple[RunSpec, History]:
    """Lanes that have ended with their index as their error, and two singular values."""
    spec, history = spec_of(sweep, seeds), History()
    for lane in settings.lanes(spec):
        recorded = LaneHistory(LaneSchema(index=lane.index, parameters=lane.parameters, series=[*SERIES], problem=0))
        for name, values in (("step", [0, 7]), ("train_loss", [1, 0.1]), ("reconstruction_error", [9, lane.index])):
            recorded.columns[name].extend(map(float, values))
        for value in (3.0, 0.5):
            recorded.vectors["singular_values"].append(type(recorded.columns["step"])("d", [0.0, value]))
        recorded.outcome = Outcome(kind="converged", reason="")
        history.lanes.append(recorded)
    return spec, history


def cell(table: Table, x: Any, y: Any) -> Cell:
    found = table.cells[table.ys.index(y)][table.xs.index(x)]
    assert found is not None
    return found


def end(lane: LaneHistory, kind: OutcomeKind | None) -> None:
    lane.outcome = None if kind is None else Outcome(kind=kind, reason="")


def test_a_cell_has_the_end_of_its_lane_and_values_stand_in_rising_order() -> None:
    spec, history = ran(SWEEP)
    table = maps.table(Map(X, Y, Statistic("reconstruction_error")), spec, history.lanes)
    assert (table.xs, table.ys) == ([20, 40], [1e-3, 1e-2, 0.1])
    for lane in history.lanes:
        found = cell(table, lane.parameters[X], lane.parameters[Y])
        assert (found.value, found.n_lanes, found.n_ended, found.outcomes) == (lane.index, 1, 1, "converged")
    assert (table.n_lanes, table.n_ended) == (6, 6)


def test_a_cell_is_the_median_over_seeds_and_whatever_else_is_swept() -> None:
    spec, history = ran(SWEEP | {"model.depth": [2, 3]}, seeds=3)
    table = maps.table(Map(X, Y, Statistic("reconstruction_error")), spec, history.lanes)
    for x in table.xs:
        for y in table.ys:
            members = [lane for lane in history.lanes if (lane.parameters[X], lane.parameters[Y]) == (x, y)]
            assert len(members) == 6
            assert cell(table, x, y).value == statistics.median(lane.index for lane in members)
    other = maps.table(Map(Y, "model.depth", Statistic("step")), spec, history.lanes)
    assert (other.xs, other.ys) == ([1e-3, 1e-2, 0.1], [2, 3])
    assert cell(other, 0.1, 3).value == 7.0


def test_cells_fill_as_lanes_end_and_broken_lanes_are_counted_and_left_out() -> None:
    spec, history = ran(SWEEP, seeds=3)
    wanted = Map(X, Y, Statistic("reconstruction_error"))
    first, second, third = history.lanes[:3]
    here = first.parameters[X], first.parameters[Y]

    def shown() -> Cell:
        return cell(maps.table(wanted, spec, history.lanes), *here)

    for lane in history.lanes[:3]:
        end(lane, None)
    begun = shown()
    assert begun.is_under_way
    assert (math.isnan(begun.value), begun.n_ended, begun.outcomes) == (True, 0, "under way")
    end(first, "converged")
    end(second, "diverged")
    half = shown()
    assert half.is_under_way
    assert (half.value, half.n_lanes, half.n_ended, half.n_broken) == (0.0, 3, 2, 1)
    assert half.outcomes == "1 converged, 1 diverged, 1 under way"
    end(third, "max-steps")
    third.columns["reconstruction_error"][-1] = math.inf
    whole = shown()
    assert not whole.is_under_way
    assert (whole.value, whole.n_ended, whole.n_broken) == (0.0, 3, 2)
    # Stopped from outside it can go on: that is no end of its own.
    end(third, "stopped")
    assert shown().is_under_way


def test_numbers_that_lanes_end_with_are_offered_by_name() -> None:
    spec, history = ran(SWEEP)
    history.lanes[0].summary["cp_rank"] = 4.0
    names = [one.name for one in maps.offered(history)]
    assert names == ["step", "train_loss", "reconstruction_error", "singular_values.1", "singular_values.2", "cp_rank"]
    assert Statistic("singular_values", 2).of(history.lanes[0]) == 0.5
    assert Statistic("cp_rank").of(history.lanes[0]) == 4.0
    assert math.isnan(Statistic("cp_rank").of(history.lanes[1]))
    assert maps.first(spec, history) == Map(X, Y, Statistic("reconstruction_error"))


def test_of_components_the_largest_comes_first() -> None:
    """They keep their places in the record, and are no sorted list."""
    lane = LaneHistory(LaneSchema(index=0, parameters={}, series=["step", "component_norms"], problem=0))
    for value in (0.1, 3.0, 2.0):
        lane.vectors["component_norms"].append(type(lane.columns["step"])("d", [value]))
    assert [Statistic("component_norms", rank).of(lane) for rank in (1, 2, 3)] == [3.0, 2.0, 0.1]
    assert math.isnan(Statistic("component_norms", 4).of(lane))


def test_a_map_starts_with_an_error_or_else_the_loss_and_needs_two_swept_fields() -> None:
    spec, history = ran(SWEEP)
    for lane in history.lanes:
        lane.series.remove("reconstruction_error")
    found = maps.first(spec, history)
    assert found is not None
    assert found.statistic == Statistic("train_loss")
    single, history = ran({"model.depth": [2, 3], X: [40]})
    assert maps.fields(single) == ["model.depth"]
    assert maps.first(single, history) is None
    with pytest.raises(BadSetting, match="two fields"):
        maps.read("", single, history)


def test_a_map_is_asked_for_in_words() -> None:
    spec, history = ran(SWEEP | {"model.depth": [2, 3]})
    assert maps.read("", spec, history).map == Map(X, Y, Statistic("reconstruction_error"))
    turned = maps.read("x=init_scale, y=model.depth, value=singular_values.2", spec, history)
    assert turned.map == Map(Y, "model.depth", Statistic("singular_values", 2))
    # The axis that is left over, and of the others those lanes alone that have a value.
    assert maps.read("y=observations", spec, history).map == Map(Y, X, Statistic("reconstruction_error"))
    deep = maps.read("depth=3", spec, history)
    assert deep.n_lanes == 6
    assert [cell(deep, 40, y).value for y in (0.1, 1e-3, 1e-2)] == [1.0, 3.0, 5.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x=rank", "--map x: rank is not one swept field: take one of problem.observations, model.init_scale"),
        ("x=observations,y=observations", "along both axes"),
        ("value=sigma", "no lane of this run ends with sigma"),
        ("value=method", "no lane of this run ends with method"),
        ("value=singular_values", "take singular_values.1 to singular_values.2"),
        ("value=singular_values.3", "take singular_values.1 to singular_values.2"),
        ("init_scale=3", "is no value of model.init_scale: take one of 0.001, 0.01, 0.1"),
        ("init_scale=small", "is no value of model.init_scale"),
        ("observations", "says nothing"),
        ("=3", "says nothing"),
    ],
)
def test_what_is_no_map_is_refused_in_a_sentence(text: str, said: str) -> None:
    spec, history = ran(SWEEP)
    with pytest.raises(BadSetting) as refused:
        maps.read(text, spec, history)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_swept_words_and_lists_have_their_order_and_their_places() -> None:
    shapes = [[8, 8], [6, 9]]
    spec, history = ran({"problem.shape": shapes, "problem.loss": ["mean", "half-sum"]})
    table = maps.table(Map("problem.shape", "problem.loss", Statistic("reconstruction_error")), spec, history.lanes)
    assert (table.xs, table.ys) == (shapes, ["mean", "half-sum"])
    assert [[one.value for one in row if one] for row in table.cells] == [[0.0, 2.0], [1.0, 3.0]]
    assert maps.read("loss=half-sum", spec, history).n_lanes == 2
    assert maps.to_csv(table).decode().splitlines()[1] == '"[8,8]",mean,0.0,1,1,0,converged'


def test_the_table_of_a_run_has_its_lanes_last_numbers() -> None:
    """Against the lanes themselves, as a reader of the CSV would check it."""
    made = finished({"seeds": 2}, {X: [30, 50], Y: [1e-2, 1e-1]})
    history, spec = history_of(made), made.order().spec
    rows = list(csv.DictReader(io.StringIO(maps.to_csv(maps.read("value=effective_rank", spec, history)).decode())))
    assert len(rows) == 4
    for row in rows:
        members = [
            lane.columns["effective_rank"][-1]
            for lane in history.lanes
            if (lane.parameters[X], lane.parameters[Y]) == (int(row[X]), float(row[Y]))
        ]
        assert len(members) == int(row["lanes"]) == int(row["ended"]) == 2
        assert float(row["effective_rank"]) == pytest.approx(sum(members) / 2, rel=1e-12)
        assert row["broken"] == "0"
        assert row["outcome"] == "converged"
