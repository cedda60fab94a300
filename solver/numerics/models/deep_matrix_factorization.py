"""Deep matrix factorization: layers to end matrix W = W_N … W_1, and the loss gradient back to the layers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from solver.costs.thin import is_sparse
from solver.numerics.models.objective import Factors, Objective
from solver.numerics.problems.losses import Loss, SparseEntryLoss, loss_of
from solver.numerics.problems.observed import ObservedProblem

_Product = tuple[Tensor, Tensor, Tensor]


class DeepMatrixFactorizationObjective(Objective):
    """The loss of a batch of deep factorizations of one architecture.

    ``widths`` runs from the columns of the problem (the input of layer 1) to its rows (the output of layer N); layer j
    maps width j−1 to width j. Everything is written into buffers of this object, so a call allocates almost nothing.
    A sparse loss takes the last layer and the product of those below it, and the end matrix is not made.
    """

    HAS_HESSIAN: ClassVar[bool] = True

    def __init__(self, widths: list[int], loss: Loss, n_lanes: int, dtype: torch.dtype, device: torch.device) -> None:
        self.widths = widths
        self.n_layers = len(widths) - 1
        # One layer is the end matrix itself.
        self._sparse = loss if isinstance(loss, SparseEntryLoss) and self.n_layers > 1 else None
        shapes = [(outputs, inputs) for inputs, outputs in itertools.pairwise(widths)]
        super().__init__(shapes, loss, n_lanes, dtype, device)

    def _allocate(self) -> None:
        def buffer(rows: int, columns: int) -> Tensor:
            return torch.empty((self.n_lanes, rows, columns), dtype=self.dtype, device=self.device)

        inputs, rows = self.widths[0], self.widths[-1]
        # products[k] = W_{k+2} … W_1, the partial products above the first layer; the end itself only if it is made.
        above = self.widths[2:] if self._sparse is None else self.widths[2:-1]
        self._products = [buffer(outputs, inputs) for outputs in above]
        # backs[k] = (W_N … W_{k+2})ᵀ ∇ℓ(W), for the layers between the first and the last.
        self._backs = [buffer(outputs, inputs) for outputs in self.widths[1:-1]]
        if self._sparse is not None:
            return
        self._end_gradient = buffer(rows, inputs)
        self._flat_end_gradient = self._end_gradient.view(self.n_lanes, -1)

    def end_matrix(self, factors: Factors) -> Float[Tensor, "lanes rows columns"]:
        """W_N … W_1 in a buffer that the next call overwrites (depth 1: the layer itself)."""
        if self._sparse is not None:
            return torch.bmm(factors.parts[-1], self.below_last(factors))
        product = factors.parts[0]
        for layer, out in zip(factors.parts[1:], self._products, strict=True):
            product = torch.bmm(layer, product, out=out)
        return product

    def below_last(self, factors: Factors) -> Float[Tensor, "lanes width columns"]:
        """W_{N−1} … W_1 in a buffer that the next call overwrites; for depth 2 and more."""
        product = factors.parts[0]
        for layer, out in zip(factors.parts[1:-1], self._products, strict=False):
            product = torch.bmm(layer, product, out=out)
        return product

    def evaluated_end(self, at: Factors) -> Float[Tensor, "lanes rows columns"]:
        """The end matrices where a call of ``bound`` at ``at`` has put them just now; made here where it makes none."""
        return self.end_matrix(at) if self._sparse is not None or not self._products else self._products[-1]

    def evaluated_below_last(self, at: Factors) -> Float[Tensor, "lanes width columns"]:
        """W_{N−1} … W_1 where a call of ``bound`` at ``at`` has put them just now; for depth 2 and more."""
        return at.parts[0] if self.n_layers == 2 else self._products[self.n_layers - 3]

    def end_gradient_times(self, vectors: Float[Tensor, "columns k"]) -> Float[Tensor, "rows k"]:
        """∇ℓ(W) V of a single lane, where a call of ``bound`` has put the gradient just now."""
        return self._end_gradient[0] @ vectors if self._sparse is None else self._sparse.times(vectors)

    def end(self, factors: Factors) -> Float[Tensor, "lanes entries"]:
        return self.end_matrix(factors).reshape(self.n_lanes, -1)

    def bound(self, at: Factors, out: Factors) -> Callable[[], Tensor]:
        """∂ℓ/∂W_j = (W_N…W_{j+1})ᵀ ∇ℓ(W) (W_{j−1}…W_1)ᵀ for every layer."""
        if self.n_layers == 1:
            loss_of_layer = self._loss.bound(at.flat, self._flat_end_gradient)

            def of_one_layer() -> Tensor:
                value = loss_of_layer()
                out.flat.copy_(self._flat_end_gradient)
                return value

            return of_one_layer
        bmm = torch.bmm
        below = [at.parts[0], *self._products]
        if self._sparse is None:
            ahead = list(zip(at.parts[1:], below, self._products, strict=False))
            back = self._products_back(at, out, self._end_gradient, self.n_layers - 1)
            loss = self._loss.bound(self._products[-1].view(self.n_lanes, -1), self._flat_end_gradient)
        else:
            ahead = list(zip(at.parts[1:-1], below, self._products, strict=False))
            gradient = self._backs[-1] if self._products else out.parts[0]
            back = self._products_back(at, out, gradient, self.n_layers - 2)
            loss = self._sparse.of_product(at.parts[-1], below[-1], out.parts[-1], gradient)

        def of_layers() -> Tensor:
            for left, right, product in ahead:
                bmm(left, right, out=product)
            value = loss()
            for left, right, product in back:
                bmm(left, right, out=product)
            return value

        return of_layers

    def _products_back(self, at: Factors, out: Factors, gradient: Tensor, last: int) -> list[_Product]:
        """The products back from the gradient in W_{last+1} … W_1, each with its two factors and its place."""
        back: list[_Product] = []
        for j in range(last, 0, -1):
            below = at.parts[0] if j == 1 else self._products[j - 2]
            back.append((gradient, below.mT, out.parts[j]))
            product = out.parts[0] if j == 1 else self._backs[j - 1]
            back.append((at.parts[j].mT, gradient, product))
            gradient = product
        return back

    def _evaluated(self, at: Factors) -> tuple[Float[Tensor, "lanes entries"], Float[Tensor, "lanes entries"]]:
        if self._sparse is not None:
            return self.end(at), self._sparse.end_gradients()
        end = self._products[-1] if self._products else at.parts[0]
        return end.reshape(self.n_lanes, -1), self._flat_end_gradient

    def hessian(self, at: Factors) -> Float[Tensor, "lanes parameters parameters"]:
        """∂²ℓ/∂θ², exact: the loss's curvature along dW = A_j dW_j B_j, plus what each pair of layers adds.

        With A_j = W_N…W_{j+1}, B_j = W_{j−1}…W_1 and M = W_{j−1}…W_{i+1} for i < j, entry (a,b) of W_j and (c,d) of W_i
        add (A_jᵀ ∇ℓ B_iᵀ)_ad M_bc.
        """
        evaluated = self.evaluate(at)
        end_gradient = evaluated.end_gradient.view(self.n_lanes, self.widths[-1], self.widths[0])
        layers, n = at.parts, self.n_layers
        identities = [torch.eye(size, dtype=self.dtype, device=self.device) for size in self.widths]
        below = [identities[0].expand(self.n_lanes, -1, -1)]
        for layer in layers[:-1]:
            below.append(layer @ below[-1])
        above = [identities[-1].expand(self.n_lanes, -1, -1)]
        for layer in reversed(layers[1:]):
            above.append(above[-1] @ layer)
        above.reverse()
        entries = self.widths[0] * self.widths[-1]
        tangents = torch.cat(
            [
                torch.einsum("lxa,lby->lxyab", a, b).reshape(self.n_lanes, entries, -1)
                for a, b in zip(above, below, strict=True)
            ],
            dim=2,
        )
        hessian = self._loss.curvature(evaluated.end, tangents)
        starts = [0, *itertools.accumulate(rows * columns for rows, columns in self.shapes)]
        for j in range(1, n):
            middle = identities[j].expand(self.n_lanes, -1, -1)
            for i in range(j - 1, -1, -1):
                outer = above[j].mT @ end_gradient @ below[i].mT
                block = torch.einsum("lad,lbc->labcd", outer, middle).reshape(
                    self.n_lanes, starts[j + 1] - starts[j], starts[i + 1] - starts[i]
                )
                hessian[:, starts[j] : starts[j + 1], starts[i] : starts[i + 1]] += block
                hessian[:, starts[i] : starts[i + 1], starts[j] : starts[j + 1]] += block.mT
                middle = middle @ layers[i]
        return hessian


def objective_of(
    widths: list[int], problems: Sequence[ObservedProblem], dtype: torch.dtype, device: torch.device
) -> DeepMatrixFactorizationObjective:
    """The objective of a lane a problem, with a sparse loss where few entries of large matrices are observed.

    On a GPU products are cheap beside what sparse ones read here and there, and the loss is dense.
    """
    width = max(widths[1:-1], default=0)
    few = all(one.measurements is None and is_sparse(one.shape, width, len(one.values)) for one in problems)
    kind = SparseEntryLoss if few and len(widths) > 2 and device.type == "cpu" else loss_of
    return DeepMatrixFactorizationObjective(widths, kind(list(problems), dtype, device), len(problems), dtype, device)
