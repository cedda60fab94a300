"""Whole runs on small problems: outcomes, what is recorded, repeatability, and the export."""

from __future__ import annotations

import itertools
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from soak.forked import Child
from solver import __main__ as entry
from solver import client, control, npz, runs, settings
from solver.control import Ear
from solver.costs import costs_of
from solver.history import History
from solver.log import Reader
from solver.progress import progress
from solver.records import Event, Frame, Outcome, worst
from solver.rundir import Order, PresetInfo
from tests.solver.running import ran
from tests.solver.small import (
    LONG,
    OPTIMIZERS,
    SMALL,
    directory,
    exported,
    finished,
    records,
    state_of,
    trained,
    without_clocks,
)
from tests.waiting import stays, until


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: str(o["optimizer.kind"]))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_converged_lane_ends_at_its_first_state_at_the_target(optimizer: dict[str, Any], dtype: str) -> None:
    made = finished({**optimizer, "dtype": dtype, "stop.max_steps": 20_000})
    document = exported(made)
    assert document["outcome"]["kind"] == "converged", document["outcome"]
    lane = document["lanes"][0]
    losses = lane["series"]["train_loss"]
    assert losses[-1] <= 1e-6
    assert all(
        loss > 1e-6
        for loss, step in zip(losses, lane["series"]["step"], strict=True)
        if step < lane["final"]["step"] - 1
    )
    assert lane["final"]["reconstruction_error"] < 0.2
    assert ("time" in lane["series"]) == (optimizer["optimizer.kind"] != "adam")


def test_every_series_is_as_long_as_step_and_the_last_frame_is_final() -> None:
    document = exported(finished(sweep={"model.depth": [1, 2, 3]}))
    for lane in document["lanes"]:
        n = len(lane["series"]["step"])
        assert all(len(column) == n for column in lane["series"].values())
        assert lane["series"]["step"] == sorted(lane["series"]["step"])
        assert lane["final"]["step"] == lane["series"]["step"][-1]
        assert all(len(values) == 8 for values in lane["series"]["singular_values"])
        end_matrix = np.array(lane["final"]["end_matrix"])
        sigma = np.linalg.svd(end_matrix, compute_uv=False)
        np.testing.assert_allclose(lane["final"]["singular_values"], sigma, rtol=1e-9)
        truth = np.array(document["problem"]["ground_truth"])
        error = np.sum((end_matrix - truth) ** 2) / np.sum(truth**2)
        assert lane["final"]["reconstruction_error"] == pytest.approx(error, rel=1e-9)
        residuals = [end_matrix[int(i), int(j)] - y for i, j, y in document["problem"]["observed"]]
        assert lane["final"]["train_loss"] == pytest.approx(np.mean(np.square(residuals)), rel=1e-6)


def test_dense_output_fills_frames_in_without_shortening_steps() -> None:
    """More frames a step leave the accepted steps and the final state exactly as they were."""
    plain, dense = (exported(finished({"record.per_step": pieces})) for pieces in (1, 4))
    one, other = plain["lanes"][0], dense["lanes"][0]
    assert len(other["series"]["step"]) > 2 * len(one["series"]["step"])
    assert one["final"]["end_matrix"] == other["final"]["end_matrix"]
    times = other["series"]["time"]
    assert times == sorted(times)
    losses = other["series"]["train_loss"]
    assert losses[0] == one["series"]["train_loss"][0]


def test_recording_is_bounded() -> None:
    from solver.numerics.lanes.schedule import Schedule

    for optimizer in ("gradient-flow", "gradient-descent"):
        spec = settings.decode({"optimizer": {"kind": optimizer}, "stop": {"max_steps": 10**7}})
        schedule, step, n = Schedule(spec), 0, 1
        while step < 10**7:
            step, n = schedule.after(step), n + 1
        pieces = spec.record.per_step if optimizer == "gradient-flow" else 1
        assert n * pieces <= 2000


