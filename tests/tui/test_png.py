"""Charts and screens as pixels, and one sentence where what draws them is not installed."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

import pytest
from textual.widgets import Input, Select

from solver.refusal import BadSetting
from tests.tui import logs
from tests.tui.driving import StandIn, app_of, caught_up, opened, text_of, until
from tui import exporting
from tui.commands import main
from tui.draw import png
from tui.export import FORMATS, format_of, suffix
from tui.screens.export import ExportDialog

needs_library = pytest.mark.skipif(
    importlib.util.find_spec("resvg_py") is None, reason="resvg-py is not installed: pip install 'implicit-tui[png]'"
)


def size_of(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


@needs_library
@pytest.mark.parametrize(
    ("more", "size"),
    [
        (["--format", "png"], (1920, 1200)),
        (["--format", "png", "--width", "column"], (1920, 1491)),
        (["--format", "screen-png", "--size", "80x24"], (2 * 8 * 80, 2 * 16 * 24)),
    ],
    ids=["talk", "column", "screen"],
)
def test_pixels_are_written_from_the_command_line(more: list[str], size: tuple[int, int], tmp_path: Path) -> None:
    out = tmp_path / "x.png"
    assert main(["export", logs.run_in_state("ended").id, "--out", str(out), *more]) == 0
    assert size_of(out.read_bytes()) == size


@needs_library
async def test_the_app_writes_pixels_and_copies_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: StandIn
) -> None:
    monkeypatch.chdir(tmp_path)
    made = logs.run_in_state("ended")
    async with opened(run=made) as pilot:
        await caught_up(pilot)
        for kind in ("png", "screen-png"):
            await pilot.press("e")
            await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog))
            pilot.app.screen.query_one("#kind", Select).value = kind
            end = suffix(kind)
            await until(pilot, lambda end=end: pilot.app.screen.query_one("#path", Input).value.endswith(end))  # type: ignore[misc]
            await pilot.click("#write")
            target = tmp_path / f"{made.id}{end}"
            await until(pilot, target.exists)
            assert size_of(target.read_bytes())[0] == 1920
        exporting.copy(app_of(pilot), b"\x89PNG", "png")
        await until(pilot, lambda: "takes no pixels" in text_of(pilot))


def test_without_the_library_one_sentence_names_the_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    made = logs.run_in_state("ended")
    for kind in ("png", "screen-png"):
        assert main(["export", made.id, "--format", kind, "--out", str(tmp_path / "x.png")]) == 2
        assert "pip install 'implicit-tui[png]'" in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()
    with pytest.raises(BadSetting, match="needs an extra"):
        png.png("<svg/>")


def test_a_file_name_says_its_format() -> None:
    for kind in FORMATS:
        assert format_of(f"a.b{suffix(kind)}") == kind
    assert format_of("a.gif") is None
