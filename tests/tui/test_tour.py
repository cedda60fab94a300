"""The tasks of docs/tour.md, typed as they stand there, byte for byte, to the app in a terminal with real solvers."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import presets
from bench.terminal import COMMAND
from solver import history, runs
from tests.tui.screen import Watched

TOUR = (Path(__file__).parents[2] / "docs" / "tour.md").read_text(encoding="utf-8")
_TOKEN = re.compile(r"`([^`]+)`|\"([^\"]+)\"|\*(wait)\*")
SIZE = (140, 44)


def tasks() -> dict[str, list[tuple[str, str]]]:
    """Each task's title, and its lines of keys with what is to be seen after each."""
    found: dict[str, list[tuple[str, str]]] = {}
    for part in TOUR.split("\n## ")[1:]:
        title, _, rest = part.partition("\n")
        keys = re.findall(r"^(?:Keys|Then): (.+)$", rest, re.M)
        seen = re.findall(r"^See: (.+)$", rest, re.M)
        assert len(keys) == len(seen) > 0, title
        found[title] = list(zip(keys, seen, strict=True))
    return found


def test_there_are_six_tasks_and_nothing_but_keys_words_and_waits_in_them() -> None:
    assert len(tasks()) == 6
    for lines in tasks().values():
        for keys, _ in lines:
            assert _TOKEN.sub("", keys).strip() == "", keys


def has_settled(shown: str) -> bool:
    """Whether a form stands, or a run has ended."""
    is_form = shown.lstrip().startswith("settings") and "f5 run" in shown
    return is_form or ("converged" in shown and "▶" not in shown and "starting" not in shown)


def type_(watched: Watched, line: str) -> None:
    """Key by key and word by word, as a person does who sees what the last one did."""
    before = ""
    for key, words, wait in _TOKEN.findall(line):
        if wait:
            # What stood there before the last key may look settled, too.
            watched.until(lambda shown, before=before: title_of(shown) != before and has_settled(shown), 120.0)  # type: ignore[misc]
        else:
            before = title_of(watched.screen.text)
            watched.press(*(words or [key]))
        watched.still(0.12)


def title_of(shown: str) -> str:
    return shown.partition("\n")[0]


def quit_(watched: Watched) -> None:
    """The solver of a run that has just ended may not have let go yet: then the app asks."""
    gone: list[bool] = []

    def has_gone_or_asks(shown: str) -> bool:
        gone.extend([True] * (not gone and not watched.terminal.is_alive()))
        return bool(gone) or "under way" in shown

    watched.press("q")
    watched.until(has_gone_or_asks)
    if not gone:
        watched.press("l")
        watched.until(lambda _: not watched.terminal.is_alive())


@pytest.mark.slow
@pytest.mark.parametrize("title", list(tasks()))
def test_the_task_is_done_with_these_keys(title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "talk").mkdir()
    monkeypatch.chdir(tmp_path / "talk")
    with Watched([COMMAND], SIZE) as watched:
        watched.until(lambda shown: "mf-depth" in shown and "q quit" in shown)
        for keys, seen in tasks()[title]:
            type_(watched, keys)
            watched.until(lambda shown, seen=seen: seen in shown)  # type: ignore[misc]
        quit_(watched)
    afterwards = {"3": determinants_change_sign, "5": the_figure_has_its_curves, "6": the_preset_is_there}
    if title[0] in afterwards:
        afterwards[title[0]](tmp_path / "talk")


def determinants_change_sign(_: Path) -> None:
    (run,) = runs.list_runs()
    lanes = [lane for lane in history.read(run.log).lanes if lane.parameters["model.depth"] == 1]
    kept = [lane.columns["det_sign"][-1] == lane.columns["det_sign"][0] for lane in lanes]
    assert len(kept) == 2
    assert not all(kept)


def the_figure_has_its_curves(directory: Path) -> None:
    (figure,) = directory.iterdir()
    (run,) = runs.list_runs()
    assert figure.name == f"{run.id}.svg"
    root = ElementTree.fromstring(figure.read_text(encoding="utf-8"))
    assert root.tag.endswith("svg")
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 24


def the_preset_is_there(_: Path) -> None:
    preset = presets.load("ten-times")
    assert preset.raw["model"]["init_scale"] == 0.01
    assert preset.raw["sweep"] == presets.load("mf-depth").raw["sweep"]