def test_recording_takes_a_small_share_of_a_long_run_of_fixed_steps() -> None:
    """By the estimates of a step and a frame, which the benchmark checks."""
    from solver.numerics.lanes.schedule import Schedule

    for depth, n_steps in ((2, 30_000), (3, 20_000), (4, 100_000)):
        spec = settings.decode(
            {
                "problem": {"kind": "matrix-completion", "shape": [100, 100], "rank": 5, "observations": 2000},
                "model": {"kind": "deep-matrix-factorization", "depth": depth},
                "optimizer": {"kind": "group-rmsprop"},
                "stop": {"max_steps": n_steps},
            }
        )
        schedule, step, n = Schedule(spec), 0, 1
        while step < n_steps:
            step, n = schedule.after(step), n + 1
        assert n >= 24
        costs = costs_of(spec)
        assert n * costs.frame_s() <= 0.05 * n_steps * costs.evaluation_s()


def test_every_multiple_of_k_is_recorded() -> None:
    document = exported(
        finished(
            {
                "optimizer.kind": "gradient-descent",
                "record.every": 100,
                "record.geometric": 16,
                "stop.max_steps": 1500,
                "stop.train_loss": 1e-30,
            }
        )
    )
    steps = set(document["lanes"][0]["series"]["step"])
    assert set(range(0, 1501, 100)) <= steps
    assert set(range(16)) <= steps


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: str(o["optimizer.kind"]))
def test_the_same_spec_gives_the_same_log(optimizer: dict[str, Any]) -> None:
    sweep: dict[str, list[Any]] = {"model.depth": [1, 2, 3], "model.init": ["gaussian", "balanced"]}
    changes = {**optimizer, "stop.max_steps": 300, "seeds": 2}
    assert without_clocks(finished(changes, sweep)) == without_clocks(finished(changes, sweep))


def test_a_lane_is_the_same_alone_and_in_a_batch() -> None:
    """Small lanes of one shape train as a batch; what each gives does not depend on the others."""
    together = exported(finished({"seeds": 4}))
    for lane in together["lanes"]:
        alone = exported(finished({"seed": lane["parameters"]["seed"]}))["lanes"][0]
        assert alone["final"]["step"] == lane["final"]["step"]
        np.testing.assert_allclose(alone["final"]["end_matrix"], lane["final"]["end_matrix"], rtol=1e-8, atol=1e-10)


def test_lanes_of_one_seed_share_the_problem_and_seeds_do_not() -> None:
    document = exported(finished({"seeds": 2}, {"model.depth": [1, 2]}))
    assert [lane["problem"] for lane in document["lanes"]] == [0, 1, 0, 1]
    assert len(document["problems"]) == 2
    assert document["problem"] == document["problems"][0] != document["problems"][1]


def test_the_problem_file_is_read_without_numpy_as_with_it() -> None:
    made = finished()
    arrays = npz.read(made.problem)
    with np.load(made.problem, allow_pickle=False) as expected:
        assert set(arrays) == set(expected.files)
        for name, (shape, values) in arrays.items():
            assert shape == expected[name].shape
            np.testing.assert_array_equal(np.array(values).reshape(shape), expected[name])


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"stop.max_steps": 7}, "max-steps", "7 steps were taken"),
        ({"stop.max_time": 0.5}, "max-time", "flow time reached 0.5"),
        ({"stop.max_seconds": 1e-9}, "max-seconds", "the run trained for"),
        (
            {"optimizer.kind": "gradient-descent", "optimizer.step_size": 1e6, "stop.train_loss": None},
            "diverged",
            "step_size 1e+06 is too large",
        ),
        (
            {"optimizer.kind": "gradient-descent", "optimizer.step_size": 0.1, "stop.max_time": 2.0},
            "max-time",
            "flow time reached 2",
        ),
        ({"optimizer.kind": "group-rmsprop", "stop.max_time": 0.5}, "max-time", "flow time reached 0.5"),
    ],
)
def test_what_happens_in_a_run_is_an_outcome(changes: dict[str, Any], kind: str, said: str) -> None:
    document = exported(finished(changes))
    assert document["outcome"]["kind"] == kind
    assert said in document["outcome"]["reason"]
    assert document["lanes"][0]["outcome"]["kind"] == kind
    if "stop.max_time" in changes:
        time_reached = document["lanes"][0]["final"]["time"]
        assert time_reached == pytest.approx(changes["stop.max_time"], rel=0.2)


