"""The published numbers beside ours: ``python -m reproduction`` runs them all and writes docs/reproduction.md.

With names of sections, as in ``python -m reproduction hierarchical``, their runs alone, and these sections anew.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from reproduction.kept import FIGURE, figure
from reproduction.page import SECTIONS, document, with_sections
from reproduction.settings import orders
from solver import client, history

TARGET = Path(__file__).parent.parent / "docs" / "reproduction.md"


def main(names: Sequence[str]) -> int:
    """Runs everything that the named sections need, or all do, one process a core, and writes the page."""
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        print(f"there is no section {unknown[0]}: name {', '.join(SECTIONS)}, or none for all", file=sys.stderr)
        return 2
    needed = {run for name in names or SECTIONS for run in SECTIONS[name][1]}
    wanted = {run: order for run, order in orders().items() if run in needed}
    home = Path(tempfile.mkdtemp(prefix="implicit-tui-reproduction-"))
    began = time.monotonic()
    try:
        ran = client.run_all(
            list(wanted.values()),
            home,
            lambda place, took: print(f"{list(wanted)[place]}: {took:.0f} s", file=sys.stderr),
        )
        histories = {name: history.read(directory.log) for name, (directory, _) in zip(wanted, ran, strict=True)}
        if names:
            anew = {name: SECTIONS[name][0](histories) for name in names}
            text = with_sections(TARGET.read_text(encoding="utf-8"), anew)
        else:
            text = document(histories, time.monotonic() - began)
        TARGET.write_text(text, encoding="utf-8")
        (TARGET.parent / FIGURE).write_text(figure(), encoding="utf-8")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"wrote {TARGET}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
