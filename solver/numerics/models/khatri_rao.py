"""Khatri–Rao products of a batch of lanes: row by row the outer, column by column the entrywise product of matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor


class KhatriRao:
    """The Khatri–Rao product of matrices with one number of columns, and the gradient in it handed down to them.

    ``sizes`` are their rows. Everything is written into buffers, and every view of them is made once.
    """

    def __init__(
        self, sizes: Sequence[int], n_columns: int, n_lanes: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        def buffer(*size: int) -> Tensor:
            return torch.empty((n_lanes, *size, n_columns), dtype=dtype, device=device)

        self._rest = [math.prod(sizes[position + 1 :]) for position in range(len(sizes))]
        # Products of the factors from each one but the last to the last, and the gradients in them.
        pairs = list(zip(sizes[:-1], self._rest[:-1], strict=True))
        self._products = [buffer(size, rest) for size, rest in pairs]
        self._gradients = [buffer(size, rest) for size, rest in pairs]
        self._work = [buffer(size, rest) for size, rest in pairs]

    def product(self, factors: list[Tensor]) -> Float[Tensor, "lanes rows columns"]:
        """The place of the whole product."""
        return self._products[0].flatten(1, 2) if self._products else factors[0]

    def gradient(self, out: list[Tensor]) -> Float[Tensor, "lanes rows columns"]:
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
