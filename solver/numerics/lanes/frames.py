"""Values of a frame as the log holds them."""

from __future__ import annotations

from typing import Any

from solver.records import Value, plain

# Of the norms of components, of which there may be a thousand in a frame.
_DIGITS = 7


def written(value: Any) -> Value:
    """A number or a list of numbers, words in the place of what JSON has not."""
    return [plain(item) for item in value] if isinstance(value, list) else plain(value)


def shortened(values: list[float], digits: int = _DIGITS) -> list[float]:
    """The same numbers to so many significant digits."""
    return [float(f"{value:.{digits}g}") for value in values]
