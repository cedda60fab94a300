"""When a matrix is better held by thin factors, by its observed entries alone, or by its largest singular values."""

from __future__ import annotations

import math

from solver.costs.cost import LARGEST_BATCHED_LAYER
from solver.spec import Record

RATES_LOOK_BESIDE = 4
"""Singular vectors beside those of measured rates that these may turn towards."""
LARGE = 2**18
"""Entries below which everything fits a cache, and passes over all of them cost next to nothing."""
# What the three products cost at one observed entry they cost at four to eight of a dense matrix, up to this width; at
# a larger one a row no longer fits where the next entry needs it, and dense products are at their best. Measured on a
# CPU at 943 × 1682, 3000 × 3000 and 6040 × 3706, 2 to 19 % of the entries, widths 5 to 943: wherever this rule takes
# the sparse loss, it is 1.3 to 5 times as fast.
_ENTRIES_OF_ONE = 8
_WIDTH = 100
# From this size on the largest singular values are found in a third of the time of all, where they are few beside it.
_LARGE_SIDE, _FEW = 1_500, 15


def is_thin(shape: tuple[int, ...], width: int) -> bool:
    """Whether a product through so narrow a layer is decomposed by its factors: QR of each, and a small core."""
    return 2 * width <= min(shape)


def is_sparse(shape: tuple[int, ...], width: int, n_observed: int) -> bool:
    """Whether a loss of so few entries is computed at these alone, and no matrix of the shape is ever made."""
    entries = math.prod(shape)
    if entries < LARGE or width * max(shape) <= LARGEST_BATCHED_LAYER:
        # Where lanes train in batches, one must not go over to another loss because its neighbour ended.
        return False
    return _ENTRIES_OF_ONE * n_observed * max(1.0, width / _WIDTH) <= entries


def is_partial(shape: tuple[int, ...], n_values: int) -> bool:
    """Whether so many of the largest singular values are found by themselves, and what the others add up to besides."""
    return min(shape) >= max(_LARGE_SIDE, _FEW * n_values)


def leading_values(record: Record, rank: int) -> int:
    """How many are asked for: those recorded, those with rates and some beside them, a ground truth's twice over."""
    return max(record.singular_values, record.rates + RATES_LOOK_BESIDE, 2 * rank)
