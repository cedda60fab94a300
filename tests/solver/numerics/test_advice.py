"""What is advised after a divergence settles: the step comes from the sharpness at the solution, not from a tenth."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.solver.running import ran

SMALL = {
    "problem.shape": [30, 30],
    "problem.rank": 2,
    "problem.observations": 400,
    "optimizer.kind": "gradient-descent",
}


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("kind", ["matrix-completion", "matrix-sensing"])
def test_the_advised_step_converges_at_once(kind: str, depth: int) -> None:
    changes: dict[str, Any] = SMALL | {"problem.kind": kind, "optimizer.step_size": 1000.0, "stop.max_steps": 200}
    outcome = ran("mf-depth", changes, {"model.depth": [depth]}).outcome()
    assert outcome is not None
    assert outcome.kind == "diverged"
    advised = float(re.findall(r"optimizer.step_size (\S+)", outcome.cure)[0])
    again = changes | {"optimizer.step_size": advised, "stop.max_steps": 20_000, "stop.train_loss": 1e-2}
    outcome = ran("mf-depth", again, {"model.depth": [depth]}).outcome()
    assert outcome is not None
    assert outcome.kind == "converged", (advised, outcome.sentence())
