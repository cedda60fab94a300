"""The command line as a person uses it: processes, exit codes, and stdout for data alone."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

import presets
from solver import runs, schema
from solver.rundir import RunDirectory
from tests.solver.running import ran
from tests.tui.calling import COMMAND, call
from tests.waiting import until

SMALL = ["--set", "problem.shape=8,8", "--set", "problem.rank=1", "--set", "problem.observations=40"]
LONG = [
    *("--set", "optimizer.kind=gradient-descent", "--set", "optimizer.step_size=1e-4"),
    *("--set", "stop.max_steps=1000000000", "--set", "model.depth=2", "--set", "stop.train_loss=1e-9"),
]


def small_preset(tmp_path: Path) -> str:
    path = tmp_path / "small.toml"
    path.write_text(
        """
title = "Small"
[run]
sweep = { "model.depth" = [1, 2] }
[run.problem]
kind = "matrix-completion"
shape = [8, 8]
rank = 1
observations = 40
[run.model]
kind = "deep-matrix-factorization"
init_scale = 0.01
[run.stop]
train_loss = 1e-6
"""
    )
    return str(path)


def ended_run(tmp_path: Path, seed: int = 0) -> RunDirectory:
    """A run that has converged, for commands that look at one."""
    return ran(small_preset(tmp_path), {"seed": seed}, size="default")


def test_a_run_is_narrated_on_stderr_and_exported(tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    result = call("run", small_preset(tmp_path), "--out", str(out))
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert "depth 1: converged" in result.stderr
    assert "depth 2: converged" in result.stderr
    assert f"export {out}" in result.stderr
    document = json.loads(out.read_text())
    jsonschema.Draft202012Validator(schema.of_export()).validate(document)
    assert document["id"] == runs.find("latest").id
    assert "\x1b" not in result.stderr


def test_json_on_stdout_is_the_export(tmp_path: Path) -> None:
    result = call("run", small_preset(tmp_path), "--json", "--quiet")
    assert result.returncode == 0
    assert result.stderr == ""
    document = json.loads(result.stdout)
    again = call("export", document["id"])
    assert json.loads(again.stdout) == document


def test_formats_of_export(tmp_path: Path) -> None:
    ended_run(tmp_path)
    csv = call("export", "latest", "--format", "csv").stdout.splitlines()
    assert csv[0].startswith("lane,model.depth,seed,step,time,")
    n_columns = csv[0].count(",")
    assert all(line.count(",") == n_columns for line in csv)
    jsonl = call("export", "latest", "--format", "jsonl").stdout.splitlines()
    assert json.loads(jsonl[0])["kind"] == "schema"
    assert json.loads(jsonl[-1])["kind"] == "ending"
    target = tmp_path / "x.csv"
    assert call("export", "latest", "--format", "csv", "--out", str(target)).returncode == 0
    assert target.read_text().splitlines() == csv


def test_a_dry_run_prints_lanes_memory_and_time_and_makes_no_run() -> None:
    result = call("run", "mf-depth", "--sweep", "model.depth=2,3,4", "--seeds", "2", "--dry-run")
    assert result.returncode == 0
    assert "lanes: 6" in result.stdout
    assert "memory: about" in result.stdout
    assert "time: about" in result.stdout
    assert runs.list_runs() == []


def test_listing_commands_print_data(tmp_path: Path) -> None:
    listed = json.loads(call("presets", "--json").stdout)
    assert [preset["name"] for preset in listed] == list(presets.names())
    shown = call("show", "mf-depth").stdout
    assert shown == (Path(listed[0]["path"]).read_text())
    assert json.loads(call("runs", "--json").stdout) == []
    assert "there are no runs" in call("runs").stdout
    ended_run(tmp_path)
    runs = json.loads(call("runs", "--json").stdout)
    assert [(run["state"], run["preset"]) for run in runs] == [("converged", "small")]
    assert runs[0]["id"] in call("runs").stdout
    for of in ("spec", "export"):
        document = json.loads(call("schema", of).stdout)
        jsonschema.Draft202012Validator.check_schema(document)
    assert json.loads(call("info", "--json").stdout)["devices"][0]["device"] == "cpu"


def test_shown_toml_can_be_edited_and_run(tmp_path: Path) -> None:
    """What `show` prints is a preset file."""
    copy = tmp_path / "mine.toml"
    copy.write_text(call("show", "mf-depth").stdout.replace("observations = 2000", "observations = 1900"))
    result = call("run", str(copy), "--dry-run")
    assert result.returncode == 0, result.stderr


BAD = [
    (["run", "mf-depth", "--set", "model.depth=0"], "model.depth must be"),
    (["run", "mf-depth", "--set", "model.depht=2"], "did you mean model.depth"),
    (["run", "mf-depth", "--set", "model.depth"], "not KEY=VALUE"),
    (["run", "mf-depth", "--set", "problem.observations=10001"], "at most 10000"),
    (["run", "mf-depth", "--set", "problem.rank=101"], "at most 100"),
    (["run", "mf-depth", "--set", "problem.shape=0,5"], "at least 1"),
    (["run", "mf-depth", "--set", "optimizer.kind=gradient-descent", "--set", "optimizer.step_size=nan"], "above 0"),
    (["run", "mf-depth", "--set", "optimizer.kind=gradient-descent", "--set", "optimizer.step_size=-1"], "above 0"),
    (["run", "mf-depth", "--set", "model.init_scale=inf"], "finite"),
    (
        [
            "run",
            "mf-depth",
            "--set",
            "problem.shape=4,5",
            "--set",
            "problem.observations=9",
            "--set",
            "problem.rank=2",
            "--set",
            "model.det_sign=positive",
        ],
        "square",
    ),
    (["run", "mf-depth", "--seed", "-1"], "seed must be"),
    (["run", "mf-depth", "--seed", "99999999999999999999"], "seed must be"),
    (["run", "mf-depth", "--seeds", "many"], "seeds must be"),
    (["run", "mf-depth", "--steps", "0"], "stop.max_steps must be"),
    (["run", "mf-depth", "--seconds", "-3"], "stop.max_seconds must be"),
    (["run", "mf-depth", "--threads", "0"], "threads must be"),
    (["run", "mf-depth", "--device", "tpu"], "device must be"),
    (["run", "mf-depth", "--sweep", "model.depth=2,2"], "twice"),
    (["run", "mf-depth", "--detached-limit", "x"], "--detached-limit must be"),
    (["run", "mf-depth", "--json", "--detach"], "drop one of the two"),
    (["run", "mf-depth", "--set", "problem.shape=20000,20000", "--set", "model.depth=9"], "are free"),
    (["run", "mf-depth", "--set", "problem.file=absent.csv"], "cannot be read"),
    (["run", "mf-depth", "--set", "problem.file=~nosuch/x.csv"], "not a usable path"),
    (["run", "mf-depth", "--set", 'problem.file="a\\u0000b"'], "not a usable path"),
    (["run", "mf-depth", "--set", "problem.file=a.csv", "--set", "problem.entries=[[0,0,1.0]]"], "keep one of the two"),
    (["run", "mf-depth", "--set", "sweep=3"], "sweep must be a table"),
    (["run", "mf-depth", "--set", "seed=" + "9" * 5000], "seed must be"),
    (["run", "mf-depth", "--set", "model.depth=" + "[" * 3000], "model.depth must be"),
    (["run", "mf-depth", "--set", "seed=9223372036854775808"], "at most 9223372036854775807"),
    (["run", "mf-depth", "--out", "~nosuchuser/x.json"], "not a usable path"),
    (["run", "mf-depth", "--out", "x" * 300], "not a usable path"),
    (["run", "mf-depth", "--out", "-"], "--json prints the export"),
    (["run", "mf-depth", "--out", "/proc/x.json"], "cannot be written"),
    (["run", "x" * 300], "not a usable path"),
    (["run", "absent.toml"], "cannot be read"),
    (["run", "nonsense"], "there is no preset or file"),
    (["show", "nonsense"], "there is no preset or file"),
    (["export", "latest"], "there are no runs"),
    (["stop", "zzz"], "there are no runs"),
    (["attach"], "there are no runs"),
    (["nonsense"], "is no command, preset, run or file"),
    ([], "the app needs a terminal"),
    (["mf-depth"], "the app needs a terminal"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=[" ".join(arguments[:5])[:70] for arguments, _ in BAD])
def test_bad_input_is_one_sentence_and_exit_code_2(arguments: list[str], said: str) -> None:
    result = call(*arguments)
    assert result.returncode == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("implicit-tui: ")
    assert result.stdout == ""
    assert runs.list_runs() == []


def test_a_file_on_the_command_line_is_meant_from_here(tmp_path: Path) -> None:
    """The README's own-data command, in the directory that holds the file."""
    lines = [f"{i},{j},{(i + 1) * (j + 1)}" for i in range(5) for j in range(4)]
    (tmp_path / "ratings.csv").write_text("\n".join(lines))
    data = ["--set", "problem.file=ratings.csv", "--set", "problem.test_fraction=0.1"]
    result = call("run", "mf-depth", *data, "--steps", "1e1", "--json", "--quiet", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["problem"]["shape"] == [5, 4]
    assert "held_out_error" in document["lanes"][0]["series"]
    square = call("run", "mf-depth", *data, "--set", "model.det_sign=positive", cwd=tmp_path)
    assert square.returncode == 2
    assert "square" in square.stderr


def test_prune_deletes_old_runs_and_never_live_ones(tmp_path: Path) -> None:
    for seed in range(3):
        ended_run(tmp_path, seed)
    first, second, third = [run["id"] for run in json.loads(call("runs", "--json").stdout)]
    home = runs.runs_home()
    week_ago = time.time() - 7 * 86_400
    for path in [home / first, *(home / first).iterdir()]:
        os.utime(path, (week_ago, week_ago))
    assert "which runs are old" in call("prune").stderr
    assert "0 runs" in call("prune", "--older-than", "8").stdout
    assert "0 runs" in call("prune", "--keep", "3").stdout
    assert "0 runs" in call("prune", "--keep", "50").stdout
    would = call("prune", "--older-than", "6", "--dry-run")
    assert first in would.stdout
    assert second not in would.stdout
    assert (home / first).exists()
    assert "1 run deleted" in call("prune", "--older-than", "6").stdout
    assert [run["id"] for run in json.loads(call("runs", "--json").stdout)] == [second, third]
    lock = os.open(home / second / "lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "1 run deleted" in call("prune", "--keep", "0").stdout
    finally:
        os.close(lock)
    assert [run["id"] for run in json.loads(call("runs", "--json").stdout)] == [second]
    assert list(home.iterdir()) == [home / second]


def test_a_run_taken_up_does_not_narrate_its_old_endings(tmp_path: Path) -> None:
    limited = {
        "optimizer.kind": "gradient-descent",
        "optimizer.step_size": 1e-4,
        "model.depth": 2,
        "stop.max_steps": 10**9,
        "stop.max_seconds": 0.4,
        "stop.train_loss": 1e-9,
    }
    assert ran(small_preset(tmp_path), limited, size="default").state() == "max-seconds"
    result = call("resume", "latest")
    assert result.stderr.count("depth 2: max-seconds") == 1


@pytest.mark.parametrize("text", ["seed = " + "9" * 5000, "a = " + "[" * 5000, '[run.problem]\nfile = "a\\u0000b"'])
def test_a_monstrous_preset_hides_none(tmp_path: Path, text: str) -> None:
    directory = tmp_path / "config" / "implicit-tui" / "presets"
    directory.mkdir(parents=True)
    (directory / "monster.toml").write_text(text)
    result = call("presets")
    assert result.returncode == 0
    assert "mf-depth" in result.stdout
    refused = call("run", "monster", "--dry-run")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1


def test_places_an_export_cannot_go(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept")
    link = tmp_path / "link.json"
    link.symlink_to(target)
    for out, said in (
        (tmp_path, "is a directory"),
        (link, "is a link"),
        (tmp_path / "no" / "x.json", "does not exist"),
    ):
        result = call("run", "mf-depth", "--out", str(out))
        assert result.returncode == 2
        assert said in result.stderr
    assert target.read_text() == "kept"
    assert runs.list_runs() == []


def test_an_export_replaces_a_file(tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    out.write_text("old")
    assert call("run", small_preset(tmp_path), "--out", str(out), "--quiet").returncode == 0
    assert json.loads(out.read_text())["format"] == "implicit-tui/run"


def test_a_missing_device_is_exit_code_3(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    result = call("run", small_preset(tmp_path), "--device", "cuda", "--out", str(tmp_path / "x.json"))
    assert result.returncode == 3
    assert "no CUDA device" in result.stderr
    assert json.loads((tmp_path / "x.json").read_text())["outcome"]["cause"] == "device"


def test_a_diverged_run_is_exit_code_1_and_still_exported(tmp_path: Path) -> None:
    out = tmp_path / "x.json"
    result = call(
        *("run", small_preset(tmp_path), "--set", "optimizer.kind=gradient-descent"),
        *("--set", "optimizer.step_size=1e9", "--out", str(out), "--quiet"),
    )
    assert result.returncode == 1
    assert "too large" in result.stderr
    assert json.loads(out.read_text())["outcome"]["kind"] == "diverged"


def started(tmp_path: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [*COMMAND, "run", small_preset(tmp_path), *LONG, "--out", str(out), *more],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until(lambda: runs.list_runs() and runs.list_runs()[-1].run.exists())
    return process


def test_ctrl_c_stops_the_solver_exports_and_exits_130(tmp_path: Path) -> None:
    out = tmp_path / "x.json"
    process = started(tmp_path, out)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert json.loads(out.read_text())["outcome"]["kind"] == "stopped"
    assert not runs.find("latest").is_solving()


def test_on_hang_up_the_solver_goes_on_and_writes_the_export_itself(tmp_path: Path) -> None:
    out = tmp_path / "x.json"
    process = started(tmp_path, out)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    run = runs.find("latest")
    assert run.is_solving()
    assert not out.exists()
    assert call("stop", run.id).returncode == 0
    until(out.exists)
    assert json.loads(out.read_text())["outcome"]["kind"] == "stopped"


def test_detached_runs_print_their_id_and_can_be_stopped(tmp_path: Path) -> None:
    result = call("run", small_preset(tmp_path), *LONG, "--detach")
    run = runs.find(result.stdout.strip())
    until(run.run.exists)
    assert run.state() == "running"
    assert call("stop", "latest").returncode == 0
    assert run.state() == "stopped"
    assert call("stop", "latest").returncode == 2


def test_a_stopped_run_is_resumed_and_a_finished_one_is_not(tmp_path: Path) -> None:
    """Stopping saves a checkpoint; --seconds is given anew."""
    out = tmp_path / "x.json"
    limited = ["--set", "stop.max_seconds=1", "--quiet", "--out", str(out)]
    assert call("run", small_preset(tmp_path), *LONG, *limited).returncode == 0
    first = json.loads(out.read_text())
    assert first["outcome"]["kind"] == "max-seconds"
    result = call("resume", "latest")
    assert result.returncode == 0, result.stderr
    second = json.loads(out.read_text())
    assert second["id"] == first["id"]
    assert second["lanes"][0]["final"]["step"] > first["lanes"][0]["final"]["step"]
    assert second["elapsed_s"] > first["elapsed_s"] + 0.4
    ended_run(tmp_path)
    refused = call("resume", "latest")
    assert refused.returncode == 2
    assert "has ended (converged)" in refused.stderr


def test_an_output_pipe_that_closes_is_no_error() -> None:
    process = subprocess.Popen([*COMMAND, "schema", "export"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.wait(30)
    process.stderr.close()


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["presets"], ["show", "mf-depth"], ["runs"], ["schema", "spec"], ["prune", "--keep", "1"]],
)
def test_light_commands_import_neither_torch_nor_numpy_nor_textual(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from tui.commands import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'textual', 'rich', 'solver.numerics'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_the_app_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, tui.app, tui.screens.settings, tui.screens.dialogs, tui.commands.app\n"
        "heavy = {'torch', 'numpy', 'solver.numerics'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_a_dumb_terminal_is_refused_in_one_sentence() -> None:
    parent, child = pty.openpty()
    try:
        environment = os.environ | {"TERM": "dumb"}
        result = subprocess.run(COMMAND, stdin=child, stdout=child, stderr=subprocess.PIPE, env=environment, timeout=60)
    finally:
        os.close(child)
        os.close(parent)
    assert result.returncode == 2
    assert result.stderr.count(b"\n") == 1
    assert b"implicit-tui run" in result.stderr


def test_hostile_text_in_a_preset_is_inert_on_the_wire(tmp_path: Path) -> None:
    """Escapes, carriage returns and bidirectional marks in titles never reach the terminal."""
    directory = tmp_path / "config" / "implicit-tui" / "presets"
    directory.mkdir(parents=True)
    (directory / "evil.toml").write_text('title = "\\u001b]0;pwned\\u0007\\u202Etxt\\r[bold]x"\n[run]\n')
    printed = call("presets").stdout
    assert "evil" in printed
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(printed)
