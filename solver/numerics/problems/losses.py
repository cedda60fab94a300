"""The losses of a batch of end matrices or tensors, flattened, with their gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics.problems.observed import ObservedProblem


class Loss(ABC):
    """Losses of end matrices or tensors, one lane a problem; all problems have one shape and one kind of loss."""

    @abstractmethod
    def bound(self, end: Float[Tensor, "lanes entries"], out: Float[Tensor, "lanes entries"]) -> Callable[[], Tensor]:
        """A call that gives the losses (lanes,) of ``end``; ``out`` receives the gradients there."""

    def loss_and_gradient(
        self, end: Float[Tensor, "lanes entries"], out: Float[Tensor, "lanes entries"]
    ) -> Float[Tensor, " lanes"]:
        """Losses; ``out`` receives the gradients in the end matrix or tensor."""
        return self.bound(end, out)()

    @abstractmethod
    def curvature(
        self, end: Float[Tensor, "lanes entries"], tangents: Float[Tensor, "lanes entries directions"]
    ) -> Float[Tensor, "lanes directions directions"]:
        """Tᵀ ∇²ℓ T: the loss's own second derivative between directions of the end matrix."""

    @abstractmethod
    def keep(self, lanes: list[int]) -> None:
        """Goes on with these lanes alone."""


def loss_of(problems: list[ObservedProblem], dtype: torch.dtype, device: torch.device) -> Loss:
    """The loss of these problems, lane by lane."""
    if problems[0].measurements is not None:
        return SensingLoss(problems, dtype, device)
    return EntryLoss(problems, dtype, device)


def squares_of(rows: Float[Tensor, "lanes n"]) -> Callable[[], Tensor]:
    """A call that gives Σx² of each row, (lanes,): of a single row by a dot product, in a third of the time."""
    if len(rows) > 1:
        return lambda: torch.linalg.vecdot(rows, rows)
    row, dot = rows.view(-1), torch.dot
    return lambda: dot(row, row).view(1)


class _Residuals:
    """From residuals to losses and weighted residuals, for the three kinds of loss."""

    def __init__(self, problems: list[ObservedProblem], dtype: torch.dtype, device: torch.device) -> None:
        def column(values: list[float]) -> Tensor:
            return torch.tensor(values, dtype=dtype, device=device).unsqueeze(1)

        self.is_huber = problems[0].loss == "huber"
        self.coefficient = column([2.0 * problem.loss_coefficient for problem in problems])
        self._delta = column([problem.huber_delta for problem in problems])

    def keep(self, lanes: list[int]) -> None:
        self.coefficient, self._delta = self.coefficient[lanes], self._delta[lanes]

    def apply(self, residuals: Float[Tensor, "lanes n"]) -> Float[Tensor, " lanes"]:
        """Losses; ``residuals`` become dℓ/dresidual.

        With k the coefficient of half a square, the loss is k·Σ g(r − g/2), where g = r, or r clamped to ±δ.
        """
        if not self.is_huber:
            losses = squares_of(residuals)().mul_(self.coefficient[:, 0]).mul_(0.5)
            residuals.mul_(self.coefficient)
            return losses
        clamped = torch.maximum(torch.minimum(residuals, self._delta), -self._delta)
        losses = (clamped * residuals.sub_(clamped, alpha=0.5)).sum(1).mul_(self.coefficient[:, 0])
        torch.mul(clamped, self.coefficient, out=residuals)
        return losses

    def second(self, residuals: Float[Tensor, "lanes n"]) -> Float[Tensor, "lanes n"]:
        """d²ℓ/dresidual²."""
        if not self.is_huber:
            return self.coefficient.expand_as(residuals)
        return torch.where(residuals.abs() <= self._delta, self.coefficient, 0.0)


