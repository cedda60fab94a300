"""How a command ends: its exit status, and what went wrong in one sentence."""

from __future__ import annotations

import sys

from tui.text import inert

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_NO_DEVICE = 3
EXIT_INTERRUPTED = 130


def complain(sentence: str) -> None:
    """One sentence on stderr."""
    print(f"implicit-tui: {inert(sentence, 2000)}", file=sys.stderr)
