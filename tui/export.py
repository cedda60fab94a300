"""A run as a file in every format that the app and the command line write."""

from __future__ import annotations

from typing import Literal

from solver import export
from solver.refusal import BadSetting
from solver.rundir import RunDirectory

Format = Literal["json", "jsonl", "csv", "svg", "screen"]
FORMATS: dict[Format, str] = {
    "json": "the run whole, as implicit-tui/run",
    "csv": "a row for each recorded state",
    "jsonl": "the log, line by line",
    "svg": "the chart, for a talk",
    "screen": "the screen, as SVG",
}


def suffix(kind: Format) -> str:
    """How a file of the format ends."""
    return ".screen.svg" if kind == "screen" else f".{kind}"


def format_of(name: str) -> Format | None:
    """The format of a file by how its name ends; None where it ends otherwise."""
    kinds: tuple[Format, ...] = ("screen", "json", "jsonl", "csv", "svg")
    return next((kind for kind in kinds if name.endswith(suffix(kind))), None)


def data(directory: RunDirectory, kind: Format) -> bytes:
    """The run as JSON, JSON lines or CSV. Raises BadSetting."""
    if kind == "jsonl":
        try:
            return directory.log.read_bytes()
        except OSError as error:
            raise BadSetting(f"run {directory.id} has no readable log ({error.strerror}): nothing to export") from None
    exported = export.build(directory)
    return export.to_json(exported) if kind == "json" else export.to_csv(exported)