class EntryLoss(Loss):
    """Completion: each lane observes entries of its own."""

    def __init__(self, problems: list[ObservedProblem], dtype: torch.dtype, device: torch.device) -> None:
        entries = int(np.prod(problems[0].shape))
        target = np.zeros((len(problems), entries))
        observed = np.zeros_like(target)
        for lane, problem in enumerate(problems):
            target[lane, problem.flat_indices] = problem.values
            observed[lane, problem.flat_indices] = 1.0
        self._target = torch.tensor(target, dtype=dtype, device=device)
        self._residuals = _Residuals(problems, dtype, device)
        self._observed = torch.tensor(observed, dtype=dtype, device=device)
        # A residual times this is the gradient: twice the coefficient at observed entries, zero elsewhere.
        self._weight = self._observed * self._residuals.coefficient
        self._inverse = 0.5 / self._residuals.coefficient[:, 0]

    def keep(self, lanes: list[int]) -> None:
        self._target, self._weight, self._inverse = self._target[lanes], self._weight[lanes], self._inverse[lanes]
        self._observed = self._observed[lanes]
        self._residuals.keep(lanes)

    def bound(self, end: Float[Tensor, "lanes entries"], out: Float[Tensor, "lanes entries"]) -> Callable[[], Tensor]:
        target, weight, inverse, sub = self._target, self._weight, self._inverse, torch.sub
        if self._residuals.is_huber:

            def huber() -> Tensor:
                sub(end, target, out=out).mul_(self._observed)
                return self._residuals.apply(out)

            return huber
        squares = squares_of(out)

        def mean_square() -> Tensor:
            # The loss c·Σr² is taken from the gradient as Σ(2c·r)²/(4c), which saves a pass over the entries.
            sub(end, target, out=out).mul_(weight)
            return squares().mul_(inverse)

        return mean_square

    def curvature(
        self, end: Float[Tensor, "lanes entries"], tangents: Float[Tensor, "lanes entries directions"]
    ) -> Float[Tensor, "lanes directions directions"]:
        second = self._residuals.second((end - self._target) * self._observed) * self._observed
        return tangents.mT @ (second.unsqueeze(2) * tangents)


class SensingLoss(Loss):
    """Sensing: inner products with dense measurements; lanes of one problem share them."""

    def __init__(self, problems: list[ObservedProblem], dtype: torch.dtype, device: torch.device) -> None:
        shared = all(problem is problems[0] for problem in problems)
        measurements = []
        for problem in problems[:1] if shared else problems:
            assert problem.measurements is not None, "entries are observed, not measurements"
            measurements.append(problem.measurements)
        self._measurements = torch.tensor(np.stack(measurements), dtype=dtype, device=device)
        values = np.stack([problem.values for problem in problems])
        self._values = torch.tensor(values, dtype=dtype, device=device).unsqueeze(2)
        self._residuals = _Residuals(problems, dtype, device)

    def keep(self, lanes: list[int]) -> None:
        self._values = self._values[lanes]
        self._residuals.keep(lanes)
        if len(self._measurements) > 1:
            self._measurements = self._measurements[lanes]

    def bound(self, end: Float[Tensor, "lanes entries"], out: Float[Tensor, "lanes entries"]) -> Callable[[], Tensor]:
        measured, transposed = self._measurements, self._measurements.mT

        def of_measurements() -> Tensor:
            residuals = (measured @ end.unsqueeze(2)).sub_(self._values)
            losses = self._residuals.apply(residuals.squeeze(2))
            torch.matmul(transposed, residuals, out=out.unsqueeze(2))
            return losses

        return of_measurements

    def curvature(
        self, end: Float[Tensor, "lanes entries"], tangents: Float[Tensor, "lanes entries directions"]
    ) -> Float[Tensor, "lanes directions directions"]:
        second = self._residuals.second((self._measurements @ end.unsqueeze(2) - self._values).squeeze(2))
        seen = self._measurements @ tangents
        return seen.mT @ (second.unsqueeze(2) * seen)
