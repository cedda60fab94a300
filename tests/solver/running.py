"""Presets run in this process, for tests that look at what came of them."""

from __future__ import annotations

from typing import Any

import presets
from solver import export, history, runs
from solver.document import Export
from solver.history import History
from solver.rundir import RunDirectory
from tests.solver.small import trained


def ran(
    name: str,
    changes: dict[str, Any] | None = None,
    sweeps: dict[str, list[Any]] | None = None,
    size: presets.Size = "quick",
) -> RunDirectory:
    """A preset trained to its end."""
    made = runs.create(presets.order_of(name, size, changes or {}, sweeps or {}))
    trained(made)
    return made


def history_of(made: RunDirectory) -> History:
    """Everything that a run recorded."""
    return history.read(made.log)


def exported(made: RunDirectory) -> Export:
    return export.build(made)
