"""How annotations are executed in the tests: an int passes for a float, as for a type checker.

A call is checked where a function meets types or shapes that it has not met before: of others the verdict is known.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Hashable
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
_in_full: Callable[[Any], Any] = jaxtyping.jaxtyped(typechecker=check)


def execute_annotations(package: str) -> None:
    """Those of every function of ``package`` that is imported from now on."""
    # What the hook writes above a function looks the decorator up by this name; its own would check every call.
    vars(jaxtyping)["jaxtyped"] = lambda typechecker: executed
    jaxtyping.install_import_hook([package], "tests.shapes.check")


def executed(made: Any) -> Any:
    """A function, checked where the types and shapes of its arguments, or of its result, are new to it; or a class."""
    if not inspect.isfunction(made):
        return _in_full(made)
    function = made
    lines = _LINES.setdefault((function.__module__, function.__code__), _Lines(function))
    seen = lines.seen

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        given = _told((arguments, *named.items()))
        known = None if given is None else seen.get(given)
        if known is None:
            result = lines.checked(function, arguments, named)
            if given is not None:
                seen[given] = {_told(result)} - {None}
            return result
        result = function(*arguments, **named)
        found = _told(result)
        if found not in known:
            lines.checked(lambda *_, **__: result, arguments, named)
            if found is not None:
                known.add(found)
        return result

    return called


class _Lines:
    """The lines of a function, which are checked alike however often a function is made of them."""

    def __init__(self, function: types.FunctionType) -> None:
        self.seen: dict[Hashable, set[Hashable]] = {}
        """For what was given, what came of it."""
        self._first = function
        self._asked: list[Callable[..., Any]] = []

    def checked(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        n = len(self._asked)
        self._asked.append(function)
        try:
            return self._checks(*arguments, **named)
        finally:
            del self._asked[n:]

    @functools.cached_property
    def _checks(self) -> Any:
        asked = self._asked

        def stand_in(*arguments: Any, **named: Any) -> Any:
            return asked.pop()(*arguments, **named)

        # Annotations are read with the names of the function's own module.
        own = types.FunctionType(stand_in.__code__, self._first.__globals__, closure=stand_in.__closure__)
        return _in_full(functools.update_wrapper(own, self._first))


_LINES: dict[tuple[str, types.CodeType], _Lines] = {}


class _Mixed(Exception):
    """One of several unlike values is checked, by chance: that says nothing of the next time."""


def _told(value: Any) -> Hashable | None:
    """What a check can tell of a value: equal for values of which it says the same; None where that is not known."""
    try:
        return _look(value)
    except _Mixed:
        return None


def _look(value: Any) -> Hashable:
    kind: Any = type(value)
    tell = _teller(kind)
    return kind if tell is None else tell(value)


@functools.cache
def _teller(kind: Hashable) -> Callable[[Any], Hashable] | None:
    """What is to be told of a value beside its type."""
    import numpy as np
    import torch

    assert isinstance(kind, type)
    if issubclass(kind, torch.Tensor | np.ndarray | np.generic):
        return lambda array: (kind, array.dtype, array.shape)
    if kind is str or issubclass(kind, type):
        # Annotations may ask for these by name.
        return lambda value: value
    if kind is tuple:
        return lambda values: (kind, *map(_look, values))
    if kind in (list, set, frozenset):
        return lambda values: (kind, _look_of_each(values))
    if kind is dict:
        return lambda values: (kind, _look_of_each(values), _look_of_each(values.values()))
    return None


def _look_of_each(values: Any) -> Hashable:
    looks = set(map(_look, values))
    if len(looks) > 1:
        raise _Mixed
    return looks.pop() if looks else None
