"""What a frame's metrics and a chart cost."""

from __future__ import annotations

import functools
import math
from array import array

import torch

from bench.markdown import table
from bench.steps import matrix_lane
from bench.timing import interleaved
from solver.numerics.lanes.deep_matrix_factorization_metrics import DeepMatrixFactorizationMetrics
from solver.spec import DeepMatrixFactorization, GradientDescent, MatrixCompletion, Record
from tui.draw.curves import Curve
from tui.draw.plot import Plot


def curves(n: int, n_points: int) -> list[Curve]:
    """So many lanes, each a decay."""
    found = []
    for k in range(n):
        x = array("d", (float(i) for i in range(n_points)))
        y = array("d", (math.exp(-i / 300) * (k + 1) for i in range(n_points)))
        found.append(Curve(f"lane {k}", 2 + k, x, y, str(k)))
    return found


def measured() -> dict[str, float]:
    """Milliseconds."""
    cpu, model = torch.device("cpu"), DeepMatrixFactorization(depth=3)
    problems, layers, start = matrix_lane(MatrixCompletion(), model, range(1), torch.float64, cpu)
    kinds = {
        name: DeepMatrixFactorizationMetrics(problems[0], layers.widths, Record(rates=rates), GradientDescent())
        for name, rates in (("with rates", 8), ("without rates", 0))
    }
    known = {"step": 0.0, "time": 0.0, "elapsed_s": 0.0, "evaluations": 1.0, "step_size": 0.1}
    many = curves(10, 2_000)
    plot, log_plot = Plot(), Plot()
    log_plot.y_log = True
    median = interleaved(
        {
            **{
                f"a frame, 100×100 depth 3, {name}": functools.partial(kind.measure, start[0], known)
                for name, kind in kinds.items()
            },
            "chart 100 × 30, 10 × 2,000 points": lambda: plot.draw(100, 30, many, [], "y", "x"),
            "the same, log y": lambda: log_plot.draw(100, 30, many, [], "y", "x"),
        },
        rounds=15,
    )
    return {name: value / 1e3 for name, value in median.items()}


def as_table(found: dict[str, float]) -> str:
    return table(["recording and drawing", "ms"], [[name, f"{value:.2f}"] for name, value in found.items()])
