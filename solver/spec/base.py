"""Number types of the settings, whose ranges refuse what cannot run, and what every part of a spec shares."""

from __future__ import annotations

import inspect
from typing import Annotated, get_args

import msgspec
from msgspec import Meta

Dimension = Annotated[int, Meta(ge=1, le=20_000)]
Count = Annotated[int, Meta(ge=1, le=10**12)]
Index = Annotated[int, Meta(ge=0, lt=20_000)]
# The upper ends keep infinity out: msgspec compares, and inf <= 1e100 is false. NaN fails every comparison.
Positive = Annotated[float, Meta(gt=0, le=1e100)]
NonNegative = Annotated[float, Meta(ge=0, le=1e100)]
Finite = Annotated[float, Meta(ge=-1e100, le=1e100)]
# An index or a value of an entry: whole numbers stay whole.
Number = Annotated[int, Meta(ge=-(10**15), le=10**15)] | Finite
Fraction = Annotated[float, Meta(ge=0, lt=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every part of a spec shares: frozen, by keyword, no unknown fields."""


def tag_of(kind: type[Settings]) -> str:
    """How a kind is written in ``kind = …``."""
    return str(kind.__struct_config__.tag)


def kinds_of(union: object) -> tuple[type[Settings], ...]:
    """The kinds of a part, in the order of its union; of a single kind that one."""
    return get_args(union) or (union,)


def check_kinds(union: object) -> None:
    """Raises TypeError, naming it, where a kind of a part leaves something unsaid that its base asks for."""
    for kind in kinds_of(union):
        asked = {name for parent in kind.__mro__ for name in inspect.get_annotations(parent)}
        unsaid = [name for name in sorted(asked) if name.isupper() and not hasattr(kind, name)]
        unsaid += [name for name in dir(kind) if getattr(getattr(kind, name, None), "__isabstractmethod__", False)]
        if unsaid:
            raise TypeError(f"{kind.__name__} leaves out {', '.join(unsaid)}")
