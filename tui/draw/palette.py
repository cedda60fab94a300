"""What a cell's colour number is on a ground: of the terminal's 256 colours one that can be read there.

Curves and words have a contrast of 4.5 at least with the ground they stand on, lines of a grid 3 (WCAG 2.2, 1.4.3 and
1.4.11), whatever the theme: colours that have less are taken darker, or lighter.
"""

from __future__ import annotations

import functools
from collections.abc import Collection

from tui.draw.cells import DIM, FIRST_SERIES, GRID, TEXT

Rgb = tuple[int, int, int]

# From the 256 colours that SSH carries: apart from each other on dark and on light, and for most colour-blind eyes.
SERIES = (75, 208, 78, 212, 220, 45, 203, 141, 150, 179, 110, 174)
_ON_LIGHT = (25, 124, 22, 127, 58, 23, 88, 55, 21, 52, 24, 89)
MARKS = "123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What tells curves apart without colour, in the order of the lanes that are drawn."""
FIRST_PALE = FIRST_SERIES + len(SERIES)
"""The same hues, paler: runs that are laid under another."""
CHOSEN, GOOD, BAD, BUSY = 240, 241, 242, 243
SIGNS = {GOOD: (78, 22), BAD: (203, 124), BUSY: (220, 58)}
"""Each on dark and on light."""

LEAST_CONTRAST, LEAST_OF_GRID = 4.5, 3.0

# Blue over the ground's grey to orange.
HEAT = (117, 75, 33, 26, 18, 235, 52, 94, 130, 172, 215)
HEAT_ON_LIGHT = (17, 19, 26, 33, 117, 254, 223, 215, 208, 130, 88)

FIRST_SHADE, SHADES = 221, 10
"""Grounds of a map from the least number to the largest, each with an ink that can be read on it."""
# Viridis (van der Walt, Smith 2015) at equal distances: ever lighter, to colour-blind eyes too.
RAMP: tuple[Rgb, ...] = (
    (68, 1, 84),
    (72, 40, 120),
    (62, 73, 137),
    (49, 104, 142),
    (38, 130, 142),
    (31, 158, 137),
    (53, 183, 121),
    (110, 206, 88),
    (181, 222, 43),
    (253, 231, 37),
)
_RAMP_CODES = (53, 54, 60, 61, 31, 36, 72, 113, 148, 220)

DARK: Rgb = (18, 18, 18)
LIGHT: Rgb = (224, 224, 224)
"""Grounds of the two themes that there are without configuration."""

_CUBE = (0, 95, 135, 175, 215, 255)
_PALENESS = 0.5
# On white paper: the same hues, dark enough for a thin line.
_DARKER = 0.72


def series_colour(index: int) -> int:
    """The colour of the lane or rank ``index``; they come round after a dozen."""
    return FIRST_SERIES + index % len(SERIES)


def pale(colour: int) -> int:
    """The paler colour of the same hue; any other colour as it is."""
    return colour + len(SERIES) if FIRST_SERIES <= colour < FIRST_PALE else colour


def is_pale(colour: int) -> bool:
    """Whether it is one of the paler colours."""
    return FIRST_PALE <= colour < FIRST_PALE + len(SERIES)


