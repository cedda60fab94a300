"""implicit-tui config: where the configuration is, what it says, and whether it is right."""

from __future__ import annotations

import argparse
from pathlib import Path

from tui import config
from tui.text import inert


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("path", "show", "validate"), help="show prints every line, to copy and edit")
    parser.add_argument("file", nargs="?", type=Path, help="another file than the one at the path")


def main(arguments: argparse.Namespace) -> int:
    file = config.path() if arguments.file is None else arguments.file
    if arguments.what == "path":
        print(file)
        return 0
    found = config.read(file)
    if arguments.what == "show":
        print(config.as_toml(found), end="")
        return 0
    config.check_theme(found, file)
    print(f"{inert(str(file), 400)} {'is right' if file.exists() else 'is not there: everything is as it comes'}")
    return 0
