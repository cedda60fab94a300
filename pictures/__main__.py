"""make pictures: draws every screen into docs/screens.

Trains the runs that are shown where the presets have changed, and with ``--train`` all of them.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from pictures import runs_kept
from pictures.drawing import SCREENS, drawn
from pictures.scenes import pictures
from solver import files, machine

_AT_ONCE = 4


def main() -> int:
    begin = time.monotonic()
    wanted = [preset for preset in runs_kept.PRESETS if "--train" in sys.argv[1:] or runs_kept.stale(preset)]
    if wanted:
        runs_kept.train(wanted)
        print(f"trained {', '.join(wanted)} in {time.monotonic() - begin:.0f} s")
    every = list(pictures())
    n_parts = min(_AT_ONCE, machine.cores())
    # The signals and the loop of the app belong to a process that has nothing else to do.
    with ProcessPoolExecutor(n_parts, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = pool.map(drawn, [every[k::n_parts] for k in range(n_parts)])
        found = {name: text for part in parts for name, text in part.items()}
    for there in SCREENS.glob("*.svg"):
        if there.name not in found:
            there.unlink()
    for name, text in found.items():
        files.replace_file(SCREENS / name, text.encode())
    size = sum(path.stat().st_size for path in SCREENS.rglob("*") if path.is_file())
    print(f"{len(found)} pictures, {size / 1e6:.1f} MB with the runs, in {time.monotonic() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
