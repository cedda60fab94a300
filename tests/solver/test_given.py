"""Entries of a file: what is held out and taken out, what must be beaten, the best step, and when to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solver import biases, data_files, held_out, predictions, runs, settings, truth
from solver.history import History, LaneHistory
from solver.numerics.problems.observed import ObservedProblem, observed_problem
from solver.records import Baseline, LaneSchema
from solver.refusal import BadSetting
from solver.rundir import Order, PresetInfo, RunDirectory
from solver.spec import MatrixCompletion
from tests.solver.resuming import StoppingEar
from tests.solver.small import exported, records, trained, without_clocks

ROWS, COLUMNS = 14, 11


def ratings(path: Path, noise: float = 0.7) -> Path:
    """A rank-1 preference beside biases, with noise that is better not fitted; a mean far from zero."""
    generator = np.random.default_rng(5)
    taste = np.outer(generator.standard_normal(ROWS), generator.standard_normal(COLUMNS))
    values = 3.5 + generator.normal(0, 0.5, (ROWS, 1)) + generator.normal(0, 0.5, (1, COLUMNS)) + 0.5 * taste
    values = values + noise * generator.standard_normal(values.shape)
    seen = generator.random(values.shape) < 0.75
    seen[:, 0] = seen[0] = True
    lines = [f"v{i:02},{j + 1},{values[i, j]:.2f},0" for i, j in zip(*np.nonzero(seen), strict=True)]
    path.write_text("viewer,film,rating,time\n" + "\n".join(lines) + "\n")
    return path


def problem_of(path: Path, **fields: Any) -> ObservedProblem:
    return observed_problem(MatrixCompletion(file=str(path), test_fraction=0.2, validation_fraction=0.1, **fields), 0)


def test_the_additive_model_is_the_damped_least_squares_solution(tmp_path: Path) -> None:
    """In closed form: a and b minimise Σ(y − μ − a_i − b_j)² + λ(|a|² + |b|²), a linear system of its own."""
    given = problem_of(ratings(tmp_path / "r.csv")).given
    assert given is not None
    indices, left = given.indices, given.values - given.values.mean()
    design = np.zeros((len(left), ROWS + COLUMNS))
    design[np.arange(len(left)), indices[:, 0]] = 1.0
    design[np.arange(len(left)), ROWS + indices[:, 1]] = 1.0
    normal = design.T @ design + biases.DAMPING * np.eye(ROWS + COLUMNS)
    exact = np.linalg.solve(normal, design.T @ left)
    found = biases.additive(indices.T.tolist(), given.values.tolist(), (ROWS, COLUMNS))
    np.testing.assert_allclose(np.concatenate([np.array(mode) for mode in found.modes]), exact, atol=2e-3)
    assert found.mean == pytest.approx(given.values.mean())


def test_what_must_be_beaten_is_measured_on_the_held_out_entries(tmp_path: Path) -> None:
    """The constant by hand; and who knows rows and columns errs less than who knows one of them, on these data."""
    given = problem_of(ratings(tmp_path / "r.csv")).given
    assert given is not None
    found = given.predictors()
    error = float(np.mean((given.test_values - given.values.mean()) ** 2))
    assert found["constant"]["held_out_rmse"] == pytest.approx(np.sqrt(error))
    assert found["constant"]["held_out_error"] == pytest.approx(error / np.mean(given.test_values**2))
    assert set(found) == {"constant", "row_means", "column_means", "linear"}
    assert found["linear"]["held_out_error"] < min(found[name]["held_out_error"] for name in ("constant", "row_means"))


@pytest.mark.parametrize("centre", ["none", "mean", "rows-and-columns"])
def test_what_is_taken_out_is_learned_of_the_training_entries_and_given_back(tmp_path: Path, centre: Any) -> None:
    """The values in the file's unit are the centre and what is fitted; errors do not depend on which is which."""
    problem = problem_of(ratings(tmp_path / "r.csv"), centre=centre)
    given = problem.given
    assert given is not None
    np.testing.assert_allclose(problem.values + given.taken_out(given.indices), given.values, rtol=1e-14)
    same = problem_of(ratings(tmp_path / "r.csv"), centre="none").given
    assert same is not None
    np.testing.assert_array_equal(given.test_values, same.test_values)
    guess = np.random.default_rng(0).normal(3.5, 1, problem.shape)
    everywhere = np.argwhere(np.ones(problem.shape, dtype=bool))
    left = guess - given.taken_out(everywhere).reshape(problem.shape)
    errors = given.errors(lambda at: left[tuple(at.T)])
    wanted = same.errors(lambda at: guess[tuple(at.T)])
    assert errors == pytest.approx(wanted)
    if centre != "none":
        assert abs(problem.values.mean()) < 1e-2


