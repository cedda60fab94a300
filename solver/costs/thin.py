"""When a matrix is better held by its thin factors, and when by its observed entries alone."""

from __future__ import annotations

import math

from solver.costs.cost import LARGEST_BATCHED_LAYER

LARGE = 2**18
"""Entries below which everything fits a cache, and passes over all of them cost next to nothing."""
# What the three products cost at one observed entry they cost at four to eight of a dense matrix, up to this width; at
# a larger one a row no longer fits where the next entry needs it, and dense products are at their best. Measured on a
# CPU at 943 × 1682, 3000 × 3000 and 6040 × 3706, 2 to 19 % of the entries, widths 5 to 943: wherever this rule takes
# the sparse loss, it is 1.3 to 5 times as fast.
_ENTRIES_OF_ONE = 8
_WIDTH = 100


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
