"""Figures for a talk or a paper: a chart as vector graphics, plain SVG that any program renders alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from tui.draw import page
from tui.draw.cells import DIM
from tui.draw.curves import Curve, Mark, drawable, visible
from tui.draw.labels import Box, placed
from tui.draw.palette import on_paper
from tui.draw.paper import PAPERS, Origin, Paper, Width
from tui.draw.scale import Scale, labels, ticks

# Parts of the size of the letters, the first the width of the broadest one.
_BROADEST = 1.0
_ASCENT, _LABEL_HEIGHT = 0.95, 1.2
_TOUCHING = 1e-6
_PALE = "#e4e4e4"
# So many times the page away is far enough: what lies between is cut at the frame, and a line keeps its slope.
_FAR = 1e5
# More points than this cannot be told apart on paper.
_MOST_POINTS = 2_000


class _Frame(msgspec.Struct, frozen=True):
    """Where the axes lie on the page."""

    x: Scale
    y: Scale
    box: Box
    paper: Paper

    def place(self, x: float, y: float) -> tuple[float, float]:
        return self.across(x), self.up(y)

    def across(self, x: float) -> float:
        return self.box.left + min(_FAR, max(-_FAR, self.x.fraction(x))) * self.box.width

    def up(self, y: float) -> float:
        return self.box.bottom - min(_FAR, max(-_FAR, self.y.fraction(y))) * self.box.height


def chart(
    curves: Sequence[Curve],
    marks: Sequence[Mark],
    title: str,
    x_name: str,
    x: Scale,
    y: Scale,
    origin: Origin | None = None,
    width: Width = "talk",
) -> str:
    """The curves over these axes on a white page, with a legend, and below them where they come from."""
    paper = PAPERS[width]
    margin, font = paper.margin, paper.font
    caption = page.caption(origin, paper)
    y_ticks = ticks(y, paper.y_ticks)
    y_labels = labels(y_ticks)
    left = margin + 1.6 * font + max((page.LETTER * font * len(text) for text in y_labels), default=0.0) + 0.6 * font
    right = paper.width - margin - 0.8 * font
    legend, top = _legend(curves, paper, left, right)
    below = 2.8 * font + len(caption) * 1.3 * paper.caption + margin
    height = max(paper.height, top + paper.least + below)
    bottom = height - below
    frame = _Frame(x, y, Box(left, top, right - left, bottom - top), paper)
    middle = (top + bottom) / 2
    body = [
        *page.begun(title, origin, paper, height),
        f'<clipPath id="inside">{page.rectangle(frame.box)}</clipPath>',
        page.text(left, margin + paper.title, page.cut_to(title, right - left, paper.title), size=paper.title),
        page.text((left + right) / 2, bottom + 2.6 * font, page.cut_to(x_name, right - left, font), anchor="middle"),
        page.text(
            margin + font,
            middle,
            page.cut_to(_measured(title), bottom - top, font),
            anchor="middle",
            more=f' transform="rotate(-90 {margin + font:.1f} {middle:.1f})"',
        ),
        *legend,
        *_grid(frame, y_ticks, y_labels),
        '<g clip-path="url(#inside)" stroke-linejoin="round">',
        *(line for mark in marks for line in _mark(mark, frame)),
        *(line for curve in curves for line in _curve(curve, frame)),
        "</g>",
        *_ends(curves, marks, frame),
        page.rectangle(frame.box, ' fill="none" stroke="#404040"'),
        *page.told(caption, paper, bottom + 2.8 * font),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def _measured(title: str) -> str:
    """What the y axis measures, by the title: "rank (log) against step" says where it is drawn over, too."""
    return title.partition(" against ")[0].removesuffix(" (log)")


def _legend(curves: Sequence[Curve], paper: Paper, left: float, right: float) -> tuple[list[str], float]:
    """Its lines, and where the frame below them begins."""
    font, row = paper.font, 1.5 * paper.font
    marks = {(curve.name, curve.colour): curve.mark for curve in reversed(curves) if len(curve.mark) == 1}
    entries = list(dict.fromkeys((curve.name, curve.colour) for curve in curves if curve.name))
    lines: list[str] = []
    x, y, n_rows = left, paper.margin + paper.title + row, 1
    names = [name for name, _ in entries]
    if sum(2.6 * font + page.LETTER * font * (len(name) + 2) for name in names) > right - left:
        shared, names = _shortened(entries)
        if shared:
            lines.append(page.text(x, y, page.cut_to(shared, right - left, font), colour=page.GREY))
            x += page.LETTER * font * (len(shared) + 2)
    for index, (name, entry) in enumerate(zip(names, entries, strict=True)):
        mark = marks.get(entry, "")
        said = page.cut_to(f"{mark} {name}" if mark else name, right - left - 2.6 * font, font)
        length = 2.6 * font + page.LETTER * font * len(said)
        if x > left and x + length > right:
            if n_rows == paper.legend_rows:
                lines.append(page.text(left, y + row, f"… {len(entries) - index} more"))
                y += row
                break
            x, y, n_rows = left, y + row, n_rows + 1
        stroke = f' stroke-width="{1.7 * paper.stroke:.1f}"'
        lines.append(page.line(x, y - 0.3 * font, x + 1.5 * font, y - 0.3 * font, on_paper(entry[1]), stroke))
        lines.append(page.text(x + 2 * font, y, said))
        x += length
    return lines, (y if entries else paper.margin + paper.title) + 0.9 * font


def _shortened(entries: Sequence[tuple[str, int]]) -> tuple[str, list[str]]:
    """The words that all names have, and of each name the others; what is drawn dim is there for comparison."""
    told = [name.split() for name, colour in entries if colour != DIM]
    shared = [word for word in told[0] if all(word in words for words in told)] if len(told) > 1 else []
    own = [
        name if colour == DIM else " ".join(word for word in name.split() if word not in shared) or name
        for name, colour in entries
    ]
    return " ".join(word for word in shared if word != "·"), own


def _grid(frame: _Frame, y_ticks: Sequence[float], y_labels: Sequence[str]) -> Iterator[str]:
    box, font = frame.box, frame.paper.font
    thin = f' stroke-width="{frame.paper.stroke / 2:.2g}"'
    values = ticks(frame.x, frame.paper.x_ticks)
    for value, text in zip(values, labels(values), strict=True):
        x = frame.across(value)
        yield page.line(x, box.top, x, box.bottom, _PALE, thin)
        yield page.text(x, box.bottom + 1.3 * font, text, anchor="middle")
    for value, text in zip(y_ticks, y_labels, strict=True):
        y = frame.up(value)
        yield page.line(box.left, y, box.right, y, _PALE, thin)
        yield page.text(box.left - 0.6 * font, y + 0.35 * font, text, anchor="end")


def _mark(mark: Mark, frame: _Frame) -> Iterator[str]:
    if drawable(mark.x, frame.x.log):
        x, dash = frame.across(mark.x), f"{2 * frame.paper.stroke:g}"
        yield page.line(x, frame.box.top, x, frame.box.bottom, on_paper(DIM), f' stroke-dasharray="{dash} {dash}"')


def _curve(curve: Curve, frame: _Frame) -> Iterator[str]:
    colour, points, stroke = on_paper(curve.colour), _points(curve, frame), frame.paper.stroke
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
                yield page.line(at, frame.up(low), at, frame.up(high), colour)
    if curve.joined:
        dash = f' stroke-dasharray="{3.3 * stroke:.1f} {2.2 * stroke:.1f}"' if curve.colour == DIM else ""
        for piece in points:
            yield f'<polyline points="{_joined(piece)}" fill="none" stroke="{colour}" stroke-width="{stroke:g}"{dash}/>'
    if not curve.joined or curve.points:
        fill = "#ffffff" if curve.mark == "o" else colour
        radius = f"{(1.7 if curve.points else 0.7) * stroke:.1f}"
        for piece in points:
            yield from (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" stroke="{colour}" fill="{fill}"/>' for x, y in piece
            )


def _ends(curves: Sequence[Curve], marks: Sequence[Mark], frame: _Frame) -> Iterator[str]:
    """The words of the marks, and what stands at the ends of the curves: apart from each other and inside the frame."""
    font, around = frame.paper.font, frame.box
    wanted: list[tuple[str, str, Box]] = []
    for mark in marks:
        if drawable(mark.x, frame.x.log) and 0 <= frame.x.fraction(mark.x) <= 1:
            x, width = frame.across(mark.x) + 0.3 * font, _room(mark.text, font)
            left = x if x + width <= around.right else x - width - 0.6 * font
            wanted.append((mark.text, on_paper(DIM), Box(left, around.top + 0.2 * font, width, _LABEL_HEIGHT * font)))
    ends: list[tuple[str, str, Box]] = []
    for curve in curves:
        last = [] if curve.points or not curve.mark else _last(curve, frame)
        if last:
            (x, y), width, height = last[0], _room(curve.mark, font), _LABEL_HEIGHT * font
            # A letter stands where its line would go on, if there is room; a word, or a letter without, over the end.
            goes_left, aside = len(last) > 1 and last[1][0] > x + _TOUCHING, 0.3 * font
            left = x - aside - width if goes_left else x + aside
            goes_on = len(curve.mark) == 1 and around.left <= left and left + width <= around.right
            place = (
                Box(left, y - height / 2, width, height)
                if goes_on
                else Box(x - aside - width, y - height, width, height)
            )
            ends.append((curve.mark, on_paper(curve.colour), place))
    # From the top, so that what is moved keeps its order.
    wanted += sorted(ends, key=lambda one: one[2].top)
    inside = Box(around.left + 1, around.top + 1, around.width - 2, around.height - 2)
    places = placed([one for _, _, one in wanted], inside)
    yield f'<g id="ends" paint-order="stroke" stroke="#ffffff" stroke-width="{0.15 * font:.2g}">'
    for (text, colour, _), box in zip(wanted, places, strict=True):
        if box is not None:
            yield page.text(box.left + box.width / 2, box.top + _ASCENT * font, text, anchor="middle", colour=colour)
    yield "</g>"


def _room(text: str, font: float) -> float:
    """The width that a label takes at most."""
    return _BROADEST * font if len(text) == 1 else 0.7 * font * len(text)


def _last(curve: Curve, frame: _Frame) -> list[tuple[float, float]]:
    """The last point that lies inside the frame, and the one beside it that the line comes from."""
    found: list[tuple[float, float]] = []
    for index in range(min(len(curve.x), len(curve.y)) - 1, -1, -1):
        x, y = curve.x[index], curve.y[index]
        if not (drawable(x, frame.x.log) and drawable(y, frame.y.log)):
            continue
        place = frame.place(x, y)
        if found and abs(place[0] - found[0][0]) > _TOUCHING:
            return [found[0], place]
        if not found and 0 <= frame.x.fraction(x) <= 1 and 0 <= frame.y.fraction(y) <= 1:
            found.append(place)
    return found


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
