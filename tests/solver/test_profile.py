"""Where the time of a run went: counted whole, by lane, in one process or several, and over a stop."""

from __future__ import annotations

import time
from typing import Any

import pytest

from solver import profile
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.turns import grouping
from solver.profile import LaneSeconds, Profile
from solver.rundir import RunDirectory
from tests.solver.resuming import StoppingEar
from tests.solver.small import directory, exported, finished, trained
from tests.tui.calling import call
from tui.shown import profiled

SWEEP: dict[str, list[Any]] = {"model.depth": [1, 2, 3], "model.init": ["gaussian", "balanced"]}
CHANGES = {"stop.max_steps": 120, "record.nuclear_norm": True}


def profile_of(made: RunDirectory) -> Profile:
    found = profile.read(made)
    assert found is not None
    return found


def of_lanes(found: Profile) -> float:
    return sum(one.training_s + one.recording_s + one.pictures_s for one in found.lanes)


def test_nothing_is_counted_twice_and_every_lane_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("solver.machine.cores", lambda: 1)
    made = finished(CHANGES, SWEEP)
    found = profile_of(made)
    assert [one.lane for one in found.lanes] == list(range(6))
    assert all(min(one.training_s, one.recording_s, one.pictures_s) > 0.0 for one in found.lanes)
    assert min(found.start_s, found.baselines_s, found.writing_s) > 0.0
    assert found.waiting_s == 0.0
    assert made.profile.stat().st_mode & 0o777 == 0o600, "no less private than the rest of the run"
    counted = sum(found.here.values()) + of_lanes(found)
    assert 0.5 * found.total_s < counted <= found.total_s + 1e-3


def test_what_a_method_measures_itself_is_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    """As errors over all images are."""
    measured = GradientFlowMethod.measured

    def slow(method: GradientFlowMethod, lane: int) -> dict[str, float]:
        time.sleep(0.02)
        return measured(method, lane)

    monkeypatch.setattr(GradientFlowMethod, "measured", slow)
    made = finished({"stop.max_steps": 10, "record.per_step": 1})
    [lane] = profile_of(made).lanes
    n_frames = len(exported(made)["lanes"][0]["series"]["step"])
    assert lane.recording_s > 0.02 * n_frames


def test_lanes_in_processes_of_their_own_tell_what_they_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """The solver waits for them, and what they take is beside that."""
    monkeypatch.setattr(grouping, "WORTH_A_PROCESS_S", 0.0)
    monkeypatch.setattr("solver.machine.cores", lambda: 2)
    found = profile_of(finished(CHANGES, SWEEP))
    assert [one.lane for one in found.lanes] == list(range(6))
    assert all(min(one.training_s, one.recording_s) > 0.0 for one in found.lanes)
    assert found.waiting_s > 0.0
    assert sum(found.here.values()) <= found.total_s + 1e-3


@pytest.mark.parametrize("apart", [False, True])
def test_a_run_that_is_taken_up_adds_to_what_it_took_before(monkeypatch: pytest.MonkeyPatch, apart: bool) -> None:
    monkeypatch.setattr(grouping, "WORTH_A_PROCESS_S", 0.0 if apart else float("inf"))
    monkeypatch.setattr("solver.machine.cores", lambda: 2)
    made = directory(CHANGES, SWEEP)
    trained(made, StoppingEar(made, 0, 40, die=False))
    before = profile_of(made)
    assert before.lanes
    trained(made)
    after = profile_of(made)
    assert after.total_s > before.total_s
    assert len(after.lanes) == 6
    then = {one.lane: one.training_s for one in before.lanes}
    assert all(one.training_s >= then.get(one.lane, 0.0) for one in after.lanes)


def test_the_export_has_it_and_a_run_without_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "WORTH_A_PROCESS_S", float("inf"))
    made = finished({"stop.max_steps": 5})
    found = profile_of(made)
    assert exported(made)["profile"]["total_s"] == found.total_s
    assert exported(made)["profile"]["lanes"][0]["training_s"] == found.lanes[0].training_s
    made.profile.write_text('{"total_s": "long"}')
    assert exported(made)["profile"] is None
    made.profile.unlink()
    assert exported(made)["profile"] is None
    assert "no profile" in profiled.lines(profile.read(made), str)[0]


def test_run_says_it_at_the_end() -> None:
    done = call("run", "mf-depth", "--set", "stop.max_steps=20", "--profile", "--quiet")
    assert done.returncode == 0
    assert "s in all" in done.stderr
    assert "start: torch, problems, lanes" in done.stderr
    for depth in (1, 2, 3):
        assert f"  depth {depth}\n" in done.stderr
    refused = call("run", "mf-depth", "--detach", "--profile")
    assert refused.returncode == 2
    assert "drop one of the two" in refused.stderr


def test_frames_measured_beside_the_training_are_not_taken_from_the_solvers_time() -> None:
    """Four seconds of frames in a run of three: the lanes have what is left of it, and the rest is nothing."""
    own = {name: 0.0 for name in Profile.__struct_fields__ if name not in ("total_s", "start_s", "lanes")}
    lane = LaneSeconds(lane=0, training_s=1.5, recording_s=4.0)
    told = profiled.lines(Profile(total_s=3.0, start_s=1.0, lanes=[lane], **own), str)
    assert told[2:] == [
        "     2.00 s lanes, below",
        " training recording  pictures  lane, beside each other",
        "     1.50      4.00      0.00  0",
    ]
