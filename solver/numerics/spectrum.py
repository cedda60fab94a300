"""What is told of a spectrum: of singular values their norms, ranks and gaps; of codes those of their covariance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

RANK_TOLERANCE = 0.01
"""An eigenvalue counts for the rank that is above this part of the largest."""

SMALLEST_CHANGE = 1e-9
"""Below this part of σ_1 a change of a singular value drowns in its own rounding."""


def norms(singular_values: Float[Tensor, " values"], depth: int) -> dict[str, float]:
    """Effective rank and norms; Schatten-p with p = 2/N."""
    total = singular_values.sum()
    p = 2.0 / depth
    return {
        "effective_rank": effective_rank(singular_values),
        "nuclear_norm": total.item(),
        "frobenius_norm": torch.linalg.vector_norm(singular_values).item(),
        "spectral_norm": singular_values[0].item(),
        "schatten_2_over_n": (singular_values**p).sum().pow(1.0 / p).item(),
    }


def effective_rank(values: Float[Tensor, " values"]) -> float:
    """exp(−Σ p ln p) with p = σ/Σσ (Roy & Vetterli 2007); 0 where all are zero, by convention."""
    total = values.sum()
    if total == 0:
        return 0.0
    return float(torch.special.entr(values / total).sum().exp())


def layer_spectra(layers: list[Tensor], n_values: int) -> dict[str, list[float]]:
    """The largest ``n_values`` singular values of each layer from W_1 on, and the alignment of neighbouring layers.

    |⟨v, u⟩| of the first right singular vector v of W_{j+1} and the first left one u of W_j (Ji & Telgarsky 2019; 1
    where layers are balanced, Arora et al. 2019). NaN where the largest singular value of either has a twin, and
    nothing says which of its vectors is the first.
    """
    decomposed = [torch.linalg.svd(layer, full_matrices=False) for layer in layers]
    alignment = []
    for below, above in itertools.pairwise(decomposed):
        is_told = all(_is_single(part.S) for part in (below, above))
        alignment.append(abs(float(above.Vh[0] @ below.U[:, 0])) if is_told else math.nan)
    return {
        "layer_singular_values": [value for part in decomposed for value in part.S[:n_values].tolist()],
        "layer_alignment": alignment,
    }


def _is_single(singular_values: Tensor) -> bool:
    """Whether the largest is told from the next."""
    known: list[float] = singular_values[:2].tolist()
    return gaps(known)[0] > SMALLEST_CHANGE * known[0]


def gaps(singular_values: Sequence[float]) -> list[float]:
    """Distance of each singular value from its nearest neighbour, or from zero for the last."""
    down = [value - below for value, below in itertools.pairwise([*singular_values, 0.0])]
    return [min(up, own) for up, own in zip([math.inf, *down], down, strict=False)]


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
    rank = float((values > RANK_TOLERANCE * largest).sum())
    return _spectrum((values / largest).tolist(), effective_rank(values), rank)


def _spectrum(values: list[float], effective: float, rank: float) -> dict[str, Any]:
    return {"code_spectrum": values, "code_effective_rank": effective, "code_rank": rank}
