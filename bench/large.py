"""Spectra of large matrices: all singular values, and the largest alone with what the others add up to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from bench.markdown import table
from bench.timing import readable
from solver.numerics.partial_spectrum import partial_spectrum
from solver.numerics.spectrum import norms

_SIZES, _VALUES, _DEPTH = (1_000, 2_000, 3_000), 16, 2
_RANK = 5


def states(size: int) -> Iterator[tuple[str, Tensor]]:
    """End matrices of two layers: where they start, and with a few large values above the start."""
    generator = torch.Generator().manual_seed(0)

    def gaussian(rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=generator, dtype=torch.float64)

    start = 1e-4 * gaussian(size, size) @ gaussian(size, size) / size**0.5
    yield "start", start
    yield f"rank {_RANK} and the start", gaussian(size, _RANK) @ gaussian(_RANK, size) + start


def measured() -> list[dict[str, Any]]:
    """Seconds of both, and how far the one is from the other."""
    rows = []
    for size in _SIZES:
        for name, matrix in states(size):
            whole_s, (_, values, _) = _timed(torch.linalg.svd, matrix, full_matrices=False)
            leading_s, found = _timed(partial_spectrum, matrix, _VALUES)
            assert found is not None
            norms_s, told = _timed(found.norms, 2.0 / _DEPTH)
            wanted = norms(values, _DEPTH)
            pairs = [(told.nuclear, "nuclear_norm"), (told.schatten, "schatten_2_over_n")]
            pairs.append((told.effective_rank, "effective_rank"))
            rows.append(
                {
                    "name": f"{size:,}×{size:,}, {name}",
                    "whole_s": whole_s,
                    "partial_s": leading_s + norms_s,
                    "values_off": (found.singular_values - values[:_VALUES]).abs().max().item() / values[0].item(),
                    "values_error": found.error / values[0].item(),
                    "norms_off": max(abs(value / wanted[name] - 1.0) for value, name in pairs),
                    "norms_error": told.error,
                }
            )
    return rows


def _timed(call: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[float, Any]:
    begin = time.perf_counter()
    found = call(*arguments, **named)
    return time.perf_counter() - begin, found


def as_table(rows: list[dict[str, Any]]) -> str:
    heads = ["an end matrix", "whole, s", "partial, s", "ratio", "σ off by, of σ_1", "as recorded"]
    return table(
        [*heads, "norms off by", "as recorded"],
        [
            [
                one["name"],
                readable(one["whole_s"]),
                readable(one["partial_s"]),
                readable(one["whole_s"] / one["partial_s"]),
                f"{one['values_off']:.0e}",
                f"{one['values_error']:.0e}",
                f"{one['norms_off']:.0e}",
                f"{one['norms_error']:.0e}",
            ]
            for one in rows
        ],
    )
