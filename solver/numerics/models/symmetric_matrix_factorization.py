"""Symmetric matrix factorization: U to end matrix W = UUᵀ, and the loss gradient back to U."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics.models.objective import Factors, Objective
from solver.numerics.problems.losses import Loss


class SymmetricMatrixFactorizationObjective(Objective):
    """The loss of a batch of factors U, each (size, width), as ℓ(UUᵀ) (G17)."""

    HAS_HESSIAN: ClassVar[bool] = True

    def __init__(
        self, size: int, width: int, loss: Loss, n_lanes: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.size = size
        super().__init__([(size, width)], loss, n_lanes, dtype, device)

    def _allocate(self) -> None:
        shape = (self.n_lanes, self.size, self.size)
        self._end = torch.empty(shape, dtype=self.dtype, device=self.device)
        self._end_gradient = torch.empty_like(self._end)
        self._flat_end = self._end.view(self.n_lanes, -1)
        self._flat_end_gradient = self._end_gradient.view(self.n_lanes, -1)

    def end(self, factors: Factors) -> Float[Tensor, "lanes entries"]:
        torch.bmm(factors.parts[0], factors.parts[0].mT, out=self._end)
        return self._flat_end

    def bound(self, at: Factors, out: Factors) -> Callable[[], Tensor]:
        """∂ℓ/∂U = (∇ℓ(W) + ∇ℓ(W)ᵀ) U; entries that are not observed in pairs have no symmetric gradient."""
        factor, transposed, gradient = at.parts[0], at.parts[0].mT, out.parts[0]
        end, end_gradient, end_gradient_transposed = self._end, self._end_gradient, self._end_gradient.mT
        loss, bmm = self._loss.bound(self._flat_end, self._flat_end_gradient), torch.bmm

        def of_factor() -> Tensor:
            bmm(factor, transposed, out=end)
            value = loss()
            bmm(end_gradient, factor, out=gradient)
            gradient.baddbmm_(end_gradient_transposed, factor)
            return value

        return of_factor

    def _evaluated(self, at: Factors) -> tuple[Float[Tensor, "lanes entries"], Float[Tensor, "lanes entries"]]:  # noqa: ARG002
        return self._flat_end, self._flat_end_gradient

    def hessian(self, at: Factors) -> Float[Tensor, "lanes parameters parameters"]:
        """∂²ℓ/∂U², exact: the loss's curvature along dU Uᵀ + U dUᵀ, plus (∇ℓ + ∇ℓᵀ)_ac for entries (a,b) and (c,b)."""
        evaluated = self.evaluate(at)
        end_gradient = evaluated.end_gradient.view_as(self._end_gradient)
        factor = at.parts[0]
        width = factor.shape[2]
        size_identity = torch.eye(self.size, dtype=self.dtype, device=self.device)
        width_identity = torch.eye(width, dtype=self.dtype, device=self.device)
        left = torch.einsum("xa,lyb->lxyab", size_identity, factor)
        tangents = (left + left.transpose(1, 2)).reshape(self.n_lanes, self.size**2, -1)
        outer = end_gradient + end_gradient.mT
        block = torch.einsum("lac,bd->labcd", outer, width_identity)
        return self._loss.curvature(evaluated.end, tangents) + block.reshape(
            self.n_lanes, self.n_parameters, self.n_parameters
        )
