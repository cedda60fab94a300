"""The largest singular values by products alone, against whole decompositions, from flat spectra to steep ones."""

from __future__ import annotations

import math

import msgspec
import pytest
import torch
from torch import Tensor

from solver.costs import costs_of, thin
from solver.numerics import partial_spectrum as module
from solver.numerics import spectrum
from solver.numerics.lanes.end_matrix import LargeMatrix, WholeMatrix
from solver.numerics.partial_spectrum import partial_spectrum
from solver.spec import DeepMatrixFactorization, MatrixCompletion, Record, RunSpec
from tests.solver.small import exported, finished

_VALUES = 12


def gaussian(rows: int, columns: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64) / math.sqrt(columns)


def low_rank(size: int, tail: float) -> Tensor:
    """Five large values above a start of two layers that is so much smaller."""
    large = gaussian(size, 5, 2) @ gaussian(5, size, 3)
    large *= 1.0 / torch.linalg.svdvals(large)[0].item()
    return large + tail * gaussian(size, size, 4) @ gaussian(size, size, 5)


def falling(size: int, last: float) -> Tensor:
    u, v = (torch.linalg.qr(gaussian(size, size, seed)).Q for seed in (6, 7))
    product: Tensor = (u * torch.logspace(0, math.log10(last), size, dtype=torch.float64)) @ v
    return product


