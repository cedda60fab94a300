"""What surrounds a run: other people's directories, full devices, files that are no files, odd names."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from pathlib import Path

import pytest

from solver import files, runs
from solver.records import NOT_RESUMED
from solver.rundir import RunDirectory
from tests.solver.small import directory, finished, trained
from tests.tui.calling import COMMAND, call
from tests.waiting import until
from tui.commands import main


def damaged(made: RunDirectory, how: str) -> None:
    """Makes the run unreadable."""
    made.spec.unlink()
    if how == "directory":
        made.spec.mkdir()
    elif how == "link loop":
        made.spec.symlink_to(made.spec.name)
    elif how == "pipe":
        for path in (made.spec, made.notes, made.run):
            path.unlink(missing_ok=True)
            os.mkfifo(path)
    elif how == "deep nesting":
        made.spec.write_text("[" * 100_000)
        made.run.write_text("[" * 100_000)
        made.notes.write_text('{"name":' + "[" * 100_000)
    elif how == "not UTF-8":
        made.spec.write_bytes(b"\xff\xfe{}")
        made.path.rename(os.fsdecode(os.fsencode(made.path) + b"-\xff"))


@pytest.mark.parametrize("how", ["directory", "link loop", "pipe", "deep nesting", "not UTF-8", "missing"])
def test_one_bad_run_hides_no_other(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = [finished() for _ in range(3)]
    damaged(made[1], how)
    assert main(["runs", "--json"]) == 0
    states = [run["state"] for run in json.loads(capsys.readouterr().out)]
    assert sorted(states) == ["converged", "converged", "damaged"]
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.count("\n") == 3


def test_a_preset_whose_name_is_not_utf_8_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "config" / "implicit-tui" / "presets"
    own.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(own) + b"/odd-\xff.toml")).write_text("[run]\n")
    os.mkfifo(own / "pipe.toml")
    assert main(["presets", "--json"]) == 0
    titles = {preset["name"]: preset["title"] for preset in json.loads(capsys.readouterr().out)}
    assert "mf-depth" in titles
    assert "not a regular file" in titles["pipe"]


@pytest.mark.parametrize(
    "arguments", [["presets"], ["runs"], ["config", "show"], ["show", "mf-depth"], ["schema", "spec"], ["--version"]]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_device_is_a_sentence_and_a_status(arguments: list[str], unbuffered: str) -> None:
    finished()
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [*COMMAND, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            check=False,
        )
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr
    if arguments != ["--version"]:
        assert result.returncode == 1
        assert "no space left" in result.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_no_export_is_cut_with_status_0(unbuffered: str, tmp_path: Path) -> None:
    """A disk that takes some of it: what is missing shows in the status."""
    run = finished({"stop.max_steps": 400})
    out = tmp_path / "out.json"
    with out.open("wb") as file:
        result = subprocess.run(
            [*COMMAND, "export", run.id],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
            check=False,
        )
    assert out.stat().st_size == 20_000
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert json.loads(call("export", run.id).stdout)["id"] == run.id


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_file_that_is_no_file_is_refused_before_a_run_is_made(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path = Path("/dev/zero")
    result = call("run", "mf-depth", "--set", f"problem.file={path}")
    assert result.returncode == 2
    assert "not a regular file" in result.stderr
    assert runs.list_runs() == []
    if kind == "pipe":
        assert call("run", str(path.rename(tmp_path / "preset.toml"))).returncode == 2


def test_a_mark_at_the_beginning_of_a_file_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_bytes(b"\xef\xbb\xbf" + b'title = "Marked"\n[run]\n')
    result = call("run", str(path), "--dry-run")
    assert result.returncode == 0, result.stderr


def test_a_failed_resume_is_not_the_end() -> None:
    """What is missing is said; put back, the run is taken up as if nothing had been tried."""
    made = directory({"optimizer.kind": "gradient-descent", "stop.max_steps": 10**8, "stop.max_seconds": 0.5,
                      "stop.train_loss": None})  # fmt: skip
    trained(made)
    assert made.state() == "max-seconds"
    kept = made.problem.read_bytes()
    for content in (None, b"PK\x03\x04 cut"):
        made.problem.unlink()
        if content is not None:
            made.problem.write_bytes(content)
        result = call("resume", made.id)
        assert result.returncode == 1
        assert "problem.npz" in result.stderr
        assert "BadZipFile" not in result.stderr
        assert made.can_resume()
        assert NOT_RESUMED.encode() in made.log.read_bytes()
        made.problem.unlink(missing_ok=True)
        made.problem.write_bytes(kept)
    result = call("resume", made.id)
    assert result.returncode == 0, result.stderr
    assert "max-seconds" in result.stderr


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "secret.json"
    path.write_text("before")
    path.chmod(0o600)
    files.replace_file(path, b"after")
    assert path.read_text() == "after"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cores", ["abc", "0", "-1", "2.5"])
def test_cores_that_are_no_number_are_refused(cores: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPLICIT_TUI_CORES", cores)
    result = call("runs")
    assert result.returncode == 2
    assert "IMPLICIT_TUI_CORES must be a whole number" in result.stderr


def test_ids_rise_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest run is the one made last: in one second, and after the clock was set back by a day."""
    first = directory()
    monkeypatch.setattr("solver.runs.time.time", lambda: 1_000_000_000.0)
    second, third = directory(), directory()
    assert [run.id for run in runs.list_runs()] == [first.id, second.id, third.id]
    assert runs.find("latest").id == third.id


def test_what_was_left_while_saving_is_swept() -> None:
    made = directory()
    for name in (".0123456789abcdef.part", "checkpoint.new"):
        (made.path / name).write_bytes(b"cut")
    subprocess.run([*COMMAND[:1], "-m", "solver", str(made.path)], timeout=60, check=True)
    assert not [path for path in made.path.iterdir() if path.name.endswith((".part", ".new"))]
    assert made.state() == "converged"


def test_who_loses_the_race_to_resume_says_so() -> None:
    """Three at once: one prints the id with status 0, the others a sentence with status 2."""
    made = directory({"optimizer.kind": "gradient-descent", "stop.max_steps": 10**8, "stop.max_seconds": 0.3,
                      "stop.train_loss": None})  # fmt: skip
    trained(made)
    started = [
        subprocess.Popen([*COMMAND, "resume", made.id, "--detach"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    told = [(process.communicate(timeout=60), process.returncode) for process in started]
    assert sorted(status for _, status in told) == [0, 2, 2]
    assert all(b"somebody else" in said[1] or b"is running" in said[1] for said, status in told if status)
    until(lambda: not made.is_solving())


def test_an_error_finer_than_float32_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "mf-depth", "--set", "dtype=float32", "--set", "optimizer.rtol=1e-13", "--dry-run"]
    assert main(arguments) == 2
    assert "optimizer.rtol 1e-13 is finer than float32 can tell" in capsys.readouterr().err
