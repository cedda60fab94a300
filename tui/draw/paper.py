"""Sizes of a figure: as wide as a slide, or as a column of a paper, whose letters are printed as large as they say."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Width = Literal["talk", "column"]
WIDTHS: tuple[Width, ...] = get_args(Width)


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """A page and what is written on it, in units of its own."""

    width: float
    height: float
    """Of the page; more where the frame would be lower than ``least``."""
    least: float
    unit: str
    """What width and height are given in, so that programs know them."""
    per_unit: float
    font: float
    title: float
    caption: float
    stroke: float
    """Breadth of a curve."""
    margin: float
    x_ticks: int
    y_ticks: int
    caption_lines: int
    legend_rows: int


PAPERS: dict[Width, Paper] = {
    "talk": Paper(
        width=960,
        height=600,
        least=320,
        unit="px",
        per_unit=1,
        font=13,
        title=17,
        caption=10,
        stroke=1.8,
        margin=14,
        x_ticks=8,
        y_ticks=8,
        caption_lines=2,
        legend_rows=4,
    ),
    # In points: 3.35 inches, the column of two-column proceedings, and letters of 8 points.
    "column": Paper(
        width=241.2,
        height=187.2,
        least=108,
        unit="in",
        per_unit=72,
        font=8,
        title=8,
        caption=5.5,
        stroke=0.9,
        margin=3,
        x_ticks=5,
        y_ticks=5,
        caption_lines=3,
        legend_rows=3,
    ),
}


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a figure comes from."""

    preset: str
    run: str
    telling: tuple[str, ...] = ()
    """The settings that make the run what it is, each in a word or two."""
    settings: dict[str, str] = {}
    """All of them, by dotted name."""

    def text(self) -> str:
        """Preset, run and every setting, a line each."""
        lines = [f"preset = {self.preset}", f"run = {self.run}"]
        return "\n".join([*lines, *(f"{name} = {value}" for name, value in self.settings.items())])
