"""Logs for TensorBoard and Weights & Biases: what is read back from them is what the run recorded."""

from __future__ import annotations

import errno
import importlib.util
import json
import math
import os
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from solver import history, runs
from solver.frames import NamedFrame
from solver.history import History
from solver.log import Reader
from solver.records import AnyRecord, Claim, Ending, Frame, LaneEnding, LaneSchema, Outcome, Schema, Value
from solver.rundir import RunDirectory
from tests.tui import logs
from tests.tui.calling import call
from tests.tui.driving import StandIn
from tests.tui.test_commands import small_preset
from tui import loggers
from tui.commands import following, main
from tui.commands.completion import words
from tui.loggers.feed import Feed
from tui.loggers.logger import numbers

needs_tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None,
    reason="tensorboard is not installed: pip install 'implicit-tui[tensorboard]'",
)
needs_wandb = pytest.mark.skipif(
    importlib.util.find_spec("wandb") is None, reason="wandb is not installed: pip install 'implicit-tui[wandb]'"
)

NAMES = ["step", "elapsed_s", "evaluations", "train_loss", "step_size", "singular_values", "method"]
STARTED_S = 1_767_225_600.0
"""When the made-up runs begin."""


def values(frame: int) -> list[Value]:
    """A flow with two states inside each step, which have the number of the step before, and a loss that overflows."""
    loss: Value = "inf" if frame == 2 else 1.0 / (1 + frame)
    sigma: Value = [3.0 - frame / 10, None if frame == 1 else 0.5]
    return [frame // 3, 0.25 * frame, 7 * frame, loss, 0.1, sigma, int(frame >= 4)]


def made(n_frames: int = 7) -> tuple[RunDirectory, list[AnyRecord]]:
    """A run of two lanes, and what it records."""
    directory = logs.made_run()
    lanes = [LaneSchema(index=k, parameters={"model.depth": k + 1, "seed": 0}, series=NAMES, problem=0) for k in (0, 1)]
    frames: list[AnyRecord] = [Frame(lane=k, values=values(t)) for t in range(n_frames) for k in (0, 1)]
    good = Outcome(kind="converged", reason="the training loss is below 1e-6")
    bad = Outcome(kind="diverged", reason="train loss became inf at step 2", cure="try optimizer.step_size 0.05")
    claim = Claim(name="a-claim", text="1 of 1", source="", measured=1.0, expected=1.0, tolerance=0.0, verdict="holds")
    # A log has its schema twice.
    schema = Schema(version=1, lanes=lanes)
    ends: list[AnyRecord] = [LaneEnding(lane=0, outcome=good), LaneEnding(lane=1, outcome=bad), claim]
    ending = Ending(outcome=bad, wall="2026-01-01T00:01:00+00:00", elapsed_s=60.0)
    return directory, [schema, schema, logs.START, *frames, *ends, ending]


class Gone(StandIn):
    """A solver that has written everything."""

    def is_alive(self) -> bool:
        return False


def followed(directory: RunDirectory, texts: list[str], *, quiet: bool = False) -> History:
    narrator = following.Narrator(directory.order().spec, quiet=quiet)
    wanted = loggers.chosen(texts)
    before = (Reader(directory.log), History())
    found, interrupted = following.follow(directory, Gone(), narrator, before, wanted)  # type: ignore[arg-type]
    assert not interrupted
    return found


def events(directory: Path) -> list[Any]:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    (file,) = directory.iterdir()
    return list(EventFileLoader(str(file)).Load())


def read(directory: Path) -> dict[str, list[tuple[int, float, Any]]]:
    """By tag the step, time and value of each entry of the one event file there."""
    from tensorboard.util import tensor_util

    found = defaultdict(list)
    for event in events(directory):
        for value in event.summary.value:
            content = tensor_util.make_ndarray(value.tensor)
            found[value.tag].append((event.step, event.wall_time, content.item() if content.size == 1 else None))
    return dict(found)


def test_numbers_have_the_names_of_the_export() -> None:
    """Whoever compares a chart there with an export here looks for one name; a component keeps its number."""
    values = {"step": 3, "train_loss": math.nan, "component_norms": [0.1, math.inf, 2.0], "rate_components": [2.0, 0.0]}
    rates = {"component_rates": [0.5, math.nan], "method": "chebyshev", "of_another_version": 1.0, "evaluations": 4}
    found = numbers(NamedFrame(lane=0, values=values | rates))  # type: ignore[arg-type]
    assert found == {"component_norms/0": 0.1, "component_norms/2": 2.0, "component_rates/2": 0.5, "evaluations": 4}
    many = numbers(NamedFrame(lane=0, values={"component_norms": [float(k % 50) for k in range(1000)]}))
    assert sorted(many.values()) == sorted([49.0] * 20 + [48.0] * 12), "of a thousand components the largest"


@needs_tensorboard
def test_tensorboard_reads_what_was_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard's own loader is what people look through: steps, times and values are those of the log."""
    monkeypatch.chdir(tmp_path)
    directory, records = made()
    logs.write(directory, records)
    recorded = followed(directory, ["tensorboard"])
    home = tmp_path / "runs" / directory.id
    assert sorted(path.name for path in home.iterdir()) == ["lane-0", "lane-1"]
    for lane in recorded.lanes:
        found = read(home / f"lane-{lane.index}")
        steps, times = lane.columns["step"], [STARTED_S + s for s in lane.columns["elapsed_s"]]
        for name in ("elapsed_s", "evaluations", "step_size"):
            expected = zip(steps, times, (pytest.approx(value) for value in lane.columns[name]), strict=True)
            assert found[name] == list(expected), name
        # What is not finite is left out, and nothing else.
        losses = list(zip(steps, times, lane.columns["train_loss"], strict=True))
        finite = [(step, time, pytest.approx(loss)) for step, time, loss in losses if math.isfinite(loss)]
        assert len(finite) == len(losses) - 1
        assert found["train_loss"] == finite
        assert [value for *_, value in found["singular_values/0"]] == pytest.approx(lane.vectors["singular_values"][0])
        assert len(found["singular_values/1"]) == 6
        assert [(step, value) for step, _, value in found["method"]] == [(0, b"dormand-prince"), (1, b"chebyshev")]
        assert "step" not in found
        assert b'"model.depth"' not in found["settings"][0][2]
        assert b'"init_scale"' in found["settings"][0][2]
        assert found["claims"] == [(2, times[-1], b"- a-claim holds: 1 of 1")]
    assert read(home / "lane-0")["outcome"][0][2] == b"converged: the training loss is below 1e-6"
    assert read(home / "lane-1")["outcome"][0][2].startswith(b"diverged: train loss became inf at step 2: try")


@needs_tensorboard
def test_tensorboard_knows_the_lanes_parameters_and_how_they_ended(tmp_path: Path) -> None:
    """Its table of hyperparameters compares lanes: by what was swept, and which of them failed."""
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    directory, records = made()
    logs.write(directory, records)
    followed(directory, [f"tensorboard={tmp_path / 'a' / 'b'}"])
    for lane, status in ((0, api_pb2.STATUS_SUCCESS), (1, api_pb2.STATUS_FAILURE)):
        told = {}
        for event in events(tmp_path / "a" / "b" / directory.id / f"lane-{lane}"):
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "hparams":
                    told[value.tag] = plugin_data_pb2.HParamsPluginData.FromString(value.metadata.plugin_data.content)
        start = told["_hparams_/session_start_info"].session_start_info
        assert {name: value.number_value for name, value in start.hparams.items()} == {
            "model.depth": lane + 1,
            "seed": 0,
        }
        assert start.start_time_secs == STARTED_S
        assert told["_hparams_/session_end_info"].session_end_info.status == status


@needs_tensorboard
def test_what_was_recorded_can_be_looked_at_while_the_run_goes_on(tmp_path: Path) -> None:
    """Each look at the log is followed by one at the disk: nothing waits for the end."""
    directory, records = made()
    feed = Feed(directory, loggers.chosen([f"tensorboard={tmp_path}"]), print, print)
    recorded = History()
    n = 0
    for record in records[:-4]:
        feed.take([record])
        recorded.apply([record])
        n += isinstance(record, Frame) and record.lane == 0
        lane = tmp_path / directory.id / "lane-0"
        assert n == (len(read(lane).get("evaluations", [])) if lane.exists() else 0)
    assert n == 7
    feed.end(recorded)
    assert read(lane)["outcome"][0][2].startswith(b"failed: the solver ended without a word"), "its solver was killed"


class Full:
    """A disk that takes so many bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, data: bytes) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = min(self.room, len(data), 100)
        self.room -= taken
        return taken

    def close(self) -> None:
        pass


@needs_tensorboard
@pytest.mark.parametrize("quiet", [False, True])
def test_a_log_that_cannot_be_written_is_told_of_once_and_the_run_goes_on(
    quiet: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The disk of the log may be another than that of the run."""
    directory, records = made()
    logs.write(directory, records)
    monkeypatch.setattr("tui.loggers.tensorboard._created", lambda _: Full(2500))
    recorded = followed(directory, [f"tensorboard={tmp_path}"], quiet=quiet)
    assert recorded.ending is not None
    assert len(recorded.lanes[0]) == 7
    said = capsys.readouterr().err
    assert said.count("--log tensorboard ends here (No space left on device): the run goes on") == 1


@pytest.mark.parametrize("error", [RuntimeError("it broke"), ImportError("no such thing"), KeyError("lane")])
def test_whatever_a_library_raises_ends_its_log_alone(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are code of others, and a run may have taken days."""
    directory, records = made()
    logs.write(directory, records)

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(loggers.Wanted, "open", broken)
    recorded = followed(directory, [f"tensorboard={tmp_path}", f"wandb={tmp_path}"])
    assert recorded.ending is not None
    said = capsys.readouterr().err
    for name in ("tensorboard", "wandb"):
        assert said.count(f"--log {name} ends here ({error})") == 1


def wandb_records(path: Path) -> Iterator[Any]:
    """The messages of a .wandb file, framed as LevelDB frames its log: blocks of 32 KiB, parts with crc and length."""
    from wandb.proto import wandb_internal_pb2

    data = path.read_bytes()
    assert data.startswith(b":W&B")
    at, message = 7, b""
    while at + 7 <= len(data):
        left = 32_768 - at % 32_768
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        message += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield wandb_internal_pb2.Record.FromString(message)
            message = b""


def wandb_read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any], Any]:
    """Settings, rows, summary and the run's own message of a .wandb file."""
    config: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    run = None
    for record in wandb_records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run = record.run
            config |= {item.key: json.loads(item.value_json) for item in run.config.update}
        elif kind == "history":
            items = record.history.item
            rows.append({item.key or item.nested_key[0]: json.loads(item.value_json) for item in items})
        elif kind == "summary":
            summary |= {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.summary.update}
    return config, rows, summary, run


@needs_wandb
def test_wandb_reads_what_was_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, without an account: the file that `wandb sync` sends has every state, those inside a step too."""
    for name in ("WANDB_MODE", "WANDB_PROJECT", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    directory, records = made()
    logs.write(directory, records)
    import wandb

    try:
        recorded = followed(directory, [f"wandb={tmp_path}"])
    finally:
        # Its service is a process that ends with ours.
        wandb.teardown()
    files = sorted(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))
    assert len(files) == 2
    by_lane = {found[0]["lane"]: found for found in map(wandb_read, files)}
    for lane in recorded.lanes:
        config, rows, summary, run = by_lane[lane.index]
        assert run.run_group == directory.id
        assert run.project == "implicit-tui"
        assert config["model.depth"] == lane.index + 1
        assert config["settings"]["model"]["kind"] == "deep-matrix-factorization"
        assert [row["step"] for row in rows] == list(lane.columns["step"])
        assert [row["_timestamp"] for row in rows] == [STARTED_S + s for s in lane.columns["elapsed_s"]]
        found = [row.get("train_loss", math.inf) for row in rows]
        assert found == list(lane.columns["train_loss"]), "whole, not of single precision"
        assert [row["singular_values/0"] for row in rows] == list(lane.vectors["singular_values"][0])
        assert "singular_values/1" not in rows[1]
        assert rows[-1]["method"] == "chebyshev"
        assert summary["claims"] == "- a-claim holds: 1 of 1"
        assert summary["outcome"].startswith("diverged" if lane.index else "converged")


@needs_tensorboard
@pytest.mark.slow
def test_a_run_on_the_command_line_is_logged_without_torch(tmp_path: Path) -> None:
    """The command as a person types it: the file has the run's last loss, and says where it is on stderr."""
    code = (
        "import sys; from tui.commands import main; "
        f"status = main(['run', {small_preset(tmp_path)!r}, '--log', 'tensorboard']); "
        "sys.exit(status or bool({'torch', 'tensorflow'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False
    )
    assert result.returncode == 0, result.stderr
    found = runs.find("latest")
    assert f"log {tmp_path / 'runs' / found.id}: `tensorboard --logdir {tmp_path / 'runs'}` shows it" in result.stderr
    for lane in history.read(found.log).lanes:
        tags = read(tmp_path / "runs" / found.id / f"lane-{lane.index}")
        assert len(tags["train_loss"]) == len(lane)
        step, _, loss = tags["train_loss"][-1]
        assert step == lane.columns["step"][-1]
        assert loss == pytest.approx(lane.columns["train_loss"][-1])
        assert tags["outcome"][0][2].startswith(b"converged: ")


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_without_the_library_one_sentence_names_the_cure(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the run starts, not after it has trained for hours."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert main(["run", "mf-depth", "--log", name]) == 2
    assert f"pip install 'implicit-tui[{name}]'" in capsys.readouterr().err
    assert runs.list_runs() == []


def test_a_log_that_cannot_be_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each in a sentence, or by the parser; and no run is made."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for arguments, told in (
        (["--log", "tensorboard=file/x"], "cannot be made (not a directory): name a place of yours"),
        (["--log", "wandb", "--log", "wandb=elsewhere"], "--log wandb is given twice"),
        (["--log", "tensorboard", "--detach"], "drop one of the two"),
    ):
        assert main(["run", "mf-depth", *arguments]) == 2
        assert told in capsys.readouterr().err
    result = call("run", "mf-depth", "--log", "tensorbord")
    assert result.returncode == 2
    assert "choose from" in result.stderr
    assert runs.list_runs() == []


def test_completion_knows_the_logs() -> None:
    """A place may follow, but the words come first."""
    assert "--log" in words(["run"])
    assert words(["run", "mf-depth", "--log"]) == ["tensorboard", "wandb"]
