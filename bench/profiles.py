"""Where the time of a run goes: every preset at its quick size, one process, as ``run --profile`` tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import presets
from bench.markdown import table
from bench.runs import order, ran
from bench.timing import readable
from solver import profile

_PARTS = ("start_s", "training_s", "recording_s", "pictures_s", "baselines_s", "claims_s", "writing_s")


def measured(home: Path) -> list[dict[str, Any]]:
    """Seconds of each preset by what they went into; of all lanes together."""
    rows = []
    for name in presets.built_in():
        found = profile.read(ran(order(name, {}, "quick"), home, cores=1))
        assert found is not None, f"{name} has not ended"
        lanes = {
            part: sum(getattr(one, part) for one in found.lanes) for part in ("training_s", "recording_s", "pictures_s")
        }
        counted = {part: lanes[part] if part in lanes else getattr(found, part) for part in _PARTS}
        rows.append({"name": name, "n_lanes": len(found.lanes), "total_s": found.total_s, **counted})
    return rows


def as_table(rows: list[dict[str, Any]]) -> str:
    head = ["preset, quick", "lanes", "seconds", *(part.removesuffix("_s") for part in _PARTS), "the rest"]
    lines = [
        [
            row["name"],
            row["n_lanes"],
            *(readable(row[part]) for part in ("total_s", *_PARTS)),
            readable(max(0.0, row["total_s"] - sum(row[part] for part in _PARTS))),
        ]
        for row in rows
    ]
    return table(head, lines)
