"""implicit-tui show: a preset's TOML as it is, to copy and edit."""

from __future__ import annotations

import argparse
import sys

import presets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("preset", metavar="PRESET|FILE.toml")


def main(arguments: argparse.Namespace) -> int:
    sys.stdout.write(presets.load(arguments.preset).path.read_text(encoding="utf-8"))
    return 0