def test_a_diverged_lane_says_where_and_names_what_is_not_finite() -> None:
    document = exported(
        finished({"optimizer.kind": "gradient-descent", "optimizer.step_size": 1e6, "stop.train_loss": None})
    )
    lane = document["lanes"][0]
    assert 0.0 < float(lane["outcome"]["cure"].removeprefix("try optimizer.step_size ")) < 1e4
    last = str(len(lane["series"]["step"]) - 1)
    assert lane["series"]["train_loss"][-1] is None
    assert lane["nonfinite"]["train_loss"][last] in ("nan", "inf")


@pytest.mark.parametrize("step_size", [1e6, 1e100])
def test_the_progress_of_a_diverged_run_can_be_told(step_size: float) -> None:
    """Its last loss is infinite or not a number, which has no logarithm."""
    made = finished({"optimizer.kind": "gradient-descent", "optimizer.step_size": step_size})
    history = History()
    history.apply(Reader(made.log).read())
    assert history.state == "diverged"
    assert 0.0 <= progress(history, made.order().spec).fraction <= 1.0


def test_one_lane_diverging_leaves_the_others_their_outcome() -> None:
    document = exported(
        finished({"optimizer.kind": "gradient-descent", "stop.max_steps": 200}, {"optimizer.step_size": [0.1, 1e6]})
    )
    assert [lane["outcome"]["kind"] for lane in document["lanes"]] == ["max-steps", "diverged"]
    assert document["outcome"]["kind"] == "diverged"
    assert "1 of 2 lanes" in document["outcome"]["reason"]


def test_the_worst_outcome_is_the_run_s() -> None:
    kinds = ["converged", "max-steps", "max-time", "max-seconds", "stopped", "diverged", "failed"]
    outcomes = [Outcome(kind=kind, reason=kind) for kind in kinds]  # type: ignore[arg-type]
    for n in range(1, len(kinds) + 1):
        assert worst(outcomes[:n]).kind == kinds[n - 1]


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        ({"problem.shape": [5, 12], "problem.observations": 45, "model.depth": 3}, (5, 12)),
        ({"problem.shape": [12, 5], "problem.observations": 45, "model.hidden_width": 7}, (12, 5)),
        ({"model.depth": 5, "model.init": "orthogonal", "model.init_scale": 0.1, "stop.train_loss": 1e-4}, (8, 8)),
        ({"problem.entries": [[0, 1, 1.0], [1, 0, 1.0], [1, 1, 0.0]], "stop.train_loss": 1e-3}, (2, 2)),
    ],
    ids=["wide", "tall", "depth 5", "2x2"],
)
def test_other_shapes_and_depths_run(changes: dict[str, Any], shape: tuple[int, int]) -> None:
    document = exported(finished({"stop.max_steps": 4000, **changes}))
    end_matrix = np.array(document["lanes"][0]["final"]["end_matrix"])
    assert end_matrix.shape == shape
    assert document["outcome"]["kind"] == "converged", document["outcome"]
    assert ("det_sign" in document["lanes"][0]["series"]) == (shape[0] == shape[1])


def test_the_unobserved_entry_of_the_counterexample_outgrows_its_bound() -> None:
    """R20: with det > 0 at the start |w_11| ≥ (1 − sqrt(2ℓ))²/sqrt(2ℓ), so the norm grows as the loss falls."""
    changes = {
        "problem.entries": [[0, 1, 1.0], [1, 0, 1.0], [1, 1, 0.0]],
        "problem.loss": "half-sum",
        "model.depth": 3,
        "model.init": "balanced",
        "model.init_scale": 0.1,
        "model.det_sign": "positive",
        "stop.train_loss": 1e-2,
        "stop.max_steps": 20_000,
    }
    document = exported(finished(changes))
    lane = document["lanes"][0]
    unobserved = abs(lane["final"]["end_matrix"][0][0])
    root = math.sqrt(2 * lane["final"]["train_loss"])
    assert lane["final"]["det_sign"] == 1.0
    assert (1 - root) ** 2 / root <= unobserved
    assert unobserved * root == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o["optimizer.kind"])
