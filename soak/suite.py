"""Promises that tests of the suite try in full: they are run and counted."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from soak.promise import Promise, Tried

_ROOT = Path(__file__).parent.parent


def _of_tests(chosen: list[str], _trials: int, home: Path, _generator: random.Random) -> Tried:
    """Each test is a trial; one that is skipped is none, and is told of."""
    report = home / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}", *chosen]
    subprocess.run(command, cwd=_ROOT, capture_output=True, check=False)
    tried = Tried()
    skipped = 0
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("skipped") is not None:
            skipped += 1
            continue
        failed = case.find("failure") is not None or case.find("error") is not None
        tried.that(not failed, f"{case.get('classname')}::{case.get('name')}")
    tried.note = f"{skipped} skipped" if skipped else ""
    return tried


def _promise(name: str, text: str, chosen: list[str]) -> Promise:
    attempt: Callable[[int, Path, random.Random], Tried] = partial(_of_tests, chosen)
    return Promise(name=name, text=text, full=0, few=0, attempt=attempt)


_WITH_TEXT = ["tests/tui/test_app.py", "tests/tui/test_damage.py", "tests/tui/test_surroundings.py"]
PROMISES = [
    _promise(
        "hostile",
        "Text from outside is inert wherever it is shown or typed: no escape, no markup, no click action, no crash.",
        [
            "tests/tui/test_app.py",
            "tests/tui/test_damage.py",
            "tests/tui/test_surroundings.py",
            "-k",
            "hostile or inert or odd",
        ],
    ),
    _promise(
        "serve",
        "The app in a browser admits nobody without its token, no other page's websocket, and four sessions at most.",
        ["tests/tui/test_serve.py"],
    ),
    _promise(
        "logs",
        "Logs that no run writes, with right checksums, are left out record by record, counted, and raise nothing.",
        ["tests/solver/test_damaged_logs.py"],
    ),
]