MATRICES = {
    "a Gaussian start of one layer": gaussian(400, 400, 0),
    "of three layers": gaussian(400, 400, 0) @ gaussian(400, 400, 1) @ gaussian(400, 400, 2),
    "wide": gaussian(320, 500, 8) @ gaussian(500, 500, 9),
    "tall": gaussian(500, 360, 8) @ gaussian(360, 360, 9),
    "low rank and the start": low_rank(400, 1e-3),
    "low rank and next to nothing": low_rank(400, 1e-11),
    "falling to rounding": falling(400, 1e-15),
    "ten orders smaller": 1e-10 * gaussian(400, 400, 0),
    "all alike": torch.linalg.qr(gaussian(400, 400, 0)).Q,
}


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A larger share of fewer vectors: how many it takes hardly grows with a matrix."""
    monkeypatch.setattr(module, "_SHARE", 0.9)
    monkeypatch.setattr(module, "_BETWEEN_LOOKS", 8)


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("name", MATRICES)
def test_values_vectors_and_norms_are_those_of_a_whole_decomposition(name: str) -> None:
    matrix = MATRICES[name]
    found = partial_spectrum(matrix, _VALUES)
    assert found is not None
    u, values, _ = torch.linalg.svd(matrix, full_matrices=False)
    largest = values[0].item()
    off = (found.singular_values - values[:_VALUES]).abs().max().item()
    assert off <= found.error + 1e-14 * largest
    # Of values apart from their neighbours the error is that of a square.
    assert off <= 1e-11 * largest
    assert found.error <= 2e-6 * largest
    identity = torch.eye(_VALUES, dtype=torch.float64)
    for vectors in (found.u, found.vt):
        torch.testing.assert_close(vectors @ vectors.mT, identity, atol=1e-13, rtol=0.0)
    # Each is a pair of singular vectors of its value, whatever the whole decomposition has for equal ones.
    torch.testing.assert_close(found.vt @ matrix.mT, found.singular_values.unsqueeze(1) * found.u, atol=1e-5, rtol=0.0)
    gaps = torch.tensor(spectrum.gaps(values.tolist())[:_VALUES])
    apart = gaps > 1e-2 * values[:_VALUES]
    turned = 1.0 - (found.u * u[:, :_VALUES].mT).sum(1).abs()
    assert bool((turned[apart & (values[:_VALUES] > 1e-6 * largest)] < 1e-8).all())
    for depth in (1, 2, 3):
        norms, wanted = found.norms(2.0 / depth), spectrum.norms(values, depth)
        of_whole = [wanted[name] for name in ("nuclear_norm", "schatten_2_over_n", "effective_rank")]
        relative = max(abs(a / b - 1.0) for a, b in zip(norms[:3], of_whole, strict=True))
        # A standard error, of an estimate whose steps leave something out where the spectrum falls to rounding.
        assert relative <= 3.0 * norms.error + 1e-9
        assert norms.error < (0.5 if name == "falling to rounding" else 0.1)


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("next_one", [0.999, 0.99, 0.9, 0.5, 0.1])
@pytest.mark.parametrize("n_equal", [3, 9, 12, 20])
def test_none_of_many_equal_values_is_missed(n_equal: int, next_one: float) -> None:
    """A block of vectors sees no more of them than it has vectors: then the whole is decomposed."""
    size = 240
    values = next_one * torch.linspace(1.0, 0.0, size, dtype=torch.float64) ** 2
    values[:n_equal] = 1.0
    u, v = (torch.linalg.qr(gaussian(size, size, seed)).Q for seed in (6, 7))
    for matrix in (u * values @ v, torch.diag(values)):
        found = partial_spectrum(matrix, _VALUES)
        assert found is not None or next_one > 0.8
        if found is not None:
            torch.testing.assert_close(found.singular_values, values[:_VALUES], rtol=1e-9, atol=0.0)


@pytest.mark.usefixtures("_small")
def test_what_is_found_is_the_same_every_time() -> None:
    matrix = MATRICES["of three layers"]
    first, again = (partial_spectrum(matrix, _VALUES) for _ in range(2))
    assert first is not None
    assert again is not None
    assert torch.equal(first.u, again.u)
    assert first.norms(1.0) == again.norms(1.0)


@pytest.mark.parametrize(
    "matrix",
    [torch.zeros(200, 200, dtype=torch.float64), gaussian(60, 60, 0), torch.eye(200, 200, dtype=torch.float64)[:, :3]],
    ids=["zero", "too small to stand out", "narrow"],
)
def test_where_it_tells_nothing_the_whole_is_decomposed(matrix: Tensor) -> None:
    assert partial_spectrum(matrix, 20) is None
    large, whole = LargeMatrix(matrix, 20), WholeMatrix(matrix)
    values = large.singular_values()
    assert torch.equal(values, whole.singular_values())
    assert torch.equal(large.decomposed().vt, whole.decomposed().vt)
    assert large.norms(values, 2) == whole.norms(values, 2) | {"singular_values_error": 0.0, "norms_error": 0.0}


_LANE = {
    "problem.shape": [72, 72],
    "problem.rank": 2,
    "problem.observations": 1600,
    "model.init_scale": 1e-2,
    "record.singular_values": 4,
    "record.rates": 3,
    "stop.train_loss": 1e-4,
}


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("depth", [2, 3])
def test_a_lane_of_large_matrices_records_what_one_of_whole_decompositions_does(
    monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    """Trained alike; singular values and rates to rounding, norms within the errors that are recorded beside them."""
    changes = _LANE | {"model.depth": depth}
    whole = exported(finished(changes))["lanes"][0]
    monkeypatch.setattr(thin, "_LARGE_SIDE", 70)
    monkeypatch.setattr(thin, "_FEW", 5)
    partial = exported(finished(changes))["lanes"][0]
    assert set(partial["series"]) - set(whole["series"]) == {"singular_values_error", "norms_error"}
    assert partial["series"]["train_loss"] == whole["series"]["train_loss"]
    series = {name: torch.tensor(values) for name, values in partial["series"].items() if name in _COMPARED}
    wanted = {name: torch.tensor(whole["series"][name]) for name in series}
    largest = wanted["singular_values"].amax(1, keepdim=True)
    assert ((series["singular_values"] - wanted["singular_values"]).abs() <= 1e-11 * largest).all()
    assert (torch.tensor(partial["series"]["singular_values_error"]) <= 2e-6 * largest[:, 0]).all()
    for name in ("frobenius_norm", "spectral_norm"):
        torch.testing.assert_close(series[name], wanted[name], rtol=1e-11, atol=0.0)
    error = torch.tensor(partial["series"]["norms_error"])
    assert (error < 0.2).all()
    for name in ("nuclear_norm", "effective_rank", "schatten_2_over_n"):
        off = (series[name] / wanted[name] - 1.0).abs()
        assert (off <= 4.0 * error + 1e-9).all()
        # Nothing is left to estimate once the rank is found.
        assert off[-1] < off.max() / 2
    for name in ("singular_value_rates", "predicted_rates", "predicted_rates_balanced"):
        known = ~(torch.isnan(series[name]) | torch.isnan(wanted[name]))
        assert known.float().mean() > 0.8
        fastest = wanted[name][known].abs().max()
        assert ((series[name] - wanted[name])[known].abs() <= 1e-4 * wanted[name][known].abs() + 1e-9 * fastest).all()


_COMPARED = {
    *("singular_values", "nuclear_norm", "frobenius_norm", "spectral_norm", "schatten_2_over_n", "effective_rank"),
    *("singular_value_rates", "predicted_rates", "predicted_rates_balanced"),
}


def test_a_frame_of_a_large_matrix_is_foretold_without_a_whole_decomposition() -> None:
    """From 1,500 on where few values are recorded; the time of what is left is that of products."""

    def frame_s(size: int, record: Record | None = None) -> float:
        problem = MatrixCompletion(shape=(size, size), rank=5, observations=size * 60)
        spec = RunSpec(problem=problem, model=DeepMatrixFactorization(depth=3))
        return costs_of(msgspec.structs.replace(spec, record=record or Record())).frame_s()

    every = Record(singular_values=100)
    assert frame_s(1_500) < frame_s(1_499) / 2
    assert frame_s(1_500, every) < frame_s(1_499)
    assert frame_s(1_490, every) > frame_s(1_500)
    # Whole ones grow with the cube, and so do products of layers.
    assert frame_s(4_000) < 4.0e-9 * 4_000**3 / 2
