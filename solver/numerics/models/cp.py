"""CP tensor factorization: components to end tensor Σ_r ⊗_n w_r^n, and the loss gradient back to the factors."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics.models.objective import Factors, Objective
from solver.numerics.problems.losses import Loss


class Components(Objective):
    """The loss of a batch of CP factorizations of one shape and number of components.

    The modes are split into two halves. The end tensor, unfolded between them, is one product of the halves'
    Khatri–Rao products, and so is each half's gradient: three matrix products a call, whatever the order.
    """

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

        def buffer(*size: int) -> Tensor:
            return torch.empty((self.n_lanes, *size), dtype=self.dtype, device=self.device)

        self._end, self._end_gradient = buffer(rows, columns), buffer(rows, columns)
        self._left_gradient, self._right_gradient = buffer(rows, self.n_components), buffer(columns, self.n_components)

    def end(self, factors: Factors) -> Float[Tensor, "lanes entries"]:
        left, right = self._halves(factors)
        torch.bmm(left[0], right[0].mT, out=self._end)
        return self._end.view(self.n_lanes, -1)

    def _halves(self, factors: Factors) -> tuple[list[Tensor], list[Tensor]]:
        return khatri_rao(factors.parts[: self._split]), khatri_rao(factors.parts[self._split :])

    def bound(self, at: Factors, out: Factors) -> Callable[[], Tensor]:
        """∂ℓ/∂w_r^n is the end gradient contracted with component r's other modes."""
        return lambda: self._loss_and_gradient(at, out)

    def _loss_and_gradient(self, at: Factors, out: Factors) -> Tensor:
        left, right = self._halves(at)
        torch.bmm(left[0], right[0].mT, out=self._end)
        loss = self._loss.loss_and_gradient(self._end.view(self.n_lanes, -1), self._end_gradient.view(self.n_lanes, -1))
        torch.bmm(self._end_gradient, right[0], out=self._left_gradient)
        torch.bmm(self._end_gradient.mT, left[0], out=self._right_gradient)
        _distribute(self._left_gradient, at.parts[: self._split], left, out.parts[: self._split])
        _distribute(self._right_gradient, at.parts[self._split :], right, out.parts[self._split :])
        return loss

    def end_gradient(self) -> Float[Tensor, "lanes entries"]:
        return self._end_gradient.view(self.n_lanes, -1)


def khatri_rao(factors: list[Float[Tensor, "lanes _ components"]]) -> list[Tensor]:
    """Khatri–Rao products of the factors from each one to the last, the whole product first."""
    products = [factors[-1]]
    for factor in reversed(factors[:-1]):
        product = factor.unsqueeze(2) * products[0].unsqueeze(1)
        products.insert(0, product.reshape(len(factor), -1, factor.shape[2]))
    return products


def _distribute(gradient: Tensor, factors: list[Tensor], products: list[Tensor], out: list[Tensor]) -> None:
    """The gradient in a Khatri–Rao product handed down to its factors."""
    for position, factor in enumerate(factors[:-1]):
        rest = products[position + 1]
        unfolded = gradient.view(len(factor), factor.shape[1], rest.shape[1], factor.shape[2])
        torch.sum(unfolded * rest.unsqueeze(1), dim=2, out=out[position])
        gradient = (unfolded * factor.unsqueeze(2)).sum(1)
    out[-1].copy_(gradient)


def _balanced_split(shape: tuple[int, ...]) -> int:
    """How many modes go to the left so that the unfolding is as square as can be."""
    return min(range(1, len(shape)), key=lambda k: math.prod(shape[:k]) + math.prod(shape[k:]))
