"""Which curves, levels and marks a chart shows of lanes and runs, on histories of a few frames."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from solver.history import History
from solver.jumps import FORETOLD
from solver.records import Baseline, Event, Value
from tests.tui.histories import Told, ended, frames, made, quantity, schema, seen
from tui.draw.cells import DIM
from tui.draw.curves import Curve, Mark
from tui.draw.palette import MARKS, pale, series_colour
from tui.shown import traces
from tui.shown.quantities import Quantity
from tui.watch import replay


def drawn(
    item: Quantity, history: History, axis: str = "step", *, bands: bool = False, lanes: frozenset[int] | None = None
) -> list[Curve]:
    """The curves of one run."""
    return traces.curves(item, traces.groups(seen(history), (), lanes), axis, bands=bands, log_x=False)


def by_frame(columns: Sequence[Sequence[float]]) -> list[Value]:
    """The values of a vector series, from its columns."""
    return [list(values) for values in zip(*columns, strict=True)]


# Largest of the last frame: all but 3 and 6. They were the largest of the first frame.
NORMS = [[0.1, 5.0], [0.2, 9.0], [0.3, 4.0], [9.0, 0.5], [0.4, 7.0], [0.5, 3.0], [8.0, 1.0], [0.6, 6.0], [0.7, 8.0]]
NORMS += [[0.8, 2.0]]
LARGEST = [0, 1, 2, 4, 5, 7, 8, 9]


def components() -> Told:
    return {"component_norms": by_frame(NORMS)}


def test_of_many_components_the_largest_are_drawn_each_in_its_own_colour() -> None:
    """The eight that are largest now: the smallest tell nothing, and those that were large once are gone."""
    curves = drawn(quantity("component_norms"), made([({}, components())]))
    assert [curve.name for curve in curves] == [f"component {index}" for index in LARGEST]
    assert [curve.colour for curve in curves] == [series_colour(index) for index in LARGEST]
    assert [list(curve.y) for curve in curves] == [NORMS[index] for index in LARGEST]
    assert not any(curve.mark for curve in curves)


def test_of_many_components_of_several_lanes_the_largest_are_drawn_in_the_colour_of_their_lane() -> None:
    history = made([({"model.depth": depth}, components()) for depth in (2, 3)])
    curves = drawn(quantity("component_norms"), history)
    assert [list(curve.y) for curve in curves] == 2 * [NORMS[index] for index in LARGEST]
    assert [curve.name for curve in curves] == 8 * ["depth 2"] + 8 * ["depth 3"]
    assert [curve.colour for curve in curves] == 8 * [series_colour(0)] + 8 * [series_colour(1)]
    assert [curve.mark for curve in curves] == ["1", *7 * [""], "2", *7 * [""]], "one mark tells a lane"
    (alone, *_) = drawn(quantity("component_norms"), history, lanes=frozenset({1}))
    assert (alone.name, alone.colour) == ("component 0", series_colour(0)), "a lane by itself shows its components"


def test_bands_of_components_are_of_the_largest_of_every_seed_whichever_they_are() -> None:
    """The largest component of one seed is another one than that of the next."""
    turned = [NORMS[k:] + NORMS[:k] for k in range(3)]
    history = made([({"seed": k}, {"component_norms": by_frame(columns)}) for k, columns in enumerate(turned)])
    curves = drawn(quantity("component_norms"), history, bands=True)
    assert [curve.y[-1] for curve in curves] == pytest.approx([9.0, 8.0, 7.0])
    assert [curve.mark for curve in curves] == ["1", "", ""]


def test_of_many_singular_values_the_first_eight_are_drawn_in_order() -> None:
    columns = [[float(10 - rank), float(20 - rank)] for rank in range(10)]
    told = {"singular_values": by_frame(columns)}
    history = made([({"model.depth": 2}, told), ({"model.depth": 3}, told)])
    curves = drawn(quantity("singular_values"), history, lanes=frozenset({1}))
    assert [list(curve.y) for curve in curves] == columns[:8]
    assert {curve.colour for curve in curves} == {series_colour(1)}
    assert [curve.mark for curve in curves] == ["2", *7 * [""]]
    (third,) = drawn(quantity("singular_values", 2), history, lanes=frozenset({0}))
    assert list(third.y) == columns[2]


def test_every_lane_keeps_its_colour_and_mark_whichever_are_shown() -> None:
    history = made([({"model.depth": k}, {"train_loss": [1.0 + k, 2.0 + k]}) for k in range(4)])
    curves = drawn(quantity("train_loss"), history)
    assert [(one.name, one.colour, one.mark, list(one.y)) for one in curves] == [
        (f"depth {k}", series_colour(k), MARKS[k], [1.0 + k, 2.0 + k]) for k in range(4)
    ]
    some = drawn(quantity("train_loss"), history, lanes=frozenset({1, 3}))
    assert [(one.name, one.colour, one.mark) for one in some] == [
        (f"depth {k}", series_colour(k), MARKS[k]) for k in (1, 3)
    ]
    (lone,) = drawn(quantity("train_loss"), made([({"model.depth": 2}, {"train_loss": [1.0, 2.0]})]))
    assert lone.mark == "", "a run of one lane needs no mark"


def test_runs_laid_over_each_other_differ_in_colours_and_marks_and_names() -> None:
    """All lanes of the others are shown, whichever of the run's own are."""
    two = made([({"model.depth": k}, {"train_loss": [1.0, 2.0]}) for k in range(2)])
    one = made([({"model.depth": 7}, {"train_loss": [1.0, 2.0]})])
    found = traces.groups(
        seen(one, "first"), [seen(two, "second"), seen(one, "third"), seen(two, "fourth")], frozenset({0})
    )
    assert [len(group.lanes) for group in found] == [2, 1, 2, 1], "those that were laid over lie beneath"
    curves = traces.curves(quantity("train_loss"), found, "step", bands=False, log_x=False)
    names = ["fourth · depth 0", "fourth · depth 1", "third", "second · depth 0", "second · depth 1", "depth 7"]
    assert [curve.name for curve in curves] == names
    assert [curve.colour for curve in curves[:-1]] == [pale(series_colour(k)) for k in (0, 1, 0, 0, 1)]
    assert curves[-1].colour == series_colour(0)
    assert [curve.mark for curve in curves] == [MARKS[k] for k in (4, 5, 3, 1, 2, 0)]
    chosen = traces.groups(seen(two), [seen(one, "other")], frozenset({1}))
    assert [[lane.index for lane in group.lanes] for group in chosen] == [[0], [1]]
    assert chosen[1].colour(two.lanes[1]) == series_colour(1), "lanes that are shown alone keep their colours"
    like = made([({"model.depth": 1}, {"train_loss": [1.0, 2.0]})])
    laid = traces.groups(seen(two), [seen(like, "other")], None)[0]
    assert laid.colour(like.lanes[0]) == pale(series_colour(1)), "the hue of the lane with the same settings"
    many = traces.Group(seen(two), two.lanes, first_mark=len(MARKS))
    assert many.mark(two.lanes[0]) == "", "marks run out, and none is used twice"


