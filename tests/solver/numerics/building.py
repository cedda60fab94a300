"""Small problems and models for the numeric tests."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from solver.numerics import initial
from solver.numerics.models.layers import Layers
from solver.numerics.problems.matrix import MatrixLoss, MatrixProblem, matrix_completion
from solver.numerics.streams import stream
from solver.spec import DeepMatrixFactorization, MatrixCompletion

CPU = torch.device("cpu")


def build(
    problem: MatrixCompletion,
    model: DeepMatrixFactorization,
    seeds: tuple[int, ...] = (0,),
    dtype: torch.dtype = torch.float64,
) -> tuple[list[MatrixProblem], Layers, Tensor]:
    """Problems, the batch's objective, and its initial factors, one lane a seed."""
    problems = [matrix_completion(problem, seed) for seed in seeds]
    sizes = initial.widths(model, problems[0].shape)
    layers = Layers(sizes, MatrixLoss(problems, dtype, CPU), len(seeds), dtype, CPU)
    starts = [initial.layers(model, problems[0].shape, stream(seed, "initialisation")) for seed in seeds]
    flat = [torch.tensor(np.concatenate([layer.reshape(-1) for layer in start])) for start in starts]
    return problems, layers, torch.stack(flat).to(dtype)


def fully_observed(rows: int, columns: int, loss: str = "half-sum", seed: int = 0) -> MatrixCompletion:
    """Every entry of a random matrix given."""
    values = np.random.default_rng(seed).standard_normal((rows, columns))
    entries = [(i, j, float(values[i, j])) for i in range(rows) for j in range(columns)]
    return MatrixCompletion(entries=entries, loss=loss)  # type: ignore[arg-type]
