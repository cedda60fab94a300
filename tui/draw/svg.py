"""Figures for a talk: a chart as vector graphics, plain SVG that any program renders alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import msgspec

from tui.draw.cells import DIM
from tui.draw.curves import Curve, Mark, drawable, visible
from tui.draw.palette import on_paper
from tui.draw.scale import Scale, labels, ticks

_WIDTH, _HEIGHT = 960, 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 24, 44, 56
_FONT = "DejaVu Sans, Helvetica, Arial, sans-serif"
_LEGEND_ROW, _CHARACTER = 20, 7.4
_MOST_LEGEND_ROWS = 4
_PALE = "#e4e4e4"
# So many times the page away is far enough: what lies between is cut at the frame, and a line keeps its slope.
_FAR = 1e5
# More points than this cannot be told apart on paper.
_MOST_POINTS = 2_000


class _Frame(msgspec.Struct, frozen=True):
    """Where the axes lie on the page."""

    x: Scale
    y: Scale
    top: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        return self.across(x), self.up(y)

    def across(self, x: float) -> float:
        return _LEFT + min(_FAR, max(-_FAR, self.x.fraction(x))) * (_WIDTH - _LEFT - _RIGHT)

    def up(self, y: float) -> float:
        return _HEIGHT - _BOTTOM - min(_FAR, max(-_FAR, self.y.fraction(y))) * (_HEIGHT - _BOTTOM - self.top)


def chart(curves: Sequence[Curve], marks: Sequence[Mark], title: str, x_name: str, x: Scale, y: Scale) -> str:
    """The curves over these axes on a white page, with a legend."""
    legend, height = _legend(curves)
    frame = _Frame(x, y, _TOP + height)
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="{_FONT}" font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<clipPath id="inside"><rect x="{_LEFT}" y="{frame.top:.1f}" width="{right - _LEFT}" '
        f'height="{bottom - frame.top:.1f}"/></clipPath>',
        _text(_LEFT, 26, title, size=17),
        _text(right, _HEIGHT - 14, x_name, anchor="end"),
        *legend,
        *_grid(frame, right, bottom),
        '<g clip-path="url(#inside)" stroke-linejoin="round">',
        *(line for mark in marks for line in _mark(mark, frame, bottom)),
        *(line for curve in curves for line in _curve(curve, frame)),
        "</g>",
        f'<rect x="{_LEFT}" y="{frame.top:.1f}" width="{right - _LEFT}" height="{bottom - frame.top:.1f}" fill="none" '
        'stroke="#404040"/>',
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def _text(x: float, y: float, text: str, *, size: int = 13, anchor: str = "start", colour: str = "#202020") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str, more: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"{more}/>'


def _legend(curves: Sequence[Curve]) -> tuple[list[str], float]:
    """Its lines, and the height they take."""
    marks = {(curve.name, curve.colour): curve.mark for curve in reversed(curves) if len(curve.mark) == 1}
    entries = list(dict.fromkeys((curve.name, curve.colour) for curve in curves if curve.name))
    lines: list[str] = []
    x, y = float(_LEFT), float(_TOP)
    for index, (told, colour) in enumerate(entries):
        mark = marks.get((told, colour), "")
        name = f"{mark} {told}" if mark else told
        length = 34 + _CHARACTER * len(name)
        if x > _LEFT and x + length > _WIDTH - _RIGHT:
            if y + _LEGEND_ROW > _TOP + _MOST_LEGEND_ROWS * _LEGEND_ROW:
                lines.append(_text(x, y, f"… {len(entries) - index} more"))
                break
            x, y = float(_LEFT), y + _LEGEND_ROW
        lines.append(_line(x, y - 4, x + 20, y - 4, on_paper(colour), ' stroke-width="3"'))
        lines.append(_text(x + 26, y, name))
        x += length
    return lines, (y - _TOP + 14) if entries else 0.0


def _grid(frame: _Frame, right: float, bottom: float) -> Iterator[str]:
    values = ticks(frame.x, 8)
    for value, text in zip(values, labels(values), strict=True):
        x = frame.across(value)
        yield _line(x, frame.top, x, bottom, _PALE)
        yield _text(x, bottom + 18, text, anchor="middle")
    values = ticks(frame.y, 8)
    for value, text in zip(values, labels(values), strict=True):
        y = frame.up(value)
        yield _line(_LEFT, y, right, y, _PALE)
        yield _text(_LEFT - 8, y + 4, text, anchor="end")


def _mark(mark: Mark, frame: _Frame, bottom: float) -> Iterator[str]:
    if drawable(mark.x, frame.x.log):
        x = frame.across(mark.x)
        yield _line(x, frame.top, x, bottom, on_paper(DIM), ' stroke-dasharray="4 4"')
        yield _text(x + 4, frame.top + 14, mark.text, colour=on_paper(DIM))


def _curve(curve: Curve, frame: _Frame) -> Iterator[str]:
    colour, points = on_paper(curve.colour), _points(curve, frame)
    if curve.band:
        edge = [
            (x, low, high)
            for x, low, high in zip(curve.x, curve.low, curve.high, strict=False)
            if _fits(frame, x, low, high)
        ]
        outline = [frame.place(x, high) for x, _, high in edge] + [frame.place(x, low) for x, low, _ in reversed(edge)]
        if outline:
            yield f'<polygon points="{_joined(outline)}" fill="{colour}" fill-opacity="0.18"/>'
    else:
        for x, low, high in zip(curve.x, curve.low, curve.high, strict=False):
            if _fits(frame, x, low, high):
                at = frame.across(x)
                yield _line(at, frame.up(low), at, frame.up(high), colour)
    if curve.joined:
        dash = ' stroke-dasharray="6 4"' if curve.colour == DIM else ""
        for piece in points:
            yield f'<polyline points="{_joined(piece)}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>'
    if not curve.joined or curve.points:
        fill = "#ffffff" if curve.mark == "o" else colour
        for piece in points:
            yield from (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3 if curve.points else 1.2}" stroke="{colour}" fill="{fill}"/>'
                for x, y in piece
            )
    if curve.mark and points and not curve.points:
        # A word stands before the end of its line, a letter on it.
        x, y = points[-1][-1]
        yield _text(x - (6 if len(curve.mark) > 1 else 2), y - 6, curve.mark, anchor="end", colour=colour)


def _fits(frame: _Frame, x: float, low: float, high: float) -> bool:
    return drawable(x, frame.x.log) and drawable(low, frame.y.log) and drawable(high, frame.y.log)


def _points(curve: Curve, frame: _Frame) -> list[list[tuple[float, float]]]:
    """Stretches of drawable points."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for index in _drawn(curve, frame.x):
        x, y = curve.x[index], curve.y[index]
        if drawable(x, frame.x.log) and drawable(y, frame.y.log):
            pieces[-1].append(frame.place(x, y))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _drawn(curve: Curve, x: Scale) -> Sequence[int]:
    """The points inside the frame and one to either side; of very many, the extremes of each short stretch."""
    n = min(len(curve.x), len(curve.y))
    inside = range(n) if curve.path else range(*visible(curve.x, n, x))
    if len(inside) <= _MOST_POINTS:
        return inside
    length = -(-len(inside) // (_MOST_POINTS // 4))
    kept: list[int] = []
    for start in range(0, len(inside), length):
        stretch = inside[start : start + length]
        extremes = {
            stretch[0],
            stretch[-1],
            min(stretch, key=curve.y.__getitem__),
            max(stretch, key=curve.y.__getitem__),
        }
        kept += sorted(extremes)
    return kept


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
