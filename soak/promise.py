"""What a promise is, and what trying it has shown."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import msgspec


class Tried(msgspec.Struct, kw_only=True):
    """Trials of a promise."""

    trials: int = 0
    failures: list[str] = []
    """In words, with what is needed to try it again."""
    note: str = ""
    """Numbers worth a word beside the count."""

    def that(self, holds: bool, otherwise: str) -> None:
        """Counts a trial."""
        self.trials += 1
        if not holds:
            self.failures.append(otherwise)


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """Something that holds whatever happens."""

    name: str
    text: str
    """What is promised, in a sentence."""
    full: int
    """How often ``make soak`` tries it."""
    few: int
    """How often the suite does; 0 for what is timed, or tried there by a test of its own."""
    attempt: Callable[[int, Path, random.Random], Tried]
    """Tries it so often, with runs in a home of its own."""
