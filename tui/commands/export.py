"""implicit-tui export: a run, finished or not, as a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from solver import client, export, rundir
from solver.refusal import BadSetting
from solver.rundir import RunDirectory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, or latest")
    parser.add_argument("--out", default="-", metavar="FILE|-", help="where to (- is stdout, the default)")
    parser.add_argument("--format", choices=("json", "jsonl", "csv"), default="json")


def main(arguments: argparse.Namespace) -> int:
    directory = rundir.find(arguments.run)
    if arguments.out == "-":
        sys.stdout.buffer.write(document(directory, arguments.format))
        sys.stdout.flush()
        return 0
    path = client.check_export_path(Path(arguments.out))
    data = document(directory, arguments.format)
    try:
        rundir.replace_file(path, data)
    except OSError as error:
        raise BadSetting(f"--out {path} could not be written ({error.strerror}): what was there is unchanged") from None
    print(f"export {path}", file=sys.stderr)
    return 0


def document(directory: RunDirectory, kind: str) -> bytes:
    """The run in one of the formats; jsonl is its log. Raises BadSetting."""
    if kind == "jsonl":
        try:
            return directory.log.read_bytes()
        except OSError as error:
            raise BadSetting(f"run {directory.id} has no readable log ({error.strerror}): nothing to export") from None
    exported = export.build(directory)
    return export.to_json(exported) if kind == "json" else export.to_csv(exported)
