"""A heat map of a sweep as vector graphics: a rectangle for each pair of swept values, its number, and the scale."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tui.draw import page
from tui.draw.heatmap import BROKEN, HOLLOW, Field, HeatMap, brief, shade, shades
from tui.draw.labels import Box
from tui.draw.palette import RAMP, SHADES, Rgb, ink_on
from tui.draw.paper import PAPERS, Origin, Paper, Width
from tui.draw.scale import Scale, label

_EDGE = "#b0b0b0"
_NUMBER = 0.85
# The scale beside the fields, in letters: how far from them, how broad, and how much its numbers take.
_AWAY, _BREADTH, _BESIDE = 1.2, 1.1, 4.6


def figure(heat: HeatMap, origin: Origin | None = None, width: Width = "talk") -> str:
    """The map on a white page: x to the right, y upwards, swept values at equal distances; below it its origin."""
    paper = PAPERS[width]
    margin, font, scale = paper.margin, paper.font, shades(heat)
    caption = page.caption(origin, paper)
    y_room = max(page.LETTER * font * len(text) for text in heat.y_labels)
    left, top = margin + 2.2 * font + y_room, margin + paper.title + 1.2 * font
    right = paper.width - margin - (_AWAY + _BREADTH + _BESIDE) * font
    below = 2.8 * font + len(caption) * 1.3 * paper.caption + margin
    height = max(paper.height, top + paper.least + below)
    box = Box(left, top, right - left, height - below - top)
    bottom = box.top + box.height
    middle = box.top + box.height / 2
    body = [
        *page.begun(heat.whole_title, origin, paper, height),
        page.text(
            left, margin + paper.title, page.cut_to(heat.whole_title, paper.width - left, paper.title), size=paper.title
        ),
        page.text(
            left + box.width / 2, bottom + 2.6 * font, page.cut_to(heat.x_name, box.width, font), anchor="middle"
        ),
        page.text(
            margin + font,
            middle,
            page.cut_to(heat.y_name, box.height, font),
            anchor="middle",
            more=f' transform="rotate(-90 {margin + font:.1f} {middle:.1f})"',
        ),
        '<g id="fields">',
        *_fields(heat, scale, box, paper),
        "</g>",
        *_labels(heat, box, paper),
        *_bar(scale, Box(right + _AWAY * font, box.top, _BREADTH * font, box.height), paper, is_log=heat.log),
        *page.told(caption, paper, bottom + 2.8 * font),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def _fields(heat: HeatMap, scale: Scale | None, box: Box, paper: Paper) -> Iterator[str]:
    across, up = box.width / len(heat.x_labels), box.height / len(heat.y_labels)
    size = min(_NUMBER * paper.font, 0.8 * up)
    room = int(across / (page.LETTER * size)) - 1
    for j, line in enumerate(heat.fields):
        for i, field in enumerate(line):
            place = Box(box.left + i * across, box.top + box.height - (j + 1) * up, across, up)
            if field is None:
                continue
            ground = _ground(field, scale)
            fill = f' fill="{_hex(ground)}"' if ground else f' fill="none" stroke="{_EDGE}" stroke-dasharray="2 2"'
            yield page.rectangle(place, fill)
            sign = BROKEN if field.is_broken else HOLLOW if field.is_hollow else ""
            number = brief(field.value, room - len(sign)) if math.isfinite(field.value) else ""
            if sign + number:
                x, y = place.left + across / 2, place.top + up / 2 + 0.35 * size
                ink = _hex(ink_on(ground)) if ground else "#202020"
                yield page.text(x, y, sign + number, size=size, anchor="middle", colour=ink)


def _ground(field: Field, scale: Scale | None) -> Rgb | None:
    return None if field.is_hollow or not math.isfinite(field.value) else RAMP[shade(field.value, scale)]


def _labels(heat: HeatMap, box: Box, paper: Paper) -> Iterator[str]:
    font = paper.font
    across, up = box.width / len(heat.x_labels), box.height / len(heat.y_labels)
    bottom = box.top + box.height
    widest = max(page.LETTER * font * (len(text) + 1) for text in heat.x_labels)
    every = max(1, math.ceil(widest / across))
    for i, text in enumerate(heat.x_labels):
        if i % every == 0:
            yield page.text(box.left + (i + 0.5) * across, bottom + 1.3 * font, text, anchor="middle")
    every = max(1, math.ceil(font / up))
    for j, text in enumerate(heat.y_labels):
        if j % every == 0:
            yield page.text(box.left - 0.6 * font, bottom - (j + 0.5) * up + 0.35 * font, text, anchor="end")


def _bar(scale: Scale | None, box: Box, paper: Paper, *, is_log: bool) -> Iterator[str]:
    """The shades, one above the other, with the numbers at their borders."""
    if scale is None:
        return
    font, up = paper.font, box.height / SHADES
    shown = Scale(scale.low, scale.high, is_log) if scale.high > scale.low else None
    for level, colour in enumerate(RAMP):
        yield page.rectangle(
            Box(box.left, box.top + box.height - (level + 1) * up, box.width, up), f' fill="{_hex(colour)}"'
        )
    every = max(1, math.ceil(1.4 * font / up))
    for border in range(0, SHADES + 1, every):
        value = scale.low if shown is None else shown.value(border / SHADES)
        y = box.top + box.height - border * up + 0.35 * font
        yield page.text(box.left + box.width + 0.5 * font, y, label(float(f"{value:.2g}")))
        if shown is None:
            return


def _hex(colour: Rgb) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)
