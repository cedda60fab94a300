"""Number types of the settings, whose ranges refuse what cannot run, and what every part of a spec shares."""

from __future__ import annotations

from typing import Annotated

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
