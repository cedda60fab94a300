"""The pictures of README and docs: of the runs and the screens that there are today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pictures import runs_kept
from pictures.drawing import SCREENS, drawn
from pictures.scenes import SCENES, pictures

ROOT = Path(__file__).parents[1]
CURE = "`make pictures` makes it anew: look at what it shows"
# Each screen once, and every size and theme among them. All of them take half a minute, these seven seconds.
AGAIN = (
    "home-120x40-dark",
    "settings-120x40-light",
    "runs-120x40-dark",
    "compare-120x40-light",
    "help-120x40-dark",
    "mf-depth-80x24-light",
    "mf-dynamics-200x60-dark",
    "claims-120x40-dark",
    "components-120x40-light",
)


@pytest.mark.parametrize("preset", runs_kept.PRESETS)
def test_the_kept_run_is_the_one_its_preset_makes(preset: str) -> None:
    why = runs_kept.stale(preset)
    assert not why, f"{why}: {CURE}"


def test_a_run_of_other_settings_or_of_none_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runs_kept, "SIZE", "paper")
    assert runs_kept.stale("mf-depth") == (
        "the kept run of mf-depth has other settings than the preset at size paper has now"
    )
    monkeypatch.setattr(runs_kept, "RUNS", tmp_path)
    assert runs_kept.stale("mf-depth") == "no run of mf-depth is kept"


def test_there_is_a_picture_of_every_scene_and_no_other() -> None:
    kept, there = {path.name for path in SCREENS.glob("*.svg")}, {picture.file_name for picture in pictures()}
    assert kept == there, CURE
    assert len({scene.name for scene in SCENES}) == len(SCENES)
    assert sum(path.stat().st_size for path in SCREENS.rglob("*") if path.is_file()) < 5_000_000


@pytest.mark.slow
def test_the_kept_pictures_show_what_the_app_shows() -> None:
    """Drawn anew from the kept runs, some of them, and compared whole."""
    now = drawn([picture for picture in pictures() if picture.file_name.removesuffix(".svg") in AGAIN])
    assert len(now) == len(AGAIN)
    stale = [name for name, text in now.items() if (SCREENS / name).read_text(encoding="utf-8") != text]
    assert not stale, f"{', '.join(stale)} of docs/screens no longer shows what the app shows: {CURE}"


def test_another_word_or_colour_makes_another_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    (home,) = (picture for picture in pictures() if picture.file_name == "home-120x40-dark.svg")
    before = drawn([home])
    assert drawn([home]) == before, "and drawing twice does not"
    monkeypatch.setattr("tui.screens.home.duration", lambda _: "an hour")
    assert drawn([home]) != before


def test_every_picture_that_is_referred_to_is_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)|<img[^>]*src=\"([^\"]+)\"", page.read_text(encoding="utf-8")):
            path = page.parent / (target[0] or target[1])
            assert path.exists(), f"{page.name} refers to {path}"
