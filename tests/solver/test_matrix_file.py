"""A person's own ground truth: read as NumPy reads it, refused in a sentence, and kept with the run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from presets import Preset, load, read, writing
from solver import data_files, matrix_file, runs, settings
from solver.numerics.problems.observed import observed_problem
from solver.refusal import BadSetting
from solver.rundir import Order, PresetInfo, RunDirectory
from solver.spec import MatrixCompletion, MatrixSensing, RunSpec
from tests.solver import running
from tests.solver.resuming import StoppingEar
from tests.solver.small import SMALL, exported, trained
from tests.tui.calling import call


def saved(path: Path, array: Any, **how: Any) -> Path:
    np.save(path, np.asarray(array), **how)
    return path


def spec_of(path: Path, **changes: Any) -> RunSpec:
    raw = settings.apply(SMALL, [("problem.ground_truth", str(path))])
    raw = settings.apply(raw, [(name.replace("__", "."), value) for name, value in changes.items()])
    return data_files.settle(settings.decode(raw), path.parent)


@given(
    array=arrays.arrays(
        dtype=st.sampled_from(["<f8", ">f8", "<f4", ">f4", "<i8", ">i4", "<i2", "|i1", "<u4", "|u1", "|b1"]),
        shape=arrays.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements={"min_value": 0, "max_value": 1},
    ),
    by_columns=st.booleans(),
)
def test_npy_of_any_type_and_order_is_what_numpy_reads(
    tmp_path_factory: pytest.TempPathFactory, array: Any, by_columns: bool
) -> None:
    if not array.any():
        array[0, 0] = 1
    path = saved(tmp_path_factory.mktemp("npy") / "w.npy", np.asfortranarray(array) if by_columns else array)
    matrix = matrix_file.read(path)
    assert matrix.shape == array.shape
    np.testing.assert_array_equal(np.array(matrix.values).reshape(matrix.shape), array.astype(np.float64))


def test_a_csv_keeps_every_digit_and_passes_over_empty_lines(tmp_path: Path) -> None:
    array = np.random.default_rng(0).standard_normal((5, 7))
    path = tmp_path / "w.csv"
    text = "\n".join(",".join(repr(float(value)) for value in row) for row in array)
    path.write_text("\ufeff" + text.replace("\n", "\r\n\r\n", 1) + "\n", encoding="utf-8")
    matrix = matrix_file.read(path)
    assert matrix.shape == (5, 7)
    np.testing.assert_array_equal(np.array(matrix.values).reshape(5, 7), array)


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


HEAD = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2)}"
BAD: list[tuple[bytes, str]] = [
    (b"", "is empty: give a row"),
    (b"\n\n", "is empty: give a row"),
    (b"1,2\n3\n", "line 2 has 1 cells, and line 1 has 2: give each row as many"),
    (b"\n1,2\n\n3,4,5\n", "line 4 has 3 cells, and line 2 has 2"),
    (b"a,b\n1,2\n", "line 1 column 1 has 'a': write numbers with commas between them, and no header"),
    (b"1 2\n3 4\n", "line 1 column 1 has '1 2': write numbers with commas"),
    (b"1,\n3,4\n", "line 1 column 2 is empty: give every entry"),
    (b"1,2\n3,nan\n", "line 2 column 2 is nan: correct it"),
    (b"1,-inf\n3,4\n", "line 1 column 2 is -inf: correct it"),
    (b"0,0\n0,0\n", "has zeros alone"),
    (b"1,1e101\n", "values up to 1e+101, and 1e+100 is the most"),
    (b"1e308,1e308\n", "values up to 1e+308, and 1e+100 is the most"),
    (b"\xff\xfe1,2", "is neither NPY nor a CSV text file"),
    (b"PK\x03\x04rest", "save the one array with numpy.save"),
    (b"1," * 20_000 + b"1\n", "20000 rows and columns: give a part of it"),
    (b"\x93NUMPY\x01", "has a damaged NPY header"),
    (npy("{'descr': '<f8'}"), "has a damaged NPY header"),
    (npy("nonsense("), "has a damaged NPY header"),
    (npy(HEAD, bytes(31)), "is cut or too long for its shape 2 × 2"),
    (npy(HEAD, bytes(40)), "is cut or too long for its shape 2 × 2"),
    (npy(HEAD.replace("(2, 2)", "(4,)"), bytes(32)), "has an array of shape 4, not a matrix"),
    (npy(HEAD.replace("(2, 2)", "(2, 2, 1)"), bytes(32)), "has an array of shape 2 × 2 × 1, not a matrix"),
    (npy(HEAD.replace("(2, 2)", "(0, 2)")), "which is empty"),
    (npy(HEAD.replace("(2, 2)", "(2, -2)"), bytes(32)), "has a damaged NPY header"),
    (npy(HEAD.replace("(2, 2)", "(3000, 3000)"), bytes(8)), "4000000 are the most"),
    (npy(HEAD.replace("<f8", "<c16"), bytes(64)), "numbers of type <c16: save them as float64"),
    (npy(HEAD.replace("<f8", "|O"), bytes(32)), "numbers of type |O"),
    (npy(HEAD, np.array([1.0, 2.0, np.nan, 4.0]).tobytes()), "entry [1, 0], counted from zero, is nan"),
]


@pytest.mark.parametrize(("data", "said"), BAD, ids=[said[:40] for _, said in BAD])
def test_what_is_no_ground_truth_is_refused_in_one_sentence(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "w.dat"
    path.write_bytes(data)
    with pytest.raises(BadSetting) as refused:
        matrix_file.read(path)
    sentence = str(refused.value)
    assert said in sentence, sentence
    assert sentence.startswith("problem.ground_truth w.dat: ")
    assert "\n" not in sentence
    assert refused.value.field == "problem.ground_truth"


@pytest.mark.parametrize("place", ["absent.npy", "."])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, place: str) -> None:
    with pytest.raises(BadSetting, match=r"problem\.ground_truth .*cannot be read"):
        matrix_file.read(tmp_path / place)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadSetting, match="cannot be read"):
        matrix_file.read(tmp_path / "pipe")


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form asks at every letter that is typed."""
    path = saved(tmp_path / "w.npy", np.eye(3))
    first = matrix_file.read(path)
    monkeypatch.setattr(matrix_file, "read_whole", lambda *_: pytest.fail("it was read again"))
    assert matrix_file.read(path) is first
    monkeypatch.undo()
    saved(path, 2.0 * np.eye(4))
    assert matrix_file.read(path).shape == (4, 4)


