"""Text from outside made inert: what a file, a preset or an exception says cannot act on a terminal."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from solver.estimate import Estimate, Narrower
    from solver.history import History, LaneHistory

# Control, format (bidirectional marks too), surrogate and private characters, and line and paragraph separators.
_REFUSED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

_NUMBER = re.compile(r"[-+−]?(\d[\d.,]*|\.\d+)(e[-+]?\d+)?[kMGT%]?")


def cut(text: str, width: int) -> str:
    """``text``, or as much of it as fits with a mark that says so; a number is shown whole or not at all."""
    if len(text) <= width:
        return text
    if width < 1:
        return ""
    end = width - 1
    # Half a number reads as another one.
    parted = next((number for number in _NUMBER.finditer(text) if number.start() < end < number.end()), None)
    return f"{text[:end] if parted is None else text[: parted.start()].rstrip()}…"


def inert(text: str, most: int = 200) -> str:
    """``text`` on one line, its control and format characters replaced, at most ``most`` characters long."""
    text = " ".join(text.split()) if "\n" in text or "\t" in text else text
    if not text.isascii() or not text.isprintable():
        text = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _REFUSED else c for c in text)
    return cut(text, most)


def inert_lines(text: str, most: int = 2000) -> str:
    """Every line of ``text`` made inert."""
    return "\n".join(inert(line, most) for line in text.splitlines())


def readable(name: str) -> str:
    """A name from the file system as text that can be encoded: bytes that are not UTF-8 are replaced."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def label(history: History, lane: LaneHistory) -> str:
    """What a lane is called: settings may hold words from a file."""
    return inert(history.label(lane), 120)


def duration(seconds: float | None) -> str:
    """A time span in at most six characters, as in 42 s, 3:20 or 2 h 5."""
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes}" if hours < 1000 else f"{hours // 24} d"


def quantity(value: float) -> str:
    """A number in about four digits, as in 0.00123, 1.2e-7 or 12.3k."""
    if value != value:
        return "nan"
    magnitude = abs(value)
    if magnitude == 0:
        return "0"
    if magnitude in (float("inf"),):
        return "inf" if value > 0 else "-inf"
    if 1e4 <= magnitude < 1e12:
        for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
            if magnitude >= size:
                return f"{value / size:.4g}{unit}"
    if 1e-3 <= magnitude < 1e4:
        return f"{value:.4g}"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def taking(need: Estimate) -> str:
    """How long a run takes, by rough count, and on what."""
    return f"about {duration(need.seconds)} on {'a GPU like an H100' if need.is_on_gpu else 'one core'}"


def narrower(found: Narrower) -> str:
    """The hidden width that is proposed for a long run, what it gains, and what it costs."""
    told = (
        f"model.hidden_width = {found.width} would take about {duration(found.seconds)}, not "
        f"{duration(found.seconds_now)}; it caps the rank at {found.width}"
    )
    if 2.0 * found.one_layer_s <= found.seconds:
        return told
    return f"{told} (depth 1 has no hidden layer, and takes {duration(found.one_layer_s)} of it)"
