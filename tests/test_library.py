"""The library: what importing it brings, and runs started, read, told and found from Python."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

import implicit_tui
import presets
from solver import client, control, export, runs
from solver.frames import Namer
from solver.log import Reader
from solver.records import Frame, LaneSchema, Outcome, Schema
from solver.rundir import RunDirectory
from solver.spec import MatrixCompletion
from tests.tui import logs
from tests.tui.driving import StandIn

SMALL = {"problem.shape": [8, 8], "problem.rank": 1, "problem.observations": 40, "model.init_scale": 1e-2}
ENDLESS = {
    "optimizer.kind": "gradient-descent",
    "optimizer.step_size": 1e-4,
    "stop.max_steps": 1_000_000_000,
    "stop.train_loss": 1e-9,
}


def test_importing_it_brings_nothing_that_trains_or_draws() -> None:
    """A notebook keeps its own torch and NumPy, and a service starts at once."""
    code = "import sys, implicit_tui; print({'textual', 'rich', 'torch', 'numpy', 'pyarrow', 'tui'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == "set()\n"


def test_everything_public_says_what_it_is() -> None:
    """What a person sees of it is what help() prints."""
    for name in implicit_tui.__all__:
        found = getattr(implicit_tui, name)
        assert name in ("__version__", "AnyRecord", "Size") or found.__doc__, name
    for name, member in vars(implicit_tui.Run).items():
        assert name.startswith("_") or member.__doc__, name


def test_a_started_run_is_read_live_told_and_stopped() -> None:
    """It is read while it trains: it has no end of its own, and is in the list that the command line has."""
    with implicit_tui.start("mf-depth", SMALL | ENDLESS, sweep={"model.depth": (2,)}) as run:
        frames = run.frames()
        first, second = next(frames), next(frames)
        assert (first.lane, first.step) == (0, 0)
        assert second.step > 0
        assert first.values["singular_values"] == pytest.approx(next(run.frames()).values["singular_values"])
        assert run.is_running
        assert run.state == "running"
        assert run.outcome is None
        assert run.wait(timeout_s=0.01) is None
        assert [found.id for found in implicit_tui.runs()] == [run.id] == [made.id for made in runs.list_runs()]
        assert run.lanes == [{"model.depth": 2, "seed": 0}]
    assert not run.is_running
    assert run.state == "stopped"
    assert run.outcome is not None
    assert run.outcome.kind == "stopped"
    assert run.stop() == run.outcome, "a run that has ended is told nothing"
    assert len(list(run.frames())) == len(run.document()["lanes"][0]["series"]["step"])


def test_a_run_that_somebody_else_began_is_followed_to_its_end() -> None:
    """Its lock says whether it goes on; what is read is the same as for one's own."""
    made = logs.made_run()
    found = implicit_tui.attach(made.id[:15])
    assert found.state == "not started"
    assert found.outcome is None
    assert found.wait(timeout_s=0.0) is None, "somebody may be about to begin it"
    with logs.held(made):
        logs.write(made, [logs.lanes_of(made), *logs.under_way(5)])
        assert found.is_running
        frames = found.frames()
        assert [next(frames).lane for _ in range(3)] == [0, 1, 2]
        found.pause()
        found.go_on()
        told = [json.loads(line)["command"] for line in made.control.read_text().splitlines()]
        assert told == ["pause", "resume"]
        assert found.stop(timeout_s=0.0) is None
        assert json.loads(made.control.read_text().splitlines()[-1]) == {"command": "stop"}
        assert found.outcome is None
    # Its solver is gone without an ending.
    assert found.wait() == made.silent_outcome()
    assert found.state == "killed"
    assert len(list(frames)) == 3 * 5 - 3
    assert list(found.records()) == list(Reader(made.log).whole())
    assert found.document() == json.loads(export.to_json(export.build(made)))
    assert implicit_tui.attach().id == made.id
    with pytest.raises(implicit_tui.BadSetting, match="no run begins with"):
        implicit_tui.attach("20990101")


