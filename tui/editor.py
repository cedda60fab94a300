"""A text in the editor that a person has chosen."""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path

from solver import files
from solver.refusal import BadSetting
from tui import terminal

_MOST_BYTES = 1 << 24


def edited(text: str) -> str:
    """``text`` as $VISUAL, $EDITOR or vi leaves it, for which the terminal has to be free.

    Raises BadSetting, with one sentence, where there is no such editor, it fails, or what it leaves is no text.
    """
    command = _command()
    try:
        with tempfile.TemporaryDirectory(prefix="implicit-tui-") as directory:
            path = Path(directory) / "settings.toml"
            path.write_text(text, encoding="utf-8")
            status = terminal.lend([*command, str(path)])
            if status:
                raise BadSetting(f"the editor {command[0]} ended with status {status}: nothing was taken over")
            return files.read_whole(path, _MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadSetting(f"the editor {command[0]} is no use ({reason}): set VISUAL or EDITOR to another one") from None
    except UnicodeError:
        raise BadSetting(f"what the editor {command[0]} left is not UTF-8: nothing was taken over") from None


def _command() -> list[str]:
    for name in ("VISUAL", "EDITOR"):
        try:
            words = shlex.split(os.environ.get(name, ""))
        except ValueError as error:
            raise BadSetting(f"{name} is no command ({str(error).lower()}): quote it as for a shell") from None
        if words:
            return words
    return ["vi"]
