"""Paths as a person types them, and the directories that the platform gives a program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from solver.refusal import BadSetting


def typed(text: str | Path, field: str, directory: Path | None = None) -> Path:
    """The absolute path of ``text``, from ``directory`` (else the working one) where it is relative.

    Raises BadSetting, naming ``field``, for an unknown ~user, a null byte, or a name no file can have.
    """
    try:
        if "\0" in str(text):
            raise ValueError("a null byte is in it")
        path = Path(text).expanduser()
        path = (path if directory is None else directory / path).absolute()
        # A question to the file system shows what it cannot even look for.
        path.exists()
    except (RuntimeError, ValueError, OSError) as error:
        shown = str(text) if len(str(text)) <= 60 else str(text)[:57] + "…"
        reason = (getattr(error, "strerror", None) or str(error)).lower().rstrip(".")
        raise BadSetting(f"{field} {shown} is not a usable path ({reason}): write another one", field) from None
    return path


def own_directory(kind: Literal["data", "config"]) -> Path:
    """The program's own directory for data or configuration: under $XDG_…_HOME, else where the platform has it."""
    xdg = os.environ.get(f"XDG_{kind.upper()}_HOME")
    if xdg and Path(xdg).is_absolute():
        return Path(xdg) / "implicit-tui"
    import platformdirs

    return Path(getattr(platformdirs, f"user_{kind}_dir")("implicit-tui", appauthor=False))
