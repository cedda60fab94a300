"""What every test shares: shapes checked as annotated, one thread, and a data home of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

import tests.shapes  # noqa: F401 (found by name below)

os.environ["OMP_NUM_THREADS"] = "1"

# The shapes written in annotations are executed: a wrong one fails the test that meets it.
install_import_hook(["solver.numerics"], "tests.shapes.check")


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the runs or presets of the person who runs it."""
    home = tmp_path / "data"
    monkeypatch.setenv("IMPLICIT_TUI_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return home


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
