"""The hidden width that a long run is proposed: where it is of use, and what is said of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from solver import estimate, settings
from tests.solver.test_large_matrices import large
from tests.tui.calling import call
from tui.text import narrower


def test_a_narrower_width_is_proposed_where_the_full_one_takes_too_long() -> None:
    """The largest that takes five minutes at most; what it gains is said by the same estimate."""
    found = estimate.narrower(large(None))
    assert found is not None
    assert found.seconds <= 300.0 < found.seconds_now
    assert found.seconds == estimate.estimate(large(found.width)).seconds
    wider = large(200)
    assert found.width == 200 or estimate.estimate(wider).seconds > 300.0


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (large(50), "it is narrow already, and short"),
        (large(None, depth=1), "one layer has no hidden width"),
        (large(None, **{"stop.max_seconds": 60}), "somebody has said how long it may take"),
        (large(None, **{"problem.rank": 200}), "the width must carry the rank of the ground truth"),
        (settings.decode({}), "the default problem takes seconds"),
        (
            settings.decode({"problem": {"kind": "tensor-completion"}, "model": {"kind": "cp"}}),
            "a tensor has no layers",
        ),
    ],
)
def test_no_width_is_proposed_where_it_is_of_no_use(spec: Any, why: str) -> None:
    assert estimate.narrower(spec) is None, why


def test_lanes_of_one_layer_do_not_hide_what_deep_ones_gain() -> None:
    """They have no hidden layer, and stay as long as they are; the proposal says how long."""
    found = estimate.narrower(large(None, sweep={"model.depth": [1, 2]}))
    assert found is not None
    assert found.seconds == pytest.approx(found.one_layer_s + estimate.estimate(large(found.width)).seconds)
    assert found.one_layer_s == pytest.approx(estimate.estimate(large(None, depth=1)).seconds)


def test_a_dry_run_says_what_a_narrower_width_would_take() -> None:
    """One line: what to set, both estimates, and what it does to the rank."""
    changes = ["--set", "problem.shape=[943,1682]", "--set", "problem.observations=90000", "--dry-run"]
    told = call("run", "mf-depth", *changes, "--sweep", "model.depth=3").stdout
    (line,) = [one for one in told.splitlines() if one.startswith("hint: ")]
    assert line.startswith("hint: model.hidden_width = ")
    assert "would take about" in line
    assert "caps the rank at" in line
    assert "hint" not in call("run", "mf-depth", *changes, "--set", "model.hidden_width=50").stdout


def test_where_lanes_of_one_layer_are_most_of_what_is_left_that_is_said() -> None:
    found = estimate.Narrower(width=50, seconds=60.0, seconds_now=600.0, one_layer_s=40.0)
    assert narrower(found).endswith("caps the rank at 50 (depth 1 has no hidden layer, and takes 40 s of it)")
    assert narrower(msgspec.structs.replace(found, one_layer_s=20.0)).endswith("caps the rank at 50")
