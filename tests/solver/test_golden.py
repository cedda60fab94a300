"""A whole run against numbers kept from the day it was checked: float64, one thread, pinned torch, to a tolerance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests import golden
from tests.solver.small import exported, finished

GOLDEN = Path(__file__).parent / "golden.json"
KEPT = (
    "step",
    "time",
    "evaluations",
    "train_loss",
    "reconstruction_error",
    "effective_rank",
    "nuclear_norm",
    "step_size",
)


@pytest.mark.skipif(not torch.__version__.startswith("2.13."), reason="the golden numbers are of torch 2.13")
def test_a_small_run_gives_the_numbers_it_gave() -> None:
    """Another order of operations moves them by rounding; anything else is a change of method and must be meant."""
    document = exported(finished({"seed": 7}, {"model.depth": [1, 2, 3]}))
    found: dict[str, dict[str, Any]] = {}
    for lane in document["lanes"]:
        last = lane["final"]
        found[f"depth {lane['parameters']['model.depth']}"] = {name: last[name] for name in KEPT} | {
            "singular_values": last["singular_values"][:3]
        }
    if golden.is_updating():
        golden.accept(GOLDEN, json.dumps(found, indent=1) + "\n", "torch", "numpy")
    kept = json.loads(GOLDEN.read_text())
    assert found.keys() == kept.keys()
    for name, values in kept.items():
        for series, value in values.items():
            np.testing.assert_allclose(found[name][series], value, rtol=1e-5, err_msg=f"{name} {series}")
