"""Solutions of equal training loss side by side: which lanes they are, and what stands under each."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import pytest

from solver.history import History
from solver.records import AnyRecord, Baseline, LaneEnding, Outcome, OutcomeKind, Snapshot
from solver.truth import Truth
from tests.solver.running import ran
from tests.tui.driving import chart_text, live, opened, until
from tests.tui.histories import made
from tui.draw.cells import Row
from tui.shown import pictures
from tui.shown.pictures import Pictures, Scene

Lane = tuple[str, float, OutcomeKind | None]
"""Name, last loss, and how it ended."""


def ending(index: int, kind: OutcomeKind) -> LaneEnding:
    return LaneEnding(lane=index, outcome=Outcome(kind=kind, reason="it is over"))


def history(lanes: Sequence[Lane], problems: Sequence[int] = (), size: int = 6) -> History:
    """Lanes with end matrices of their index everywhere."""
    records: list[AnyRecord] = [
        Baseline(problem=0, name="ground_truth", values={"effective_rank": 2.25}),
        *(
            Snapshot(lane=k, step=1, name="end_matrix", shape=[size, size], values=[float(k + 1)] * size**2)
            for k in range(len(lanes))
        ),
        *(ending(k, kind) for k, (_, _, kind) in enumerate(lanes) if kind is not None),
    ]
    told = [
        (
            {"model.init": name},
            {"train_loss": [1.0, loss], "reconstruction_error": [1.0, 1.6e-5], "effective_rank": [9.0, 5.012]},
        )
        for name, loss, _ in lanes
    ]
    return made(told, records, problems)


def found(lanes: Sequence[Lane], problems: Sequence[int] = ()) -> list[int]:
    """The lanes that have equal losses, and whether the row is there with them."""
    seen = history(lanes, problems)
    indices = [lane.index for lane in pictures.equals(seen)]
    assert (indices != []) == ("solutions of equal loss" in [kind.title for kind in pictures.kinds(seen)])
    return indices


def test_lanes_that_converged_are_equal_and_so_are_those_within_a_factor_of_two() -> None:
    assert found([("a", 9e-7, "converged"), ("b", 1e-9, "converged")]) == [0, 1]
    assert found([("a", 1e-3, "max-steps"), ("b", 1.9e-3, "max-steps"), ("c", 2.1e-3, "max-steps")]) == [0, 1]
    assert found([("a", 1e-3, "max-steps"), ("b", 5e-3, "max-steps")]) == []
    assert found([("a", 1e-3, "stopped"), ("b", 9e-7, "converged"), ("c", 1e-3, "max-time")]) == [0, 2]


def test_lanes_under_way_that_diverged_or_fit_another_problem_are_no_solutions_of_it() -> None:
    assert found([("a", 9e-7, "converged"), ("b", 9e-7, None)]) == []
    assert found([("a", 9e-7, "converged"), ("b", 9e-7, "diverged")]) == []
    assert found([("a", 9e-7, "converged"), ("b", float("nan"), "converged")]) == []
    assert found([("a", 9e-7, "converged"), ("b", 9e-7, "converged")], problems=[0, 1]) == []
    three = [(name, 9e-7, "converged") for name in "abcde"]
    assert found(three, problems=[0, 0, 1, 1, 1]) == [2, 3, 4]  # type: ignore[arg-type]


def test_lanes_of_different_targets_did_not_converge_to_the_same() -> None:
    lanes = [({"stop.train_loss": target}, {"train_loss": [1.0, target / 2]}) for target in (1e-3, 1e-9)]
    snapshots = [Snapshot(lane=k, step=1, name="end_matrix", shape=[1, 1], values=[1.0]) for k in (0, 1)]
    assert pictures.equals(made(lanes, [*snapshots, ending(0, "converged"), ending(1, "converged")])) == []


def drawn(lanes: Sequence[Lane], width: int, height: int, *, truth: bool = True) -> list[Row]:
    seen = history(lanes)
    kind = next(one for one in pictures.kinds(seen) if one.title == "solutions of equal loss")
    values = array("d", [3.0] * 36)
    truths = [Truth(shape=(6, 6), ground_truth=values if truth else None, observed={})]
    rows = kind.rows(Scene(seen, None, truths), width, height)
    assert len(rows) == height
    assert all(len(text) == len(colours) == width for text, colours in rows)
    return rows


def text_of(rows: list[Row]) -> str:
    return "\n".join(text for text, _ in rows)


THREE: list[Lane] = [("shallow", 9.5e-7, "converged"), ("middle", 8e-7, "converged"), ("deep", 7.2e-7, "converged")]


@pytest.mark.parametrize(
    ("width", "height", "numbers"),
    [
        (41, 15, ["loss 9.5e-7", "loss 8e-7", "loss 7.2e-7", "err 1.6e-5 r 5.01", "r 2.25"]),
        (70, 31, ["loss 9.5e-7, error 1.6e-5", "loss 7.2e-7, error", "effective rank 5.01", "effective rank 2.25"]),
    ],
)
def test_each_is_drawn_with_its_numbers_the_truth_first(width: int, height: int, numbers: list[str]) -> None:
    """The room that a chart has on screens of 80 × 24 and 120 × 40."""
    rows = drawn(THREE, width, height)
    shown = text_of(rows)
    for word in ["3 solutions", "ground truth W*", "shallow", "middle", "deep", *numbers]:
        assert word in shown, f"{word}\n{shown}"
    assert shown.index("ground truth") < shown.index("shallow") < shown.index("middle") < shown.index("deep")
    heat = {colour for _, colours in rows for colour in colours if colour >= 100}
    assert len(heat) >= 3, "matrices of different entries have different shades on one scale"


def test_without_a_truth_and_where_not_all_fit_as_many_as_do_from_the_first_to_the_last() -> None:
    assert "ground truth" not in text_of(drawn(THREE, 70, 31, truth=False))
    many: list[Lane] = [(f"lane{k}", 9e-7, "converged") for k in range(9)]
    shown = text_of(drawn(many, 41, 15))
    assert "3 of 9 solutions" in shown
    assert [k for k in range(9) if f"lane{k}" in shown] == [0, 4, 8]
    for width, height in ((1, 1), (10, 4), (20, 7), (200, 60)):
        drawn(many, width, height)


def test_a_chosen_lane_shows_those_of_its_problem() -> None:
    seen = history([(name, 9e-7, "converged") for name in "abcd"], problems=[0, 0, 1, 2])
    kind = next(one for one in pictures.kinds(seen) if one.title == "solutions of equal loss")
    assert "2 solutions" in text_of(kind.rows(Scene(seen, seen.lanes[1], []), 70, 31))
    assert "no two lanes" in text_of(kind.rows(Scene(seen, seen.lanes[3], []), 70, 31))


@pytest.mark.usefixtures("stand_in")
async def test_key_7_leads_to_them_after_the_other_pictures() -> None:
    run = ran("mf-depth", {}, {"model.depth": [2, 3]})
    async with opened((120, 40), run=run) as pilot:
        screen = live(pilot)
        await until(pilot, lambda: screen.history.ending is not None and screen.follower.seen().truths)
        for _ in range(3):
            await pilot.press("7")
        item = screen.selection.item()
        assert isinstance(item, Pictures)
        assert item.title == "solutions of equal loss"
        shown = chart_text(pilot)
        for word in ("2 solutions of equal training loss", "ground truth W*", "depth 2", "depth 3", "effective rank"):
            assert word in shown, shown