@pytest.mark.parametrize(
    ("problem", "field", "said"),
    [
        ({"rank": 2}, "problem.rank", "leave rank out"),
        ({"frobenius_norm": 2.0}, "problem.frobenius_norm", "leave frobenius_norm out"),
        ({"spectrum": [2.0]}, "problem.spectrum", "leave spectrum out"),
        ({"condition_number": 2.0}, "problem.condition_number", "leave condition_number out"),
        ({"symmetric": True}, "problem.symmetric", "leave symmetric out"),
        ({"file": "a.csv"}, "problem.file", "file and ground_truth are both given"),
        ({"entries": [[0, 0, 1.0]]}, "problem.entries", "entries and ground_truth are both given"),
        ({"test_fraction": 0.1}, "problem.test_fraction", "no file is given"),
        ({"shape": [6, 5]}, "problem.shape", "problem.shape 6 × 5 is not that of w.npy, 6 × 4: leave it out"),
        ({"observations": 25}, "problem.observations", "observations 25 is more than the 24 entries of shape 6 × 4"),
        ({"mask": "symmetric"}, "problem.mask", "needs a square matrix, and shape is 6 × 4"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_contradicts_the_file_is_refused(tmp_path: Path, problem: dict[str, Any], field: str, said: str) -> None:
    saved(tmp_path / "w.npy", np.ones((6, 4)))
    raw = {"problem": {"kind": "matrix-completion", "ground_truth": "w.npy", "observations": 10} | problem}
    with pytest.raises(BadSetting) as refused:
        data_files.settle(settings.decode(raw), tmp_path)
    assert said in str(refused.value)
    assert refused.value.field == field


def test_a_file_that_changed_its_shape_since_it_was_asked_for_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.npy", np.ones((6, 4)))
    settled = spec_of(path, problem__observations=10).problem
    saved(path, np.ones((5, 4)))
    with pytest.raises(BadSetting, match=r"problem\.shape 6 × 4 is not that of w\.npy, 5 × 4"):
        observed_problem(settled, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["matrix-completion", "matrix-sensing"])
def test_entries_and_measurements_of_it_are_observed(tmp_path: Path, kind: str) -> None:
    """Shape from the file, number and noise from the settings; the path is from the TOML file's directory."""
    array = np.random.default_rng(1).standard_normal((6, 4))
    saved(tmp_path / "w.npy", array)
    raw = {"problem": {"kind": kind, "ground_truth": "w.npy", "observations": 11}}
    problem = data_files.settle(settings.decode(raw), tmp_path).problem
    assert isinstance(problem, MatrixCompletion | MatrixSensing)
    assert problem.ground_truth == str(tmp_path / "w.npy")
    assert (problem.shape, problem.resolved_observations, problem.is_random) == ((6, 4), 11, False)
    drawn = observed_problem(problem, 0)
    np.testing.assert_array_equal(drawn.ground_truth, array)
    np.testing.assert_allclose(drawn.values, drawn.observe(array), rtol=1e-12)
    assert len(drawn.values) == 11
    noisy = observed_problem(msgspec.structs.replace(problem, noise=0.5), 0)
    assert (noisy.values - drawn.values).std() > 0.1


def test_setting_it_lets_go_of_what_describes_a_random_one_and_keeps_what_is_observed() -> None:
    raw = {"problem": {"shape": [9, 9], "rank": 2, "observations": 40, "noise": 0.1, "mask": "rows", "file": "a.csv"}}
    changed = settings.apply(raw, [("problem.ground_truth", "w.npy")])["problem"]
    kept = {"observations": 40, "noise": 0.1, "mask": "rows"}
    assert changed == {"kind": "matrix-completion", "ground_truth": "w.npy"} | kept
    with pytest.raises(BadSetting, match="sweep cannot go over"):
        settings.decode({"sweep": {"problem.ground_truth": ["a.npy", "b.npy"]}})


def made_of(spec: RunSpec) -> RunDirectory:
    return runs.create(Order(spec=spec, preset=PresetInfo(name="own"), created="2026-01-01"))


@pytest.mark.parametrize("kind", ["matrix-completion", "matrix-sensing"])
def test_a_run_is_taken_up_without_the_file(tmp_path: Path, kind: str) -> None:
    """What was read is kept with the run: resumed, shown and exported, it needs nothing from outside."""
    array = np.outer(np.arange(1.0, 9.0), np.linspace(-1.0, 1.0, 7))
    path = saved(tmp_path / "w.npy", array)
    raw = settings.apply(
        SMALL, [("problem.kind", kind), ("problem.ground_truth", str(path)), ("problem.observations", 40)]
    )
    spec = data_files.settle(settings.decode(raw), tmp_path)
    whole = made_of(spec)
    trained(whole)
    broken = made_of(spec)
    trained(broken, StoppingEar(broken, 3, 5, die=False))
    path.unlink()
    trained(broken)
    documents = [exported(made) for made in (whole, broken)]
    for document in documents:
        np.testing.assert_array_equal(document["problem"]["ground_truth"], array)
        assert document["lanes"][0]["outcome"]["kind"] == "converged"
        assert document["baselines"]["ground_truth"]["rank"] == 1.0
        assert document["lanes"][0]["final"]["reconstruction_error"] < 1e-2
    assert documents[0]["lanes"][0]["series"]["train_loss"] == documents[1]["lanes"][0]["series"]["train_loss"]


def preset_with(path: Path) -> tuple[Preset, RunSpec]:
    preset = load("mf-depth")
    raw = settings.apply(preset.at_size("quick"), [("problem.ground_truth", str(path)), ("problem.observations", 120)])
    return preset, preset.decode(settings.apply(raw, [], [("model.depth", [2, 3])]))


def test_claims_take_the_rank_from_what_was_read(tmp_path: Path) -> None:
    """Rank 1 of 16 × 16 is recovered from 120 entries; of full rank there is nothing low to recover."""
    rng = np.random.default_rng(3)
    low = np.outer(rng.standard_normal(16), rng.standard_normal(16))
    for array, verdict in ((low, "holds"), (rng.standard_normal((16, 16)), "not-applicable")):
        preset, spec = preset_with(saved(tmp_path / "w.npy", array))
        made = runs.create(preset.order(spec))
        trained(made)
        claims = {claim.name: claim for claim in running.exported(made).claims}
        assert claims["low-rank-recovery"].verdict == verdict, claims["low-rank-recovery"].text
    assert "full rank, 16" in claims["low-rank-recovery"].text


def test_a_preset_that_is_saved_names_the_file_from_the_root(tmp_path: Path) -> None:
    """It is read from another directory."""
    path = saved(tmp_path / "w.npy", np.outer(np.arange(1.0, 9.0), np.ones(8)))
    preset = load("mf-depth")
    raw = settings.apply(preset.raw, [("problem.ground_truth", str(path)), ("problem.observations", 30)])
    spec = preset.decode(raw)
    raw["problem"]["ground_truth"] = "w.npy"
    written = tmp_path / "elsewhere.toml"
    written.write_text(writing.preset_toml(preset, spec, raw), encoding="utf-8")
    again = read(written)
    assert again.decode(again.raw).problem == spec.problem


def test_a_path_on_the_command_line_is_meant_from_here(tmp_path: Path) -> None:
    """With what describes how it is observed beside it; and refusals are a line on stderr."""
    np.savetxt(tmp_path / "w.csv", np.outer(np.arange(1.0, 9.0), np.arange(1.0, 8.0)), delimiter=",")
    data = ["--set", "problem.ground_truth=w.csv", "--set", "problem.mask=popularity"]
    told = call("run", "mf-depth", *data, "--set", "problem.observations=30", "--dry-run", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    result = call(
        "run", "mf-depth", *data, "--set", "problem.observations=30", "--steps", "3", "--json", "--quiet", cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["problem"]["shape"] == [8, 7]
    assert len(document["problem"]["observed"]) == 30
    assert document["spec"]["problem"]["ground_truth"] == str(tmp_path / "w.csv")
    (tmp_path / "w.csv").write_text("1,2\n3\n")
    refused = call("run", "mf-depth", *data, cwd=tmp_path)
    assert refused.returncode == 2
    assert "problem.ground_truth w.csv: line 2 has 1 cells" in refused.stderr
