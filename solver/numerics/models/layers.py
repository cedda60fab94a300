"""Deep matrix factorization: layers to end matrix W = W_N … W_1, and the loss gradient back to the layers."""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics.problems.matrix import MatrixLoss


class Factors:
    """All trained numbers of a batch of lanes: one flat row a lane, and each layer as a view of it."""

    def __init__(self, flat: Float[Tensor, "lanes parameters"], widths: list[int]) -> None:
        self.flat = flat
        self.layers: list[Float[Tensor, "lanes outputs inputs"]] = []
        start = 0
        for inputs, outputs in itertools.pairwise(widths):
            stop = start + inputs * outputs
            self.layers.append(flat[:, start:stop].view(-1, outputs, inputs))
            start = stop


class Layers:
    """The loss of a batch of deep factorizations of one architecture, with its hand-derived gradient.

    ``widths`` runs from the columns of the problem (the input of layer 1) to its rows (the output of layer N); layer j
    maps width j−1 to width j. Everything is written into buffers of this object, so a call allocates almost nothing.
    """

    def __init__(self, widths: list[int], loss: MatrixLoss, n_lanes: int, dtype: torch.dtype, device: torch.device):
        self.widths = widths
        self.n_layers = len(widths) - 1
        self.n_parameters = sum(a * b for a, b in itertools.pairwise(widths))
        self.n_lanes = n_lanes
        self.dtype = dtype
        self.device = device
        self._loss = loss
        self._allocate()

    def _allocate(self) -> None:
        def buffer(rows: int, columns: int) -> Tensor:
            return torch.empty((self.n_lanes, rows, columns), dtype=self.dtype, device=self.device)

        inputs, rows = self.widths[0], self.widths[-1]
        # products[k] = W_{k+2} … W_1, the partial products above the first layer.
        self._products = [buffer(outputs, inputs) for outputs in self.widths[2:]]
        # backs[k] = (W_N … W_{k+2})ᵀ ∇ℓ(W), for the layers between the first and the last.
        self._backs = [buffer(outputs, inputs) for outputs in self.widths[1:-1]]
        self._end_gradient = buffer(rows, inputs)

    def keep(self, lanes: list[int]) -> None:
        """Goes on with these lanes alone."""
        self.n_lanes = len(lanes)
        self._loss.keep(lanes)
        self._allocate()

    def factors(self, values: Float[Tensor, "lanes parameters"] | None = None) -> Factors:
        """Factors of this batch holding a copy of ``values``, or zeros."""
        flat = torch.zeros((self.n_lanes, self.n_parameters), dtype=self.dtype, device=self.device)
        if values is not None:
            flat.copy_(values)
        return Factors(flat, self.widths)

    def end_matrix(self, factors: Factors) -> Float[Tensor, "lanes rows columns"]:
        """W_N … W_1 in a buffer that the next call overwrites (depth 1: the layer itself)."""
        product = factors.layers[0]
        for layer, out in zip(factors.layers[1:], self._products, strict=True):
            product = torch.bmm(layer, product, out=out)
        return product

    def loss_and_gradient(self, at: Factors, out: Factors) -> Float[Tensor, " lanes"]:
        """Losses at ``at``; ``out`` receives ∂ℓ/∂W_j = (W_N…W_{j+1})ᵀ ∇ℓ(W) (W_{j−1}…W_1)ᵀ for every layer."""
        end_matrix = self.end_matrix(at)
        if self.n_layers == 1:
            return self._loss.loss_and_gradient(end_matrix, out.layers[0])
        loss = self._loss.loss_and_gradient(end_matrix, self._end_gradient)
        back = self._end_gradient
        for j in range(self.n_layers - 1, 0, -1):
            below = at.layers[0] if j == 1 else self._products[j - 2]
            torch.bmm(back, below.mT, out=out.layers[j])
            back = torch.bmm(at.layers[j].mT, back, out=out.layers[0] if j == 1 else self._backs[j - 1])
        return loss

    def loss_of_zero(self) -> list[float]:
        """Square roots of the losses of the zero matrix: the size of a residual, in the units of the loss."""
        zero = self.factors()
        losses: list[float] = self.loss_and_gradient(zero, self.factors()).double().sqrt().tolist()
        return losses

    def end_gradient(self) -> Float[Tensor, "lanes rows columns"]:
        """∇ℓ(W) of the last ``loss_and_gradient`` of a factorization with at least two layers."""
        return self._end_gradient
