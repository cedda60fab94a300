"""An SVG of ours as pixels, by a library that is an extra."""

from __future__ import annotations

import importlib.util

from solver.refusal import BadSetting

# Lengths in inches, as a column of a paper has, need it.
_DOTS_PER_INCH = 96


def check() -> None:
    """Raises BadSetting where the library is not installed."""
    if importlib.util.find_spec("resvg_py") is None:
        raise BadSetting("PNG needs an extra: pip install 'implicit-tui[png]', or take SVG, which needs none")


def png(svg: str, width: int | None = None) -> bytes:
    """The picture ``width`` pixels wide, else twice as large as it says. Raises BadSetting."""
    check()
    import resvg_py

    given = {"zoom": 2.0} if width is None else {"width": width}
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, dpi=_DOTS_PER_INCH, **given))
