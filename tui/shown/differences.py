"""Settings of runs side by side: which differ, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from solver.spec import RunSpec


def flat(spec: RunSpec) -> dict[str, str]:
    """Every setting that says something, by dotted name, as text; of one that is swept the values that lanes have.

    Of each variant what it sets.
    """
    found = _flat(msgspec.to_builtins(spec), "")
    found |= {field: ", ".join(map(_text, values)) for field, values in spec.sweep.items()}
    return found | {f"variants.{name}": of_variant(changes) for name, changes in spec.variants.items()}


def of_variant(changes: Mapping[str, Any]) -> str:
    """What a variant sets, on one line."""
    return ", ".join(f"{field} {_text(value)}" for field, value in changes.items()) or "as the run"


def _flat(value: dict[str, Any], prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, item in value.items():
        if isinstance(item, dict):
            found |= {} if name in ("sweep", "variants") else _flat(item, f"{prefix}{name}.")
        elif item is not None:
            found[f"{prefix}{name}"] = _text(item)
    return found


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def in_short(spec: RunSpec, other: RunSpec) -> str:
    """The settings of ``other`` that differ from those of ``spec``, on one line."""
    here, there = flat(spec), flat(other)
    names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    return ", ".join(f"{name.rpartition('.')[2]} {there.get(name, '–')}" for name in names) or "same settings"
