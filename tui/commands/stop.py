"""implicit-tui stop: ends a live run at its next step."""

from __future__ import annotations

import argparse
import sys

from solver import client, runs
from solver.refusal import BadSetting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, or latest")


def main(arguments: argparse.Namespace) -> int:
    directory = runs.find(arguments.run)
    if not directory.is_solving():
        raise BadSetting(f"run {directory.id} is not running ({directory.state()}): nothing to stop")
    if not client.stop(directory):
        print(f"run {directory.id} was asked to stop and has not yet: look again with `implicit-tui runs`")
        return 1
    print(f"run {directory.id} stopped", file=sys.stderr)
    return 0
