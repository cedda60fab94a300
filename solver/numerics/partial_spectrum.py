"""The largest singular values of a large matrix with their vectors, and what the others add up to, by products alone.

Vectors are rows here: a product of few rows with a large matrix takes a fraction of that of few columns.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

# Vectors that a step adds, and those between two looks at what has been found.
_BLOCK, _BETWEEN_LOOKS = 8, 24
# Of the smaller side, so many vectors are tried at most, and of all of them.
_SHARE, _MOST = 0.3, 1_200
# A value is found whose residual is below this part of it; what rounding leaves in one is some of the largest's.
_RESIDUAL, _ROUNDING = 1e-6, 1e-14
# Random vectors that sums over the other values are estimated by, and steps of each; fewer tell what steps leave out.
_PROBES, _STEPS, _FEWER_STEPS = 16, 32, 20


class PartialSpectrum:
    """The largest singular values of a matrix, with their vectors, and sums over the others."""

    def __init__(self, known: _Leading, beyond: _Beyond) -> None:
        self.u: Float[Tensor, "values rows"] = known.u
        self.singular_values: Float[Tensor, " values"] = known.singular_values
        """Falling."""
        self.vt: Float[Tensor, "values columns"] = known.vt
        self.error = known.error
        """The largest ‖Wᵀu − σv‖: a singular value lies so near to each of these."""
        self._beyond = beyond

    def norms(self, p: float) -> Norms:
        """Nuclear norm, Schatten-p norm and effective rank.

        Sums over the other values are estimated: traces of functions of what the matrix is without those known, by
        random vectors of ±1 and the Gauss quadrature that bidiagonalisation from each of them is (Ubaru, Chen & Saad
        2017). The vectors are the same every time, so that what they make of one state they make of the next. The error
        is the standard one over the vectors, by leaving out each, and what fewer steps would have made of them.
        """
        scale = self.singular_values[0]
        largest = _sums(self.singular_values / scale, p)
        of_each, of_fewer = self._beyond.sums(p, scale, _STEPS), self._beyond.sums(p, scale, _FEWER_STEPS)
        found = _told(largest + of_each.mean(1), p)
        without_each = _told(largest.unsqueeze(1) + (of_each.sum(1, keepdim=True) - of_each) / (_PROBES - 1), p)
        standard = ((_PROBES - 1) * without_each.var(1, correction=0)).sqrt()
        left_out = (_told(largest + of_fewer.mean(1), p) - found).abs()
        nuclear, schatten, effective_rank = found.tolist()
        size = scale.item()
        return Norms(size * nuclear, size * schatten, effective_rank, ((standard + left_out) / found).max().item())


class Norms(NamedTuple):
    """Of all singular values."""

    nuclear: float
    schatten: float
    effective_rank: float
    error: float
    """The largest relative one of the three."""


def partial_spectrum(matrix: Float[Tensor, "rows columns"], n_values: int) -> PartialSpectrum | None:
    """The ``n_values`` largest singular values by themselves; None where few vectors do not tell them.

    That is where too many are too near to each other, and where random vectors without those found still see a larger
    one, as of many equal values.
    """
    known = _leading(matrix, n_values)
    if known is None:
        return None
    beyond = _beyond(matrix, known)
    least = known.singular_values[-1] * (1.0 + _RESIDUAL) + _ROUNDING * known.singular_values[0]
    return PartialSpectrum(known, beyond) if bool(beyond.largest() <= least) else None


class _Leading(NamedTuple):
    """The largest singular values, falling, and what they may be off by."""

    u: Float[Tensor, "values rows"]
    singular_values: Float[Tensor, " values"]
    vt: Float[Tensor, "values columns"]
    error: float
    """The largest ‖Wᵀu − σv‖: a singular value lies so near to each of these."""


def _leading(matrix: Float[Tensor, "rows columns"], n_values: int) -> _Leading | None:
    """The ``n_values`` largest singular values; None where so few vectors do not tell them.

    Golub and Kahan's bidiagonalisation by blocks, with all vectors kept orthogonal (Golub, Luk & Overton 1981): of
    values apart from their neighbours the error is of the order of the square of the residual, which is 1e-6 of each
    value at most, but for the rounding of the largest. Of more equal values than a block has vectors some are missed.
    It begins at the same vectors every time.
    """
    rows, columns = matrix.shape
    most = min(_MOST, int(_SHARE * min(rows, columns))) // _BLOCK * _BLOCK
    if most < n_values + _BLOCK:
        return None
    # Room for the vectors, and for Uᵀ W V, which is banded but for what is rounded off.
    u, v = matrix.new_empty(most, rows), matrix.new_empty(most + _BLOCK, columns)
    core = matrix.new_zeros(most, most)
    drawn = torch.randn(_BLOCK, columns, generator=torch.Generator().manual_seed(0), dtype=matrix.dtype)
    v[:_BLOCK] = _orthonormal(drawn.to(matrix.device))[0]
    for n in range(_BLOCK, most + 1, _BLOCK):
        new = slice(n - _BLOCK, n)
        u[new], along, core[new, new] = _apart(v[new] @ matrix.mT, u[: n - _BLOCK])
        core[: n - _BLOCK, new] = along
        v[n : n + _BLOCK], _, left_over = _apart(u[new] @ matrix, v[:n])
        if not bool(core[new, new].diagonal().all()) or not bool(left_over.diagonal().all()):
            # Vectors that vanish have no direction: nothing is known of those put in their place.
            return None
        if n % _BETWEEN_LOOKS == 0 and n >= n_values + _BLOCK:
            of_u, found, of_v = torch.linalg.svd(core[:n, :n])
            residuals = torch.linalg.vector_norm(left_over @ of_u[new, :n_values], dim=0)
            singular_values = found[:n_values]
            if bool((residuals <= _RESIDUAL * singular_values + _ROUNDING * found[0]).all()):
                error = residuals.max().item()
                return _Leading(of_u[:, :n_values].mT @ u[:n], singular_values, of_v[:n_values] @ v[:n], error)
    return None


class _Beyond(NamedTuple):
    """A matrix without its largest singular values, as random vectors see it: a bidiagonal matrix for each."""

    diagonal: Float[Tensor, "probes steps"]
    beside: Float[Tensor, "probes steps"]
    sizes: Float[Tensor, " probes"]
    """Squared, of the random vectors without what is known."""

    def decomposed(self, n_steps: int) -> tuple[Float[Tensor, "probes values"], Float[Tensor, "probes values"]]:
        """Singular values after so many steps, and how much of each the random vector has."""
        beside = torch.diag_embed(self.beside[:, : n_steps - 1], offset=1)
        _, values, vt = torch.linalg.svd(torch.diag_embed(self.diagonal[:, :n_steps]) + beside)
        return values, vt[:, :, 0].square() * self.sizes.unsqueeze(1)

    def largest(self) -> Float[Tensor, ""]:
        """The largest singular value that is seen."""
        return self.decomposed(_STEPS)[0].max()

    def sums(self, p: float, scale: Float[Tensor, ""], n_steps: int) -> Float[Tensor, "3 probes"]:
        """Over singular values in units of ``scale``, as each random vector has them."""
        values, weights = self.decomposed(n_steps)
        return _sums(values / scale, p, weights)


def _beyond(matrix: Float[Tensor, "rows columns"], known: _Leading) -> _Beyond:
    drawn = torch.randint(0, 2, (_PROBES, matrix.shape[1]), generator=torch.Generator().manual_seed(1))
    right = _without((2.0 * drawn - 1.0).to(matrix), known.vt)
    sizes, right = torch.linalg.vector_norm(right, dim=1), _unit(right)
    left, along = matrix.new_zeros(_PROBES, matrix.shape[0]), matrix.new_zeros(_PROBES)
    diagonal, beside = [], []
    for _ in range(_STEPS):
        # Orthogonal to the last ones alone: what comes back of earlier ones does a quadrature no harm.
        left = _without(right @ matrix.mT - along.unsqueeze(1) * left, known.u)
        diagonal.append(along := torch.linalg.vector_norm(left, dim=1))
        left = _unit(left)
        right = _without(left @ matrix - along.unsqueeze(1) * right, known.vt)
        beside.append(along := torch.linalg.vector_norm(right, dim=1))
        right = _unit(right)
    return _Beyond(torch.stack(diagonal, dim=1), torch.stack(beside, dim=1), sizes.square())


def _without(vectors: Float[Tensor, "k size"], basis: Float[Tensor, "n size"]) -> Float[Tensor, "k size"]:
    return torch.addmm(vectors, vectors @ basis.mT, basis, alpha=-1.0)


def _unit(vectors: Float[Tensor, "k size"]) -> Float[Tensor, "k size"]:
    """Zero stays that."""
    return torch.nn.functional.normalize(vectors, eps=torch.finfo(vectors.dtype).tiny)


def _orthonormal(vectors: Float[Tensor, "k size"]) -> tuple[Float[Tensor, "k size"], Float[Tensor, "k k"]]:
    """Rows that span the same, and R: the vectors are Rᵀ times these."""
    q, r = torch.linalg.qr(vectors.mT)
    return q.mT, r


def _apart(
    vectors: Float[Tensor, "k size"], basis: Float[Tensor, "n size"]
) -> tuple[Float[Tensor, "k size"], Float[Tensor, "n k"], Float[Tensor, "k k"]]:
    """Orthonormal rows for what of the vectors is orthogonal to a basis, what is along it, and R of the rest.

    Twice, the second time when they are long again: once leaves what rounding has made of the first time.
    """
    along = vectors @ basis.mT
    found, first = _orthonormal(torch.addmm(vectors, along, basis, alpha=-1.0))
    again = found @ basis.mT
    found, second = _orthonormal(torch.addmm(found, again, basis, alpha=-1.0))
    return found, (along + first.mT @ again).mT, second @ first


def _sums(values: Float[Tensor, "... values"], p: float, weights: Tensor | float = 1.0) -> Float[Tensor, "3 ..."]:
    """Of σ, of σ^p and of −σ ln σ."""
    return torch.stack([(weights * one).sum(-1) for one in (values, values**p, torch.special.entr(values))])


def _told(sums: Float[Tensor, "3 ..."], p: float) -> Float[Tensor, "3 ..."]:
    """Nuclear norm, Schatten-p norm and effective rank: the entropy of σ/Σσ is ln Σσ − Σσ ln σ/Σσ."""
    total, powers, entropy = sums
    return torch.stack([total, powers ** (1.0 / p), total * (entropy / total).exp()])
