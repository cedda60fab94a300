"""implicit-tui runs: the runs on this machine, damaged ones too."""

from __future__ import annotations

import argparse

import msgspec

from solver import runs
from solver.machine import readable_bytes
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tui.text import inert, readable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a list of objects")


def main(arguments: argparse.Namespace) -> int:
    found = [summary(directory) for directory in runs.list_runs()]
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return 0
    if not found:
        print(f"there are no runs in {runs.runs_home()} yet: start one with `implicit-tui run mf-depth`")
        return 0
    width = max(len(str(run["id"])) for run in found)
    for run in found:
        size = readable_bytes(float(str(run["size_bytes"])))
        told = f"{run['name']} · {run['title']}" if run["name"] else str(run["title"])
        print(f"{inert(str(run['id'])):<{width}}  {run['state']:<16} {size:>10}  {inert(told)}")
    return 0


def summary(directory: RunDirectory) -> dict[str, object]:
    """What a list of runs says of one."""
    try:
        order = directory.order()
        preset, title, state = order.preset.name, order.preset.title, directory.state()
        created = order.created
    except BadSetting as error:
        preset, title, state, created = "", readable(str(error)), "damaged", ""
    notes = directory.read_notes()
    return {
        "id": readable(directory.id),
        "name": notes.name,
        "note": notes.note,
        "tags": notes.tags,
        "preset": preset,
        "title": title,
        "state": state,
        "created": created,
        "size_bytes": directory.size_bytes(),
        "path": readable(str(directory.path)),
    }
