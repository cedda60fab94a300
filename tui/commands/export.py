"""implicit-tui export: a run, finished or not, as a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from solver import client, files, runs
from solver.refusal import BadSetting
from tui.commands import output
from tui.draw.paper import WIDTHS
from tui.export import CHARTS, FORMATS, PICTURES, check, data

_LEAST, _MOST = (40, 12), (400, 200)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, or latest")
    parser.add_argument("--out", default="-", metavar="FILE|-", help="where to (- is stdout, the default)")
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        default="json",
        help="; ".join(f"{name}: {meaning}" for name, meaning in FORMATS.items()),
    )
    parser.add_argument("--keys", default="", metavar="K,K,…", help="pressed before a picture is taken, as in 3,x")
    parser.add_argument(
        "--width",
        choices=WIDTHS,
        help="of a chart: for a talk (the default), or a column of a paper, with letters of 8 points",
    )
    parser.add_argument("--size", default="120x40", metavar="WxH", help="columns and rows of the screen (120x40)")


def main(arguments: argparse.Namespace) -> int:
    directory = runs.find(arguments.run)
    if arguments.width and arguments.format not in CHARTS:
        raise BadSetting(
            f"--width is of a chart, not of {arguments.format}: give --format {' or '.join(CHARTS)} with it", "width"
        )
    path = None if arguments.out == "-" else client.check_export_path(Path(arguments.out))
    if arguments.format in PICTURES:
        check(arguments.format)
        size = _size(arguments.size)
        directory.order()
        from tui import config, headless

        keys = [key.strip() for key in arguments.keys.split(",") if key.strip()]
        own = config.read()
        width = arguments.width or own.figure_width
        written = headless.captured(directory, arguments.format, keys, size, own, width)
    else:
        written = data(directory, arguments.format)
    if path is None:
        output.write(written)
        return 0
    try:
        files.replace_file(path, written)
    except OSError as error:
        raise BadSetting(f"--out {path} could not be written ({error.strerror}): what was there is unchanged") from None
    print(f"export {path}", file=sys.stderr)
    return 0


def _size(text: str) -> tuple[int, int]:
    """Columns and rows as typed. Raises BadSetting."""
    width, _, height = text.lower().partition("x")
    if width.isdecimal() and height.isdecimal():
        size = int(width), int(height)
        if all(low <= value <= high for low, value, high in zip(_LEAST, size, _MOST, strict=True)):
            return size
    raise BadSetting(f"--size must be columns × rows from 40x12 to 400x200, not {text}: its default is 120x40")
