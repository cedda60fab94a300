"""Where the time of a run goes, as ``run --profile`` tells it: of every preset at its quick size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import presets
from bench.markdown import table
from bench.runs import order, ran
from bench.timing import readable
from solver import profile
from solver.rundir import RunDirectory

_MOST_S = 120.0
_PARTS = ("start_s", "training_s", "recording_s", "pictures_s", "baselines_s", "claims_s", "writing_s")


def measured(home: Path, device: str = "cpu", names: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Seconds of each preset, or of those named, by what they went into; of all lanes together."""
    cores = 1 if device == "cpu" else None
    built_in = presets.built_in() if names is None else names
    return [told(name, ran(order(name, {"device": device}, "quick"), home, cores=cores)) for name in built_in]


def large(home: Path, device: str, size: int = 1_000) -> list[dict[str, Any]]:
    """Those of matrices for which people have a GPU: 60 entries a row, to training loss 1e-6 or for two minutes."""
    rows = []
    for depth in (2, 3):
        changes = {"problem.shape": (size, size), "problem.observations": 60 * size, "model.depth": [depth]}
        changes |= {"stop.max_seconds": _MOST_S}
        ended = ran(order("mf-depth", {**changes, "device": device}), home)
        rows.append(told(f"{size:,}×{size:,}, depth {depth}", ended))
    return rows


def told(name: str, ended: RunDirectory) -> dict[str, Any]:
    """A run's seconds, under this name."""
    found = profile.read(ended)
    assert found is not None, f"{name} has not ended"
    lanes = {
        part: sum(getattr(one, part) for one in found.lanes) for part in ("training_s", "recording_s", "pictures_s")
    }
    counted = {part: lanes[part] if part in lanes else getattr(found, part) for part in _PARTS}
    return {"name": name, "n_lanes": len(found.lanes), "total_s": found.total_s, **counted}


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
