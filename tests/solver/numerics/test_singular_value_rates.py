"""Measured rates against differences of whole decompositions, in many shapes and at values far apart."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest
import torch

from solver.numerics.lanes.end_matrix import Decomposed
from solver.numerics.lanes.singular_value_rates import rates

SHAPES = [[40, 40, 40], [30, 50], [50, 7, 30], [24, 24, 24, 24, 24], [6, 5, 6], [2, 2, 2], [1, 3, 1]]


def layers_with(widths: list[int], spread: float, seed: int) -> list[torch.Tensor]:
    """Layers whose singular values fall by ``spread`` from the first to the last."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for inputs, outputs in itertools.pairwise(widths):
        u, _, vt = torch.linalg.svd(torch.randn(outputs, inputs, generator=generator, dtype=torch.float64), False)
        falling = torch.logspace(0, -spread, len(vt), dtype=torch.float64)
        found.append(u * falling @ vt)
    return found


def product(layers: list[torch.Tensor]) -> torch.Tensor:
    return functools.reduce(lambda below, layer: layer @ below, layers)


@pytest.mark.parametrize("spread", [0.3, 2.0])
@pytest.mark.parametrize("widths", SHAPES, ids=str)
def test_they_are_the_differences_of_whole_decompositions(widths: list[int], spread: float) -> None:
    """Extrapolated from longer steps of matrices that are multiplied out and decomposed whole."""
    layers, gradients = layers_with(widths, spread, 0), layers_with(widths, 0.1, 1)
    end = Decomposed(*torch.linalg.svd(product(layers), full_matrices=False))
    width = min(widths)
    end = Decomposed(end.u[:, :width], end.singular_values[:width], end.vt[:width])
    found = rates(layers, gradients, end, 5).measured.numpy()

    def difference(delta: float) -> np.ndarray:
        ahead, behind = (
            torch.linalg.svdvals(product([one - sign * delta * g for one, g in zip(layers, gradients, strict=True)]))
            for sign in (1.0, -1.0)
        )
        rates: np.ndarray = ((ahead - behind) / (2.0 * delta)).numpy()
        return rates[: len(found)]

    gap = min((end.singular_values[:-1] - end.singular_values[1:]).tolist()[:5], default=1.0)
    h = 1e-3 * gap / len(layers)
    wanted = (4.0 * difference(h) - difference(2.0 * h)) / 3.0
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6 * np.abs(wanted).max())


def test_values_too_close_to_be_told_apart_have_none() -> None:
    identity = torch.eye(6, dtype=torch.float64)
    twins = torch.diag(torch.tensor([3.0, 2.0, 2.0, 1.0], dtype=torch.float64))
    end = Decomposed(*torch.linalg.svd(twins))
    found = rates([twins], [torch.eye(4, dtype=torch.float64)], end, 4).measured
    assert torch.isnan(found).tolist() == [False, True, True, False]
    assert found[0].item() == pytest.approx(-1.0, rel=1e-8)
    assert torch.isnan(rates([identity], [identity], Decomposed(*torch.linalg.svd(identity)), 3).measured).all()


def test_what_rests_has_rates_of_zero_and_what_runs_away_none() -> None:
    layers, zeros = layers_with([5, 5, 5], 0.5, 0), [torch.zeros((5, 5), dtype=torch.float64)] * 2
    end = Decomposed(*torch.linalg.svd(product(layers)))
    assert rates(layers, zeros, end, 3).measured.tolist() == [0.0] * 3
    assert torch.isnan(rates(layers, [one + math.inf for one in zeros], end, 3).measured).all()
