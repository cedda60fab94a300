"""implicit-tui export: a run, finished or not, as a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from solver import client, files, maps, runs
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tui.commands import output
from tui.draw import heatmap_svg
from tui.draw.paper import WIDTHS, Width
from tui.export import CHARTS, FORMATS, PICTURES, Format, check, data, picture, table
from tui.shown.maps import heat_map
from tui.shown.origin import origin

_OF_MAPS: tuple[Format, ...] = ("csv", "map", *CHARTS)
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
    parser.add_argument(
        "--map",
        metavar="x=FIELD,y=FIELD,value=SERIES",
        help="with csv, svg or png: the map of a sweep, as told or else as it starts; singular_values.2 is σ₂, and "
        "depth=3 takes such lanes alone",
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
    if arguments.map is not None:
        if arguments.format not in _OF_MAPS:
            kinds = f"{', '.join(_OF_MAPS[:-1])} or {_OF_MAPS[-1]}"
            raise BadSetting(f"--map goes with --format {kinds}, not with {arguments.format}", "map")
        if arguments.keys:
            raise BadSetting("--keys choose what is shown, which --map says already: leave one of the two out", "keys")
    path = None if arguments.out == "-" else client.check_export_path(Path(arguments.out))
    if path is None and arguments.format == "parquet" and sys.stdout is not None and sys.stdout.isatty():
        raise BadSetting("Parquet is nothing to read on a terminal: add --out run.parquet, or pipe it on", "out")
    if arguments.map is not None or arguments.format == "map":
        written = _map(directory, arguments.format, arguments.map or "", arguments.width)
    elif arguments.format in PICTURES:
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


def _map(directory: RunDirectory, kind: Format, asked: str, width: Width | None) -> bytes:
    """The map of a run as CSV, or drawn so wide. Raises BadSetting."""
    check(kind)
    cells = table(directory, asked)
    if kind not in CHARTS:
        return maps.to_csv(cells)
    from tui import config

    order = directory.order()
    drawn = heatmap_svg.figure(heat_map(cells), origin(directory.id, order), width or config.read().figure_width)
    return picture(kind, drawn)


def _size(text: str) -> tuple[int, int]:
    """Columns and rows as typed. Raises BadSetting."""
    width, _, height = text.lower().partition("x")
    if width.isdecimal() and height.isdecimal():
        size = int(width), int(height)
        if all(low <= value <= high for low, value, high in zip(_LEAST, size, _MOST, strict=True)):
            return size
    raise BadSetting(f"--size must be columns × rows from 40x12 to 400x200, not {text}: its default is 120x40")
