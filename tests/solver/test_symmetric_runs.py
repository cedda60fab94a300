"""Runs of symmetric factorizations: refused where they cannot fit, trained by every optimizer, taken up, and judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solver import data_files, runs, settings
from solver.costs import costs_of
from solver.refusal import BadSetting
from solver.rundir import Order, PresetInfo
from solver.spec import MatrixCompletion, SymmetricMatrixFactorization
from tests.solver import running
from tests.solver.resuming import StoppingEar
from tests.solver.small import OPTIMIZERS, SMALL, directory, exported, finished, trained, without_clocks
from tui.shown.figures import figures

SYMMETRIC: dict[str, Any] = {"model.kind": "symmetric-matrix-factorization", "problem.symmetric": True}


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"problem.symmetric": False}, "model.kind", "set problem.symmetric = true"),
        (
            {"problem.symmetric": False, "problem.shape": [5, 4], "problem.rank": 2, "problem.observations": 9},
            "model.kind",
            "needs a square matrix, and problem.shape is 5 × 4",
        ),
        ({"model.width": 0}, "model.width", "at least 1"),
        ({"model.init": "orthogonal"}, "model.init", "identity or gaussian"),
        ({"model.init_scale": 0.0}, "model.init_scale", "above 0"),
        ({"model.depth": 3}, "model.depth", "change the kind"),
        ({"problem.kind": "tensor-completion"}, "problem.symmetric", "change the kind"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_it_cannot_fit_is_refused_in_one_sentence(changes: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        settings.decode(settings.apply({}, list((SYMMETRIC | changes).items())))
    assert said in str(refused.value), str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.field == field


def test_named_alone_it_brings_a_symmetric_ground_truth_along() -> None:
    spec = settings.decode({"model": {"kind": "symmetric-matrix-factorization"}})
    assert spec.problem == MatrixCompletion(symmetric=True)
    assert spec.model == SymmetricMatrixFactorization()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda one: one["optimizer.kind"])
def test_every_optimizer_recovers_a_matrix_of_rank_1(optimizer: dict[str, Any]) -> None:
    """From 40 of its 64 entries; batched over seeds and starts, and valid by the schema of the export.

    The steps are half of those for two layers: the largest curvature is twice theirs.
    """
    halved = {field: value / 2 for field, value in optimizer.items() if field == "optimizer.step_size"}
    document = exported(
        finished(
            SYMMETRIC | optimizer | halved | {"seeds": 2, "stop.max_steps": 5_000, "stop.train_loss": 1e-4},
            {"model.init": ["identity", "gaussian"]},
        )
    )
    assert len(document["lanes"]) == 4
    for lane in document["lanes"]:
        assert lane["outcome"]["kind"] == "converged", lane["outcome"]
        assert lane["final"]["reconstruction_error"] < 1e-2
        assert lane["final"]["nuclear_norm"] == pytest.approx(np.trace(lane["final"]["end_matrix"]), rel=1e-6)
        assert "det_sign" not in lane["series"]
        assert "unbalancedness" not in lane["series"]


def test_lanes_of_a_batch_are_those_that_train_alone() -> None:
    """One step at a time: lanes that share products do not feel each other."""
    changes = SYMMETRIC | {"optimizer.kind": "gradient-descent", "optimizer.step_size": 0.5, "stop.max_steps": 300}
    together = exported(finished(changes | {"seeds": 3}))["lanes"]
    for seed, lane in enumerate(together):
        alone = exported(finished(changes | {"seed": seed}))["lanes"][0]
        np.testing.assert_allclose(lane["series"]["train_loss"], alone["series"]["train_loss"], rtol=1e-9)


def test_a_run_taken_up_is_the_uninterrupted_one() -> None:
    changes = SYMMETRIC | {"stop.max_steps": 60, "seeds": 2}
    whole, made = finished(changes), directory(changes)
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, 3, 6, die=True))
    assert made.can_resume()
    trained(made)
    assert without_clocks(made) == without_clocks(whole)


def test_a_small_one_is_integrated_implicitly() -> None:
    """Its Hessian is exact: Rodas4 takes over where the flow is stiff, and agrees with the explicit pair."""
    small = SYMMETRIC | {
        "problem.shape": [3, 3],
        "problem.observations": 7,
        "stop.max_time": 40.0,
        "stop.train_loss": None,
    }
    found = {}
    for method in ("rosenbrock", "dormand-prince"):
        lane = exported(finished(small | {"optimizer.method": method, "optimizer.rtol": 1e-8}))["lanes"][0]
        assert lane["series"]["method"][-1] == method
        found[method] = np.array(lane["final"]["end_matrix"])
    np.testing.assert_allclose(found["rosenbrock"], found["dormand-prince"], atol=1e-5)


def test_its_costs_are_those_of_one_factor() -> None:
    spec = settings.decode(settings.apply({}, list((SYMMETRIC | {"model.width": 7}).items())))
    costs = costs_of(spec)
    assert costs.shapes() == [(100, 7)]
    deep = costs_of(settings.decode({"model": {"kind": "deep-matrix-factorization", "depth": 2, "hidden_width": 7}}))
    assert costs.lane().size_bytes < deep.lane().size_bytes
    assert costs.evaluation_s() == pytest.approx(deep.evaluation_s())


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([[1.0, 2.0], [0.0, 1.0]]), "differs by up to 2 from its transpose"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "has the negative eigenvalue -1"),
    ],
)
def test_a_file_that_it_cannot_equal_ends_the_run_with_a_sentence(tmp_path: Path, array: Any, said: str) -> None:
    np.save(tmp_path / "w.npy", array)
    raw = {"problem": {"kind": "matrix-completion", "ground_truth": "w.npy", "observations": 3}}
    raw["model"] = {"kind": "symmetric-matrix-factorization"}
    spec = data_files.settle(settings.decode(raw), tmp_path)
    made = runs.create(Order(spec=spec, preset=PresetInfo(name="own"), created="2026-01-01"))
    trained(made)
    outcome = made.outcome()
    assert outcome is not None
    assert (outcome.kind, outcome.cause) == ("failed", "input")
    assert said in outcome.reason


def test_a_semidefinite_file_is_fitted_whatever_its_rounding(tmp_path: Path) -> None:
    """Seven digits of rank 1: symmetric, and with eigenvalues of either sign as small as the rounding."""
    u = np.random.default_rng(0).standard_normal(8)
    np.savetxt(tmp_path / "w.csv", np.outer(u, u), fmt="%.7g", delimiter=",")
    raw = settings.apply(
        SMALL,
        [
            ("problem.ground_truth", str(tmp_path / "w.csv")),
            ("problem.observations", 40),
            ("model.kind", "symmetric-matrix-factorization"),
        ],
    )
    spec = data_files.settle(settings.decode(raw), tmp_path)
    made = runs.create(Order(spec=spec, preset=PresetInfo(name="own"), created="2026-01-01"))
    trained(made)
    assert exported(made)["lanes"][0]["outcome"]["kind"] == "converged"


def test_claims_judge_it_by_its_own_law_beside_layers() -> None:
    """The factor is 4, and 2 of two layers; two factors count as depth 2."""
    made = running.ran(
        "mf-depth",
        {"problem.symmetric": True, "model.kind": "deep-matrix-factorization", "model.depth": 2},
        {"model.kind": ["deep-matrix-factorization", "symmetric-matrix-factorization"]},
    )
    claims = {claim.name: claim for claim in running.exported(made).claims}
    factor, law = claims["singular-value-factor"], claims["singular-value-law"]
    assert factor.verdict == law.verdict == claims["rate-formula"].verdict == "holds"
    assert "N=2 2.000, N=2 tied 4.000" in factor.text
    assert "N=2 1.000 (theory 1.000), N=2 tied 1.000 (theory 1.000)" in law.text
    assert "of depth 2 at 800 observations" in claims["low-rank-recovery"].text


def test_its_law_is_drawn_with_its_factor() -> None:
    """The figure of rates over γ has the line 4 σ, and every point on it."""
    changes = SYMMETRIC | {"problem.observations": 50, "record.rates": 2}
    made = finished(changes)
    history = running.history_of(made)
    (figure,) = (one for one in figures(made.order().spec) if "the law" in one.title)
    line, *points = figure.curves(history)
    assert line.name == "4 σ^1"
    assert points
    for x, y in zip(points[0].x, points[0].y, strict=True):
        assert y == pytest.approx(4.0 * x, rel=1e-3)
