"""CP tensor factorization: components to end tensor Σ_r ⊗_n w_r^n, and the loss gradient back to the factors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics.models.khatri_rao import KhatriRao
from solver.numerics.models.objective import Factors, Objective
from solver.numerics.problems.losses import Loss


class CPObjective(Objective):
    """The loss of a batch of CP factorizations of one shape and number of components.

    The modes are split into two halves. The end tensor, unfolded between them, is one product of the halves'
    Khatri–Rao products, and so is each half's gradient: three matrix products a call, whatever the order.
    """

    HAS_HESSIAN: ClassVar[bool] = False

    def __init__(
        self,
        shape: tuple[int, ...],
        n_components: int,
        loss: Loss,
        n_lanes: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.shape = shape
        self.n_components = n_components
        self._split = _balanced_split(shape)
        super().__init__([(size, n_components) for size in shape], loss, n_lanes, dtype, device)

    def _allocate(self) -> None:
        rows, columns = math.prod(self.shape[: self._split]), math.prod(self.shape[self._split :])
        self._end = torch.empty((self.n_lanes, rows, columns), dtype=self.dtype, device=self.device)
        self._end_gradient = torch.empty_like(self._end)
        self._flat_end, self._flat_end_gradient = (
            self._end.view(self.n_lanes, -1),
            self._end_gradient.view(self.n_lanes, -1),
        )
        left, right = (
            KhatriRao(sizes, self.n_components, self.n_lanes, self.dtype, self.device)
            for sizes in (self.shape[: self._split], self.shape[self._split :])
        )
        self._halves = (left, right)

    def _parts(self, factors: Factors) -> tuple[list[Tensor], list[Tensor]]:
        return factors.parts[: self._split], factors.parts[self._split :]

    def end(self, factors: Factors) -> Float[Tensor, "lanes entries"]:
        left, right = (half.bound(part) for half, part in zip(self._halves, self._parts(factors), strict=True))
        torch.bmm(left(), right().mT, out=self._end)
        return self._flat_end

    def bound(self, at: Factors, out: Factors) -> Callable[[], Tensor]:
        """∂ℓ/∂w_r^n is the end gradient contracted with component r's other modes."""
        (left, right), (left_at, right_at), (left_out, right_out) = self._halves, self._parts(at), self._parts(out)
        ahead_left, ahead_right = left.bound(left_at), right.bound(right_at)
        left_product, right_product = left.product(left_at), right.product(right_at)
        right_transposed, gradient_transposed = right_product.mT, self._end_gradient.mT
        left_gradient, right_gradient = left.gradient(left_out), right.gradient(right_out)
        back_left, back_right = left.bound_back(left_at, left_out), right.bound_back(right_at, right_out)
        end, end_gradient = self._end, self._end_gradient
        loss, bmm = self._loss.bound(self._flat_end, self._flat_end_gradient), torch.bmm

        def of_components() -> Tensor:
            ahead_left()
            ahead_right()
            bmm(left_product, right_transposed, out=end)
            value = loss()
            bmm(end_gradient, right_product, out=left_gradient)
            bmm(gradient_transposed, left_product, out=right_gradient)
            back_left()
            back_right()
            return value

        return of_components

    def _evaluated(self, at: Factors) -> tuple[Float[Tensor, "lanes entries"], Float[Tensor, "lanes entries"]]:  # noqa: ARG002
        return self._flat_end, self._flat_end_gradient


def _balanced_split(shape: tuple[int, ...]) -> int:
    """How many modes go to the left so that the unfolding is as square as can be."""
    return min(range(1, len(shape)), key=lambda k: math.prod(shape[:k]) + math.prod(shape[k:]))
