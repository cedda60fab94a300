"""implicit-tui prune: deletes old runs that have ended, and says what it freed."""

from __future__ import annotations

import argparse
import time

from solver import runs
from solver.machine import readable_bytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", type=int, metavar="N", help="keep the newest N runs, whatever their age")
    parser.add_argument("--older-than", type=float, metavar="DAYS", help="delete those that ended so many days ago")
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and delete nothing")


def main(arguments: argparse.Namespace) -> int:
    chosen = runs.old(runs.list_runs(), arguments.keep, arguments.older_than, time.time())
    sizes = []
    for directory in chosen:
        size = directory.size_bytes()
        if arguments.dry_run or runs.remove(directory):
            sizes.append(size)
            print(f"{directory.id}  {readable_bytes(size):>10}")
    what = "would be deleted" if arguments.dry_run else "deleted"
    print(f"{len(sizes)} run{'s' * (len(sizes) != 1)} {what}, {readable_bytes(sum(sizes))}")
    return 0 if len(sizes) == len(chosen) else 1
