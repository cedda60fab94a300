"""Few entries of large matrices through narrow layers: nothing as large as the matrix is made, and estimates say so."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from solver import estimate, settings
from solver.costs import costs_of
from solver.costs.matrix import MatrixCosts
from solver.numerics import thin
from solver.numerics.lanes import deep_matrix_factorization, lane_run
from solver.numerics.lanes.schedule import Schedule
from solver.numerics.problem_file import build
from solver.numerics.problems.losses import SparseEntryLoss
from solver.numerics.turns import grouping
from solver.numerics.turns.batch import batch_of
from solver.spec import RunSpec
from tests.solver.resuming import StoppingEar
from tests.solver.small import directory, finished, trained, without_clocks

SHAPE = (640, 512)


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    """Unevenly spread ratings of a matrix of rank 2, some 1 % of its entries."""
    generator = np.random.default_rng(0)
    rows = (SHAPE[0] * generator.random(4000) ** 2).astype(int)
    columns = (SHAPE[1] * generator.random(4000) ** 2).astype(int)
    flat = np.unique(rows * SHAPE[1] + columns)
    left, right = generator.standard_normal((SHAPE[0], 2)), generator.standard_normal((2, SHAPE[1]))
    values = 3.0 + (left @ right).reshape(-1)[flat]
    path = tmp_path / "ratings.csv"
    lines = [f"{k // SHAPE[1]},{k % SHAPE[1]},{value:.3f}" for k, value in zip(flat, values, strict=True)]
    path.write_text("\n".join([*lines, ""]))
    return path


def of_ratings(path: Path, **changes: Any) -> dict[str, Any]:
    own = {
        "problem.file": str(path),
        "problem.shape": list(SHAPE),
        "problem.rank": None,
        "problem.observations": None,
        "problem.test_fraction": 0.1,
        "model.hidden_width": 6,
        "stop.train_loss": 1e-9,
        "stop.max_steps": 30,
    }
    return own | {name.replace("__", "."): value for name, value in changes.items()}


class _Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The most numbers of any tensor that is made; sparse ones count by what they hold."""

    found = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for one in result if isinstance(result, list | tuple) else [result]:
            if isinstance(one, Tensor):
                self.found = max(self.found, one._nnz() if one.layout == torch.sparse_csr else one.numel())
        return result


def spec_of(path: Path, **changes: Any) -> Any:
    raw = settings.apply(
        {"model": {"kind": "deep-matrix-factorization", "depth": 2}}, list(of_ratings(path, **changes).items()), []
    )
    return settings.decode(raw)


@pytest.mark.parametrize("depth", [2, 3])
def test_nothing_as_large_as_the_matrix_is_made(depth: int, ratings: Path) -> None:
    """Neither by the flow nor by its frames, events and pictures, nor by what is foretold."""
    (lane,) = settings.lanes(spec_of(ratings, model__depth=depth))
    (problem,) = build([lane])
    with _Largest() as largest:  # type: ignore[no-untyped-call]
        run = lane_run(lane, problem)
        records = batch_of([run], torch.device("cpu"), lambda: 0.0).records()
        for _, _ in zip(range(8), records, strict=False):
            pass
        run.last_pictures(run.start(), 8)
    # Thirty numbers an observed entry would be more than enough.
    assert 0 < largest.found < math.prod(SHAPE) / 4


