"""What a method minimises: the loss of a batch of lanes as a function of their factors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics.problems.losses import Loss

# Calls kept for a method's own buffers; a method asks for the same few gradients again and again.
_MOST_BOUND = 24


class Factors:
    """All trained numbers of a batch of lanes: one flat row a lane, and each layer or mode as a view of it."""

    def __init__(self, flat: Float[Tensor, "lanes parameters"], shapes: list[tuple[int, int]]) -> None:
        self.flat = flat
        self.shapes = shapes
        self.parts: list[Float[Tensor, "lanes rows columns"]] = []
        """The layers W_1 … W_N, or the factor of each mode with a column a component."""
        start = 0
        for rows, columns in shapes:
            stop = start + rows * columns
            self.parts.append(flat[:, start:stop].view(-1, rows, columns))
            start = stop


class Evaluation(NamedTuple):
    """All that one evaluation gives, in tensors of its own."""

    losses: Float[Tensor, " lanes"]
    end: Float[Tensor, "lanes entries"]
    """The end matrices or tensors, row by row."""
    end_gradient: Float[Tensor, "lanes entries"]
    """The gradient in them."""
    gradient: Factors
    """The gradients in all trained parts."""


class Objective(ABC):
    """The loss of a batch of lanes of one architecture, with its hand-derived gradient.

    ``shapes`` are those of the trained parts of a lane. What a subclass needs for a call lives in buffers of its own.
    """

    HAS_HESSIAN: ClassVar[bool]
    """Whether ``hessian`` is there."""

    def __init__(
        self, shapes: list[tuple[int, int]], loss: Loss, n_lanes: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.shapes = shapes
        self.n_parameters = sum(rows * columns for rows, columns in shapes)
        self.n_lanes = n_lanes
        self.dtype = dtype
        self.device = device
        self._loss = loss
        self._bound: dict[tuple[int, int], tuple[Factors, Factors, Callable[[], Tensor]]] = {}
        self._allocate()

    @abstractmethod
    def _allocate(self) -> None:
        """Buffers for ``n_lanes`` lanes."""

    @abstractmethod
    def end(self, factors: Factors) -> Float[Tensor, "lanes entries"]:
        """The end matrices or tensors, row by row, in a buffer that the next call may overwrite."""

    @abstractmethod
    def bound(self, at: Factors, out: Factors) -> Callable[[], Tensor]:
        """A call that gives the losses (lanes,) at ``at`` and puts the gradients in all trained parts into ``out``.

        Views and names are looked up once: for small products that is a fifth of their time.
        """

    def loss_and_gradient(self, at: Factors, out: Factors) -> Float[Tensor, " lanes"]:
        """Losses at ``at``; ``out`` receives the gradients in all trained parts."""
        # The factors are held on to beside the call, so that no other object can have their identity.
        key = id(at), id(out)
        if key not in self._bound:
            if len(self._bound) >= _MOST_BOUND:
                self._bound.clear()
            self._bound[key] = at, out, self.bound(at, out)
        return self._bound[key][2]()

    def evaluate(self, at: Factors) -> Evaluation:
        """Losses, ends and gradients at ``at``; for whoever measures a state. Training uses ``loss_and_gradient``."""
        out = self.factors()
        losses = self.bound(at, out)().clone()
        end, end_gradient = self._evaluated(at)
        return Evaluation(losses, end.clone(), end_gradient.clone(), out)

    @abstractmethod
    def _evaluated(self, at: Factors) -> tuple[Float[Tensor, "lanes entries"], Float[Tensor, "lanes entries"]]:
        """Ends and the gradients in them, where a call of ``bound`` at ``at`` has put them just now."""

    def hessian(self, at: Factors) -> Float[Tensor, "lanes parameters parameters"]:
        """Second derivatives of the losses in all trained numbers, exact; for the implicit method."""
        raise NotImplementedError

    def keep(self, lanes: list[int]) -> None:
        """Goes on with these lanes alone."""
        self.n_lanes = len(lanes)
        self._loss.keep(lanes)
        self._bound.clear()
        self._allocate()

    def view(self, flat: Float[Tensor, "lanes parameters"]) -> Factors:
        """``flat`` seen as factors."""
        return Factors(flat, self.shapes)

    def factors(self, values: Float[Tensor, "lanes parameters"] | None = None) -> Factors:
        """Factors of this batch holding a copy of ``values``, or zeros."""
        flat = torch.zeros((self.n_lanes, self.n_parameters), dtype=self.dtype, device=self.device)
        if values is not None:
            flat.copy_(values)
        return self.view(flat)

    def loss_of_zero(self) -> list[float]:
        """Square roots of the losses of the zero matrix: the size of a residual, in the units of the loss."""
        losses: list[float] = self.loss_and_gradient(self.factors(), self.factors()).double().sqrt().tolist()
        return losses