def test_lanes_that_record_no_such_series_or_axis_are_left_out() -> None:
    history = made(
        [
            ({"model.depth": 1}, {"train_error": [1.0, 2.0], "time": [0.0, 1.0]}),
            ({"model.depth": 2}, {"train_error": [3.0, 4.0]}),
            ({"model.depth": 3}, {"time": [0.0, 1.0]}),
        ]
    )
    assert [one.name for one in drawn(quantity("train_error"), history)] == ["depth 1", "depth 2"]
    assert [one.name for one in drawn(quantity("train_error"), history, "time")] == ["depth 1"]
    assert drawn(quantity("unbalancedness"), history) == []


def level_of(item: Quantity, history: History, axis: str = "step", lanes: frozenset[int] | None = None) -> list[str]:
    """The names of the level lines: what is dim and has no name in the legend."""
    return [one.mark for one in drawn(item, history, axis, lanes=lanes) if one.colour == DIM and not one.name]


BASELINES: dict[str, dict[str, Value]] = {
    "reconstruction_error": {"ground_truth": 0.01, "nuclear_norm": 0.25, "linear": None, "constant": [1.0]},
    "test_error": {"linear": 0.5, "constant": 0.75, "ground_truth": 0.0, "nuclear_norm": -1.0},
    "effective_rank": {"ground_truth": 2.0, "nuclear_norm": 3.5},
}


