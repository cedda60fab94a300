"""implicit-tui show: a preset's TOML as it is, or that of a file of entries, to copy and edit."""

from __future__ import annotations

import argparse
from pathlib import Path

import presets
from presets.writing import preset_toml
from solver import data_files, files, settings
from tui.commands import output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("preset", metavar="PRESET|FILE")


def main(arguments: argparse.Namespace) -> int:
    preset = presets.load(arguments.preset)
    own_file = preset.raw.get("problem", {}).get("file")
    if own_file is not None and Path(own_file).absolute() == preset.path:
        # Of a file of entries: what it is run with, and not the entries.
        spec = data_files.settle(settings.decode(preset.raw), Path.cwd())
        output.write(preset_toml(preset, spec, preset.raw).encode())
        return 0
    output.write(files.read_whole(preset.path))
    return 0
