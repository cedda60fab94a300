"""How unbalanced layers are, and starts made so."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from solver.refusal import BadSetting

_BISECTIONS = 200
# Two numbers that agree so far are one.
_RELATIVE = 1e-12


def unbalancedness(layers: Sequence[Tensor]) -> float:
    """The largest ‖W_{j+1}ᵀ W_{j+1} − W_j W_jᵀ‖_F over neighbouring layers; gradient flow conserves each difference."""
    differences = [
        float(torch.linalg.vector_norm(torch.addmm(above.T @ above, below, below.T, alpha=-1.0)))
        for below, above in itertools.pairwise(layers)
    ]
    return max(differences)


def stretch(wanted: float, at: Callable[[float], float]) -> float:
    """The c ≥ 1 with ``at(c)`` as wanted, where ``at`` grows without bound; by bisection.

    Raises BadSetting where the start is more unbalanced already.
    """
    own = at(1.0)
    if own > wanted * (1.0 + _RELATIVE):
        raise BadSetting(
            f"model.unbalancedness {wanted:g} is less than this start has by itself, {own:.3g}: take more than that, a "
            "smaller scale, or a balanced start",
            "model.unbalancedness",
        )
    low, high = 1.0, 2.0
    while at(high) < wanted:
        low, high = high, 2.0 * high
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if at(middle) < wanted:
            low = middle
        else:
            high = middle
        if high - low <= _RELATIVE * low:
            break
    return high
