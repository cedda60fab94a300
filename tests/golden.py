"""Kept results, and who may make them anew: the platform and the versions that the tests are pinned to, no other."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

_PLATFORM = ("Linux", "x86_64")
_CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"


def is_updating() -> bool:
    """Whether the person who runs the tests accepts what comes out now: UPDATE_GOLDEN=1, then read the difference."""
    return bool(os.environ.get("UPDATE_GOLDEN"))


def accept(path: Path, text: str, *packages: str) -> None:
    """Keeps ``text``. Raises AssertionError where platform or packages are not those that the tests are pinned to."""
    here = (platform.system(), platform.machine())
    assert here == _PLATFORM, f"{path.name} is made on {' '.join(_PLATFORM)} alone, and this is {' '.join(here)}"
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", _CONSTRAINTS.read_text(encoding="utf-8"), re.M))
    for package in packages:
        found = version(package).partition("+")[0]
        assert found == pins[package], f"{path.name} is made with {package} {pins[package]} alone, and this is {found}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
