"""The losses of a batch of end matrices or tensors, flattened, with their gradients."""

from __future__ import annotations

import itertools
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
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


class SparseEntryLoss(Loss):
    """Completion of few entries of large matrices: of a product L R the observed entries alone are computed.

    The residuals are a sparse matrix (CSR), and the gradients in L and R its products with R and L, so that neither the
    end matrix nor its gradient is ever made. The matrices of all lanes are the blocks of one: a call costs the same few
    operations for any number of lanes. At 943 × 1682 with 90,000 entries and width 50 a gradient takes a quarter of the
    time of a dense one, at 6040 × 3706 with 900,000 a sixth.
    """

    def __init__(self, problems: list[ObservedProblem], dtype: torch.dtype, device: torch.device) -> None:
        self._problems, self._dtype, self._device = list(problems), dtype, device
        self._arrange()

    def keep(self, lanes: list[int]) -> None:
        self._problems = [self._problems[lane] for lane in lanes]
        self._arrange()

    def _arrange(self) -> None:
        """The observed entries of all lanes, row by row, and the order in which they stand column by column."""
        n, (rows, columns) = len(self._problems), self._problems[0].shape
        self._size = rows, columns
        placed, targets, starts = [], [], [0]
        for lane, problem in enumerate(self._problems):
            flat = problem.flat_indices
            order = np.argsort(flat)
            row, column = np.divmod(flat[order], columns)
            placed.append(np.stack([lane * rows + row, lane * columns + column]))
            targets.append(problem.values[order])
            starts.append(starts[-1] + len(flat))
        row, column = np.concatenate(placed, axis=1)
        by_column = np.lexsort((row, column))
        target = torch.tensor(np.concatenate(targets), dtype=self._dtype, device=self._device)
        shape = n * rows, n * columns
        self._target = self._compressed(row, column, target, shape)
        self._residual = self._compressed(row, column, torch.zeros_like(target), shape)
        transposed = self._compressed(column[by_column], row[by_column], torch.zeros_like(target), shape[::-1])
        self._transposed = transposed
        self._by_column = torch.tensor(by_column, device=self._device)
        self._flat = [torch.tensor(np.sort(one.flat_indices), device=self._device) for one in self._problems]
        self._slices = [slice(start, stop) for start, stop in itertools.pairwise(starts)]
        self._of_lane = [_Residuals([problem], self._dtype, self._device) for problem in self._problems]

    def _compressed(
        self, row: npt.NDArray[np.int64], column: npt.NDArray[np.int64], values: Tensor, shape: tuple[int, ...]
    ) -> Tensor:
        """A sparse matrix that holds ``values`` themselves, which stand row by row."""
        starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=shape[0]))])
        # The library for sparse products takes 32 bits, and would make them so at every call.
        of_rows, of_columns = (torch.tensor(one, dtype=torch.int32, device=self._device) for one in (starts, column))
        with warnings.catch_warnings():
            # Of its being new, which the tests of gradients here answer.
            warnings.filterwarnings("ignore", "Sparse", UserWarning)
            return torch.sparse_csr_tensor(of_rows, of_columns, values, size=shape, check_invariants=False)

    def of_product(
        self,
        left: Float[Tensor, "lanes rows width"],
        right: Float[Tensor, "lanes width columns"],
        out_left: Float[Tensor, "lanes rows width"],
        out_right: Float[Tensor, "lanes width columns"],
    ) -> Callable[[], Tensor]:
        """A call that gives the losses (lanes,) of the products; the gradients ∇ℓ Rᵀ and Lᵀ ∇ℓ go to ``out_…``.

        ``times`` and ``end_gradients`` look back at the last call.
        """
        n, width = len(self._problems), left.shape[2]
        rows, columns = self._size

        def buffer(size: int) -> Tensor:
            return torch.empty((n * size, width), dtype=self._dtype, device=self._device)

        lefts, rights = (left[0] if n == 1 else buffer(rows)), buffer(columns)
        lefts_of, rights_of = lefts.view(n, rows, width), rights.view(n, columns, width)
        gradients, sideways = (out_left[0] if n == 1 else buffer(rows)), buffer(columns)
        gradients_of, sideways_of = gradients.view(n, rows, width), sideways.view(n, columns, width).mT
        target, residual, transposed, by_column = self._target, self._residual, self._transposed, self._by_column
        values, turned = residual.values(), transposed.values()

        def of_factors() -> Tensor:
            rights_of.copy_(right.mT)
            if n > 1:
                lefts_of.copy_(left)
            torch.sparse.sampled_addmm(target, lefts, rights.mT, beta=-1.0, out=residual)
            losses = self._weigh(values)
            torch.index_select(values, 0, by_column, out=turned)
            torch.mm(residual, rights, out=gradients)
            torch.mm(transposed, lefts, out=sideways)
            if n > 1:
                out_left.copy_(gradients_of)
            out_right.copy_(sideways_of)
            return losses

        return of_factors

    def _weigh(self, residuals: Float[Tensor, " observed"]) -> Float[Tensor, " lanes"]:
        """Losses of all lanes; ``residuals`` become dℓ/dresidual."""
        losses = [
            of_lane.apply(residuals[part].unsqueeze(0))
            for of_lane, part in zip(self._of_lane, self._slices, strict=True)
        ]
        return losses[0] if len(losses) == 1 else torch.cat(losses)

    def times(self, vectors: Float[Tensor, "columns k"]) -> Float[Tensor, "rows k"]:
        """∇ℓ(W) V of a single lane, where it was computed last."""
        assert len(self._problems) == 1, "the vectors are those of one lane"
        product: Tensor = torch.mm(self._residual, vectors.contiguous())
        return product

    def end_gradients(self) -> Float[Tensor, "lanes entries"]:
        """∇ℓ(W) of each lane, where it was computed last, zeros and all."""
        rows, columns = self._size
        gradients = torch.zeros((len(self._problems), rows * columns), dtype=self._dtype, device=self._device)
        for gradient, flat, part in zip(gradients, self._flat, self._slices, strict=True):
            gradient[flat] = self._residual.values()[part]
        return gradients

    def bound(self, end: Float[Tensor, "lanes entries"], out: Float[Tensor, "lanes entries"]) -> Callable[[], Tensor]:
        target, values = self._target.values(), self._residual.values()

        def of_ends() -> Tensor:
            for one, flat, part in zip(end, self._flat, self._slices, strict=True):
                torch.sub(one[flat], target[part], out=values[part])
            losses = self._weigh(values)
            out.copy_(self.end_gradients())
            return losses

        return of_ends

    def curvature(
        self, end: Float[Tensor, "lanes entries"], tangents: Float[Tensor, "lanes entries directions"]
    ) -> Float[Tensor, "lanes directions directions"]:
        target, found = self._target.values(), []
        for lane, (flat, part) in enumerate(zip(self._flat, self._slices, strict=True)):
            second = self._of_lane[lane].second((end[lane, flat] - target[part]).unsqueeze(0))
            seen = tangents[lane, flat]
            found.append(seen.mT @ (second[0].unsqueeze(1) * seen))
        return torch.stack(found)


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