def baselines(problem: int = 0) -> list[Baseline]:
    """What lanes are held against: some numbers, and some that are no levels."""
    names = dict.fromkeys(name for values in BASELINES.values() for name in values)
    return [
        Baseline(
            problem=problem,
            name=name,
            values={series: found[name] for series, found in BASELINES.items() if name in found},
        )
        for name in names
    ]


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ("reconstruction_error", {"ground truth": 0.01, "least nuclear norm": 0.25}),
        ("test_error", {"linear": 0.5, "constant": 0.75}),
        ("effective_rank", {"ground truth": 2.0, "least nuclear norm": 3.5}),
    ],
)
def test_baselines_are_level_lines_beneath_the_curves(series: str, expected: dict[str, float]) -> None:
    """From the first frame of any lane to the last; numbers that are not positive, and no numbers, are no levels."""
    lanes = [
        ({"model.depth": 1}, {series: [1.0, 0.5], "step": [1.0, 20.0]}),
        ({"model.depth": 2}, {series: [1.0, 0.5], "step": [0.0, 10.0]}),
    ]
    curves = drawn(quantity(series), made(lanes, baselines()))
    levels, lines = curves[: len(expected)], curves[len(expected) :]
    assert {one.mark: one.y[0] for one in levels} == expected
    assert all(list(one.x) == [0.0, 20.0] and one.y[0] == one.y[1] for one in levels)
    assert all((one.colour, one.name) == (DIM, "") for one in levels)
    assert [one.name for one in lines] == ["depth 1", "depth 2"]


def test_levels_are_those_of_the_quantity_and_of_no_other() -> None:
    history = made([({}, {"train_loss": [1.0, 0.5], "nuclear_norm": [1.0, 2.0]})], baselines())
    assert level_of(quantity("train_loss"), history) == []
    assert level_of(quantity("nuclear_norm"), history) == []


def test_levels_are_drawn_only_where_all_shown_lanes_fit_one_problem() -> None:
    """A level of one problem beside the lanes of another would be compared with them."""
    told = {"reconstruction_error": [1.0, 0.5]}
    names = ["least nuclear norm", "ground truth"]
    item = quantity("reconstruction_error")
    history = made([({"seed": k}, told) for k in range(2)], [*baselines(0), *baselines(1)], problems=[0, 1])
    assert level_of(item, history) == []
    assert level_of(item, history, lanes=frozenset({1})) == names
    one = made([({}, told)], baselines())
    pair = traces.groups(seen(one), [seen(made([({}, told)], baselines()), "other")], None)
    assert all(curve.name for curve in traces.curves(item, pair, "step", bands=False, log_x=False))
    history = made([({"seed": 0}, told), ({"seed": 1}, {"reconstruction_error": []})], baselines(), problems=[0, 1])
    assert level_of(item, history) == names, "a lane that has not begun shows nothing to compare"
    history = made([({}, told)], baselines(1), problems=[1])
    assert level_of(item, history) == names, "of the lanes' problem, whichever it is"


def test_a_plane_of_two_quantities_has_paths_and_no_levels() -> None:
    history = made([({}, {"reconstruction_error": [1.0, 0.5], "nuclear_norm": [3.0, 2.0]})], baselines())
    (path,) = drawn(quantity("reconstruction_error"), history, "nuclear_norm")
    assert path.path
    assert (list(path.x), list(path.y)) == ([3.0, 2.0], [1.0, 0.5])
    assert not any(one.path for one in drawn(quantity("reconstruction_error"), history))
    assert [traces.is_plane(axis) for axis in ("step", "time", "evaluations", "elapsed_s", "train_loss")] == [
        False,
        False,
        False,
        False,
        True,
    ]


MEASURED, LAW = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]]


