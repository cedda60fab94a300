"""implicit-tui info: versions, directories and devices."""

from __future__ import annotations

import argparse
import json
import platform
from importlib.metadata import version

import presets
from solver import client, runs
from solver.machine import readable_bytes
from solver.version import VERSION
from tui.text import inert


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print an object")


def main(arguments: argparse.Namespace) -> int:
    found = json.loads(client.devices())
    facts = {
        "implicit_tui": VERSION,
        "python": platform.python_version(),
        "textual": version("textual"),
        "torch": found["torch"],
        "cuda": found["cuda"],
        "data": str(runs.data_home()),
        "presets": str(presets.own_directory()),
        "devices": found["devices"],
    }
    if arguments.json:
        print(json.dumps(facts, indent=2))
        return 0
    for name in ("implicit_tui", "python", "textual", "torch", "cuda", "data", "presets"):
        print(f"{name.replace('_', '-'):<13} {inert(str(facts[name] or 'none'))}")
    for device in found["devices"]:
        size = f", {readable_bytes(device['memory_bytes'])}" if "memory_bytes" in device else ""
        print(f"{device['device']:<13} {inert(device['name'])}{size}")
    return 0