@pytest.mark.parametrize("optimizer", ["gradient-flow", "gradient-descent"])
def test_a_run_on_few_entries_that_is_taken_up_is_the_uninterrupted_one(
    optimizer: str, ratings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit, though its file has gone meanwhile: what is recorded depends on no file."""
    monkeypatch.setattr(grouping, "WORTH_A_PROCESS_S", float("inf"))
    changes = of_ratings(ratings) | {"optimizer.kind": optimizer}
    if optimizer == "gradient-descent":
        changes |= {"optimizer.step_size": 0.5, "stop.max_steps": 300}
    sweep = {"model.depth": [2, 3]}
    whole = finished(changes, sweep)
    made = directory(changes, sweep)
    with pytest.raises(KeyboardInterrupt):
        trained(made, StoppingEar(made, 6, 14, die=True))
    ratings.unlink()
    trained(made)
    assert without_clocks(made) == without_clocks(whole)


def test_which_steps_are_recorded_does_not_depend_on_a_file(ratings: Path) -> None:
    """Of fixed steps as many as cost little: by what files of that size usually hold, not by what this one does."""
    spec = spec_of(ratings, optimizer__kind="gradient-descent", stop__max_steps=100_000)
    there = Schedule(spec)
    ratings.unlink()
    gone = Schedule(spec)
    steps = [0]
    while steps[-1] < 100_000:
        assert there.after(steps[-1]) == gone.after(steps[-1])
        steps.append(there.after(steps[-1]))


def costs(path: Path, **changes: Any) -> MatrixCosts[Any]:
    found = costs_of(spec_of(path, **changes))
    assert isinstance(found, MatrixCosts)
    return found


def test_a_file_is_estimated_by_its_entries(ratings: Path, tmp_path: Path) -> None:
    """Those that are trained on, and anew where the file has changed; of a file that is gone a usual number."""
    n = len(ratings.read_text().splitlines())
    assert costs(ratings).n_observed() == round(0.9 * n)
    given = {tuple(line.split(",")[:2]) for line in ratings.read_text().splitlines()}
    others = [(str(row), str(column)) for row in range(20) for column in range(SHAPE[1])]
    with ratings.open("a") as file:
        file.writelines(f"{row},{column},1\n" for row, column in [one for one in others if one not in given][:100])
    assert costs(ratings).n_observed() == round(0.9 * (n + 100))
    gone = costs(tmp_path / "gone.csv").n_observed()
    assert 0 < gone < 0.1 * math.prod(SHAPE)
    listed = settings.decode({"problem": {"kind": "matrix-completion", "entries": [[0, 0, 1.0], [1, 2, 3.0]]}})
    assert costs_of(listed).n_observed() == 2  # type: ignore[attr-defined]


def test_the_estimate_takes_the_loss_that_the_lane_will_take(ratings: Path) -> None:
    """One rule for both, so that neither memory nor time is that of another loss."""
    for changes, is_sparse in (
        ({}, True),
        ({"model__depth": 1}, False),
        ({"model__hidden_width": 2000}, False),
        ({"problem__test_fraction": 0.5}, True),
    ):
        (lane,) = settings.lanes(spec_of(ratings, **changes))
        (problem,) = build([lane])
        run = lane_run(lane, problem)
        assert costs(ratings, **changes).is_sparse() is is_sparse
        method: Any = type(run).method([run], torch.float64, torch.device("cpu"))
        assert isinstance(method.objective._loss, SparseEntryLoss) is is_sparse


def large(width: int | None, depth: int = 2, **changes: Any) -> Any:
    """Ratings of 6,040 people of 3,706 films, drawn."""
    raw = {
        "problem": {"kind": "matrix-completion", "shape": [6040, 3706], "observations": 900_000},
        "model": {"kind": "deep-matrix-factorization", "depth": depth, "hidden_width": width},
    }
    return settings.decode(settings.apply(raw, list(changes.items()), []))


def test_narrow_layers_are_estimated_by_their_factors(tmp_path: Path) -> None:
    """A frame takes about as long as a few gradients, and one of wide layers, with their products, a hundred times."""
    thin, full = costs_of(large(50)), costs_of(large(None))
    assert thin.frame_s() < 10 * thin.evaluation_s()
    assert full.frame_s() > 100 * thin.frame_s()
    # Of a rank whose singular values are too many to be found by themselves, a thousand times.
    assert costs_of(large(None, **{"problem.rank": 124})).frame_s() > 1000 * thin.frame_s()
    path = tmp_path / "gone.csv"
    of_file: dict[str, Any] = {"problem.file": str(path), "problem.observations": None}
    assert estimate.estimate(large(50, **of_file)).memory_bytes < 2**30
    assert estimate.estimate(large(None)).memory_bytes > 8 * 2**30
    # Rates cost two decompositions more; a narrower layer costs less.
    assert costs_of(large(50, **{"record.rates": 0})).frame_s() < thin.frame_s()
    assert costs_of(large(10)).frame_s() < thin.frame_s()


def flow_of(size: int, **changes: Any) -> RunSpec:
    own = {"problem.shape": [size, size], "problem.observations": 60 * size, "model.depth": 3}
    return settings.decode(settings.apply({}, list((own | changes).items()), []))


def recorded(spec: RunSpec, steps: int) -> int:
    """Frames of a lane that takes so many steps."""
    schedule, at, n = Schedule(spec), 0, 1
    while (at := schedule.after(at)) <= steps:
        n += schedule.pieces
    return n


@pytest.mark.parametrize("size", [300, 500, 1000, 4000])
def test_recording_a_large_flow_takes_a_fifth_of_its_training_at_most(size: int) -> None:
    """In a hundred to two hundred steps, as these flows take; or twenty seconds, which nobody minds."""
    spec = flow_of(size)
    costs = costs_of(spec)
    training = costs.evaluations() * costs.evaluation_s()
    paid_for = max(20.0, 0.2 * training)
    assert recorded(spec, 150) * costs.frame_s() <= 1.5 * paid_for
    assert costs.recording_s() <= 1.001 * paid_for
    assert recorded(spec, 150) > 8, "what there is to see is still seen"


def test_small_flows_are_recorded_as_ever_and_what_is_asked_for_is_done() -> None:
    assert costs_of(flow_of(100)).frames() == (64, 100.0)
    assert Schedule(flow_of(100)).pieces == 2
    assert Schedule(flow_of(1000)).pieces == 1
    asked = flow_of(1000, **{"record.geometric": 64, "record.per_step": 3})
    assert recorded(asked, 50) == 1 + 3 * 50


def test_the_predicted_escape_is_the_same_where_layers_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest singular value of each is found by products there: the same time to nine digits."""
    [lane] = settings.lanes(flow_of(60, **{"problem.observations": 2_000, "model.init_scale": 1e-3}))
    run = lane_run(lane, build([lane])[0])
    [whole] = run.foretold()
    monkeypatch.setattr(deep_matrix_factorization, "LARGE", 1)
    [by_products] = run.foretold()
    assert whole.time is not None
    assert by_products.time == pytest.approx(whole.time, rel=1e-9)


def test_a_large_ground_truth_of_low_rank_has_its_numbers_from_thin_factors() -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((600, 4), (4, 520)))
    low, full = left @ right, torch.randn(520, 520, generator=generator, dtype=torch.float64)
    found = thin.singular_values_of(low)
    assert len(found) < 520
    torch.testing.assert_close(found[:4], torch.linalg.svdvals(low)[:4], rtol=1e-12, atol=0.0)
    assert found[4:].max() < 1e-12 * found[0]
    assert torch.equal(thin.singular_values_of(full), torch.linalg.svdvals(full))
