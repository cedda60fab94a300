"""Lines of a page: a text and its colour."""

from __future__ import annotations

from textwrap import wrap

from tui.text import inert

Line = tuple[str, int]


def wrapped(text: str, colour: int, width: int, indent: str = "  ") -> list[Line]:
    """A paragraph as lines of at most ``width``."""
    return [(f"{indent}{piece}", colour) for piece in wrap(inert(text, 600), max(10, width - len(indent)))]
