"""The emulated rounding of TF32, against numbers worked out by hand and the format's spacing."""

from __future__ import annotations

import math

import pytest
import torch

from bench import tf32


def test_numbers_are_rounded_to_ten_bits_ties_to_even() -> None:
    unit = 2.0**-10
    given = [1.0, 1.0 + unit, 1.0 + unit / 2, 1.0 + 3 * unit / 2, 1.0 + 0.51 * unit, -1.0 - 0.51 * unit, 0.0, 1e-30]
    wanted = [1.0, 1.0 + unit, 1.0, 1.0 + 2 * unit, 1.0 + unit, -1.0 - unit, 0.0]
    found = tf32.rounded(torch.tensor(given)).tolist()
    assert found[:7] == wanted
    assert found[7] == pytest.approx(1e-30, rel=2.0**-11)
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    error = (tf32.rounded(values) - values).abs() / values.abs()
    assert 2.0**-12 < error.max().item() <= 2.0**-11


def test_products_of_float32_alone_are_rounded_and_only_meanwhile() -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(2, 5, 5, generator=generator) for _ in range(2))
    exact = torch.bmm(left, right)
    with tf32.emulated():
        assert torch.equal(torch.bmm(left, right), torch.bmm(tf32.rounded(left), tf32.rounded(right)))
        assert not torch.equal(torch.bmm(left, right), exact)
        doubles = torch.bmm(left.double(), right.double())
    assert torch.equal(torch.bmm(left, right), exact)
    assert torch.equal(doubles, torch.bmm(left.double(), right.double()))


def test_a_flow_in_it_ends_near_that_of_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf32, "_TARGET", 1e-3)
    (exact, sigma), (method, rough) = (tf32.trained(2, "flow", precision) for precision in ("float64", "tf32"))
    assert max(exact.losses[0], method.losses[0]) <= 1e-3
    error = (rough - sigma).abs().max().item() / sigma[0].item()
    assert 1e-7 < error < 1e-2
    assert math.isfinite(error)
