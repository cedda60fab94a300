"""What presets say to look for and as a result: read, refused, and judged on runs that did and did not do it."""

from __future__ import annotations

import math
import re

import pytest

import presets
from solver import expected
from solver.expected import LookFor, Result
from solver.history import History
from solver.milestones import Milestone
from solver.records import AnyRecord, Claim, LaneEnding, Outcome
from solver.refusal import BadSetting
from solver.series import BY_NAME
from tests.tui.histories import ended, made


def claim(verdict: str) -> Claim:
    return Claim(
        name="low-rank-recovery",
        text="",
        source="",
        measured=1.0,
        expected=1.0,
        tolerance=0.1,
        verdict=verdict,  # type: ignore[arg-type]
    )


def run(records: list[AnyRecord], errors: tuple[float, float, float] = (0.8, 1e-5, 3e-5)) -> History:
    """Depth 1, and depth 3 from two seeds."""
    lanes = [(1, 0), (3, 0), (3, 1)]
    return made(
        [
            ({"model.depth": depth, "seed": seed}, {"reconstruction_error": [1.0, error], "train_loss": [1.0, 1e-7]})
            for (depth, seed), error in zip(lanes, errors, strict=True)
        ],
        records,
    )


ENDS: list[AnyRecord] = [ended(0), ended(1), ended(2)]
CASES = [
    ("claim low-rank-recovery", [claim("holds")], "yes"),
    ("claim low-rank-recovery", [claim("fails")], "no"),
    ("claim low-rank-recovery", [claim("pending")], "open"),
    ("claim low-rank-recovery", [], "open"),
    ("reconstruction_error depth=3 < 1e-4", ENDS, "yes"),
    ("reconstruction_error depth=3 < 1e-4", [ended(1)], "open"),
    ("reconstruction_error depth=3 < 1e-6", ENDS, "no"),
    ("reconstruction_error depth=3 seed=1 > 2e-5", ENDS, "yes"),
    ("max reconstruction_error < 1e-4", ENDS, "no"),
    ("reconstruction_error depth=3 < reconstruction_error depth=1", ENDS, "yes"),
    ("reconstruction_error depth=4 < 1e-4", ENDS, "open"),
    ("held_out_error < 1", ENDS, "open"),
    ("event recovered depth=3", ENDS, "yes"),
    ("event recovered depth=1", ENDS, "no"),
    ("event recovered depth=1", [], "open"),
    ("cause sign depth=1", ENDS, "no"),
    (
        "cause sign depth=1",
        [LaneEnding(lane=0, outcome=Outcome(kind="stopped", reason="it lost its sign", cause="sign"))],
        "yes",
    ),
]


@pytest.mark.parametrize(("when", "records", "seen"), CASES)
def test_a_thing_to_look_for_has_happened_has_not_or_is_open(when: str, records: list[AnyRecord], seen: str) -> None:
    milestones = [Milestone(lane=1, name="recovered", text="", step=1.0, elapsed_s=0.0)]
    assert expected.seen(LookFor(say="it", when=when), run(records), milestones) == seen


def test_what_is_only_told_is_never_ticked() -> None:
    assert expected.seen(LookFor(say="it"), run(ENDS), []) == "open"
    assert expected.seen(LookFor(say="it", when="a newer word"), run(ENDS), []) == "open", "a run of another version"


def test_a_result_is_said_where_its_claims_hold_and_its_numbers_are_there() -> None:
    said = [
        Result(when=["low-rank-recovery"], say="depth 3: {reconstruction_error depth=3} in {lanes} lanes"),
        Result(say="depth 1: {max |reconstruction_error| depth=1}"),
    ]

    def shown(history: History) -> str:
        return expected.result(said, history, lambda value: f"{value:g}")

    assert shown(run([*ENDS, claim("holds")])) == "depth 3: 2e-05 in 3 lanes"
    assert shown(run([*ENDS, claim("fails")])) == "depth 1: 0.8"
    assert shown(run([*ENDS, claim("holds")], (0.8, math.nan, 1.0))) == "depth 1: 0.8", "no sentence with a hole"
    assert shown(run(ENDS, (math.nan, 1.0, 1.0))) == ""


BAD = [
    ("claim", "no name"),
    ("reconstruction_error depth=3", "no condition"),
    ("error depth=3 < 1", "no series"),
    ("reconstruction_error depth < 1", "names no lanes"),
    ("reconstruction_error < ", "no series"),
    ("claim rank-minimised", "not among its claims"),
]


@pytest.mark.parametrize(("when", "said"), BAD)
def test_a_condition_that_says_nothing_is_refused(when: str, said: str) -> None:
    with pytest.raises(BadSetting, match=re.escape(said)):
        expected.check([LookFor(say="it", when=when)], [], ["low-rank-recovery"], "mine.toml")


def test_a_result_that_names_no_series_is_refused() -> None:
    with pytest.raises(BadSetting, match="no series"):
        expected.check([], [Result(say="{errors depth=3}")], [], "mine.toml")
    with pytest.raises(BadSetting, match="not among its claims"):
        expected.check([], [Result(when=["rank-minimised"], say="it")], [], "mine.toml")


@pytest.mark.parametrize("name", presets.built_in())
def test_every_preset_says_what_to_look_for_in_a_line_and_has_a_result(name: str) -> None:
    """In the list of a small screen a line has 27 cells; what shows a thing is a series, a claim or a title."""
    preset = presets.load(name)
    assert all(one.short and len(one.short) <= 27 and one.show for one in preset.look_for)
    assert sum(bool(one.when) for one in preset.look_for) >= 3
    assert preset.results
    assert preset.opens


def test_every_declared_series_can_be_named() -> None:
    for name in (*BY_NAME, *expected._SUMMARIES):
        expected.check([LookFor(say="it", when=f"{name} depth=3 < 1")], [], [], "mine.toml")


def test_numbers_beyond_range_are_no_result_and_end_nothing() -> None:
    history = run(ENDS, (1e308, 1e308, 1e308))
    assert expected.result([Result(say="{mean reconstruction_error}")], history, str) == ""
    assert expected.result([Result(say="{mean reconstruction_error}")], run(ENDS, (math.inf, 1.0, 1.0)), str) == ""
