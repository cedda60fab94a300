"""A person's own file from the command line: looked into, run by its path, predicted from by its own ids."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest

import presets
from presets import writing
from solver import runs
from tests.tui.calling import call


def archive(path: Path) -> Path:
    """A file as ratings sites give it: ids from one with gaps, :: between cells, a time; rank 1, biases, noise."""
    generator = np.random.default_rng(3)
    users, films = 30, 24
    liked = 3.0 + generator.normal(0, 0.4, (users, 1)) + generator.normal(0, 0.4, (1, films))
    liked = liked + np.outer(generator.standard_normal(users), generator.standard_normal(films))
    stars = np.clip(np.round(liked + generator.normal(0, 0.3, liked.shape)), 1, 5).astype(int)
    lines = [
        f"{2 * i + 1}::{3 * j + 7}::{stars[i, j]}::978{i:03}{j:03}\n"
        for i in range(users)
        for j in range(films)
        if generator.random() < 0.7
    ]
    generator.shuffle(lines)
    path.write_text("".join(lines), encoding="latin-1")
    return path


@pytest.mark.slow
def test_a_file_is_run_by_its_path_and_says_what_must_be_beaten_and_what_to_use(tmp_path: Path) -> None:
    """No setting is needed; the last line says which prediction to take; the export has ids and the best state."""
    archive(tmp_path / "ratings.dat")
    ran = call("run", "ratings.dat", "--out", "run.json", "--set", "stop.max_steps=150", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    told = ran.stderr.splitlines()
    assert "to beat: the constant " in ran.stderr
    assert "rows and columns" in ran.stderr
    assert all(any(line.startswith(f"{depth}: best ") for line in told) for depth in ("depth 2", "depth 3"))
    assert told[-1].split("; ")[-1].startswith("use ")
    if "as `implicit-tui predict` does" in told[-1]:
        predicted = call("predict", "latest", "--out", "p.csv", cwd=tmp_path).stderr
        step = predicted.split("predictions of step ")[1].split(",")[0]
        assert f" step {step} " in told[-1], "both take the lane of the least validation error"
    document = json.loads((tmp_path / "run.json").read_text())
    assert document["spec"]["problem"]["shape"] == [30, 24]
    assert document["spec"]["problem"]["validation_fraction"] == 0.1
    assert document["problem"]["ids"][0][:3] == [1, 3, 5]
    baselines = {name: values["held_out_error"] for name, values in document["baselines"].items()}
    assert set(baselines) == {"constant", "row_means", "column_means", "linear", "nuclear_norm"}
    best = min(lane["final"]["best_held_out_error"] for lane in document["lanes"])
    assert best < 0.5 * baselines["linear"], "the taste is there to be found"
    predicts(tmp_path, document)


def predicts(tmp_path: Path, document: dict[str, object]) -> None:
    """Predictions of the best lane are the export's best end matrix, with the mean given back."""
    lanes, problem = document["lanes"], document["problem"]
    assert isinstance(lanes, list)
    assert isinstance(problem, dict)
    best = min(lanes, key=lambda lane: lane["final"]["best_validation_error"])
    matrix = np.array(best["final"]["best_end_matrix"]) + problem["centre"]["mean"]
    said = call("predict", "latest", "--rows", "3,59", "--given", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    rows = list(csv.reader(io.StringIO(said.stdout)))
    assert rows[0] == ["row", "column", "predicted", "given"]
    assert [row[0] for row in rows[1:]] == ["3"] * 24 + ["59"] * 24
    assert [row[1] for row in rows[1:25]] == [str(3 * j + 7) for j in range(24)]
    np.testing.assert_allclose([float(row[2]) for row in rows[1:25]], matrix[1], rtol=1e-5)
    given = {(row, column): value for row, column, value in problem["observed"]}
    assert [row[3] for row in rows[1:25] if row[3]] == [f"{value:g}" for value in [*given_of_row(given, problem, 1)]], (
        "held-out entries are given too"
    )
    top = list(csv.reader(io.StringIO(call("predict", "latest", "--top", "1", "--rows", "3", cwd=tmp_path).stdout)))
    unseen = [float(row[2]) for row in rows[1:25] if not row[3]]
    assert [float(row[2]) for row in top[1:]] == [max(unseen)]
    refused = call("predict", "latest", "--rows", "4", cwd=tmp_path)
    assert (refused.returncode, "--rows 4 is no row of the file" in refused.stderr) == (2, True)


def given_of_row(
    observed: dict[tuple[int, int], float], problem: dict[str, list[list[float]]], row: int
) -> list[float]:
    everything = dict(observed)
    for part in ("held_out", "validation"):
        everything |= {(int(entry[0]), int(entry[1])): entry[2] for entry in problem[part]}
    return [everything[row, column] for column in range(24) if (row, column) in everything]


def test_data_says_what_is_in_a_file_and_which_command_runs_it(tmp_path: Path) -> None:
    """Format, shape, density, ids, repeated entries, a histogram, the baselines."""
    packed = tmp_path / "my ratings.dat.gz"
    packed.write_bytes(gzip.compress(archive(tmp_path / "ratings.dat").read_bytes()))
    said = call("data", packed.name, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    for wanted in (
        "separated by ::, without a header, gz",
        "30 × 24",
        "1 … 59",
        "column 4 passed over (problem.columns)",
        "repeated    none",
        "linear         rms ",
        "implicit-tui run 'my ratings.dat.gz'",
    ):
        assert wanted in said.stdout
    assert [line.split()[0] for line in said.stdout.splitlines() if "█" in line] == ["1", "2", "3", "4", "5"]
    dry = call("run", packed.name, "--dry-run", cwd=tmp_path)
    assert (dry.returncode, "lanes: 2" in dry.stdout) == (0, True)


def test_what_a_file_is_run_with_can_be_shown_edited_and_run(tmp_path: Path) -> None:
    """As that of a preset: its settings, and not a page of entries, or bytes that a terminal obeys."""
    archive(tmp_path / "ratings.dat")
    shown = call("show", "ratings.dat", cwd=tmp_path).stdout
    assert "::" not in shown
    (tmp_path / "mine.toml").write_text(shown.replace("patience = 100", "patience = 7"))
    dry = call("run", "mine.toml", "--dry-run", "--set", "stop.max_steps=9", cwd=tmp_path)
    assert (dry.returncode, "lanes: 2" in dry.stdout) == (0, True), dry.stderr


@pytest.mark.parametrize("name", ["ratings.dat", "Bewertungen ü.csv.gz", f"{'long' * 20}.csv", "…"])
def test_a_name_that_is_proposed_for_saving_is_one(tmp_path: Path, name: str) -> None:
    """Enter takes it: a dot, a blank or an umlaut of the file's name is none of a preset's."""
    archive(tmp_path / name)
    proposed = writing.proposed(presets.load(str(tmp_path / name)))
    assert writing.place(proposed).stem == proposed
    assert proposed.startswith("my")


def test_the_app_is_opened_on_a_file_by_its_path(tmp_path: Path) -> None:
    """As a run is; without a terminal it gets as far as asking for one, and a file that is not there does not."""
    archive(tmp_path / "ratings.dat")
    assert "the app needs a terminal" in call("ratings.dat", cwd=tmp_path).stderr
    assert "is no command, preset, run or file" in call("absent.dat", cwd=tmp_path).stderr


def test_a_refusal_of_a_file_names_the_setting_and_none_leaves_one_out(tmp_path: Path) -> None:
    """A file's depths are swept and its model is not written down; all of its entries may be fitted."""
    archive(tmp_path / "ratings.dat")
    everything = ["--dry-run", "--set", "problem.test_fraction=0"]
    refused = call("run", "ratings.dat", *everything, cwd=tmp_path)
    assert (refused.returncode, "or stop.patience to none" in refused.stderr) == (2, True)
    assert call("run", "ratings.dat", *everything, "--set", "stop.patience=none", cwd=tmp_path).returncode == 0


def test_data_refuses_what_it_cannot_read_and_takes_settings(tmp_path: Path) -> None:
    """The same sentences and the same settings as a run."""
    (tmp_path / "x.csv").write_text("5,9,0,1\n3,9,1,0\n")
    refused = call("data", "x.csv", "--set", "problem.columns=3,4,9", cwd=tmp_path)
    assert (refused.returncode, "has no column 9 (problem.columns)" in refused.stderr) == (2, True)
    said = call("data", "x.csv", "--set", "problem.columns=3,4,1", cwd=tmp_path)
    assert "2 × 2, 2 entries" in said.stdout
    assert "--set problem.columns=3,4,1" in said.stdout
    assert call("data", "absent.csv", cwd=tmp_path).returncode == 2


def test_a_tensor_is_run_from_a_list_and_predicted_from(tmp_path: Path) -> None:
    """Its file, and what is held out of it, stay where the kind of problem is chosen."""
    lines = [f"{i},{j},{k},{(i + 1) * (j + 1) * (k + 1)}" for i in range(4) for j in range(4) for k in range(4)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    said = call("data", "t.csv", "--tensor", cwd=tmp_path)
    assert "4 × 4 × 4, 64 entries" in said.stdout
    assert "implicit-tui run t.csv --set problem.kind=tensor-completion" in said.stdout
    options = ["--set", "problem.kind=tensor-completion", "--set", "stop.max_steps=40", "--set", "model.components=3"]
    ran = call("run", "t.csv", *options, "--quiet", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    rows = list(csv.reader(io.StringIO(call("predict", "latest", "--given", "--state", "end", cwd=tmp_path).stdout)))
    assert rows[0] == ["mode 0", "mode 1", "mode 2", "predicted", "given"]
    errors = [abs(float(row[3]) - float(row[4])) for row in rows[1:]]
    assert (len(rows), max(errors) < 64) == (65, True)
    assert runs.find("latest").order().preset.name == "t.csv"


def test_predictions_are_of_runs_on_a_file_alone(tmp_path: Path) -> None:
    """One sentence for the others."""
    made = call("run", "mf-depth", "--size", "quick", "--set", "stop.max_steps=3", "--quiet")
    assert made.returncode == 0, made.stderr
    refused = call("predict", "latest")
    assert (refused.returncode, "is not of a file of entries" in refused.stderr) == (2, True)
