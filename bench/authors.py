"""The authors' method as they wrote it, plainly: autograd, GroupRMSprop, a loss over gathered entries, no logging."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from solver.numerics.problems.observed import ObservedProblem


class AuthorsTraining:
    """A19's completion experiment: one lane, a list of layers, one optimiser step at a time."""

    def __init__(
        self, problem: ObservedProblem, start: Tensor, widths: list[int], step_size: float = 1e-3, eps: float = 1e-4
    ) -> None:
        self._step_size, self._eps, self._alpha = step_size, eps, 0.99
        self._layers: list[Tensor] = []
        position = 0
        for inputs, outputs in itertools.pairwise(widths):
            values = start[position : position + inputs * outputs].reshape(outputs, inputs)
            self._layers.append(values.clone().requires_grad_())
            position += inputs * outputs
        assert problem.indices is not None, "the authors' loss is over entries"
        self._rows, self._columns = torch.tensor(problem.indices.T)
        self._values = torch.tensor(problem.values, dtype=start.dtype)
        self._moment, self._count = 0.0, 0

    def end_matrix(self) -> Tensor:
        product = self._layers[0]
        for layer in self._layers[1:]:
            product = layer @ product
        return product

    def step(self) -> float:
        """One iteration; returns the loss before it."""
        for layer in self._layers:
            layer.grad = None
        residuals = self.end_matrix()[self._rows, self._columns] - self._values
        loss = residuals.square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            gradients = [layer.grad for layer in self._layers if layer.grad is not None]
            squares = sum(gradient.square().sum().item() for gradient in gradients)
            self._count += 1
            self._moment = self._alpha * self._moment + (1 - self._alpha) * squares
            root = (self._moment / (1 - self._alpha**self._count)) ** 0.5
            for layer, gradient in zip(self._layers, gradients, strict=True):
                layer.sub_(gradient, alpha=self._step_size / (root + self._eps))
        return loss.item()
