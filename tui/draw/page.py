"""Pieces of figures on paper: text, lines and rectangles as SVG, and where a figure comes from."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tui.draw.labels import Box
from tui.draw.paper import Origin, Paper
from tui.text import inert, inert_lines

FONT = "DejaVu Sans, Helvetica, Arial, sans-serif"
LETTER = 0.57
"""The mean width of a letter, as a part of its size."""
GREY = "#707070"


def begun(title: str, origin: Origin | None, paper: Paper, height: float) -> list[str]:
    """The beginning of a white page so high, in the paper's units, with its title and all settings for programs."""
    named = f"{title} · {origin.preset} · {origin.run}" if origin else title
    scale, unit = paper.per_unit, paper.unit
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{paper.width / scale:.4g}{unit}" '
        f'height="{height / scale:.4g}{unit}" viewBox="0 0 {paper.width:g} {height:.1f}" '
        f'font-family="{FONT}" font-size="{paper.font:g}">',
        f"<title>{_said(named)}</title>",
        *([f"<desc>{escape(inert_lines(origin.text()), quote=False)}</desc>"] if origin else []),
        f'<rect width="{paper.width:g}" height="{height:.1f}" fill="#ffffff"/>',
    ]


def told(lines: Sequence[str], paper: Paper, top: float) -> list[str]:
    """The lines of a caption below ``top``."""
    size = paper.caption
    return [text(paper.margin, top + (k + 1) * 1.3 * size, one, size=size, colour=GREY) for k, one in enumerate(lines)]


def _said(text: str) -> str:
    return escape(inert(text, 1000), quote=False)


def text(
    x: float, y: float, words: str, *, size: float = 0, anchor: str = "", colour: str = "#202020", more: str = ""
) -> str:
    given = f' font-size="{size:g}"' if size else ""
    given += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{given} fill="{colour}"{more}>{_said(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, stroke: str, more: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"{more}/>'


def rectangle(box: Box, more: str = "") -> str:
    return f'<rect x="{box.left:.1f}" y="{box.top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"{more}/>'


def cut_to(text: str, width: float, size: float) -> str:
    """As much of the text as such a width holds."""
    return inert(text, max(2, int(width / (LETTER * size))))


def caption(origin: Origin | None, paper: Paper) -> list[str]:
    """Preset, run and telling settings, on as many lines as there may be."""
    if origin is None:
        return []
    most = int((paper.width - 2 * paper.margin) / (LETTER * paper.caption))
    lines = [""]
    for piece in (origin.preset, f"run {origin.run}", *origin.telling):
        longer = f"{lines[-1]} · {piece}" if lines[-1] else piece
        if len(longer) <= most or not lines[-1]:
            lines[-1] = longer
        elif len(lines) < paper.caption_lines:
            lines.append(piece)
        else:
            lines[-1] = inert(f"{lines[-1]} · …", most)
            break
    return [inert(line, most) for line in lines]
