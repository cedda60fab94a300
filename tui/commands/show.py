"""implicit-tui show: a preset's TOML as it is, to copy and edit."""

from __future__ import annotations

import argparse

import presets
from solver import files
from tui.commands import output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("preset", metavar="PRESET|FILE.toml")


def main(arguments: argparse.Namespace) -> int:
    output.write(files.read_whole(presets.load(arguments.preset).path))
    return 0