def test_training_validation_and_test_entries_are_apart_and_all_there(tmp_path: Path) -> None:
    """No entry is judged by that chose or taught."""
    given = problem_of(ratings(tmp_path / "r.csv")).given
    assert given is not None
    parts = [set(map(tuple, one.tolist())) for one in (given.indices, given.test_indices, given.validation_indices)]
    n = len(data_files.table(MatrixCompletion(file=str(tmp_path / "r.csv"))).values)
    assert sum(map(len, parts)) == len(set.union(*parts)) == n
    assert [len(part) for part in parts[1:]] == [round(0.2 * n), round(0.1 * n)]


def made(path: Path, changes: dict[str, Any] | None = None, **problem: Any) -> RunDirectory:
    raw = {
        "problem": {"kind": "matrix-completion", "file": str(path), "test_fraction": 0.2} | problem,
        "model": {"kind": "deep-matrix-factorization", "depth": 2, "init_scale": 1e-2},
        "stop": {"train_loss": 1e-4, "max_steps": 3000},
        "device": "cpu",
    }
    raw = settings.apply(raw, list((changes or {}).items()))
    spec = data_files.settle(settings.decode(raw), path.parent)
    return runs.create(Order(spec=spec, preset=PresetInfo(name="small"), created="2026-01-01"))


def history_of(run: RunDirectory) -> History:
    history = History()
    history.apply(records(run))
    return history


def in_unit(document: dict[str, Any], matrix: Any) -> np.ndarray[Any, Any]:
    """Predictions of an exported end matrix."""
    centre = document["problem"]["centre"]
    rows, columns = (np.array(added) if added else 0.0 for added in centre["modes"])
    found: np.ndarray[Any, Any] = (
        np.array(matrix) + centre["mean"] + np.reshape(rows, (-1, 1)) + np.reshape(columns, (1, -1))
    )
    return found


@pytest.mark.parametrize("validation", [0.0, 0.1])
def test_the_best_state_is_that_of_the_least_error_and_its_matrix_gives_it(tmp_path: Path, validation: float) -> None:
    """Told, exported with its step, and right when the error is computed again from the export alone."""
    run = made(ratings(tmp_path / "r.csv"), validation_fraction=validation, centre="rows-and-columns")
    trained(run)
    document = exported(run)
    lane, problem = document["lanes"][0], document["problem"]
    series, final = lane["series"], lane["final"]
    by = "validation_error" if validation else "held_out_error"
    best = int(np.argmin(series[by]))
    assert final[f"best_{by}"] == min(series[by])
    assert (final["best_step"], final["best_held_out_error"]) == (series["step"][best], series["held_out_error"][best])
    assert final["best_held_out_error"] < final["held_out_error"], "fitting the noise is no gain"
    for name, told in (("best_end_matrix", "best_held_out_rmse"), ("end_matrix", "held_out_rmse")):
        predicted = in_unit(document, final[name])
        errors = [predicted[row, column] - value for row, column, value in problem["held_out"]]
        assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(final[told], rel=1e-9)
    assert [len(ids) for ids in problem["ids"]] == [ROWS, COLUMNS]
    assert (problem["ids"][0][3], problem["ids"][1][0], problem["names"]) == ("v03", 1, ["viewer", "film"])


def test_patience_ends_a_lane_so_many_steps_after_its_best(tmp_path: Path) -> None:
    """By the validation error alone; and the run says so, and is over."""
    run = made(ratings(tmp_path / "r.csv"), {"stop.patience": 15, "stop.train_loss": 1e-9})
    trained(run)
    document = exported(run)
    lane = document["lanes"][0]
    assert (lane["outcome"]["kind"], lane["outcome"]["cause"]) == ("stopped", "patience")
    assert f"at step {lane['final']['best_step']}" in lane["outcome"]["reason"]
    assert lane["final"]["step"] - lane["final"]["best_step"] >= 15
    assert not run.can_resume()
    assert document["spec"]["problem"]["validation_fraction"] == document["spec"]["problem"]["test_fraction"] == 0.1


def test_a_run_taken_up_keeps_its_best_state(tmp_path: Path) -> None:
    """Bit for bit: also where the best lies before the checkpoint."""
    path = ratings(tmp_path / "r.csv")
    whole, cut = made(path), made(path)
    trained(whole)
    with pytest.raises(KeyboardInterrupt):
        trained(cut, StoppingEar(cut, 20, 25, die=True))
    # What was read is kept with the run.
    path.unlink()
    trained(cut)
    assert without_clocks(cut) == without_clocks(whole)
    assert (
        exported(cut)["lanes"][0]["final"]["best_end_matrix"] == exported(whole)["lanes"][0]["final"]["best_end_matrix"]
    )


