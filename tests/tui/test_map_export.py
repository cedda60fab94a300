"""Maps of a sweep given away: as a figure and as a table, from the app and from the command line."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from textual.widgets import Input

import presets
from solver import runs
from tests.tui import logs
from tests.tui.driving import chart_text, live, opened, text_of, until
from tests.tui.swept import run_of
from tui.commands import main
from tui.screens.export import ExportDialog

pytestmark = pytest.mark.usefixtures("stand_in")

_SPACE = "{http://www.w3.org/2000/svg}"


async def test_the_app_writes_the_map_that_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened((120, 40), run=run_of()) as pilot:
        await until(pilot, lambda: "map of reconstruction error" in chart_text(pilot))
        await pilot.press("2", "M", "t")
        for name in ("shown.map.csv", "shown.svg"):
            await pilot.press("e")
            await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
            pilot.app.screen.query_one("#path", Input).value = str(tmp_path / name)
            await pilot.press("enter")
            await until(pilot, lambda name=name: (tmp_path / name).exists())  # type: ignore[misc]
    rows = list(csv.reader(io.StringIO((tmp_path / "shown.map.csv").read_text())))
    assert rows[0][:3] == ["model.init_scale", "problem.observations", "effective_rank"]
    assert len(rows) == 13
    root = ElementTree.fromstring((tmp_path / "shown.svg").read_text())
    assert "map of effective rank" in {node.text for node in root.iter(f"{_SPACE}text")}


async def test_a_map_is_no_export_of_a_run_without_one(tmp_path: Path) -> None:
    async with opened((120, 40), run=logs.run_in_state("ended")) as pilot:
        await until(pilot, lambda: live(pilot).history.ending)
        await pilot.press("M")
        await until(pilot, lambda: "two fields" in text_of(pilot))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
        dialog = pilot.app.screen
        assert isinstance(dialog, ExportDialog)
        assert "map" not in dialog._kinds


def test_a_map_is_written_from_the_command_line(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    made = run_of()
    assert main(["export", made.id, "--format", "csv", "--map", "y=observations,value=singular_values.1"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode())))
    assert [row["singular_values.1"] for row in rows] == [str(float(k)) for k in range(12)]
    assert rows[1] == {
        "model.init_scale": "0.1",
        "problem.observations": "120",
        "singular_values.1": "1.0",
        "lanes": "1",
        "ended": "1",
        "broken": "0",
        "outcome": "converged",
    }
    out = tmp_path / "map.svg"
    told = ["--format", "svg", "--map", "", "--width", "column", "--out", str(out)]
    assert main(["export", made.id, *told]) == 0
    root = ElementTree.fromstring(out.read_text())
    assert root.attrib["width"] == "3.35in"
    assert "map of reconstruction error (log)" in {node.text for node in root.iter(f"{_SPACE}text")}
    assert "phase-map" in (root.find(f"{_SPACE}title").text or "")  # type: ignore[union-attr]
    assert main(["export", made.id, "--format", "map"]) == 0
    assert b"problem.observations,model.init_scale,reconstruction_error" in capsysbinary.readouterr().out


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (["--format", "json", "--map", ""], "--map goes with --format csv, map, svg or png, not with json"),
        (["--format", "svg", "--map", "value=nothing"], "no lane of this run ends with nothing"),
        (["--format", "svg", "--map", "", "--keys", "3"], "--keys"),
    ],
)
def test_maps_that_cannot_be_are_one_sentence(told: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", run_of().id, *told]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_run_without_a_map_or_without_a_log_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", logs.run_in_state("ended").id, "--format", "map"]) == 2
    assert "two fields that are swept" in capsys.readouterr().err
    empty = runs.create(presets.order_of("phase-map", "quick"))
    assert main(["export", empty.id, "--format", "map"]) == 2
    assert "recorded nothing yet" in capsys.readouterr().err
