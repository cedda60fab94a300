"""Settings of runs side by side: which differ, and how."""

from __future__ import annotations

from typing import Any

import msgspec

from solver.spec import RunSpec


def flat(spec: RunSpec) -> dict[str, str]:
    """Every setting that says something, by dotted name, as text."""
    return _flat(msgspec.to_builtins(spec), "")


def _flat(value: dict[str, Any], prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, item in value.items():
        if name == "sweep":
            found |= {f"sweep {field}": ", ".join(map(str, values)) for field, values in item.items()}
        elif isinstance(item, dict):
            found |= _flat(item, f"{prefix}{name}.")
        elif item is not None:
            found[f"{prefix}{name}"] = f"{item:g}" if isinstance(item, float) else str(item)
    return found


def in_short(spec: RunSpec, other: RunSpec) -> str:
    """The settings of ``other`` that differ from those of ``spec``, on one line."""
    here, there = flat(spec), flat(other)
    names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    return ", ".join(f"{name.rpartition('.')[2]} {there.get(name, '–')}" for name in names) or "same settings"
