"""A person's file of entries in the place of a preset: two depths, stopped where the validation error says so."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from solver import data_files, estimate, settings, tables
from solver.expected import LookFor
from solver.fields import Raw
from solver.refusal import BadSetting
from solver.spec import MatrixCompletion, TensorCompletion
from solver.tables.table import Table

_TEST, _PATIENCE, _MOST_STEPS = 0.2, 100, 5000
_FEWEST = 30
_FITTED = 1e-6
_WIDTH = 50
# The solution of least nuclear norm takes some hundred decompositions: up to so many entries it costs little.
_MOST_WITH_NUCLEAR_NORM = 10_000


def raw(path: Path) -> Raw:
    """The settings of a run on the file. One that cannot be read is refused when these are decoded."""
    kind = "tensor-completion" if tables.n_modes_of(path) > 2 else "matrix-completion"
    problem: dict[str, Any] = {"kind": kind, "file": str(path)}
    found: Raw = settings.apply({}, [("problem.kind", kind)]) | {"problem": problem}
    if kind == "matrix-completion":
        found["sweep"] = {"model.depth": [2, 3]}
    table = _table(path, kind)
    if table is not None and len(table.values) < _FEWEST:
        # So few say nothing of what would be predicted: they are fitted, all of them.
        return found | {"stop": {"train_loss": 1e-6}}
    problem["test_fraction"] = _TEST
    found["stop"] = {"patience": _PATIENCE, "max_steps": _MOST_STEPS}
    if table is not None and (size := math.fsum(value * value for value in table.values) / len(table.values)) > 0.0:
        # Without noise there is an end to come to.
        found["stop"]["train_loss"] = float(f"{_FITTED * size:.1g}")
    if table is not None and len(table.shape) == 2 and math.prod(table.shape) <= _MOST_WITH_NUCLEAR_NORM:
        found["record"] = {"nuclear_norm": True}
    if table is not None and kind == "matrix-completion":
        # As many minutes as a person waits: further ranks are noise long before.
        narrow = estimate.narrower(settings.decode(found | {"problem": problem | {"shape": list(table.shape)}}))
        if narrow is not None:
            found["model"] = {"kind": "deep-matrix-factorization", "hidden_width": min(narrow.width, _WIDTH)}
    return found


def _table(path: Path, kind: str) -> Table | None:
    problem = TensorCompletion(file=str(path)) if kind == "tensor-completion" else MatrixCompletion(file=str(path))
    try:
        return data_files.table(problem)
    except BadSetting:
        # As a list of a tensor's entries that is taken for a matrix's, until the person says which.
        return None


LOOK_FOR = [
    LookFor(
        say="The held-out error is least on the way: from there on noise is fitted.",
        short="best on the way",
        show="held_out_error",
        when="event past-its-best",
    ),
    LookFor(
        say="What must be beaten: the constant, the means of rows and columns, and what is linear in both.",
        short="what must be beaten",
        show="held-out entries",
    ),
]
