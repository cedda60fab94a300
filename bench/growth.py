"""How the cost of a gradient grows: with size, depth, observations, components and lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bench.markdown import table
from bench.steps import matrix_lane
from bench.timing import exponent, interleaved, readable
from solver.numerics.lanes import cp_start as initial_components
from solver.numerics.models.cp import CPObjective
from solver.numerics.models.objective import Objective
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import observed_problem
from solver.numerics.streams import stream
from solver.spec import CP, DeepMatrixFactorization, MatrixCompletion, TensorCompletion

_DTYPE = torch.float64
_REPEATS = 30


def matrix_gradient(
    device: torch.device, n: int = 100, depth: int = 3, observations: int | None = None, lanes: int = 1
) -> Callable[[], object]:
    problem = MatrixCompletion(shape=(n, n), rank=2, observations=observations or n * n // 5)
    model = DeepMatrixFactorization(depth=depth)
    _, layers, start = matrix_lane(problem, model, range(lanes), _DTYPE, device)
    return repeated(layers, start)


def tensor_gradient(device: torch.device, components: int) -> Callable[[], object]:
    problem = observed_problem(TensorCompletion(shape=(8, 8, 8, 8), rank=1, observations=1_000), 0)
    model = CP(components=components, init_std=1e-2)
    drawn = stream(0, "initialisation")
    vectors = initial_components.vectors(model, problem.shape, drawn, problem.gradient_at_zero())
    start = torch.tensor(np.concatenate([vector.reshape(-1) for vector in vectors])).unsqueeze(0).to(device)
    objective = CPObjective(problem.shape, components, loss_of([problem], _DTYPE, device), 1, _DTYPE, device)
    return repeated(objective, start)


def repeated(objective: Objective, start: torch.Tensor) -> Callable[[], object]:
    gradient = objective.bound(objective.factors(start), objective.factors())

    def call() -> None:
        for _ in range(_REPEATS):
            gradient()

    return call


def measured(device: torch.device) -> list[dict[str, Any]]:
    """µs of a gradient at several sizes of each kind, and the power with which it grows over them."""
    cases: list[tuple[str, list[int], Callable[[int], Callable[[], object]]]] = [
        ("n, n×n depth 3", [50, 100, 200, 400], lambda n: matrix_gradient(device, n=n)),
        ("depth − 1, 100×100", [1, 2, 4, 8], lambda n: matrix_gradient(device, depth=n + 1)),
        (
            "observations, 100×100 depth 3",
            [1_000, 2_500, 5_000, 10_000],
            lambda n: matrix_gradient(device, observations=n),
        ),
        ("components, 8×8×8×8", [64, 256, 1_024], lambda n: tensor_gradient(device, n)),
        ("lanes, 2×2 depth 3", [1, 16, 128, 1_024], lambda n: matrix_gradient(device, n=2, observations=3, lanes=n)),
        ("lanes, 100×100 depth 3", [1, 2, 4, 8], lambda n: matrix_gradient(device, lanes=n)),
    ]
    rows = []
    for name, sizes, make in cases:
        median = interleaved({str(size): make(size) for size in sizes}, 5, _REPEATS)
        costs = [median[str(size)] for size in sizes]
        rows.append({"name": name, "sizes": sizes, "us": costs, "power": exponent(sizes, costs)})
    return rows


def as_table(rows: list[dict[str, Any]]) -> str:
    return table(
        ["grows with", "at", "µs a gradient", "power, fitted"],
        [
            [
                one["name"],
                ", ".join(f"{size:,}" for size in one["sizes"]),
                ", ".join(readable(cost) for cost in one["us"]),
                f"{one['power']:.2f}",
            ]
            for one in rows
        ],
    )
