"""To the published result: evaluations, seconds and distance from the exact flow, beside the authors' iterations."""

from __future__ import annotations

import math
import statistics
import time
from typing import Any

import torch
from torch import Tensor

from bench.authors import MatrixTraining
from bench.markdown import table
from bench.steps import NEVER, matrix_lane
from bench.timing import readable
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.methods.group_rmsprop import GroupRMSpropMethod
from solver.numerics.models.deep_matrix_factorization import DeepMatrixFactorizationObjective
from solver.spec import DeepMatrixFactorization, GradientFlow, GroupRMSprop, MatrixCompletion

CPU = torch.device("cpu")
_SEEDS = 5
_TARGET = 1e-6
_PACE_STEPS = 200
_AUTHORS_DTYPE = torch.float32


def completion(depth: int, seed: int) -> dict[str, float]:
    """A19's problem at one seed: the flow with its defaults, the exact one, and the authors' method to that loss."""
    model = DeepMatrixFactorization(depth=depth)
    seeds = range(seed, seed + 1)
    problems, layers, start = matrix_lane(MatrixCompletion(), model, seeds, torch.float64, CPU)
    theirs = MatrixTraining(problems[0], start[0], layers.widths)
    pace = [timed(theirs, _PACE_STEPS // 2)]
    begin = time.perf_counter()
    flow = to_loss(GradientFlowMethod(layers, start, GradientFlow()), _TARGET)
    seconds = time.perf_counter() - begin
    pace.append(timed(theirs, _PACE_STEPS // 2))
    assert flow.times is not None
    tight = GradientFlow(rtol=1e-8, atol=1e-13, method="dormand-prince")
    exact = to_time(GradientFlowMethod(layers, start, tight, max_time=flow.times[0]), flow.times[0])
    _, rough_layers, rough_start = matrix_lane(MatrixCompletion(), model, seeds, _AUTHORS_DTYPE, CPU)
    rmsprop = GroupRMSpropMethod(rough_layers, rough_start, GroupRMSprop())
    while rmsprop.losses[0] > _TARGET:
        rmsprop.advance(rmsprop.steps[0] + 10_000, _TARGET)
    spectrum = spectrum_of(layers, exact.parameters(0))
    return {
        "evaluations": flow.evaluations[0],
        "seconds": seconds,
        "sigma_error": distance(spectrum_of(layers, flow.parameters(0)), spectrum),
        "authors_iterations": rmsprop.steps[0],
        "authors_seconds": rmsprop.steps[0] * statistics.mean(pace),
        "authors_sigma_error": distance(spectrum_of(layers, rmsprop.parameters(0)), spectrum),
    }


def timed(training: MatrixTraining, n_steps: int) -> float:
    """Seconds a step."""
    begin = time.perf_counter()
    for _ in range(n_steps):
        training.step()
    return (time.perf_counter() - begin) / n_steps


def to_loss(flow: GradientFlowMethod, target: float) -> GradientFlowMethod:
    while flow.losses[0] > target:
        flow.advance(0, NEVER)
    return flow


def to_time(flow: GradientFlowMethod, end: float) -> GradientFlowMethod:
    while flow.times is not None and flow.times[0] < end:
        flow.advance(0, NEVER)
    return flow


def spectrum_of(layers: DeepMatrixFactorizationObjective, parameters: Tensor) -> Tensor:
    factors = layers.factors(parameters.unsqueeze(0))
    spectrum: Tensor = torch.linalg.svdvals(layers.end_matrix(factors)[0])
    return spectrum


def distance(spectrum: Tensor, exact: Tensor) -> float:
    """The largest distance of a singular value, of σ_1."""
    return float((spectrum - exact).abs().max() / exact[0])


def completions() -> list[dict[str, Any]]:
    """Medians over five seeds by depth; ratios are medians of each seed's own."""
    rows = []
    for depth in (2, 3, 4):
        runs = [completion(depth, seed) for seed in range(_SEEDS)]
        found: dict[str, Any] = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        found["evaluation_ratio"] = statistics.median(run["authors_iterations"] / run["evaluations"] for run in runs)
        found["seconds_ratio"] = statistics.median(run["authors_seconds"] / run["seconds"] for run in runs)
        rows.append({"depth": depth, **found, "runs": runs})
    return rows


def counterexamples() -> list[dict[str, Any]]:
    """R20's 2 × 2 problem to loss 1e-4, balanced starts whose determinant has the sign that must diverge."""
    problem = MatrixCompletion(entries=[(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)], loss="half-sum")
    rows = []
    for depth in (3, 4):
        model = DeepMatrixFactorization(depth=depth, init="balanced", init_scale=5e-2, det_sign="positive")
        evaluations, seconds, products = [], [], []
        for seed in range(_SEEDS):
            _, layers, start = matrix_lane(problem, model, range(seed, seed + 1), torch.float64, CPU)
            begin = time.perf_counter()
            flow = to_loss(GradientFlowMethod(layers, start, GradientFlow()), 1e-4)
            seconds.append(time.perf_counter() - begin)
            evaluations.append(flow.evaluations[0])
            end = layers.end_matrix(layers.factors(flow.parameters(0).unsqueeze(0)))[0]
            products.append(abs(end[0, 0].item()) * math.sqrt(2.0 * flow.losses[0]))
        rows.append(
            {
                "depth": depth,
                "evaluations": statistics.median(evaluations),
                "most_evaluations": max(evaluations),
                "seconds": statistics.median(seconds),
                "entry_times_root_of_twice_the_loss": statistics.median(products),
            }
        )
    return rows


def as_tables(completed: list[dict[str, Any]], small: list[dict[str, Any]]) -> str:
    first = table(
        [
            "depth",
            "evaluations",
            "seconds",
            "σ error",
            "authors' iterations",
            "their seconds",
            "their σ error",
            "iterations over evaluations",
            "seconds over seconds",
        ],
        [
            [
                one["depth"],
                readable(one["evaluations"]),
                readable(one["seconds"]),
                f"{one['sigma_error']:.1e}",
                f"{one['authors_iterations']:,.0f}",
                readable(one["authors_seconds"]),
                f"{one['authors_sigma_error']:.1e}",
                readable(one["evaluation_ratio"]),
                readable(one["seconds_ratio"]),
            ]
            for one in completed
        ],
    )
    second = table(
        ["depth", "evaluations", "the most", "seconds", "entry · √(2ℓ), in theory 1"],
        [
            [
                one["depth"],
                readable(one["evaluations"]),
                readable(one["most_evaluations"]),
                readable(one["seconds"]),
                f"{one['entry_times_root_of_twice_the_loss']:.3f}",
            ]
            for one in small
        ],
    )
    return f"{first}\n\nThe 2×2 problem to loss 1e-4, depth 3 and 4:\n\n{second}"
