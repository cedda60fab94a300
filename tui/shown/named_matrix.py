"""A person's matrix with its names: given values beside what is predicted, in the file's own unit."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from solver.truth import Truth
from tui.draw.cells import DIM, TEXT, Row, fit, row
from tui.draw.matrix import View
from tui.draw.palette import series_colour
from tui.text import cut, inert

_WIDEST_NAME, _CELL = 16, 12


def rows(truth: Truth, values: Sequence[float], width: int, height: int, view: View, head: str) -> list[Row]:
    """``height`` rows: two lines of names of columns, then a line for each row that there is room for.

    ``values`` is the end matrix with its centre given back. A cell has the given value, in brackets where it was held
    out, and the prediction.
    """
    n_rows, n_columns = truth.shape
    names = [inert(truth.name(0, place), _WIDEST_NAME) for place in range(n_rows)]
    left = min(_WIDEST_NAME, max(len(truth.mode_name(0)), *map(len, names))) + 1
    across, down = max(1, (width - left) // _CELL), max(1, height - 4)
    first_column = _first(view.across, across, n_columns)
    first_row = _first(view.down, down, n_rows)
    columns = range(first_column, min(n_columns, first_column + across))
    places = range(first_row, min(n_rows, first_row + down))
    part = ""
    if len(columns) < n_columns or len(places) < n_rows:
        part = f" · rows {_span(places)} of {n_rows}, columns {_span(columns)} of {n_columns}"
    found = fit([(f"{head}{part}", DIM)], width, 1)
    titles = [_in_two(inert(truth.name(1, place), 40)) for place in columns]
    for line in (0, 1):
        corner = cut(truth.mode_name(0), left - 1) if line else ""
        cells = "".join(f"{title[line]:>{_CELL}}" for title in titles)
        found.append(row((f"{corner:<{left}}{cells}", DIM), width=width))
    for place in places:
        pieces: list[tuple[str, int]] = [(f"{cut(names[place], left - 1):<{left}}", TEXT)]
        for column in columns:
            entry = place * n_columns + column
            predicted = _short(values[entry]) if entry < len(values) else ""
            if entry in truth.observed:
                pieces += [(f"{_short(truth.observed[entry]):>{_CELL - 6}}", TEXT), (f"{predicted:>6}", DIM)]
            elif entry in truth.held_out:
                given = f"({_short(truth.held_out[entry])})"
                pieces += [(f"{given:>{_CELL - 6}}", DIM), (f"{predicted:>6}", series_colour(0))]
            else:
                pieces += [(f"{'·':>{_CELL - 6}}", DIM), (f"{predicted:>6}", series_colour(0))]
        found.append(row(*pieces, width=width))
    note = "given, predicted; (held out), · not given; shift and arrows go on"
    found += fit([(note, DIM)], width, 1)
    return (found + [row(width=width)] * height)[:height]


def _span(places: range) -> str:
    return f"{places[0] + 1}–{places[-1] + 1}"


def _in_two(name: str) -> tuple[str, str]:
    """A name on two lines that a cell has room for."""
    lines = textwrap.wrap(name, _CELL - 1) or [""]
    return ("", cut(lines[0], _CELL - 1)) if len(lines) == 1 else (lines[0], cut(" ".join(lines[1:]), _CELL - 1))


def _first(page: int, room: int, n: int) -> int:
    """Where a page begins, half a screen after the one before; the last one is full."""
    return max(0, min(page * room // 2, n - room))


def _short(value: float) -> str:
    """A number in at most five characters, where it is of an ordinary size."""
    if not math.isfinite(value):
        return str(value)
    text = f"{value:.1f}" if abs(value) < 999.5 else f"{value:.0e}".replace("e+0", "e")
    return text.removesuffix(".0") if value == round(value) else text