@pytest.mark.parametrize("shape", [(2, 4), (4, 2)])
def test_what_is_beside_the_block_of_a_counterexample_stays_zero(
    optimizer: dict[str, Any], shape: tuple[int, int]
) -> None:
    """Its gradient vanishes exactly, whatever the method; so the block's determinant keeps its sign."""
    truth = np.eye(*shape)
    truth[:2, :2] = [[0.0, 1.0], [1.0, 0.0]]
    changes = {
        "problem.entries": [[i, j, float(truth[i, j])] for i, j in np.ndindex(shape) if (i, j) != (0, 0)],
        "model.depth": 3,
        "model.init": "balanced",
        "model.init_scale": 0.3,
        "model.det_sign": "negative",
        "stop.train_loss": 1e-2,
    }
    lane = exported(finished(changes | optimizer))["lanes"][0]
    assert lane["outcome"]["kind"] == "converged", lane["outcome"]
    end_matrix = np.array(lane["final"]["end_matrix"])
    assert not end_matrix[2:].any()
    assert not end_matrix[:, 2:].any()
    assert np.linalg.det(end_matrix[:2, :2]) < 0.0
    assert set(lane["series"]["det_sign"]) == {-1.0}


def test_the_export_says_how_far_the_least_nuclear_norm_may_miss_an_entry_and_what_that_saved() -> None:
    """With no slack its solution is the exact one, whose norm is above the bound that the relaxed run reports."""
    settings = {"problem.shape": [16, 16], "problem.rank": 1, "seeds": 1, "stop.train_loss": 0.1}
    found = {}
    for slack in (0.0, 1e-3):
        changes = settings | {"record.nuclear_norm_slack": slack}
        sweeps = {"problem.observations": [60], "model.depth": [2]}
        found[slack] = exported(ran("low-rank-recovery", changes, sweeps))["baselines"]["nuclear_norm"]
    exact, relaxed = found.values()
    assert exact["slack"] == 0.0
    assert relaxed["slack"] == pytest.approx(1e-3, rel=0.5)  # the observed entries' root mean square is about 1
    assert relaxed["nuclear_norm"] < relaxed["exact_nuclear_norm_at_least"] <= exact["nuclear_norm"]
    assert exact["duality_gap"] <= 1e-4
    assert exact["exact_nuclear_norm_at_least"] == pytest.approx(exact["nuclear_norm"], rel=1e-4)