@pytest.mark.parametrize("rank", [0, 1])
def test_the_law_of_a_rate_is_that_of_its_rank_and_lies_beneath_it(rank: int) -> None:
    told = {
        "singular_value_rates": by_frame(MEASURED),
        "predicted_rates": by_frame(LAW),
        "predicted_rates_balanced": by_frame([[-value for value in column] for column in LAW]),
    }
    law, line = drawn(quantity("singular_value_rates", rank), made([({}, told)]))
    assert (law.name, law.colour, list(law.y), law.mark) == ("law", DIM, LAW[rank], "")
    assert (line.name, line.colour, list(line.y)) == ("seed 0", series_colour(0), MEASURED[rank])


def test_the_law_of_components_is_that_for_balanced_ones_and_the_bound_of_an_entry_is_called_so() -> None:
    told = {
        "component_rates": by_frame(MEASURED),
        "predicted_component_rates": by_frame([[-value for value in column] for column in LAW]),
        "predicted_component_rates_balanced": by_frame(LAW),
    }
    law, line = drawn(quantity("component_rates", 0), made([({}, told)]))
    assert (law.name, list(law.y), list(line.y)) == ("law", LAW[0], MEASURED[0])
    history = made([({}, {"unobserved_entry": [1.0, 2.0], "unobserved_entry_bound": [0.5, 0.7]})])
    bound, line = drawn(quantity("unobserved_entry"), history)
    assert (bound.name, bound.colour, list(bound.y), list(line.y)) == ("bound", DIM, [0.5, 0.7], [1.0, 2.0])


def test_every_lane_has_its_own_law() -> None:
    history = made(
        [
            (
                {"model.depth": k},
                {"singular_value_rates": by_frame([[1.0 + k]]), "predicted_rates": by_frame([[5.0 + k]])},
            )
            for k in range(2)
        ]
    )
    curves = drawn(quantity("singular_value_rates", 0), history)
    assert [(one.name, one.y[0]) for one in curves] == [("law", 5.0), ("depth 0", 1.0), ("law", 6.0), ("depth 1", 2.0)]


def test_states_inside_a_step_are_laid_out_between_it_and_the_next() -> None:
    """They carry the number of their step: on one place they would be an upright line."""
    (lane,) = made([({}, {"step": [0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0], "time": [0.0, 1, 1, 1, 2, 3, 4]})]).lanes
    assert list(traces.along(lane, "step")) == [0.0, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5]
    assert list(traces.along(lane, "time")) == [0.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0], "what is measured stays"
    (rising,) = made([({}, {"step": [0.0, 5.0, 7.0]})]).lanes
    assert list(traces.along(rising, "step")) == [0.0, 5.0, 7.0]
    (curve,) = drawn(quantity("train_loss"), made([({}, {"step": [0.0, 0.0, 1.0], "train_loss": [3.0, 2.0, 1.0]})]))
    assert list(curve.x) == [0.0, 0.5, 1.0]


def of_seeds(values: Sequence[Sequence[float]], depths: Sequence[int] = (2,)) -> list[tuple[dict[str, float], Told]]:
    return [
        ({"model.depth": depth, "seed": seed}, {"train_loss": [depth * value for value in column]})
        for depth in depths
        for seed, column in enumerate(values)
    ]


