"""Matrix completion: the data of a problem, and the loss of a batch of end matrices with its gradient."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from solver import ratings
from solver.numerics.streams import stream
from solver.spec import MatrixCompletion

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MatrixProblem:
    """Observed entries of a matrix; ``ground_truth`` is None where only entries were given."""

    shape: tuple[int, int]
    loss: str
    """``mean`` or ``half-sum``."""
    ground_truth: Array | None
    rows: Indices
    columns: Indices
    values: Array
    """Observed values, noise included."""
    test_rows: Indices = dataclasses.field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    test_columns: Indices = dataclasses.field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    test_values: Array = dataclasses.field(default_factory=lambda: np.zeros(0))
    """Entries of a file that were held out; empty otherwise."""

    @property
    def loss_coefficient(self) -> float:
        """The loss is this times the sum of squared residuals."""
        return 1.0 / len(self.values) if self.loss == "mean" else 0.5


def matrix_completion(spec: MatrixCompletion, seed: int) -> MatrixProblem:
    """The problem that ``spec`` and ``seed`` determine. Raises BadSetting where a file cannot be read."""
    if spec.file is not None:
        return _from_file(spec, seed)
    if spec.entries is not None:
        entries = spec.entries
        return MatrixProblem(
            shape=spec.resolved_shape,
            loss=spec.loss,
            ground_truth=None,
            rows=np.array([entry[0] for entry in entries], dtype=np.int64),
            columns=np.array([entry[1] for entry in entries], dtype=np.int64),
            values=np.array([entry[2] for entry in entries], dtype=np.float64),
        )
    rows, columns = spec.resolved_shape
    generator = stream(seed, "ground truth")
    left = generator.standard_normal((rows, spec.resolved_rank))
    right = generator.standard_normal((columns, spec.resolved_rank))
    ground_truth = left @ right.T
    ground_truth *= spec.resolved_frobenius_norm / np.linalg.norm(ground_truth)
    # A prefix of one permutation: a problem with fewer observations observes a subset of the same entries.
    chosen = stream(seed, "observed entries").permutation(rows * columns)[: spec.resolved_observations]
    values = ground_truth.reshape(-1)[chosen]
    if spec.noise:
        values = values + spec.noise * stream(seed, "noise").standard_normal(len(values))
    return MatrixProblem(
        shape=(rows, columns),
        loss=spec.loss,
        ground_truth=ground_truth,
        rows=chosen // columns,
        columns=chosen % columns,
        values=values,
    )


def _from_file(spec: MatrixCompletion, seed: int) -> MatrixProblem:
    assert spec.file is not None
    table = ratings.read(Path(spec.file), spec.shape)
    rows = np.array(table.rows, dtype=np.int64)
    columns = np.array(table.columns, dtype=np.int64)
    values = np.array(table.values, dtype=np.float64)
    order = stream(seed, "observed entries").permutation(len(values))
    n_test = ratings.n_held_out(len(values), spec.test_fraction)
    test, train = np.sort(order[:n_test]), np.sort(order[n_test:])
    return MatrixProblem(
        shape=table.shape,
        loss=spec.loss,
        ground_truth=None,
        rows=rows[train],
        columns=columns[train],
        values=values[train],
        test_rows=rows[test],
        test_columns=columns[test],
        test_values=values[test],
    )


class MatrixLoss:
    """The losses of a batch of end matrices of one shape, each lane with its own observed entries."""

    def __init__(self, problems: list[MatrixProblem], dtype: torch.dtype, device: torch.device) -> None:
        rows, columns = problems[0].shape
        target = np.zeros((len(problems), rows, columns))
        weight = np.zeros_like(target)
        for lane, problem in enumerate(problems):
            target[lane, problem.rows, problem.columns] = problem.values
            weight[lane, problem.rows, problem.columns] = 2.0 * problem.loss_coefficient
        self._target = torch.tensor(target, dtype=dtype, device=device)
        # Twice the coefficient at observed entries, zero elsewhere: residual times this is the gradient.
        self._weight = torch.tensor(weight, dtype=dtype, device=device)
        coefficients = [1.0 / (4.0 * problem.loss_coefficient) for problem in problems]
        self._inverse = torch.tensor(coefficients, dtype=dtype, device=device)

    def keep(self, lanes: list[int]) -> None:
        """Goes on with these lanes alone."""
        self._target, self._weight, self._inverse = self._target[lanes], self._weight[lanes], self._inverse[lanes]

    def loss_and_gradient(
        self, end_matrix: Float[Tensor, "lanes rows columns"], out: Float[Tensor, "lanes rows columns"]
    ) -> Float[Tensor, " lanes"]:
        """Losses; ``out`` receives ∇ℓ(W) = 2c·(W − Y) on the observed entries, zero elsewhere.

        The loss c·Σr² is taken from the gradient as Σ(2c·r)²/(4c), which saves a pass over the matrix.
        """
        torch.sub(end_matrix, self._target, out=out)
        out.mul_(self._weight)
        flat = out.reshape(len(out), -1)
        squares = torch.bmm(flat.unsqueeze(1), flat.unsqueeze(2)).reshape(-1)
        return squares.mul_(self._inverse)
