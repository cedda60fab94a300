"""Hand-overs alone: which accepted steps bring one about, and how long the partner keeps a lane."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from solver.numerics.methods.hand_over import Change, HandOver

PAIR, PARTNER = "dormand-prince", "chebyshev"
STIFF, NEITHER, LOOSE = 3.2, 2.5, 1.0
H = 0.25


class Lane:
    """A lane of a hand-over, at the scheme that its changes have led to."""

    def __init__(self, hand_over: HandOver, lane: int = 0) -> None:
        self.hand_over, self.lane, self.scheme = hand_over, lane, PAIR

    def step(self, stiffness: float) -> Change | None:
        change = self.hand_over.after(self.lane, self.scheme, stiffness, H)
        if change is not None:
            assert change.to != self.scheme
            self.scheme = change.to
        return change

    def steps_until_change(self, stiffness: float, most: int = 1000) -> int:
        return next(k for k in range(1, most) if self.step(stiffness) is not None)

    def changes(self, stiffnesses: Sequence[float]) -> list[bool]:
        return [self.step(one) is not None for one in stiffnesses]


def lane_of(n_lanes: int = 1) -> Lane:
    return Lane(HandOver(PARTNER, n_lanes))


def test_three_stiff_steps_hand_over_to_the_partner() -> None:
    """Its first step is no longer than the last one, and the reason names the number."""
    lane = lane_of()
    assert lane.changes([STIFF, STIFF]) == [False, False]
    change = lane.step(STIFF)
    assert change is not None
    assert (change.to, change.longest) == (PARTNER, H)
    assert "limits the steps of dormand-prince" in change.why
    assert "3.2" in change.why


@pytest.mark.parametrize(
    ("stiffnesses", "changes"),
    [
        ([STIFF, STIFF, LOOSE, STIFF, STIFF, STIFF], [False] * 5 + [True]),
        ([STIFF, NEITHER, STIFF, NEITHER, STIFF], [False] * 4 + [True]),
        ([NEITHER] * 20, [False] * 20),
        ([3.0] * 20, [False] * 20),
        ([STIFF, STIFF, 2.0, STIFF], [False, False, False, True]),
        ([math.nan, STIFF, STIFF, math.inf], [False, False, False, True]),
    ],
    ids=[
        "a loose step begins anew",
        "one between does not",
        "between alone",
        "the bound",
        "the lower bound",
        "no number",
    ],
)
def test_stiff_steps_are_counted_in_a_row(stiffnesses: list[float], changes: list[bool]) -> None:
    """One between the bounds neither counts nor begins anew."""
    assert lane_of().changes(stiffnesses) == changes


def test_the_partner_gives_back_after_eight_loose_steps() -> None:
    """With the step that the pair can take at its bound, as the stiffness of the last step says."""
    lane = lane_of()
    lane.steps_until_change(STIFF)
    assert lane.changes([LOOSE] * 7) == [False] * 7
    change = lane.step(1.5)
    assert change is not None
    assert change.to == PAIR
    assert change.longest == pytest.approx(2 * H)
    assert "accuracy limits the steps of chebyshev again" in change.why


@pytest.mark.parametrize("interruption", [2.0, NEITHER, STIFF, math.nan])
def test_the_loose_steps_are_in_a_row(interruption: float) -> None:
    """The partner gives back only what the pair could surely take."""
    lane = lane_of()
    lane.steps_until_change(STIFF)
    assert lane.changes([*[LOOSE] * 7, interruption, *[LOOSE] * 7]) == [False] * 15
    assert lane.step(LOOSE) is not None


def test_a_step_without_curvature_can_be_of_any_length() -> None:
    lane = lane_of()
    lane.steps_until_change(STIFF)
    assert lane.changes([0.0] * 7) == [False] * 7
    change = lane.step(0.0)
    assert change is not None
    assert change.longest == math.inf


def test_the_count_begins_anew_after_every_change() -> None:
    """Three stiff steps again for the next hand-over, not one."""
    lane = lane_of()
    for _ in range(3):
        assert lane.steps_until_change(STIFF) == 3
        assert lane.scheme == PARTNER
        lane.steps_until_change(LOOSE)


def test_a_lane_given_back_too_soon_is_kept_twice_as_long_up_to_a_limit() -> None:
    lane = lane_of()
    kept = []
    for _ in range(7):
        lane.steps_until_change(STIFF)
        kept.append(lane.steps_until_change(LOOSE))
    assert kept == [8, 16, 32, 64, 128, 128, 128]


@pytest.mark.parametrize(("with_the_pair", "kept"), [(12, 16), (13, 8)])
def test_too_soon_is_within_twelve_steps_of_the_pair(with_the_pair: int, kept: int) -> None:
    lane = lane_of()
    lane.steps_until_change(STIFF)
    lane.steps_until_change(LOOSE)
    lane.changes([LOOSE] * (with_the_pair - 3))
    assert lane.steps_until_change(STIFF) == 3
    assert lane.steps_until_change(LOOSE) == kept


def test_a_pair_that_kept_a_lane_long_enough_begins_anew_with_eight() -> None:
    lane = lane_of()
    for _ in range(3):
        lane.steps_until_change(STIFF)
        lane.steps_until_change(LOOSE)
    lane.changes([LOOSE] * 20)
    lane.steps_until_change(STIFF)
    assert lane.steps_until_change(LOOSE) == 8


def test_the_first_hand_over_is_never_too_soon() -> None:
    """Nobody gave the lane back yet."""
    lane = lane_of()
    assert lane.steps_until_change(STIFF) == 3
    assert lane.steps_until_change(LOOSE) == 8


def test_without_a_partner_nothing_changes() -> None:
    lane = Lane(HandOver(None, 1))
    assert lane.changes([STIFF] * 10) == [False] * 10


def test_lanes_are_counted_apart() -> None:
    hand_over = HandOver(PARTNER, 2)
    first, second = Lane(hand_over, 0), Lane(hand_over, 1)
    assert [lane.step(STIFF) is not None for lane in (first, second, first, second)] == [False] * 4
    second.step(LOOSE)
    assert first.step(STIFF) is not None
    assert second.changes([STIFF] * 3) == [False, False, True]


def of_all_histories() -> tuple[HandOver, list[Lane]]:
    """Lanes at a fresh start, two stiff steps on, with the partner, and given back twice."""
    hand_over = HandOver(PARTNER, 4)
    lanes = [Lane(hand_over, lane) for lane in range(4)]
    lanes[1].changes([STIFF] * 2)
    lanes[2].changes([*[STIFF] * 3, *[LOOSE] * 5])
    for _ in range(2):
        lanes[3].steps_until_change(STIFF)
        lanes[3].steps_until_change(LOOSE)
    return hand_over, lanes


AHEAD = ([STIFF] * 4 + [LOOSE] * 20) * 4


@pytest.mark.parametrize("kept", [[0, 1, 2, 3], [1, 3], [2], [3, 0]])
def test_lanes_that_are_kept_go_on_as_before(kept: list[int]) -> None:
    hand_over, lanes = of_all_histories()
    expected = [lanes[lane].changes(AHEAD) for lane in kept]
    hand_over, lanes = of_all_histories()
    hand_over.keep(kept)
    for position, lane in enumerate(kept):
        moved = Lane(hand_over, position)
        moved.scheme = lanes[lane].scheme
        assert moved.changes(AHEAD) == expected[position]


def test_a_state_that_is_restored_goes_on_as_before() -> None:
    hand_over, lanes = of_all_histories()
    state, schemes = hand_over.state(), [lane.scheme for lane in lanes]
    expected = [lane.changes(AHEAD) for lane in lanes]
    again = HandOver(PARTNER, 4)
    again.restore(state)
    found = [Lane(again, lane) for lane in range(4)]
    for lane, scheme in zip(found, schemes, strict=True):
        lane.scheme = scheme
    assert [lane.changes(AHEAD) for lane in found] == expected
