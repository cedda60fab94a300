"""Hierarchical Tucker form: weights of a mode tree to end tensor, and the loss gradient back to the weights (R22)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics.models.khatri_rao import KhatriRao
from solver.numerics.models.objective import Factors, Objective
from solver.numerics.problems.losses import Loss
from solver.spec.mode_tree import ModeTree


class HierarchicalTuckerObjective(Objective):
    """The loss of a batch of hierarchical Tucker forms of one mode tree and one shape; a trained part a node.

    A leaf gives its weights A, (size, width of the parent). A node above takes the Khatri–Rao product P of what its
    children give and itself gives PA. The root's product is never made: it is split between its children into halves L
    and R, as square as can be, and the end tensor, unfolded there, is L diag(a) Rᵀ.
    """

    HAS_HESSIAN: ClassVar[bool] = False

    def __init__(
        self,
        shape: tuple[int, ...],
        tree: ModeTree,
        widths: Sequence[int],
        loss: Loss,
        n_lanes: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.shape = shape
        self.tree = tree
        self._inner = [place for place in reversed(tree.interior) if place]
        self._sizes = [math.prod(shape[mode] for mode in node.modes) for node in tree.nodes]
        children = tree.nodes[0].children
        split = min(range(1, len(children)), key=lambda k: self._size(children[:k]) + self._size(children[k:]))
        self._split = children[:split], children[split:]
        super().__init__(tree.shapes(shape, widths), loss, n_lanes, dtype, device)

    def _size(self, places: Sequence[int]) -> int:
        """Entries over the modes below these nodes."""
        return math.prod(self._sizes[place] for place in places)

    def _allocate(self) -> None:
        def buffer(*size: int) -> Tensor:
            return torch.empty((self.n_lanes, *size), dtype=self.dtype, device=self.device)

        left, right = (self._size(half) for half in self._split)
        width = self.shapes[0][0]
        self._given = {place: buffer(self._sizes[place], self.shapes[place][1]) for place in self._inner}
        self._given_gradients = {place: torch.empty_like(given) for place, given in self._given.items()}
        self._products = {place: self._product(self.tree.nodes[place].children, place) for place in self._inner}
        self._halves = [self._product(half, 0) for half in self._split]
        self._scaled, self._scaled_gradient, self._work = (buffer(right, width) for _ in range(3))
        self._grown, self._grown_gradient = buffer(left, right), buffer(left, right)
        n_entries = math.prod(self.shape)
        if self.tree.order == tuple(range(len(self.shape))):
            self._end, self._end_gradient = self._grown.view(-1, n_entries), self._grown_gradient.view(-1, n_entries)
            self._turned = None
        else:
            # As the leaves stand from left to right, and as the modes are numbered.
            self._end, self._end_gradient = buffer(n_entries), buffer(n_entries)
            axes = [0, *(1 + mode for mode in self.tree.order)]
            sizes = [self.shape[mode] for mode in self.tree.order]
            ends = [end.view(-1, *self.shape).permute(axes) for end in (self._end, self._end_gradient)]
            grown = [end.view(-1, *sizes) for end in (self._grown, self._grown_gradient)]
            self._turned = list(zip(grown, ends, strict=True))

    def _product(self, places: Sequence[int], of: int) -> KhatriRao:
        sizes = [self._sizes[place] for place in places]
        return KhatriRao(sizes, self.shapes[of][0], self.n_lanes, self.dtype, self.device)

    def _below(self, places: Sequence[int], leaves: list[Tensor], others: dict[int, Tensor]) -> list[Tensor]:
        return [others[place] if self.tree.nodes[place].children else leaves[place] for place in places]

    def _ahead(self, at: Factors) -> Callable[[], None]:
        """A call that computes the end tensor."""
        bmm, mul = torch.bmm, torch.mul
        steps = [
            (
                self._products[place].bound(self._below(self.tree.nodes[place].children, at.parts, self._given)),
                at.parts[place],
                self._given[place],
            )
            for place in self._inner
        ]
        left, right = (
            half.bound(self._below(places, at.parts, self._given))
            for half, places in zip(self._halves, self._split, strict=True)
        )
        root, scaled, scaled_transposed, grown = at.parts[0].mT, self._scaled, self._scaled.mT, self._grown
        turned = self._turned

        def call() -> None:
            for product, weights, given in steps:
                bmm(product(), weights, out=given)
            mul(right(), root, out=scaled)
            bmm(left(), scaled_transposed, out=grown)
            if turned is not None:
                turned[0][1].copy_(turned[0][0])

        return call

    def end(self, factors: Factors) -> Float[Tensor, "lanes entries"]:
        self._ahead(factors)()
        return self._end

    def bound(self, at: Factors, out: Factors) -> Callable[[], Tensor]:
        """With D the gradient in what a node gives, ∂ℓ/∂A = PᵀD, and DAᵀ is that in P, handed on to its children."""
        ahead, loss = self._ahead(at), self._loss.bound(self._end, self._end_gradient)
        bmm, mul, total = torch.bmm, torch.mul, torch.sum
        below = [self._below(places, at.parts, self._given) for places in self._split]
        below_out = [self._below(places, out.parts, self._given_gradients) for places in self._split]
        left, right = (half.product(given) for half, given in zip(self._halves, below, strict=True))
        left_gradient, right_gradient = (
            half.gradient(given) for half, given in zip(self._halves, below_out, strict=True)
        )
        back_left, back_right = (
            half.bound_back(*pair) for half, *pair in zip(self._halves, below, below_out, strict=True)
        )
        root, root_gradient = at.parts[0].mT, out.parts[0].squeeze(2)
        scaled, scaled_gradient = self._scaled, self._scaled_gradient
        grown, grown_transposed = self._grown_gradient, self._grown_gradient.mT
        turned, work = self._turned, self._work
        steps = []
        for place in reversed(self._inner):
            children, product = self.tree.nodes[place].children, self._products[place]
            given = self._below(children, at.parts, self._given)
            given_out = self._below(children, out.parts, self._given_gradients)
            steps.append(
                (
                    product.product(given).mT,
                    self._given_gradients[place],
                    out.parts[place],
                    at.parts[place].mT,
                    product.gradient(given_out),
                    product.bound_back(given, given_out),
                )
            )

        def of_weights() -> Tensor:
            ahead()
            value = loss()
            if turned is not None:
                turned[1][0].copy_(turned[1][1])
            bmm(grown, scaled, out=left_gradient)
            bmm(grown_transposed, left, out=scaled_gradient)
            mul(scaled_gradient, right, out=work)
            total(work, 1, out=root_gradient)
            mul(scaled_gradient, root, out=right_gradient)
            back_left()
            back_right()
            for product, gradient, weights_out, weights, product_gradient, back in steps:
                bmm(product, gradient, out=weights_out)
                bmm(gradient, weights, out=product_gradient)
                back()
            return value

        return of_weights

    def _evaluated(self, at: Factors) -> tuple[Float[Tensor, "lanes entries"], Float[Tensor, "lanes entries"]]:  # noqa: ARG002
        return self._end, self._end_gradient
