"""A run as a file in every format that the app and the command line write."""

from __future__ import annotations

from typing import Literal

from solver import export, history, maps, parquet
from solver.maps import Table
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tui.draw import png

Format = Literal["json", "jsonl", "csv", "parquet", "map", "svg", "png", "screen", "screen-png"]
FORMATS: dict[Format, str] = {
    "json": "the run whole, as implicit-tui/run",
    "csv": "a row for each recorded state",
    "map": "the map of a sweep, a row for each field",
    "jsonl": "the log, line by line",
    "parquet": "the rows of csv, typed, vectors as lists",
    "svg": "the chart, for a talk or a paper",
    "png": "the chart, as pixels",
    "screen": "the screen, as SVG",
    "screen-png": "the screen, as pixels",
}
CHARTS: tuple[Format, ...] = ("svg", "png")
PICTURES: tuple[Format, ...] = (*CHARTS, "screen", "screen-png")
BINARY: tuple[Format, ...] = ("parquet", "png", "screen-png")
_SUFFIXES: dict[Format, str] = {"map": ".map.csv", "screen": ".screen.svg", "screen-png": ".screen.png"}
# Of a chart, whatever its size in print: 570 dots an inch in a column of a paper.
_PIXELS_ACROSS = 1920


def suffix(kind: Format) -> str:
    """How a file of the format ends."""
    return _SUFFIXES.get(kind, f".{kind}")


def format_of(name: str) -> Format | None:
    """The format of a file by how its name ends; None where it ends otherwise."""
    # The longest first: that of a screen ends in that of a chart.
    kinds = sorted(FORMATS, key=lambda kind: -len(suffix(kind)))
    return next((kind for kind in kinds if name.endswith(suffix(kind))), None)


def check(kind: Format) -> None:
    """Raises BadSetting where a format needs what is not installed."""
    if kind in ("png", "screen-png"):
        png.check()
    elif kind == "parquet":
        parquet.check()


def picture(kind: Format, drawn: str) -> bytes:
    """What was drawn as SVG in the format that was asked for. Raises BadSetting."""
    if kind == "png":
        return png.png(drawn, _PIXELS_ACROSS)
    return png.png(drawn) if kind == "screen-png" else drawn.encode()


def table(directory: RunDirectory, asked: str) -> Table:
    """The cells of the map that is asked for, as ``maps.read`` takes it. Raises BadSetting."""
    order = directory.order()
    found = history.read(directory.log)
    if not found.lanes:
        raise BadSetting(f"run {directory.id} has recorded nothing yet: there is no map of it")
    return maps.read(asked, order.spec, found)


def data(directory: RunDirectory, kind: Format) -> bytes:
    """The run as JSON, JSON lines, CSV or Parquet, or the map that it starts with. Raises BadSetting."""
    check(kind)
    if kind == "jsonl":
        try:
            return directory.log.read_bytes()
        except OSError as error:
            raise BadSetting(f"run {directory.id} has no readable log ({error.strerror}): nothing to export") from None
    if kind == "map":
        return maps.to_csv(table(directory, ""))
    exported = export.build(directory)
    if kind == "parquet":
        return parquet.to_parquet(exported)
    return export.to_json(exported) if kind == "json" else export.to_csv(exported)