FOUR = [[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [4.0, 8.0, 12.0], [2.0, 4.0, 6.0]]


def test_lanes_of_one_setting_are_a_median_with_its_quartiles() -> None:
    """Of 1, 2, 4 and 10 the quartiles are 1.75, 3 and 5.5; the law's straight lines keep their ratios."""
    history = made(of_seeds(FOUR, [2, 3]))
    shallow, deep = drawn(quantity("train_loss"), history, bands=True)
    assert (shallow.name, shallow.colour, shallow.mark) == ("depth 2 (median, quartiles of 4)", series_colour(0), "1")
    assert (deep.name, deep.colour, deep.mark) == ("depth 3 (median, quartiles of 4)", series_colour(4), "5")
    for curve, depth in ((shallow, 2), (deep, 3)):
        assert curve.band
        assert not curve.path
        for frame, at in ((0, 0), (2, -1)):
            found = (curve.x[at], curve.low[at], curve.y[at], curve.high[at])
            times = depth * (frame + 1)
            assert found == pytest.approx((frame, 1.75 * times, 3.0 * times, 5.5 * times))
    assert len(drawn(quantity("train_loss"), history)) == 8, "without bands every lane is drawn"


@pytest.mark.parametrize("n_frames", [0, 1])
def test_bands_need_three_seeds_that_have_begun(n_frames: int) -> None:
    """Two values have no quartiles; a lane with one frame has no line yet."""
    pair = drawn(quantity("train_loss"), made(of_seeds(FOUR[:2])), bands=True)
    assert [(one.name, one.band) for one in pair] == [("depth 2 · seed 0", False), ("depth 2 · seed 1", False)]
    begun = [*FOUR[:2], FOUR[2][:n_frames]]
    assert [one.band for one in drawn(quantity("train_loss"), made(of_seeds(begun)), bands=True)] == [False] * 3
    four = drawn(quantity("train_loss"), made(of_seeds([*begun, FOUR[3]])), bands=True)
    assert [one.name for one in four] == ["depth 2 (median, quartiles of 3)"], "those that have begun are enough"
    (one,) = drawn(quantity("train_loss"), made(of_seeds(FOUR)), bands=True, lanes=frozenset({0, 1, 3}))
    assert one.name == "depth 2 (median, quartiles of 3)", "a lane that is not shown is not in the median"


def test_a_band_of_a_lane_that_has_ended_goes_on_with_its_last_value() -> None:
    columns = [FOUR[0][:2], FOUR[1], FOUR[2]]
    (growing,) = drawn(quantity("train_loss"), made(of_seeds(columns)), bands=True)
    assert growing.x[-1] == 1.0, "nobody knows where the slowest lane goes"
    (over,) = drawn(quantity("train_loss"), made(of_seeds(columns), [ended(0)]), bands=True)
    assert (over.x[-1], over.low[-1], over.y[-1]) == pytest.approx((2.0, (2 * 2.0 + 2 * 12.0) / 2, 2 * 12.0))


def test_of_a_vector_three_medians_are_drawn_rank_by_rank() -> None:
    told = [{"singular_values": by_frame([[k + 40.0 / (rank + 1)] * 2 for rank in range(5)])} for k in range(3)]
    curves = drawn(quantity("singular_values"), made([({"seed": k}, one) for k, one in enumerate(told)]), bands=True)
    assert [curve.y[0] for curve in curves] == pytest.approx([41.0, 21.0, 1.0 + 40.0 / 3])
    assert [curve.mark for curve in curves] == ["1", "", ""]
    assert {curve.name for curve in curves} == {"(median, quartiles of 3)"}


def test_bands_on_a_logarithmic_axis_have_an_even_grid_there_from_its_first_place() -> None:
    groups = traces.groups(seen(made(of_seeds([[1.0, 2.0, 4.0, 8.0]] * 3))), (), None)
    (curve,) = traces.curves(quantity("train_loss"), groups, "step", bands=True, log_x=True)
    assert (curve.x[0], curve.x[-1]) == pytest.approx((1.0, 3.0))
    assert curve.x[1] / curve.x[0] == pytest.approx(curve.x[-1] / curve.x[-2])


def test_what_was_computed_before_is_used_again_until_the_lanes_have_grown() -> None:
    written = schema([({"seed": k}, []) for k in range(3)])
    history, known = History(), traces.Known()
    history.apply([written])
    item, told = quantity("train_loss"), {"train_loss": [1.0, 2.0]}

    def curves() -> list[Curve]:
        return traces.curves(item, traces.groups(seen(history), (), None), "step", bands=True, log_x=False, known=known)

    for lane in written.lanes:
        history.apply(frames(lane, told))
    first = curves()
    assert curves()[0] is first[0]
    for lane in written.lanes:
        history.apply(frames(lane, told, first=2))
    assert [(one.x[-1], one.band) for one in curves()] == [(3.0, True)]
    known.medians |= {key: [] for key in range(1000)}
    assert [one.x[-1] for one in curves()] == [3.0]
    assert len(known.medians) == 1, "what is kept is bounded"


def escape(lane: int | None, step: float | None, time: float | None, name: str = "predicted-escape") -> Event:
    return Event(lane=lane, name=name, text="", step=step, time=time)


ESCAPES = [
    escape(0, 10.0, 1.0),
    escape(1, 20.0, 2.0),
    escape(1, 20.0, 2.0),
    escape(1, None, 3.0),
    escape(1, math.inf, 4.0),
    escape(2, 50.0, 5.0),
    escape(None, 60.0, 6.0),
    escape(1, 70.0, 7.0, name="rise"),
]


@pytest.mark.parametrize("series", ["singular_values", "component_norms"])
def test_predicted_escapes_are_marked_of_the_lanes_that_are_shown(series: str) -> None:
    """Once where two say the same; where a place is not known on an axis there is none."""
    item, told = quantity(series), {series: by_frame([[1.0, 2.0]])}
    history = made([({"model.depth": k}, told) for k in range(3)], ESCAPES)
    assert traces.marks(item, history, history.lanes[1:2], "step") == [Mark(20.0, "t*")]
    assert traces.marks(item, history, history.lanes[1:2], "time") == [Mark(x, "t*") for x in (2.0, 3.0, 4.0)]
    assert [one.x for one in traces.marks(item, history, history.lanes, "step")] == [10.0, 20.0, 50.0]
    assert traces.marks(item, history, [], "step") == []
    assert traces.marks(item, history, history.lanes, "evaluations") == []
    assert traces.marks(item, history, history.lanes, "train_loss") == []
    assert traces.marks(quantity("train_loss"), history, history.lanes, "step") == []


def test_escapes_are_marked_on_the_chart_of_one_singular_value_too() -> None:
    history = made([({}, {"singular_values": by_frame([[1.0], [0.5]])})], [escape(0, 10.0, None)])
    assert traces.marks(quantity("singular_values", 1), history, history.lanes, "step") == [Mark(10.0, "t*")]


def test_a_replay_of_a_run_shows_its_curves_as_long_as_they_were() -> None:
    history = made(of_seeds(FOUR[:3], [2]))
    cut = replay.at(history, "step", 1.0)
    assert [list(one.y) for one in drawn(quantity("train_loss"), cut)] == [
        [2 * value for value in column[:2]] for column in FOUR[:3]
    ]
    (band,) = drawn(quantity("train_loss"), cut, bands=True)
    assert (band.x[-1], band.y[-1]) == pytest.approx((1.0, 16.0))


def test_foretold_jumps_are_marks_of_the_last_lane_at_the_steps_it_took() -> None:
    """On time where they are foretold, on steps where the lane came to that time; none of what it has not come to."""
    told: Told = {"step": [0.0, 1.0, 2.0], "time": [0.0, 10.0, 30.0], "train_loss": [1.0, 0.5, 0.1]}
    foretold = [
        Event(lane=lane, name=FORETOLD, text="", time=time) for lane in (0, 1) for time in (5.0 + lane, 20.0, 40.0)
    ]
    history, loss = made([({"model.depth": 2}, told), ({"model.depth": 3}, told)], foretold), quantity("train_loss")
    on_time = traces.marks(loss, history, history.lanes, "time")
    assert on_time == [Mark(6.0, "t1"), Mark(20.0, "t2"), Mark(40.0, "t3")]
    on_steps = traces.marks(loss, history, history.lanes, "step")
    assert [mark.text for mark in on_steps] == ["t1", "t2"]
    assert [mark.x for mark in on_steps] == pytest.approx([0.6, 1.5])
    assert traces.marks(loss, history, history.lanes[:1], "time")[0] == Mark(5.0, "t1")
    assert traces.marks(quantity("effective_rank"), history, history.lanes, "time") == []


def test_losses_of_greedy_solutions_are_levels_of_the_loss() -> None:
    """What the last rank leaves is rounding, and no level."""
    greedy = Baseline(problem=0, name="greedy", values={"losses": [1.0, 0.3, 0.05, 1e-15]})
    history = made([({}, {"step": [0.0, 1.0], "train_loss": [1.0, 0.1]})], [greedy])
    levels = [curve for curve in drawn(quantity("train_loss"), history) if curve.mark.startswith("rank")]
    assert [(curve.mark, curve.y[0]) for curve in levels] == [("rank 0", 1.0), ("rank 1", 0.3), ("rank 2", 0.05)]
