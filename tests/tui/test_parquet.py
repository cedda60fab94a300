"""A run as Parquet: what is read back is what the JSON has, and one sentence where the library is not installed."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from solver import export, settings
from solver.records import Frame, LaneSchema, Schema, Value
from solver.series import BY_NAME
from tests.tui import logs
from tests.tui.calling import COMMAND, call
from tests.tui.driving import StandIn, app_of, caught_up, opened, text_of, until
from tui import exporting
from tui.commands import main

needs_library = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed: pip install 'implicit-tui[parquet]'"
)


def written(run_id: str, path: Path) -> Any:
    """The table in the file that the command line writes."""
    from pyarrow import parquet

    assert main(["export", run_id, "--format", "parquet", "--out", str(path)]) == 0
    return parquet.read_table(path)


@needs_library
def test_the_rows_are_those_of_the_json_with_the_run_beside_them(tmp_path: Path) -> None:
    """Whoever has the file alone can tell which run it is of, and run it again."""
    made = logs.run_in_state("ended")
    document = export.build(made)
    table = written(made.id, tmp_path / "run.parquet")
    rows = table.to_pylist()
    assert len(rows) == sum(len(lane.series.step) for lane in document.lanes)
    assert len(rows) == len(export.to_csv(document).splitlines()) - 1
    start = 0
    for lane in document.lanes:
        of_lane = rows[start : start + len(lane.series.step)]
        start += len(of_lane)
        assert {row["lane"] for row in of_lane} == {lane.index}
        for name, value in lane.parameters.items():
            assert {row[name] for row in of_lane} == {value}
        for name in logs.SERIES:
            assert [row[name] for row in of_lane] == getattr(lane.series, name)
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert metadata["implicit-tui.id"] == made.id
    assert metadata["implicit-tui.preset"] == "mf-depth"
    assert settings.decode(json.loads(metadata["implicit-tui.spec"])) == document.spec
    assert json.loads(metadata["implicit-tui.outcome"])["kind"] == "converged"
    note = table.schema.field("reconstruction_error").metadata[b"description"].decode()
    assert note == BY_NAME["reconstruction_error"].note


@needs_library
def test_numbers_that_are_not_finite_are_kept_and_lanes_need_not_record_the_same(tmp_path: Path) -> None:
    """JSON has no word for them and has null; Parquet has both, so that null is what was not recorded."""
    made = logs.made_run()
    names = ["step", "elapsed_s", "evaluations", "train_loss", "step_size"]
    lanes = [
        LaneSchema(index=0, parameters={"model.layer_scales": [1.0, 2.0]}, series=names, problem=0),
        LaneSchema(index=1, parameters={"model.layer_scales": None}, series=[*names, "singular_values"], problem=0),
    ]
    first: list[Value] = [0, 0.0, 1, "inf", 0.5]
    second: list[Value] = [3, 0.5, 4, 0.25, 0.5, [2.0, "nan"]]
    frames = [Frame(lane=0, values=first), Frame(lane=1, values=second)]
    logs.write(made, [Schema(version=1, lanes=lanes), logs.START, *frames])
    rows = written(made.id, tmp_path / "run.parquet").to_pylist()
    assert [row["train_loss"] for row in rows] == [math.inf, 0.25]
    assert [row["model.layer_scales"] for row in rows] == ["[1.0, 2.0]", None]
    assert [row["step"] for row in rows] == [0, 3]
    assert rows[0]["singular_values"] is None
    assert rows[1]["singular_values"][0] == 2.0
    assert math.isnan(rows[1]["singular_values"][1])


@needs_library
def test_a_run_that_has_recorded_nothing_is_a_table_without_rows(tmp_path: Path) -> None:
    assert written(logs.made_run().id, tmp_path / "run.parquet").num_rows == 0


@needs_library
def test_parquet_goes_through_a_pipe_whole() -> None:
    made = logs.run_in_state("ended")
    command = [*COMMAND, "export", made.id, "--format", "parquet"]
    data = subprocess.run(command, capture_output=True, check=True, timeout=120, stdin=subprocess.DEVNULL).stdout
    assert data[:4] == data[-4:] == b"PAR1"


@needs_library
async def test_the_app_writes_it_by_the_files_name_and_copies_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: StandIn
) -> None:
    monkeypatch.chdir(tmp_path)
    made = logs.run_in_state("ended")
    async with opened(run=made) as pilot:
        await caught_up(pilot)
        await pilot.press("e", *"parquet", "enter")
        target = tmp_path / f"{made.id}.parquet"
        await until(pilot, target.exists)
        assert target.read_bytes()[:4] == b"PAR1"
        exporting.copy(app_of(pilot), b"PAR1", "parquet")
        await until(pilot, lambda: "takes no Parquet" in text_of(pilot))


def test_without_the_library_one_sentence_names_the_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    made = logs.run_in_state("ended")
    assert main(["export", made.id, "--format", "parquet", "--out", str(tmp_path / "x.parquet")]) == 2
    assert "pip install 'implicit-tui[parquet]'" in capsys.readouterr().err
    assert not (tmp_path / "x.parquet").exists()


def test_the_library_is_not_imported_for_other_formats(tmp_path: Path) -> None:
    """It is large, and the front is quick."""
    made = logs.run_in_state("ended")
    code = (
        "import sys; from tui.commands import main; "
        f"main(['export', {made.id!r}, '--format', 'csv', '--out', {str(tmp_path / 'x.csv')!r}]); "
        "sys.exit(bool({'pyarrow', 'numpy', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0
    assert call("export", made.id, "--format", "csv").stdout == (tmp_path / "x.csv").read_text()