def rgb(code: int) -> Rgb:
    """Red, green and blue of one of the colours 16 to 255."""
    if code >= 232:
        grey = 8 + 10 * (code - 232)
        return grey, grey, grey
    code -= 16
    return _CUBE[code // 36], _CUBE[code // 6 % 6], _CUBE[code % 6]


def contrast(one: Rgb, other: Rgb) -> float:
    """Of two colours, from 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@functools.lru_cache(maxsize=512)
def _luminance(colour: Rgb) -> float:
    red, green, blue = (part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def is_light(ground: Rgb) -> bool:
    """Whether dark words stand out from it more than light ones."""
    return contrast(ground, (0, 0, 0)) > contrast(ground, (255, 255, 255))


@functools.lru_cache(maxsize=8)
def inks(ground: Rgb) -> dict[int, int]:
    """The terminal's colour for each colour number but those of pictures, on a ground."""
    found = {
        DIM: _nearest((138, 138, 138), ground, LEAST_CONTRAST, range(232, 256)),
        GRID: _nearest((108, 108, 108), ground, LEAST_OF_GRID, range(232, 256)),
    }
    light, taken = is_light(ground), set[int]()
    base = _ON_LIGHT if light else SERIES
    for index, code in enumerate(base):
        found[FIRST_SERIES + index] = _nearest(rgb(code), ground, LEAST_CONTRAST, range(16, 232), taken)
        taken.add(found[FIRST_SERIES + index])
    for index, code in enumerate(base):
        # On light nothing paler can be read.
        paler = rgb(code) if light else _mixed(rgb(code), (128, 128, 128), _PALENESS)
        found[FIRST_PALE + index] = _nearest(paler, ground, LEAST_CONTRAST, range(16, 232), () if light else taken)
    for sign, codes in SIGNS.items():
        found[sign] = _nearest(rgb(codes[light]), ground, LEAST_CONTRAST, range(16, 232))
    return found


def _mixed(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _nearest(wanted: Rgb, ground: Rgb, least: float, codes: range, taken: Collection[int] = ()) -> int:
    """Of these codes the one nearest to a colour that stands out from the ground."""
    towards = (0, 0, 0) if is_light(ground) else (255, 255, 255)
    # First by darkening alone, or lightening, which keeps the hue.
    shares = (share / 20 for share in range(21))
    mixed = (_mixed(wanted, towards, share) for share in shares)
    wanted = next((colour for colour in mixed if contrast(colour, ground) >= least), towards)
    readable = [code for code in codes if code not in taken and contrast(rgb(code), ground) >= least]
    # No ground is without: black or white has 4.5 on any.
    return min(readable or codes, key=lambda code: sum((a - b) ** 2 for a, b in zip(rgb(code), wanted, strict=True)))


def heat(ground: Rgb, *, is_true: bool) -> list[str]:
    """The shades of pictures on a ground, from cold to warm, as Rich names colours.

    Where the terminal has more than 256 colours they are even steps from the ground to either end.
    """
    light = is_light(ground)
    if not is_true:
        return [f"color({code})" for code in (HEAT_ON_LIGHT if light else HEAT)]
    middle: Rgb = (236, 236, 236) if light else (38, 38, 38)
    cold, warm = ((8, 60, 160), (150, 60, 0)) if light else ((130, 200, 255), (255, 180, 100))
    half = len(HEAT) // 2
    shares = [step / half for step in range(half + 1)]
    found = [_mixed(middle, cold, share) for share in shares[:0:-1]] + [_mixed(middle, warm, share) for share in shares]
    return [f"rgb({red},{green},{blue})" for red, green, blue in found]


def shades(*, is_true: bool) -> list[tuple[str, str]]:
    """Ink and ground of each shade of a map, as Rich names colours: the same on every theme."""
    if is_true:
        return [(f"rgb{ink_on(ground)}".replace(" ", ""), f"rgb{ground}".replace(" ", "")) for ground in RAMP]
    return [(f"color({16 if is_light(rgb(code)) else 231})", f"color({code})") for code in _RAMP_CODES]


def ink_on(ground: Rgb) -> Rgb:
    """Black or white, whichever can be read on a ground."""
    return (0, 0, 0) if is_light(ground) else (255, 255, 255)


def on_paper(colour: int) -> str:
    """A cell's colour as #rrggbb for a white ground."""
    if colour == TEXT:
        return "#202020"
    if colour in (DIM, GRID):
        return "#808080"
    base = rgb(SERIES[(colour - FIRST_SERIES) % len(SERIES)])
    parts = (round(part * _DARKER) for part in base)
    return "#" + "".join(f"{(part + 170) // 2 if is_pale(colour) else part:02x}" for part in parts)
