"""implicit-tui presets: what can be run."""

from __future__ import annotations

import argparse

import msgspec

import presets
from solver.refusal import BadSetting
from tui.text import inert, readable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a list of objects")


def main(arguments: argparse.Namespace) -> int:
    found: list[dict[str, object]] = []
    for name, path in presets.names().items():
        try:
            preset = presets.read(path)
        except BadSetting as error:
            found.append(
                {"name": readable(name), "title": f"damaged: {readable(str(error))}", "path": readable(str(path))}
            )
            continue
        fields = ("name", "title", "idea", "source", "look_for", "claims")
        told = {field: getattr(preset, field) for field in fields}
        named = {field: readable(str(getattr(preset, field))) for field in ("name", "title")}
        found.append(told | named | {"path": readable(str(path))})
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return 0
    width = max(len(str(told["name"])) for told in found)
    for told in found:
        print(f"{inert(str(told['name'])):<{width}}  {inert(str(told['title']))}")
    print("\nimplicit-tui run NAME runs one; implicit-tui show NAME prints its TOML, to copy and edit.")
    return 0
