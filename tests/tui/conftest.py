"""What tests of the screens share."""

from __future__ import annotations

import pytest

from solver import client
from solver.rundir import RunDirectory
from tests.tui.driving import StandIn


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """No test of the screens starts a solver."""
    solver = StandIn()

    def start(directory: RunDirectory, **_: object) -> StandIn:
        solver.give(directory)
        return solver

    monkeypatch.setattr(client, "warm", lambda: solver)
    monkeypatch.setattr(client, "start", start)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    return solver
