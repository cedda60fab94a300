"""The five tasks of docs/tour.md, typed as they stand there on real solvers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from solver import client
from tests.tui.driving import live, text_of, until
from tui.app import ImplicitApp
from tui.screens.export import ExportDialog
from tui.screens.live import LiveScreen
from tui.screens.settings import SettingsScreen

TOUR = (Path(__file__).parents[2] / "docs" / "tour.md").read_text(encoding="utf-8")
_TOKEN = re.compile(r"`([^`]+)`|\"([^\"]+)\"|\*(wait)\*")
_NAMES = {"/": "slash"}


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


def test_there_are_five_tasks() -> None:
    assert len(tasks()) == 5


async def typed(pilot: Pilot[None], line: str) -> None:
    for key, words, wait in _TOKEN.findall(line):
        if wait:
            await settled(pilot)
        elif words:
            await pilot.press(*("space" if letter == " " else letter for letter in words))
        elif "=" in key and isinstance(pilot.app.screen, SettingsScreen):
            field, _, value = key.partition("=")
            entry = next(one for one in pilot.app.screen.query(Input) if (one.name or "").endswith(field))
            entry.focus()
            entry.value = ""
            await pilot.press(*(letter if letter.isalnum() else "full_stop" for letter in value))
        elif isinstance(pilot.app.screen, ExportDialog) and key in ("svg", "csv", "json"):
            pilot.app.screen.query_one("#kind", Select).value = key
            await pilot.pause()
        else:
            await pilot.press(_NAMES.get(key, key))
        await pilot.pause()


async def settled(pilot: Pilot[None]) -> None:
    """A run that is shown has ended and been drawn; a form has its fields."""

    def is_there() -> bool:
        screen = pilot.app.screen
        if isinstance(screen, SettingsScreen):
            return bool(screen.query("#form Input"))
        return isinstance(screen, LiveScreen) and screen.history.ending is not None and screen.is_caught_up()

    await until(pilot, is_there, tries=12_000)


@pytest.fixture
def _solvers_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every solver that was started or warmed is let go of, and waited for."""
    solvers: list[client.Solver] = []

    def kept(make: Callable[..., client.Solver]) -> Callable[..., client.Solver]:
        def of(*given: Any, **named: Any) -> client.Solver:
            solvers.append(make(*given, **named))
            return solvers[-1]

        return of

    monkeypatch.setattr(client, "start", kept(client.start))
    monkeypatch.setattr(client, "warm", kept(client.warm))
    yield
    for solver in solvers:
        solver.release()
        assert solver.wait(30.0) is not None


@pytest.mark.slow
@pytest.mark.usefixtures("_solvers_end")
@pytest.mark.parametrize("title", list(tasks()))
async def test_the_task_is_done_with_these_keys(title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = ImplicitApp()
    async with app.run_test(size=(140, 44), notifications=True) as pilot:
        await pilot.pause()
        for keys, seen in tasks()[title]:
            await typed(pilot, keys)
            await until(pilot, lambda seen=seen: seen in text_of(pilot), tries=2_000)  # type: ignore[misc]
        if title.startswith("5"):
            (figure,) = tmp_path.glob("*.svg")
            root = ElementTree.fromstring(figure.read_text(encoding="utf-8"))
            assert root.tag.endswith("svg")
            assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 24
        if title.startswith("3"):
            signs = [lane for lane in live(pilot).history.lanes if lane.parameters["model.depth"] == 1]
            kept = [lane.columns["det_sign"][-1] == lane.columns["det_sign"][0] for lane in signs]
            assert any(not one for one in kept)
