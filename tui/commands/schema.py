"""implicit-tui schema: JSON Schema of what goes in (spec) and what comes out (export)."""

from __future__ import annotations

import argparse

import msgspec

from solver import schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("of", choices=("spec", "export"))


def main(arguments: argparse.Namespace) -> int:
    document = schema.of_spec() if arguments.of == "spec" else schema.of_export()
    print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    return 0
