"""What part of an axis is shown: zoomed in about a place, moved along, or all of it."""

from __future__ import annotations

from tui.draw.scale import Scale

# Narrower than this part of the whole, labels and doubles could no longer tell places apart.
_NARROWEST = 1e-6


def zoomed(shown: Scale, whole: Scale, factor: float, about: float) -> Scale | None:
    """``shown`` with its length multiplied by ``factor``, the place at fraction ``about`` where it was.

    None where that is the whole, which then grows again with the data.
    """
    low, high = about * (1.0 - factor), about + (1.0 - about) * factor
    ends = (
        (whole.fraction(shown.value(low)), whole.fraction(shown.value(high))) if shown.log == whole.log else (0.0, 1.0)
    )
    start, stop = max(0.0, ends[0]), min(1.0, ends[1])
    if start <= 0.0 and stop >= 1.0:
        return None
    if stop - start < _NARROWEST:
        return shown
    return _between(whole, start, stop)


def moved(shown: Scale, whole: Scale, by: float) -> Scale:
    """``shown`` moved by the fraction ``by`` of its length, as far as the whole goes."""
    start, stop = whole.fraction(shown.low), whole.fraction(shown.high)
    length = stop - start
    start = min(max(0.0, start + by * length), max(0.0, 1.0 - length))
    return _between(whole, start, min(1.0, start + length))


def _between(whole: Scale, start: float, stop: float) -> Scale:
    return Scale(whole.value(start), whole.value(stop), whole.log)
