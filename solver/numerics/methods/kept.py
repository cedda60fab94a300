"""State that outlives a step: declared by type once, and saved, restored and cut down to fewer lanes from there."""

from __future__ import annotations

import enum
import functools
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

from torch import Tensor

from solver.numerics.models.objective import Factors

T = TypeVar("T")


class _How(enum.Enum):
    BY_LANE = enum.auto()
    DERIVED = enum.auto()
    WHOLE = enum.auto()


ByLane = Annotated[T, _How.BY_LANE]
"""Saved, with a row or an item a lane."""
Derived = Annotated[T, _How.DERIVED]
"""A row or an item a lane, made anew and not saved."""
Whole = Annotated[T, _How.WHOLE]
"""Saved, and the same for all lanes."""


class Kept:
    """What has such state: the attributes that its class annotates with ByLane, Derived or Whole."""

    @classmethod
    @functools.cache
    def _kept(cls) -> dict[str, _How]:
        hints = get_type_hints(cls, include_extras=True)
        found = {name: [one for one in get_args(hint)[1:] if isinstance(one, _How)] for name, hint in hints.items()}
        return {name: how[0] for name, how in found.items() if how}

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, as tensors, numbers and lists."""
        return {name: _copied(getattr(self, name)) for name, how in self._kept().items() if how is not _How.DERIVED}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what ``state`` gave, on an object made for the same lanes: bit for bit on the same machine."""
        for name, how in self._kept().items():
            if how is _How.DERIVED:
                continue
            present = getattr(self, name)
            if present is None and name not in state:
                continue
            value = state[name]
            if isinstance(present, Factors):
                present.flat.copy_(value)
            elif isinstance(present, Tensor):
                present.copy_(value)
            else:
                setattr(self, name, list(value) if isinstance(value, list) else value)

    def keep(self, lanes: list[int]) -> None:
        """Goes on with these lanes alone."""
        for name, how in self._kept().items():
            if how is not _How.WHOLE:
                setattr(self, name, _rows(getattr(self, name), lanes))


def _copied(value: Any) -> Any:
    # Cloned: a view would be saved with all of the buffer it looks into.
    if isinstance(value, Factors):
        return value.flat.clone()
    if isinstance(value, Tensor):
        return value.clone()
    return list(value) if isinstance(value, list) else value


def _rows(value: Any, lanes: list[int]) -> Any:
    if isinstance(value, Factors):
        return Factors(value.flat[lanes], value.shapes)
    if isinstance(value, Tensor):
        return value[lanes]
    return None if value is None else [value[lane] for lane in lanes]