def test_a_csv_is_fitted_and_its_held_out_entries_measured(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    matrix = np.outer(generator.standard_normal(15), generator.standard_normal(12))
    lines = [f"{i},{j},{matrix[i, j]:.17g}" for i in range(15) for j in range(12) if generator.random() < 0.6]
    (tmp_path / "r.csv").write_text("row,column,value\n" + "\n".join(lines))
    raw = settings.apply(
        SMALL,
        [
            ("problem.file", str(tmp_path / "r.csv")),
            ("problem.test_fraction", 0.2),
            ("problem.shape", [15, 12]),
            ("model.depth", 3),
            ("model.init_scale", 1e-3),
        ],
    )
    made = runs.create(Order(spec=settings.decode(raw), preset=PresetInfo(name="csv"), created=""))
    trained(made)
    document = exported(made)
    series = document["lanes"][0]["series"]
    assert "reconstruction_error" not in series
    assert series["held_out_error"][0] == pytest.approx(1.0, abs=0.05)
    assert series["held_out_error"][-1] < 0.01
    assert len(document["problem"]["held_out"]) == round(0.2 * len(lines))


def test_recorded_rates_agree_with_the_law(tmp_path: Path) -> None:
    """In an export, wherever σ stands above rounding: measured and predicted rates to a hundredth."""
    document = exported(finished(sweep={"model.depth": [1, 2, 3]}))
    compared = 0
    for lane in document["lanes"]:
        series = lane["series"]
        for sigma, measured, predicted in zip(
            series["singular_values"], series["singular_value_rates"], series["predicted_rates"], strict=True
        ):
            for r, rate in enumerate(measured):
                if rate is not None and sigma[r] > 1e-7 * sigma[0]:
                    assert rate == pytest.approx(predicted[r], rel=1e-2, abs=1e-12)
                    compared += 1
    assert compared > 500


def test_a_device_that_is_not_there_is_an_outcome() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    made = finished({"device": "cuda"})
    outcome = made.outcome()
    assert outcome is not None
    assert (outcome.kind, outcome.cause) == ("failed", "device")
    assert "--device auto" in outcome.cure
    assert exported(made)["lanes"] == []


def test_a_solver_process_pauses_goes_on_and_stops() -> None:
    made = directory(LONG)
    solver = client.start(made)
    try:
        until(lambda: state_of(made) == "running")
        assert made.is_solving()
        control.send(made, "pause")
        until(lambda: state_of(made) == "paused")
        size = made.log.stat().st_size
        assert stays(lambda: made.log.stat().st_size == size)
        control.send(made, "resume")
        until(lambda: state_of(made) == "running")
        assert client.stop(made)
        assert solver.wait(10) == 0
    finally:
        solver.kill()
    assert made.state() == "stopped"
    assert exported(made)["outcome"]["kind"] == "stopped"


def test_a_run_goes_on_when_its_holder_goes_and_ends_at_the_detached_limit() -> None:
    raw = settings.apply(SMALL, list(LONG.items()))
    order = Order(spec=settings.decode(raw), preset=PresetInfo(name="small"), created="", detached_limit_s=0.4)
    made = runs.create(order)
    solver = client.start(made)
    try:
        until(lambda: state_of(made) == "running")
        solver.release()
        assert solver.wait(20) == 0
    finally:
        solver.kill()
    outcome = made.outcome()
    assert outcome is not None
    assert outcome.kind == "stopped"
    assert "detached limit" in outcome.reason


def test_a_warmed_solver_takes_a_run_and_an_idle_one_ends_with_us() -> None:
    warmed, idle = client.warm(), client.warm()
    try:
        made = directory()
        warmed.give(made)
        assert warmed.wait(60) == 0
        assert made.state() == "converged"
        idle.release()
        assert idle.wait(30) == 0
    finally:
        warmed.kill()
        idle.kill()


def test_a_killed_solver_leaves_a_readable_run() -> None:
    made = directory(LONG)
    solver = Child(lambda: entry.solve(made.path))
    until(lambda: any(isinstance(record, Frame) for record in records(made)))
    os.kill(solver.pid, signal.SIGKILL)
    solver.wait(10)
    assert made.state() == "killed"
    document = exported(made)
    assert document["outcome"]["cause"] == "killed"
    assert document["damaged_lines"] == 0
    assert len(document["lanes"][0]["series"]["step"]) >= 1


def test_a_command_sent_before_the_solver_is_up_is_heard() -> None:
    made = directory(LONG)
    control.send(made, "stop")
    solver = Child(lambda: entry.solve(made.path))
    assert solver.wait(60) == 0
    assert made.state() == "stopped"


def test_a_warmed_solver_has_imported_torch() -> None:
    solver = client.warm()
    try:
        until(lambda: "libtorch" in Path(f"/proc/{solver.pid}/maps").read_text())
    finally:
        solver.kill()


@pytest.mark.parametrize("optimizer", OPTIMIZERS[:2], ids=lambda o: str(o["optimizer.kind"]))
def test_numbers_beyond_range_end_the_run(optimizer: dict[str, Any]) -> None:
    """Neither an endless loop nor an unexpected error."""
    document = exported(finished({**optimizer, "model.depth": 3, "model.init_scale": 1e100}))
    assert document["outcome"]["kind"] in ("failed", "diverged")
    assert document["outcome"].get("cause", "") != "internal"
    assert document["outcome"]["cure"]


@pytest.mark.parametrize("settings_of", [{"dtype": "float64"}, {"dtype": "float32", "optimizer.rtol": 1e-4}])
def test_a_loss_that_the_precision_cannot_tell_ends_the_run_with_what_it_can(settings_of: dict[str, Any]) -> None:
    """And the cure is one."""
    changes = {**settings_of, "model.depth": 1}
    made = finished({**changes, "stop.train_loss": 1e-300})
    outcome = made.outcome()
    assert outcome is not None
    assert (outcome.kind, outcome.cause) == ("stopped", "precision")
    assert not outcome.is_unfinished
    least = float(outcome.cure.split("stop.train_loss to ")[1].split()[0])
    cured = finished({**changes, "stop.train_loss": least}).outcome()
    assert cured is not None
    assert cured.kind == "converged"


def test_the_clock_begins_with_the_first_step_and_stands_still_while_a_run_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(control, "time", SimpleNamespace(monotonic=lambda: now[0]))
    ear = Ear(directory(), None, 1e9)
    ear.before_s = 5.0
    with ear.idle():
        now[0] += 3.0
    assert ear.elapsed_s() == 5.0
    ear.start_clock()
    now[0] += 2.0
    assert ear.elapsed_s() == 7.0
    with ear.idle():
        now[0] += 10.0
        with ear.idle():
            now[0] += 10.0
        assert ear.elapsed_s() == 7.0
    now[0] += 1.0
    assert ear.elapsed_s() == 8.0


COUNTEREXAMPLE: dict[str, Any] = {
    "problem.entries": [[0, 1, 1.0], [1, 0, 1.0], [1, 1, 0.0]],
    "problem.loss": "half-sum",
    "model.init": "balanced",
    "model.init_scale": 0.1,
    "model.det_sign": "positive",
    "stop.train_loss": 1e-4,
    "stop.max_steps": 20_000,
}


@pytest.mark.parametrize("seed", [0, 1])
def test_a_flipped_determinant_is_no_convergence(seed: int) -> None:
    """R20's problem at depth 2: σ_2 falls to the tolerance, the sign is lost, and a false convergence would follow."""
    document = exported(finished({**COUNTEREXAMPLE, "model.depth": 2, "seed": seed}))
    assert document["outcome"]["kind"] == "stopped"
    assert document["outcome"]["cause"] == "sign"
    assert "determinant lost its sign" in document["outcome"]["reason"]


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("rtol", [1e-4, 1e-2])
def test_the_flow_reaches_losses_far_below_its_tolerance(depth: int, rtol: float) -> None:
    """A step that raises the loss is rejected, so steps on the limit of stability do not hover above the target."""
    changes = {
        "problem.entries": [[0, 0, 2.0], [1, 1, 1.0], [0, 1, -1.0]],
        "model.depth": depth,
        "optimizer.rtol": rtol,
        "stop.train_loss": 1e-11,
        "stop.max_steps": 5000,
    }
    document = exported(finished(changes))
    assert document["outcome"]["kind"] == "converged", document["outcome"]
    losses = document["lanes"][0]["series"]["train_loss"]
    steps = document["lanes"][0]["series"]["step"]
    accepted = [loss for loss, step, after in zip(losses, steps, steps[1:], strict=False) if after > step]
    assert all(after <= before * (1 + 1e-6) for before, after in itertools.pairwise(accepted))


def test_a_target_that_predicting_zero_meets_is_refused() -> None:
    """Any small start would have converged, with itself as the solution."""
    for optimizer in OPTIMIZERS:
        document = exported(finished({**optimizer, "stop.train_loss": 1e3}))
        assert document["outcome"]["kind"] == "failed"
        assert document["outcome"]["cause"] == "input"
        assert "stop.train_loss is 1000, and predicting zero has a loss of" in document["outcome"]["reason"]


def test_a_start_at_the_target_is_the_last_frame() -> None:
    """A start that happens to fit well enough, below what predicting zero has."""
    for optimizer in OPTIMIZERS:
        changes = {"problem.entries": [[0, 0, 1.0], [0, 1, 0.1], [1, 0, 0.1]], "problem.shape": [2, 2]}
        start = {"model.init": "identity", "model.init_scale": 1.0, "stop.train_loss": 0.1}
        document = exported(finished({**optimizer, **changes, **start}))
        assert document["outcome"]["kind"] == "converged"
        assert document["lanes"][0]["series"]["step"] == [0]


def test_a_gradient_of_exactly_zero_ends_the_run() -> None:
    changes = {"problem.entries": [[0, 1, 0.0]], "problem.shape": [3, 3], "model.init": "identity"}
    document = exported(finished({**changes, "model.depth": 3, "stop.train_loss": None}))
    assert document["outcome"]["kind"] == "stopped"
    assert "gradient is exactly zero" in document["outcome"]["reason"]


def test_a_narrow_layer_makes_the_determinant_exactly_zero() -> None:
    changes = {"problem.shape": [5, 5], "problem.observations": 15, "model.hidden_width": 4, "stop.max_steps": 20}
    lane = exported(finished(changes))["lanes"][0]
    assert set(lane["series"]["det_sign"]) == {0.0}
    assert set(lane["nonfinite"]["log_abs_det"].values()) == {"-inf"}


@pytest.mark.parametrize("init", ["gaussian", "balanced", "identity", "orthogonal"])
@pytest.mark.parametrize("depth", [3, 4])
def test_no_singular_value_escapes_before_the_predicted_time(init: str, depth: int) -> None:
    """The frozen-γ time bounds the plateau from below for every start, not for the identity alone."""
    changes = {"model.depth": depth, "model.init": init, "model.init_scale": 1e-4, "seeds": 3, "record.rates": 0}
    made = finished({**changes, "stop.train_loss": None, "stop.max_steps": 120, "optimizer.rtol": 1e-6})
    events = [event for event in records(made) if isinstance(event, Event)]
    predicted = {event.lane: event.time for event in events if event.name == "predicted-escape"}
    assert len(predicted) == 3
    for lane in exported(made)["lanes"]:
        series = lane["series"]
        first = [values[0] for values in series["singular_values"]]
        rise = next(time for time, sigma in zip(series["time"], first, strict=True) if sigma > 0.5 * first[-1])
        # Half of the end is passed a little before σ would be infinite.
        assert rise > 0.85 * (predicted[lane["index"]] or math.inf), (rise, predicted)


def test_a_flipped_bit_in_the_first_line_leaves_every_lane() -> None:
    made = finished()
    data = bytearray(made.log.read_bytes())
    data[30] ^= 1
    made.log.write_bytes(data)
    document = exported(made)
    assert len(document["lanes"]) == 1
    assert document["damaged_lines"] == 1


def test_a_damaged_problem_file_costs_the_problem_alone() -> None:
    made = finished()
    whole = made.problem.read_bytes()
    for position in range(0, len(whole), 97):
        data = bytearray(whole)
        data[position] ^= 4
        made.problem.write_bytes(data)
        assert len(exported(made)["lanes"]) == 1


def test_two_solvers_on_one_run_are_refused() -> None:
    made = directory(LONG)
    first = client.start(made)
    try:
        until(lambda: state_of(made) == "running")
        second = client.start(made)
        assert second.wait(30) == 4
        assert "another solver works on" in made.output.read_text()
    finally:
        client.stop(made)
        first.wait(10)
        first.kill()


def test_a_bug_in_the_solver_is_an_outcome_and_its_traceback_stays_in_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged problem of our own making: the person reads a sentence, solver.out has the rest."""
    made = directory()
    code = (
        "import sys, solver.numerics.problem_file as p\n"
        "def broken(*a): raise RuntimeError('planted')\n"
        "p.write = broken\n"
        "from pathlib import Path\n"
        "from solver.__main__ import solve\n"
        f"sys.exit(solve(Path({str(made.path)!r})))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    assert result.returncode == 1
    outcome = made.outcome()
    assert outcome is not None
    assert (outcome.kind, outcome.cause) == ("failed", "internal")
    assert "planted" in outcome.reason
    assert "Traceback" in made.output.read_text()
    assert result.stderr == b""
