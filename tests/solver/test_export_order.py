"""The export has components in one order, and says how its frames follow each other."""

from __future__ import annotations

from typing import Any

import pytest

from solver import export, schema
from solver.history import History
from solver.log import Reader
from solver.rundir import RunDirectory
from tests.solver.small import exported, finished

TENSOR = {
    "problem.kind": "tensor-completion",
    "problem.shape": [4, 4, 4],
    "problem.rank": 2,
    "problem.observations": 50,
    "model.components": 6,
    "model.init_std": 0.2,
    "record.rates": 3,
    "stop.max_steps": 60,
}


def is_the_same_without_identities(made: RunDirectory) -> None:
    """A log of an older version does not say whose the rates are: the largest of each frame, the largest first."""
    lines = made.log.read_text().splitlines()
    assert any('"rate_components"' in line for line in lines)
    history = History()
    history.apply(Reader(made.log).whole())
    for lane in history.lanes:
        del lane.vectors["rate_components"]
    made_of = export._lane(history.lanes[0], [])
    now = export._lane(histories(made).lanes[0], [])
    assert made_of.series.component_rates == now.series.component_rates


def histories(made: RunDirectory) -> History:
    history = History()
    history.apply(Reader(made.log).whole())
    return history


def test_rates_stand_in_the_order_of_the_norms_and_differences_of_the_norms_agree_with_them() -> None:
    """Whichever component is the largest of a frame: its rate is where its norm is."""
    made = finished(TENSOR)
    document = exported(made)
    series: dict[str, Any] = document["lanes"][0]["series"]
    assert "rate_components" not in series
    norms, rates, times = series["component_norms"], series["component_rates"], series["time"]
    checked = 0
    for frame in range(1, len(times) - 1):
        assert len(rates[frame]) == len(norms[frame])
        assert sum(rate is not None for rate in rates[frame]) == 3
        largest = sorted(range(6), key=lambda r, row=norms[frame]: -row[r])[:3]  # type: ignore[misc]
        for r in range(6):
            if rates[frame][r] is None:
                assert r not in largest
                continue
            ahead, behind = times[frame + 1] - times[frame], times[frame] - times[frame - 1]
            if min(ahead, behind) < 0.7 * max(ahead, behind):
                continue
            slope = (norms[frame + 1][r] - norms[frame - 1][r]) / (ahead + behind)
            span = max(abs(norms[frame + 1][r] - norms[frame][r]), 1e-12)
            if abs(slope) * ahead > 1e-3 * norms[frame][r] and span < 0.2 * norms[frame][r]:
                assert rates[frame][r] == pytest.approx(slope, rel=0.3)
                checked += 1
    assert checked > 20
    is_the_same_without_identities(made)


def test_frames_follow_each_other_in_time_where_steps_repeat() -> None:
    document = exported(finished({"record.per_step": 3}))
    series = document["lanes"][0]["series"]
    assert len(set(series["step"])) < len(series["step"]), "states inside a step carry its number"
    assert series["step"] == sorted(series["step"])
    assert all(before < after for before, after in zip(series["time"], series["time"][1:], strict=False))
    described = schema.of_export()["$defs"]["Series"]["properties"]["step"]["description"]
    assert "the step before" in described
    assert document["version"] == 2
