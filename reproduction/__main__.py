"""The published numbers beside ours: ``python -m reproduction`` runs them all and writes docs/reproduction.md."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

from reproduction.sections import SECTIONS, Histories
from reproduction.settings import orders
from solver import client, history
from solver.version import VERSION

TARGET = Path(__file__).parent.parent / "docs" / "reproduction.md"


def document(histories: Histories, seconds: float) -> str:
    """The whole page."""
    head = f"""# The published numbers, side by side

Written by `make reproduction` (implicit-tui {VERSION}, Python {platform.python_version()}, {seconds / 60:.0f} minutes on two
cores). Several draws are given as the median with the smallest and the largest in brackets. Every run is a preset with
settings that `reproduction/settings.py` names, so each can be run, watched and changed in the app. What differs is marked as
**the draw** (another random ground truth, mask or start), **the method**, **the unit**, **the length** or **the class**.
"""
    return "\n".join([head, *(section(histories) for section in SECTIONS)])


def main() -> int:
    """Runs everything, one process a core, and writes the page."""
    wanted = orders()
    names = list(wanted)
    home = Path(tempfile.mkdtemp(prefix="implicit-tui-reproduction-"))
    began = time.monotonic()
    try:
        ran = client.run_all(
            list(wanted.values()), home, lambda place, took: print(f"{names[place]}: {took:.0f} s", file=sys.stderr)
        )
        histories = {name: history.read(directory.log) for name, (directory, _) in zip(names, ran, strict=True)}
        TARGET.write_text(document(histories, time.monotonic() - began), encoding="utf-8")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"wrote {TARGET}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
