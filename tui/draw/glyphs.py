"""Characters that are pictures as shapes in a cell: braille, blocks and lines, which no two fonts draw alike."""

from __future__ import annotations

import functools
import unicodedata

import msgspec

# Every half, quarter and eighth of a cell, and every dot of braille, lies on a whole number.
WIDTH, HEIGHT = 8, 16
DOT = 2.6
"""The diameter of a dot of braille."""

_LIGHT, _HEAVY = 1.0, 2.0
_WEIGHTS = {"LIGHT": _LIGHT, "SINGLE": _LIGHT, "HEAVY": _HEAVY, "DOUBLE": _HEAVY}
_ARMS = {"UP": "u", "RIGHT": "r", "DOWN": "d", "LEFT": "l", "VERTICAL": "ud", "HORIZONTAL": "rl"}
_DASHES = {"DOUBLE DASH ": 2, "TRIPLE DASH ": 3, "QUADRUPLE DASH ": 4}
_DASH_SHARE = 0.6
_FRACTIONS = {"EIGHTH": 8, "EIGHTHS": 8, "QUARTER": 4, "QUARTERS": 4, "HALF": 2}
_COUNTS = {"ONE": 1, "THREE": 3, "FIVE": 5, "SEVEN": 7}
_SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}
# Quarters of a cell from the upper left, line by line.
_QUADRANTS = {
    "▖": "3",
    "▗": "4",
    "▘": "1",
    "▙": "134",
    "▚": "14",
    "▛": "123",
    "▜": "124",
    "▝": "2",
    "▞": "23",
    "▟": "234",
}
_MIDDLE_X, _MIDDLE_Y = WIDTH / 2, HEIGHT / 2
_STROKES = {
    "╭": ((_MIDDLE_X, HEIGHT, "v-4a4 4 0 0 1 4-4"),),
    "╮": ((_MIDDLE_X, HEIGHT, "v-4a4 4 0 0 0-4-4"),),
    "╯": ((_MIDDLE_X, 0.0, "v4a4 4 0 0 1-4 4"),),
    "╰": ((_MIDDLE_X, 0.0, "v4a4 4 0 0 0 4 4"),),
    "╱": ((0.0, HEIGHT, "l8-16"),),
    "╲": ((0.0, 0.0, "l8 16"),),
    "╳": ((0.0, HEIGHT, "l8-16"), (0.0, 0.0, "l8 16")),
}

Rectangle = tuple[float, float, float, float]
"""Left, top, width, height."""


class Glyph(msgspec.Struct, frozen=True):
    """What a character fills of its cell."""

    rectangles: tuple[Rectangle, ...] = ()
    dots: tuple[tuple[int, int], ...] = ()
    """Middles of round dots."""
    strokes: tuple[tuple[float, float, str], ...] = ()
    """Where a light line begins, and the path it takes from there."""
    share: float = 1.0
    """How much of the ink there is in a shade; the rest is the ground."""


@functools.cache
def glyph(character: str) -> Glyph | None:
    """The shape of a character; None for one that a font draws."""
    code = ord(character)
    if 0x2800 <= code <= 0x28FF:
        return Glyph(dots=tuple(_dots(code - 0x2800)))
    if character in _STROKES:
        return Glyph(strokes=_STROKES[character])
    if 0x2500 <= code <= 0x257F:
        return Glyph(rectangles=tuple(_lines(unicodedata.name(character).partition("DRAWINGS ")[2])))
    if character in _SHADES:
        return Glyph(rectangles=((0.0, 0.0, WIDTH, HEIGHT),), share=_SHADES[character])
    if character in _QUADRANTS:
        return Glyph(rectangles=tuple(_quarter(int(place) - 1) for place in _QUADRANTS[character]))
    if 0x2580 <= code <= 0x259F:
        return Glyph(rectangles=(_block(unicodedata.name(character)),))
    return None


def _dots(pattern: int) -> list[tuple[int, int]]:
    """Unicode numbers the dots of the upper three rows column by column, and those of the lowest row last."""
    places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
    return [(2 + 4 * across, 2 + 4 * down) for bit, (across, down) in enumerate(places) if pattern >> bit & 1]


def _quarter(place: int) -> Rectangle:
    return place % 2 * _MIDDLE_X, place // 2 * _MIDDLE_Y, _MIDDLE_X, _MIDDLE_Y


def _block(name: str) -> Rectangle:
    """A part of the cell along one of its edges, as Unicode names it: LOWER THREE EIGHTHS BLOCK."""
    words = name.split()
    if words[0] == "FULL":
        return 0.0, 0.0, WIDTH, HEIGHT
    share = next((count for word, count in _COUNTS.items() if word in words), 1)
    part = share / next(parts for word, parts in _FRACTIONS.items() if word in words)
    if words[0] in ("LEFT", "RIGHT"):
        width = part * WIDTH
        return (0.0 if words[0] == "LEFT" else WIDTH - width), 0.0, width, HEIGHT
    height = part * HEIGHT
    return 0.0, (0.0 if words[0] == "UPPER" else HEIGHT - height), WIDTH, height


def _lines(name: str) -> list[Rectangle]:
    """The arms from the middle of a cell to its edges, as Unicode names them: DOWN LIGHT AND RIGHT HEAVY.

    A double line is drawn as a heavy one.
    """
    dashes = 1
    for words, count in _DASHES.items():
        if words in name:
            name, dashes = name.replace(words, ""), count
    arms: dict[str, float] = {}
    for part in name.split(" AND "):
        # A weight that is named once is that of all.
        weight = _weight(part) or _weight(name)
        arms |= {arm: weight for word in part.split() for arm in _ARMS.get(word, "")}
    if dashes > 1:
        return _dashed(arms, dashes)
    across = max(arms.get("l", 0.0), arms.get("r", 0.0)) / 2
    along = max(arms.get("u", 0.0), arms.get("d", 0.0)) / 2
    drawn: list[Rectangle] = []
    for arm, weight in arms.items():
        # Each goes on over the half of what it crosses, so that corners are filled.
        if arm in "ud":
            top = 0.0 if arm == "u" else _MIDDLE_Y - across
            drawn.append((_MIDDLE_X - weight / 2, top, weight, _MIDDLE_Y + across))
        else:
            left = 0.0 if arm == "l" else _MIDDLE_X - along
            drawn.append((left, _MIDDLE_Y - weight / 2, _MIDDLE_X + along, weight))
    return drawn


def _weight(words: str) -> float:
    return next((_WEIGHTS[word] for word in words.split() if word in _WEIGHTS), 0.0)


def _dashed(arms: dict[str, float], dashes: int) -> list[Rectangle]:
    weight, is_upright = max(arms.values()), "u" in arms
    step = (HEIGHT if is_upright else WIDTH) / dashes
    length, first = step * _DASH_SHARE, step * (1 - _DASH_SHARE) / 2
    if is_upright:
        return [(_MIDDLE_X - weight / 2, first + k * step, weight, length) for k in range(dashes)]
    return [(first + k * step, _MIDDLE_Y - weight / 2, length, weight) for k in range(dashes)]
