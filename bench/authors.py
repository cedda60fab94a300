"""The authors' methods, plainly re-implemented: modules, autograd and an optimiser, in float32, without any logging.

What their loops compute only to log it (norms, test losses, spectra) is left out, which favours them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from solver.numerics.problems.observed import ObservedProblem


class GroupRMSpropOptimizer(Optimizer):
    """The papers' optimiser as one writes it for torch: a state of tensors, a loop over parameters (A19, R20, R21)."""

    def __init__(self, parameters: Iterable[Tensor], step_size: float, eps: float, alpha: float = 0.99) -> None:
        super().__init__(parameters, {"step_size": step_size, "eps": eps, "alpha": alpha})
        self._moment = torch.zeros(())
        self._count = 0

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002
        self._count += 1
        for group in self.param_groups:
            self._moment.mul_(group["alpha"])
            for parameter in group["params"]:
                self._moment.add_((1.0 - group["alpha"]) * parameter.grad.pow(2).sum())
            root = self._moment.div(1.0 - group["alpha"] ** self._count).sqrt_().add_(group["eps"])
            size = group["step_size"] / root
            for parameter in group["params"]:
                parameter.add_(-size * parameter.grad)


class MatrixTraining:
    """Completion by linear layers without bias (A19), or the 2 × 2 problem by gradient descent (R20)."""

    def __init__(
        self, problem: ObservedProblem, start: Tensor, widths: list[int], step_size: float | None = None
    ) -> None:
        """With ``step_size`` gradient descent; else GroupRMSprop as in A19."""
        layers: list[nn.Linear] = []
        position = 0
        for inputs, outputs in itertools.pairwise(widths):
            layer = nn.Linear(inputs, outputs, bias=False)
            values = start[position : position + inputs * outputs].reshape(outputs, inputs)
            layer.weight = nn.Parameter(values.to(torch.float32).clone())
            layers.append(layer)
            position += inputs * outputs
        self._model = nn.Sequential(*layers)
        assert problem.indices is not None, "the authors' loss is over entries"
        self._rows, self._columns = torch.tensor(problem.indices.T)
        self._values = torch.tensor(problem.values, dtype=torch.float32)
        self._coefficient = problem.loss_coefficient
        parameters = self._model.parameters()
        self._optimizer: Optimizer = (
            GroupRMSpropOptimizer(parameters, 1e-3, 1e-4)
            if step_size is None
            else torch.optim.SGD(parameters, lr=step_size)
        )

    def end_matrix(self) -> Tensor:
        product = None
        for layer in self._model:
            assert isinstance(layer, nn.Linear)
            product = layer.weight.t() if product is None else layer(product)
        assert product is not None
        return product.t()

    def step(self) -> float:
        """One iteration; returns the loss before it."""
        residuals = self.end_matrix()[self._rows, self._columns] - self._values
        loss = self._coefficient * residuals.pow(2).sum()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.item()


class TensorTraining:
    """Completion by a CP factorization: the whole tensor is built, then read at the observed indices (R20, R21)."""

    def __init__(self, problem: ObservedProblem, start: Tensor, n_components: int) -> None:
        pieces = torch.split(start.to(torch.float32), [size * n_components for size in problem.shape])
        self._factors = nn.ParameterList([nn.Parameter(piece.reshape(-1, n_components).clone()) for piece in pieces])
        assert problem.indices is not None, "the authors' loss is over entries"
        self._indices = tuple(torch.tensor(problem.indices.T))
        self._values = torch.tensor(problem.values, dtype=torch.float32)
        self._optimizer = GroupRMSpropOptimizer(self._factors, 1e-2, 1e-6)

    def end_tensor(self) -> Tensor:
        first, *others = self._factors
        product: Tensor = first
        for factor in others:
            # Khatri–Rao, a mode at a time; the sum over components comes last.
            product = (product.unsqueeze(-2) * factor).reshape(-1, factor.shape[-1])
        return product.sum(-1).reshape([len(factor) for factor in self._factors])

    def step(self) -> float:
        """One iteration; returns the loss before it."""
        loss = (self.end_tensor()[self._indices] - self._values).pow(2).mean()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.item()


class ImageTraining:
    """Images as one-hot indices of an order-784 tensor, its product over modes by autograd, Adam (R21).

    As in the authors' trainer the gradient takes a second pass with every factor's vectors normalised, and is scaled
    back: the plain product of 784 factors leaves float32.
    """

    def __init__(
        self, images: Tensor, targets: Tensor, start: Tensor, batch_size: int, step_size: float = 5e-4
    ) -> None:
        # (pixels, 2, components).
        self._factors = nn.Parameter(start.to(torch.float32).permute(1, 0, 2).contiguous().clone())
        self._images, self._targets, self._batch = images, targets, batch_size
        self._optimizer = torch.optim.Adam([self._factors], lr=step_size)
        self._at = 0

    def _predict(self, one_hot: Tensor) -> Tensor:
        chosen = torch.einsum("sab,abt->sat", one_hot, self._factors)
        predicted: Tensor = chosen.prod(dim=1).sum(dim=1)
        return predicted

    def step(self) -> float:
        """One batch; returns its loss."""
        images = self._images[self._at : self._at + self._batch]
        targets = self._targets[self._at : self._at + self._batch]
        self._at = (self._at + self._batch) % len(self._images)
        one_hot = torch.stack([1.0 - images, images], dim=2)
        predictions = self._predict(one_hot)
        loss = (predictions - targets).pow(2).mean()
        slopes = (2.0 / len(images)) * (predictions.detach() - targets)
        kept = self._factors.detach().clone()
        norms = kept.norm(dim=1, keepdim=True)
        # The product over 784 modes of norms near √2 is far from 1, so it is taken relative to each mode's own.
        self._factors.data = kept / norms * 2.0**0.5
        self._optimizer.zero_grad()
        self._predict(one_hot).backward(gradient=slopes)  # type: ignore[no-untyped-call]
        self._factors.data = kept
        assert self._factors.grad is not None
        logs = (norms / 2.0**0.5).log()
        self._factors.grad.mul_((logs.sum(0, keepdim=True) - logs).exp())
        self._optimizer.step()
        return loss.item()
