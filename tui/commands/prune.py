"""implicit-tui prune: deletes old runs that have ended, and says what it freed."""

from __future__ import annotations

import argparse
import time

from solver import rundir
from solver.estimate import readable_bytes
from solver.refusal import BadSetting
from solver.rundir import RunDirectory

_DAY_S = 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", type=int, metavar="N", help="keep the newest N runs, whatever their age")
    parser.add_argument("--older-than", type=float, metavar="DAYS", help="delete those that ended so many days ago")
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and delete nothing")


def main(arguments: argparse.Namespace) -> int:
    chosen = old(rundir.list_runs(), arguments.keep, arguments.older_than, time.time())
    sizes = []
    for directory in chosen:
        size = directory.size_bytes()
        if arguments.dry_run or directory.remove():
            sizes.append(size)
            print(f"{directory.id}  {readable_bytes(size):>10}")
    what = "would be deleted" if arguments.dry_run else "deleted"
    print(f"{len(sizes)} run{'s' * (len(sizes) != 1)} {what}, {readable_bytes(sum(sizes))}")
    return 0 if len(sizes) == len(chosen) else 1


def old(runs: list[RunDirectory], keep: int | None, older_than: float | None, now: float) -> list[RunDirectory]:
    """Which of ``runs``, oldest first, are to go; live ones never are. Raises BadSetting."""
    if keep is None and older_than is None:
        raise BadSetting("prune needs --keep N or --older-than DAYS: it says which runs are old")
    if keep is not None and keep < 0:
        raise BadSetting(f"--keep must be at least 0, not {keep}")
    if older_than is not None and not older_than >= 0:
        raise BadSetting(f"--older-than must be a number of days of at least 0, not {older_than:g}")
    candidates = runs[: max(0, len(runs) - (keep or 0))]
    limit = now - (older_than or 0.0) * _DAY_S
    return [run for run in candidates if run.changed_at() <= limit and not run.is_solving()]
