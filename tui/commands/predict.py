"""implicit-tui predict: predictions of a run on a file of entries, as CSV with the file's own ids."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path

from solver import client, files, predictions, runs
from solver.refusal import BadSetting
from tui.commands import following, output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, or latest")
    parser.add_argument("--rows", metavar="ID,ID,…", help="of these rows alone, by the file's own ids")
    parser.add_argument("--top", type=int, metavar="K", help="the K largest predictions of each row")
    parser.add_argument("--given", action="store_true", help="entries of the file too, with their values beside")
    parser.add_argument("--lane", type=int, metavar="N", help="a lane by its number (the best one)")
    parser.add_argument("--state", choices=("best", "end"), help="the best state on the way (the default), or the last")
    parser.add_argument("--out", default="-", metavar="FILE|-", help="where to (- is stdout, the default)")


def main(arguments: argparse.Namespace) -> int:
    directory = runs.find(arguments.run)
    if arguments.top is not None and arguments.top < 1:
        raise BadSetting(f"--top must be at least 1, not {arguments.top}", "top")
    path = None if arguments.out == "-" else client.check_export_path(Path(arguments.out))
    found = predictions.predictor(directory, following.recorded(directory)[1], arguments.lane, arguments.state)
    rows = None
    if arguments.rows is not None:
        names = next(csv.reader([arguments.rows], skipinitialspace=True), [])
        rows = predictions.rows_named(found.truth, names)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(
        predictions.table(found, rows, arguments.top, given=arguments.given)
    )
    written = text.getvalue().encode()
    if path is None:
        output.write(written)
        return 0
    try:
        files.replace_file(path, written)
    except OSError as error:
        raise BadSetting(f"--out {path} could not be written ({error.strerror}): what was there is unchanged") from None
    print(f"predictions of step {found.step}, the {found.state} state: {path}", file=sys.stderr)
    return 0
