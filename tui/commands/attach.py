"""implicit-tui attach: the app on a run; without a name, on the newest one, a live one first."""

from __future__ import annotations

import argparse

from solver import runs
from tui.commands import app


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", metavar="RUN", help="an id, the beginning of one, or latest")


def main(arguments: argparse.Namespace) -> int:
    if arguments.run is not None:
        directory = runs.find(arguments.run)
    else:
        live = [run for run in runs.list_runs() if run.is_solving()]
        directory = live[-1] if live else runs.find("latest")
    directory.order()
    return app.open_on(run=directory)
