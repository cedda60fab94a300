"""Paths as a person types them."""

from __future__ import annotations

from pathlib import Path

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
