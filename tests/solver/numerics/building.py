"""Small problems and models for the numeric tests."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from solver.numerics.lanes import cp_start as initial_components
from solver.numerics.lanes import deep_matrix_factorization_start as initial
from solver.numerics.lanes import hierarchical_tucker_start as initial_weights
from solver.numerics.lanes.symmetric_matrix_factorization import factor
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.models.cp import CPObjective
from solver.numerics.models.deep_matrix_factorization import DeepMatrixFactorizationObjective
from solver.numerics.models.hierarchical_tucker import HierarchicalTuckerObjective
from solver.numerics.models.symmetric_matrix_factorization import SymmetricMatrixFactorizationObjective
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import ObservedProblem, observed_problem
from solver.numerics.streams import stream
from solver.spec import (
    CP,
    DeepMatrixFactorization,
    GradientFlow,
    HierarchicalTucker,
    MatrixCompletion,
    MatrixProblem,
    SymmetricMatrixFactorization,
    TensorProblem,
)

CPU = torch.device("cpu")


def build(
    problem: MatrixProblem,
    model: DeepMatrixFactorization,
    seeds: tuple[int, ...] = (0,),
    dtype: torch.dtype = torch.float64,
) -> tuple[list[ObservedProblem], DeepMatrixFactorizationObjective, Tensor]:
    """Problems, the batch's objective, and its initial factors, one lane a seed."""
    problems = [observed_problem(problem, seed) for seed in seeds]
    sizes = model.widths(problems[0].shape)
    layers = DeepMatrixFactorizationObjective(sizes, loss_of(problems, dtype, CPU), len(seeds), dtype, CPU)
    starts = [initial.layers(model, problems[0].shape, stream(seed, "initialisation")) for seed in seeds]
    flat = [torch.tensor(np.concatenate([layer.reshape(-1) for layer in start])) for start in starts]
    return problems, layers, torch.stack(flat).to(dtype)


def build_components(
    problem: TensorProblem, model: CP, seeds: tuple[int, ...] = (0,), dtype: torch.dtype = torch.float64
) -> tuple[list[ObservedProblem], CPObjective, Tensor]:
    """The same for components of a tensor."""
    problems = [observed_problem(problem, seed) for seed in seeds]
    shape = problems[0].shape
    components = CPObjective(shape, model.components, loss_of(problems, dtype, CPU), len(seeds), dtype, CPU)
    starts = [
        initial_components.vectors(model, shape, stream(seed, "initialisation"), one.gradient_at_zero())
        for seed, one in zip(seeds, problems, strict=True)
    ]
    flat = [torch.tensor(np.concatenate([vector.reshape(-1) for vector in start])) for start in starts]
    return problems, components, torch.stack(flat).to(dtype)


def build_tree(
    problem: TensorProblem, model: HierarchicalTucker, seeds: tuple[int, ...] = (0,), dtype: torch.dtype = torch.float64
) -> tuple[list[ObservedProblem], HierarchicalTuckerObjective, Tensor]:
    """The same for the weights of a mode tree."""
    problems = [observed_problem(problem, seed) for seed in seeds]
    tree, widths, loss = model.tree(problem), model.level_widths(problem), loss_of(problems, dtype, CPU)
    objective = HierarchicalTuckerObjective(problems[0].shape, tree, widths, loss, len(seeds), dtype, CPU)
    starts = [initial_weights.weights(model, tree, objective.shapes, stream(seed, "initialisation")) for seed in seeds]
    flat = [torch.tensor(np.concatenate([one.reshape(-1) for one in start])) for start in starts]
    return problems, objective, torch.stack(flat).to(dtype)


def build_symmetric(
    problem: MatrixProblem,
    model: SymmetricMatrixFactorization,
    seeds: tuple[int, ...] = (0,),
    dtype: torch.dtype = torch.float64,
) -> tuple[list[ObservedProblem], SymmetricMatrixFactorizationObjective, Tensor]:
    """The same for a symmetric factorization."""
    problems = [observed_problem(problem, seed) for seed in seeds]
    size, width = problems[0].shape[0], model.resolved_width(problems[0].shape)
    loss = loss_of(problems, dtype, CPU)
    objective = SymmetricMatrixFactorizationObjective(size, width, loss, len(seeds), dtype, CPU)
    starts = [factor(model, size, stream(seed, "initialisation")).reshape(-1) for seed in seeds]
    return problems, objective, torch.tensor(np.stack(starts)).to(dtype)


def fully_observed(
    rows: int, columns: int, loss: Literal["mean", "half-sum", "huber"] = "half-sum", seed: int = 0
) -> MatrixCompletion:
    """Every entry of a random matrix given."""
    values = np.random.default_rng(seed).standard_normal((rows, columns))
    entries: list[tuple[float, ...]] = [(i, j, float(values[i, j])) for i in range(rows) for j in range(columns)]
    return MatrixCompletion(entries=entries, loss=loss)


NEVER = -math.inf

PROBLEM = MatrixCompletion(shape=(6, 5), rank=2, observations=18)

MODEL = DeepMatrixFactorization(depth=3, init_scale=0.3, hidden_width=5)


def flow_to(time: float, rtol: float = 1e-12) -> Tensor:
    _, layers, start = build(PROBLEM, MODEL)
    method = GradientFlowMethod(
        layers, start, GradientFlow(rtol=rtol, atol=1e-15, method="dormand-prince"), max_time=time
    )
    assert method.times is not None
    while method.times[0] < time:
        method.advance(0, NEVER)
    return method.parameters(0)
