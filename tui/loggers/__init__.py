"""Logs where people keep them: what a run records, written live by the libraries of TensorBoard and W&B, as extras."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import msgspec

from solver.paths import typed
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tui.loggers.logger import Logger


class Kind(msgspec.Struct, frozen=True):
    """A library that logs are written by."""

    title: str
    module: str
    """What is imported of it; also the extra that brings it, and the file here that uses it."""
    place: str
    """Where its logs go unless told otherwise."""


KINDS = {
    "tensorboard": Kind("TensorBoard", "tensorboard", "runs"),
    "wandb": Kind("Weights & Biases", "wandb", "."),
}


class Kinds(tuple[str, ...]):
    """The words that ``--log`` takes, each also with ``=DIR``."""

    def __contains__(self, text: object) -> bool:
        return str(text).partition("=")[0] in tuple(self)


class Wanted(msgspec.Struct, frozen=True):
    """A log that is asked for: by which library, and where."""

    name: str
    where: Path

    def open(self, directory: RunDirectory) -> Logger:
        """What writes the log of this run. Raises whatever the library does."""
        module = importlib.import_module(f"tui.loggers.{KINDS[self.name].module}")
        made: Logger = module.open_log(directory, self.where)
        return made


def chosen(texts: Sequence[str]) -> list[Wanted]:
    """The logs that ``--log`` asks for, their places made.

    Raises BadSetting where a library is not installed, a place cannot be written, or one is asked for twice.
    """
    found: list[Wanted] = []
    for text in texts:
        name, _, place = text.partition("=")
        if name not in KINDS:
            known = " or ".join(KINDS)
            raise BadSetting(f"--log must be {known}, with =DIR for a place of yours, not {text!r:.60}", "log")
        if any(one.name == name for one in found):
            raise BadSetting(f"--log {name} is given twice: keep one of the two", "log")
        kind = KINDS[name]
        if importlib.util.find_spec(kind.module) is None:
            raise BadSetting(f"--log {name} needs an extra: pip install 'implicit-tui[{name}]'", "log")
        where = typed(place or kind.place, "--log")
        try:
            where.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise BadSetting(
                f"--log {where} cannot be made ({reason}): name a place of yours, as in --log {name}=DIR", "log"
            ) from None
        found.append(Wanted(name, where))
    return found
