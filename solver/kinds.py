"""Registers of what answers for a kind, complete at import: one entry for each kind, or for each pair that fits."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from solver.spec.base import Settings, kinds_of
from solver.spec.models import MODELS

Entry = TypeVar("Entry")


def by_kind(part: object, entries: Mapping[Any, Entry]) -> dict[type[Settings], Entry]:
    """An entry for each kind of a part (Problem, Model or Optimizer); a union stands for all of its kinds.

    Raises TypeError, naming it, for a kind without one and for an abstract class.
    """
    found = {kind: entry for union, entry in entries.items() for kind in kinds_of(union)}
    _check(entries)
    missing = [kind.__name__ for kind in kinds_of(part) if kind not in found]
    if missing:
        raise TypeError(f"nothing is registered for {', '.join(missing)}")
    return found


def by_pair(entries: Mapping[tuple[Any, type[Settings]], Entry]) -> dict[tuple[type[Settings], type[Settings]], Entry]:
    """An entry for each pair of a kind of problem and a kind of model that fit each other.

    Raises TypeError, naming it, for a pair without one and for an abstract class.
    """
    found = {(kind, model): entry for (union, model), entry in entries.items() for kind in kinds_of(union)}
    _check(entries)
    missing = [
        f"{model.__name__} on {problem.__name__}"
        for model in MODELS
        for problem in model.FITS
        if (problem, model) not in found
    ]
    if missing:
        raise TypeError(f"nothing is registered for {', '.join(missing)}")
    return found


def _check(entries: Mapping[Any, Any]) -> None:
    abstract = [entry.__name__ for entry in entries.values() if inspect.isabstract(entry)]
    if abstract:
        raise TypeError(f"{', '.join(abstract)} leaves methods out, and cannot be registered")
