"""What every log has: a part for each lane, states under the names of the export, and a text for how it ended."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from typing import Any

from solver.export import MOST_COMPONENTS
from solver.frames import NamedFrame
from solver.series import BY_NAME


class Logger(abc.ABC):
    """A log under way; whatever its library raises is the caller's to bear."""

    place: str
    """Where it is, and what shows it, in words."""

    @abc.abstractmethod
    def begin(self, lane: int, parameters: Mapping[str, Any], settings: Mapping[str, Any], wall: float) -> None:
        """Opens the part of a lane, with its swept fields and its whole settings, at a time of the clock."""

    @abc.abstractmethod
    def write(self, frame: NamedFrame, wall: float) -> None:
        """Writes a state; those inside a step of the flow have the number of the step before."""

    @abc.abstractmethod
    def flush(self) -> None:
        """Lets whoever looks see what was written so far."""

    @abc.abstractmethod
    def end(self, lane: int, texts: Mapping[str, str], *, is_bad: bool) -> None:
        """Closes the part of a lane, with what came of it in words, and whether it diverged or failed."""

    @abc.abstractmethod
    def abandon(self) -> None:
        """Lets go of everything after an error."""


def numbers(frame: NamedFrame) -> dict[str, float]:
    """The finite numbers of a state by series, ``name/0``, ``name/1``, … of a vector; the step is left out.

    Of components, the largest of the state, each under its own number whatever its place, and their rates likewise.
    """
    found: dict[str, float] = {}
    rated = [int(index) for index in _list(frame, "rate_components") if math.isfinite(index)]
    for name, value in frame.values.items():
        series = BY_NAME.get(name)
        if series is None or not series.exported or name == "step" or isinstance(value, str):
            continue
        if not isinstance(value, list):
            found[name] = value
        elif series.rated:
            found |= {f"{name}/{index}": rate for index, rate in zip(rated, value, strict=False)}
        else:
            places = _largest(value) if series.by_identity else range(len(value))
            found |= {f"{name}/{index}": value[index] for index in places}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def words(frame: NamedFrame) -> dict[str, str]:
    """The words of a state by series."""
    return {name: value for name, value in frame.values.items() if isinstance(value, str) and name in BY_NAME}


def _list(frame: NamedFrame, name: str) -> list[float]:
    value = frame.values.get(name, [])
    return value if isinstance(value, list) else []


def _largest(norms: Sequence[float]) -> list[int]:
    finite = [index for index, norm in enumerate(norms) if math.isfinite(norm)]
    return sorted(sorted(finite, key=lambda index: -norms[index])[:MOST_COMPONENTS])
