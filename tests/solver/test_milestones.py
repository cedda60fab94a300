"""What is said of a run's moments: on records made for each, and on a real run."""

from __future__ import annotations

import math

import pytest

from solver import settings
from solver.history import History
from solver.milestones import Milestones, until
from solver.records import Baseline, Frame, LaneSchema, Picture, Schema, Value
from solver.spec import RunSpec
from tests.solver.running import history_of, ran

SERIES = ["step", "elapsed_s", "train_loss", "singular_values", "det_sign", "log_abs_det"]


def spec(depth: int) -> RunSpec:
    return settings.decode({"model": {"kind": "deep-matrix-factorization", "depth": depth}})


def told(frames: list[list[Value]], n: int = 2, depth: int = 1, truth: float | None = None) -> list[str]:
    history = History()
    history.apply([Schema(version=1, lanes=[LaneSchema(index=0, parameters={}, series=SERIES, problem=0)])])
    history.apply([Picture(lane=0, step=0, name="end_matrix", shape=[n, n], largest=1.0, levels="?" * n**2)])
    if truth is not None:
        history.apply([Baseline(problem=0, name="ground_truth", values={"frobenius_norm": truth})])
    found = Milestones(spec(depth))
    for values in frames:
        history.apply([Frame(lane=0, values=values)])
        found.update(history)
    return [one.text for one in found.found]


def state(
    step: float, loss: float, sigma: list[float | int | str | None], sign: float = 1.0, log: float = 0.0
) -> list[Value]:
    return [step, step / 10, loss, sigma, sign, log]


def test_a_singular_value_rises_once_and_only_beside_the_truth() -> None:
    """Ten times its start is not enough while it is lost beside what is to be learned."""
    frames = [
        state(0, 1.0, [0.1, 1e-4]),
        state(1, 1.0, [0.5, 2e-3]),
        state(2, 1.0, [2.0, 2e-3]),
        state(3, 1.0, [2.0, 0.15]),
        state(7, 1.0, [2.0, 1.0]),
    ]
    assert told(frames, truth=4.0) == [
        "step 2: σ₁ rises: 2, 20 times its start",
        "by step 7: σ₂ rises: 1, 10,000 times its start",
    ]
    assert told(frames) == ["step 2: σ₁ rises: 2, 20 times its start", "step 3: σ₂ rises: 0.15, 1,500 times its start"]


def test_a_plateau_ends_where_the_loss_leaves_it_and_a_steady_fall_has_none() -> None:
    flat = [state(k, 1.0 - 0.0001 * k, [1.0, 1.0]) for k in range(31)]
    assert told([*flat, state(31, 0.5, [1.0, 1.0])]) == ["step 31: the first plateau ends: the loss leaves 1"]
    assert told([state(k, 0.97**k, [1.0, 1.0]) for k in range(100)]) == []
    second = [*flat, *(state(31 + k, 0.5 - 0.00001 * k, [1.0, 1.0]) for k in range(20)), state(51, 0.2, [1.0, 1.0])]
    assert told(second)[1:] == ["step 51: a plateau since step 31 ends: the loss leaves 0.5"]


def test_a_determinant_that_nears_what_can_be_told_or_changes_sign_is_told_for_small_matrices() -> None:
    """Layers share it evenly: at depth 2 a determinant of 1e-13 is one of 3e-7 in each, below a tolerance of 1e-4."""
    frames = [
        state(0, 1.0, [1.0, 0.1], 1.0, math.log(0.1)),
        state(1, 1.0, [1.0, 1e-13], 1.0, math.log(1e-13)),
        state(2, 1.0, [1.0, 1e-13], -1.0, math.log(1e-13)),
    ]
    assert told(frames, depth=2) == [
        "step 1: det W nears what rtol can tell: that of a layer is 3e-07 of its largest",
        "step 2: det W changes sign and is negative by its numerics: the flow of balanced layers keeps it",
    ]
    assert told(frames) == ["step 2: det W changes sign and is negative"]
    large: list[list[Value]] = [[step, t, loss, [1.0] * 9, sign, -900.0] for step, t, loss, _, sign, _ in frames]
    assert told(large, n=9, depth=2) == []
    assert told(frames, n=100, depth=2) == [], "only two values of a large matrix are recorded"


def test_values_that_are_not_numbers_say_nothing() -> None:
    assert told([state(k, math.inf, [math.nan, math.nan], 0.0, -math.inf) for k in range(20)]) == []


def test_a_real_run_rises_value_by_value_and_recovers_and_a_cut_one_has_not_yet() -> None:
    made = ran("mf-depth", {}, {"model.depth": [3]})
    history = history_of(made)
    found = Milestones(made.order().spec).update(history)
    names = [one.name for one in found]
    assert names.count("rise") >= 2
    assert names[-1] == "recovered"
    assert [one.elapsed_s for one in found] == sorted(one.elapsed_s for one in found)
    # A rise is where the recorded value first is a twentieth of the ground truth's norm.
    lane = history.lanes[0]
    rises = [one for one in found if one.name == "rise"]
    assert len({one.step for one in rises}) == len(rises) == 3, "one by one"
    truth = history.baselines[0]["ground_truth"]["frobenius_norm"]
    assert isinstance(truth, float)
    for rank, one in enumerate(rises):
        sigma, steps = lane.vectors["singular_values"][rank], lane.columns["step"]
        before = [value for value, step in zip(sigma, steps, strict=True) if step < one.step]
        assert (
            max(before)
            < 0.05 * truth
            <= max(value for value, step in zip(sigma, steps, strict=True) if step <= one.step)
        )
    assert [one.name for one in until(found, history)] == names


@pytest.mark.parametrize("n", [1, 7, 100])
def test_reading_in_pieces_finds_the_same(n: int) -> None:
    frames = [state(k, 0.9 ** (k // 20 * 2), [0.01 * 1.2**k, 0.001 * 1.15**k]) for k in range(100)]
    history = History()
    history.apply([Schema(version=1, lanes=[LaneSchema(index=0, parameters={}, series=SERIES, problem=0)])])
    whole, pieces = Milestones(spec(1)), Milestones(spec(1))
    for start in range(0, 100, n):
        history.apply([Frame(lane=0, values=values) for values in frames[start : start + n]])
        pieces.update(history)
    assert whole.update(history) == pieces.found
    assert whole.found