@pytest.mark.parametrize("width", [2, 8])
def test_a_symmetric_file_is_held_out_in_pairs_and_predicted_from(tmp_path: Path, width: int) -> None:
    """UUᵀ has an entry and its mirror image at once: one that is trained on would tell the other."""
    factor = np.random.default_rng(2).standard_normal((12, 2))
    lines = [f"{i},{j},{factor[i] @ factor[j]:.4f}" for i in range(12) for j in range(12) if (i * j) % 5 != 1]
    (tmp_path / "s.csv").write_text("\n".join(lines))
    changes = {"model.kind": "symmetric-matrix-factorization", "model.width": width, "stop.max_steps": 40}
    run = made(tmp_path / "s.csv", changes, validation_fraction=0.2)
    trained(run)
    document = exported(run)
    for part in ("held_out", "validation", "observed"):
        places = {(row, column) for row, column, _ in document["problem"][part]}
        assert places == {(column, row) for row, column in places}, part
    final, history = document["lanes"][0]["final"], history_of(run)
    states: list[tuple[predictions.State, str]] = [("best", "best_end_matrix"), ("end", "end_matrix")]
    for state, name in states:
        found = predictions.predictor(run, history, None, state)
        np.testing.assert_allclose([found.row(row) for row in range(12)], in_unit(document, final[name]), atol=1e-9)


def test_the_best_state_of_a_tensor_is_exported_too(tmp_path: Path) -> None:
    """Its errors come out of it again, and what is asked of rows is refused where there are none."""
    vectors = np.random.default_rng(4).standard_normal((3, 5))
    tensor = np.einsum("i,j,k->ijk", *vectors) + 0.1 * np.random.default_rng(5).standard_normal((5, 5, 5))
    (tmp_path / "t.csv").write_text("\n".join(f"{i},{j},{k},{value}" for (i, j, k), value in np.ndenumerate(tensor)))
    raw = {
        "problem": {"kind": "tensor-completion", "file": "t.csv", "test_fraction": 0.2},
        "model": {"kind": "cp", "components": 2},
        "stop": {"max_steps": 30},
    }
    spec = data_files.settle(settings.decode(raw), tmp_path)
    run = runs.create(Order(spec=spec, preset=PresetInfo(name="small"), created="2026-01-01"))
    trained(run)
    document = exported(run)
    final = document["lanes"][0]["final"]
    best = np.array(final["best_end_tensor"]).reshape(5, 5, 5) + document["problem"]["centre"]["mean"]
    squared = [(best[i, j, k] - value) ** 2 for i, j, k, value in document["problem"]["held_out"]]
    assert np.sqrt(np.mean(squared)) == pytest.approx(final["best_held_out_rmse"], rel=1e-9)
    found = predictions.predictor(run, history_of(run), None, None)
    with pytest.raises(BadSetting, match="which has no rows: leave --rows and --top out"):
        list(predictions.table(found, None, 1, given=False))


def test_names_and_centre_are_there_for_who_shows_the_run(tmp_path: Path) -> None:
    """Without NumPy: entries in the file's unit, predictions with the centre given back."""
    run = made(ratings(tmp_path / "r.csv"))
    trained(run)
    (found,) = truth.read(run.problem)
    document = exported(run)
    matrix = document["lanes"][0]["final"]["end_matrix"]
    shown = np.array(found.in_unit([value for row in matrix for value in row])).reshape(ROWS, COLUMNS)
    np.testing.assert_allclose(shown, in_unit(document, matrix))
    assert (found.name(0, 3), found.name(1, 2), found.mode_name(1), found.value_name) == ("v03", "3", "film", "rating")
    row, column, value = document["problem"]["held_out"][0]
    assert found.held_out[row * COLUMNS + column] == value
    assert {record.name for record in records(run) if isinstance(record, Baseline)} >= {"constant", "linear"}


def test_what_to_use_is_the_lane_that_predictions_are_made_of() -> None:
    """Validation entries choose among lanes, and held-out ones judge: their least would flatter the lane it chose."""
    history = History()
    series = ["step", "elapsed_s", "train_loss", "held_out_error", "held_out_rmse", "validation_error"]
    for index, (held, chosen) in enumerate([((0.30, 0.20), (0.4, 0.1)), ((0.15, 0.18), (0.3, 0.2))]):
        lane = LaneHistory(LaneSchema(index=index, parameters={"model.depth": 2 + index}, series=series, problem=0))
        columns = {"step": (0.0, 7.0), "held_out_error": held, "held_out_rmse": held, "validation_error": chosen}
        for name, values in columns.items():
            lane.columns[name].extend(values)
        history.lanes.append(lane)
    told = held_out.lines(history, lambda lane: f"lane {lane.index}", str)
    assert told[-1] == "use lane 0 at step 7 (0.2), as `implicit-tui predict` does"
    assert predictions._lane(history, None).index == 0
    history.baselines[0] = {"linear": {"held_out_error": 0.19, "held_out_rmse": 0.5}}
    told = held_out.lines(history, lambda lane: f"lane {lane.index}", str)
    assert told[-1] == "use rows and columns (0.19), which lane 0, of the least validation error, does not beat"
