"""make soak: tries every promise at its full number, and writes docs/reliability.md.

``python -m soak kill flip`` tries these alone, and prints what it found.
"""

from __future__ import annotations

import platform
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch

from bench.markdown import table
from soak import PROMISES
from soak.promise import Promise, Tried
from solver import machine
from solver.numerics.device import describe
from solver.version import VERSION

_PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"
_SEED = 1


def tried(promise: Promise, seed: int = _SEED) -> tuple[Tried, float]:
    """The promise at its full number, in a home of its own, and the seconds that took."""
    home = Path(tempfile.mkdtemp(prefix="soak-"))
    begin = time.monotonic()
    try:
        found = promise.attempt(promise.full, home, random.Random(seed))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return found, time.monotonic() - begin


def page(found: list[tuple[Promise, Tried, float]]) -> str:
    """docs/reliability.md."""
    rows = [
        [promise.text, f"{one.trials:,}", f"**{len(one.failures)}**" if one.failures else "0", one.note, f"{took:.0f}"]
        for promise, one, took in found
    ]
    failures = [f"- {promise.name}: {failure}" for promise, one, _ in found for failure in one.failures]
    cpu = describe(torch.device("cpu"))["name"]
    with_what = f"Python {platform.python_version()}, torch {torch.__version__}, implicit-tui {VERSION}"
    return f"""# What must never happen

Written by `make soak` on {cpu}, {machine.cores()} cores, {platform.system()}, {with_what}.
Every promise is tried at its full number, with a fixed seed; the test suite tries each at a small number.

{table(["promise", "trials", "failures", "what was seen", "seconds"], rows)}

{chr(10).join(["## Failures", "", *failures, ""]) if failures else "No trial failed."}

## What this machine cannot show

- **A power cut.** The log is cut, zeroed and overwritten at every offset of its tail instead; the solver syncs it once
  a second, and checkpoints are synced before they are renamed.
- **A network file system.** Locks, renames and appends were tried on a local disk alone.
- **A GPU whose memory runs out.** An ending with its cause and cure is written for it, and was tried with a stand-in
  for the error alone.
- **A quota**, which answers as a full disk does; a limit on the size of files stands for both here, since anybody may
  set one.
"""


def main(names: list[str]) -> int:
    torch.set_num_threads(1)
    chosen = [promise for promise in PROMISES if not names or promise.name in names]
    unknown = set(names) - {promise.name for promise in PROMISES}
    if unknown:
        print(
            f"there is no promise {', '.join(sorted(unknown))}: choose from {', '.join(one.name for one in PROMISES)}"
        )
        return 2
    found = []
    for promise in chosen:
        one, took = tried(promise)
        found.append((promise, one, took))
        print(f"{promise.name}: {len(one.failures)} of {one.trials} failed, {took:.0f} s. {one.note}", file=sys.stderr)
        for failure in one.failures:
            print(f"    {failure}", file=sys.stderr)
    if not names:
        _PAGE.write_text(page(found), encoding="utf-8")
    return 1 if any(one.failures for _, one, _ in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
