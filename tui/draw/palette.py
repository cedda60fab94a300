"""Which of the terminal's 256 colours a cell's colour number is, and the same as a picture on paper has it."""

from __future__ import annotations

from tui.draw.cells import DIM, FIRST_SERIES, TEXT

# From the 256 colours that SSH carries: apart from each other on dark and on light, and for most colour-blind eyes.
SERIES = (75, 208, 78, 212, 220, 45, 203, 141, 150, 179, 110, 174)
MARKS = "123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What tells curves apart without colour, in the order of the lanes that are drawn."""
CHOSEN, GOOD, BAD, BUSY = 240, 241, 242, 243

# Blue over dark grey to orange.
HEAT = (117, 75, 33, 26, 18, 235, 52, 94, 130, 172, 215)

_CUBE = (0, 95, 135, 175, 215, 255)
# On white paper: the same hues, dark enough for a thin line.
_DARKER = 0.72


def series_colour(index: int) -> int:
    """The colour of the lane or rank ``index``; they come round after a dozen."""
    return FIRST_SERIES + index % len(SERIES)


def rgb(code: int) -> tuple[int, int, int]:
    """Red, green and blue of one of the colours 16 to 255."""
    if code >= 232:
        grey = 8 + 10 * (code - 232)
        return grey, grey, grey
    code -= 16
    return _CUBE[code // 36], _CUBE[code // 6 % 6], _CUBE[code % 6]


def on_paper(colour: int) -> str:
    """A cell's colour as #rrggbb for a white ground."""
    if colour == TEXT:
        return "#202020"
    if colour == DIM:
        return "#808080"
    return "#" + "".join(f"{round(part * _DARKER):02x}" for part in rgb(SERIES[(colour - FIRST_SERIES) % len(SERIES)]))
