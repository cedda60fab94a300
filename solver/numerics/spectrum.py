"""The spectrum of codes: the eigenvalues of their covariance, and how many of them count."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

RANK_TOLERANCE = 0.01
"""An eigenvalue counts for the rank that is above this part of the largest."""


def code_spectrum(codes: Float[Tensor, "images latent"]) -> dict[str, Any]:
    """Of the covariance's eigenvalues in float64: descending, over the largest; effective rank; how many count.

    The effective rank is exp of the entropy of the eigenvalues over their sum. Codes that are all alike have no
    spectrum: zeros, and ranks of 0. Codes that are not finite have NaN in all.
    """
    found = codes.double()
    centred = found - found.mean(0)
    covariance = centred.T @ centred / max(1, len(centred) - 1)
    if not bool(torch.isfinite(covariance).all()):
        return _spectrum([float("nan")] * len(covariance), float("nan"), float("nan"))
    values = torch.linalg.eigvalsh(covariance).flip(0).clamp_min(0.0)
    largest = values[0].item()
    if not largest > 0.0:
        return _spectrum([0.0] * len(values), 0.0, 0.0)
    parts = values / values.sum()
    rank = torch.special.entr(parts).sum().exp().item()
    return _spectrum((values / largest).tolist(), rank, float((values > RANK_TOLERANCE * largest).sum()))


def _spectrum(values: list[float], effective: float, rank: float) -> dict[str, Any]:
    return {"code_spectrum": values, "code_effective_rank": effective, "code_rank": rank}
