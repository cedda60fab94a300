"""CP tensor factorization: components to end tensor Σ_r ⊗_n w_r^n, and the loss gradient back to the factors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

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
        self._halves = (_Half(self.shape[: self._split], self), _Half(self.shape[self._split :], self))

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


class _Half:
    """The Khatri–Rao product of some of the modes' factors, and the gradient in it handed down to them.

    Everything is written into buffers, and every view of them is made once.
    """

    def __init__(self, sizes: tuple[int, ...], objective: CPObjective) -> None:
        def buffer(*size: int) -> Tensor:
            whole = (objective.n_lanes, *size, objective.n_components)
            return torch.empty(whole, dtype=objective.dtype, device=objective.device)

        self._rest = [math.prod(sizes[position + 1 :]) for position in range(len(sizes))]
        # Products of the factors from each one but the last to the last, and the gradients in them.
        pairs = list(zip(sizes[:-1], self._rest[:-1], strict=True))
        self._products = [buffer(size, rest) for size, rest in pairs]
        self._gradients = [buffer(size, rest) for size, rest in pairs]
        self._work = [buffer(size, rest) for size, rest in pairs]

    def product(self, factors: list[Tensor]) -> Float[Tensor, "lanes rows components"]:
        """The place of the whole product."""
        return self._products[0].flatten(1, 2) if self._products else factors[0]

    def gradient(self, out: list[Tensor]) -> Float[Tensor, "lanes rows components"]:
        """Where the gradient in the whole product goes."""
        return self._gradients[0].flatten(1, 2) if self._gradients else out[0]

    def bound(self, factors: list[Tensor]) -> Callable[[], Tensor]:
        """A call that computes the whole product and returns it."""
        whole, mul = self.product(factors), torch.mul
        steps = []
        for position in reversed(range(len(self._products))):
            last = position + 1 == len(self._products)
            below = factors[-1] if last else self._products[position + 1].flatten(1, 2)
            steps.append((factors[position].unsqueeze(2), below.unsqueeze(1), self._products[position]))

        def call() -> Tensor:
            for factor, rest, product in steps:
                mul(factor, rest, out=product)
            return whole

        return call

    def bound_back(self, factors: list[Tensor], out: list[Tensor]) -> Callable[[], None]:
        """A call that hands the gradient in the whole product down to ``out``."""
        mul, total = torch.mul, torch.sum
        steps = []
        for position, gradient in enumerate(self._gradients):
            last = position + 1 == len(self._gradients)
            below = factors[-1] if last else self._products[position + 1].flatten(1, 2)
            next_gradient = out[-1] if last else self._gradients[position + 1].flatten(1, 2)
            work, factor = self._work[position], factors[position].unsqueeze(2)
            steps.append((gradient, below.unsqueeze(1), factor, work, out[position], next_gradient))

        def call() -> None:
            for gradient, rest, factor, work, of_factor, of_rest in steps:
                mul(gradient, rest, out=work)
                total(work, 2, out=of_factor)
                mul(gradient, factor, out=work)
                total(work, 1, out=of_rest)

        return call


def _balanced_split(shape: tuple[int, ...]) -> int:
    """How many modes go to the left so that the unfolding is as square as can be."""
    return min(range(1, len(shape)), key=lambda k: math.prod(shape[:k]) + math.prod(shape[k:]))