def test_settings_come_from_presets_files_exports_and_specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four ways to say the same: what is asked of the solver is one and the same spec."""
    asked: list[RunDirectory] = []

    def begin(directory: RunDirectory, **_: object) -> StandIn:
        asked.append(directory)
        solver = StandIn()
        solver.alive = False
        return solver

    monkeypatch.setattr(client, "start", begin)
    monkeypatch.chdir(tmp_path)
    preset = presets.load("mf-depth")
    file = tmp_path / "mine.toml"
    file.write_bytes(preset.path.read_bytes())
    spec = preset.decode(preset.raw)
    whole = json.loads(export.to_json(export.build(logs.made_run())))["spec"]
    for one in ("mf-depth", file, "mine.toml", spec, whole):
        run = implicit_tui.start(one, export="run.json", detached_limit_h=2)
        assert run.spec == spec
        order = asked[-1].order()
        assert order.export == str(tmp_path / "run.json")
        assert order.detached_limit_s == 7200
        assert bool(order.preset.claims) == (not isinstance(one, (dict, implicit_tui.RunSpec)))
        assert run.outcome == asked[-1].silent_outcome(), "its solver is gone and has said nothing"
    (tmp_path / "r.csv").write_text("0,0,1\n1,1,2\n2,0,3\n")
    run = implicit_tui.start("mf-depth", {"problem.file": Path("r.csv")}, sweep={"model.depth": (2,)})
    assert isinstance(run.spec.problem, MatrixCompletion)
    assert run.spec.problem.file == str(tmp_path / "r.csv"), "as on the command line: meant from here"
    assert run.spec.sweep == {"model.depth": [2]}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"preset": "mf-deep"}, "there is no preset or file 'mf-deep'"),
        ({"preset": "mf-depth", "changes": {"model.depht": 2}}, "did you mean model.depth"),
        ({"preset": "mf-depth", "sweep": {"model.depth": [0]}}, "model.depth must be a whole number of at least 1"),
        ({"preset": "mf-depth", "size": "huge"}, "size must be quick, default or paper, not huge"),
        ({"preset": "mf-depth", "detached_limit_h": math.nan}, "detached_limit_h must be hours"),
        ({"preset": "mf-depth", "export": "absent/run.json"}, "absent does not exist: create it"),
        ({"preset": {"problem": {"kind": "matrix"}}}, "problem.kind must be"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_no_run(arguments: dict[str, object], told: str) -> None:
    """A sentence, as on the command line, before anything is made."""
    with pytest.raises(implicit_tui.BadSetting, match=told) as refused:
        implicit_tui.start(**arguments)  # type: ignore[arg-type]
    assert "--out" not in str(refused.value), "there are no options here"
    assert runs.list_runs() == []


def test_an_export_is_saved_as_its_name_says(tmp_path: Path) -> None:
    """The ending is all that is said: what it cannot mean is refused, and nothing is written."""
    made = logs.run_in_state("ended")
    run = implicit_tui.attach()
    assert json.loads(run.save(tmp_path / "a.json").read_text()) == run.document()
    assert run.save(tmp_path / "a.csv").read_bytes() == export.to_csv(export.build(made))
    if importlib.util.find_spec("pyarrow") is not None:
        assert run.save(tmp_path / "a.parquet").read_bytes().startswith(b"PAR1")
    with pytest.raises(implicit_tui.BadSetting, match=r"must end in \.json, \.csv or \.parquet"):
        run.save(tmp_path / "a.xlsx")
    with pytest.raises(implicit_tui.BadSetting, match="is a directory: add a file name"):
        run.save(tmp_path)
    assert run.outcome == Outcome(kind="converged", reason="all 3 lanes reached their training loss")


def test_frames_have_the_names_of_their_series_and_damage_is_left_out() -> None:
    """A checksum does not tell a frame that its lane cannot have; whoever reads live must not fall over it."""
    namer = Namer()
    series = ["step", "elapsed_s", "train_loss", "singular_values", "method"]
    assert namer.take(Frame(lane=0, values=[0])) is None, "there is no schema yet"
    assert namer.take(Schema(version=1, lanes=[LaneSchema(index=0, parameters={}, series=series, problem=0)])) is None
    found = namer.take(Frame(lane=0, values=[3, 0.5, "inf", [2.0, None], 1]))
    assert found is not None
    assert (found.step, found.values["train_loss"], found.values["method"]) == (3, math.inf, "chebyshev")
    assert str(found.values["singular_values"]) == "[2.0, nan]"
    for values in ([3, 0.5, 1.0], [3, 0.5, 1.0, 2.0, 1], [3, 0.5, 1.0, [1.0], 7], ["x", 0.5, 1.0, [1.0], 0]):
        assert namer.take(Frame(lane=0, values=values)) is None  # type: ignore[arg-type]
    assert namer.take(Frame(lane=1, values=[3, 0.5, 1.0, [1.0], 0])) is None


def test_a_run_that_cannot_be_told_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked must know that it goes on."""
    made = logs.run_in_state("running")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(control, "_append", refuse)
    with logs.held(made), pytest.raises(implicit_tui.BadSetting, match="cannot be told to stop"):
        implicit_tui.attach().stop()
