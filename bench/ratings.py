"""Few entries of large matrices through a narrow layer, the size of what people rate: a gradient and a frame."""

from __future__ import annotations

import dataclasses
import functools
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bench.markdown import table
from bench.timing import readable
from solver import settings
from solver.costs import costs_of
from solver.numerics.lanes import lane_run
from solver.numerics.models.deep_matrix_factorization import DeepMatrixFactorizationObjective
from solver.numerics.problems.given import Given
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import ObservedProblem

_SIZES = ((943, 1682, 90_000), (6040, 3706, 900_000))
_WIDTH = 50
_REPEATS = 5


def ratings(rows: int, columns: int, n: int) -> ObservedProblem:
    """Some of them held out too; rows and columns are rated unevenly, as real ones are."""
    generator = np.random.default_rng(0)
    popular = [np.exp(spread * generator.standard_normal(size)) for size, spread in ((rows, 1.0), (columns, 1.5))]
    flat: np.ndarray[Any, np.dtype[np.int64]] = np.zeros(0, dtype=np.int64)
    while len(flat) < n:
        drawn = [
            generator.choice(size, n, p=share / share.sum())
            for size, share in zip((rows, columns), popular, strict=True)
        ]
        flat = np.unique(np.concatenate([flat, drawn[0] * columns + drawn[1]]))
    flat = np.sort(generator.permutation(flat)[:n])
    indices = np.stack(np.divmod(flat, columns), axis=1)
    left, right = generator.standard_normal((rows, 5)), generator.standard_normal((columns, 5))
    values = 3.5 + 0.2 * (left[indices[:, 0]] * right[indices[:, 1]]).sum(1) + 0.6 * generator.standard_normal(n)
    return ObservedProblem(
        shape=(rows, columns),
        loss="mean",
        huber_delta=1.0,
        ground_truth=None,
        indices=indices,
        measurements=None,
        values=values,
        given=dataclasses.replace(Given.split(indices, values, n // 10), indices=indices, values=values),
    )


def measured() -> list[dict[str, Any]]:
    """Seconds of a gradient by entries and whole, and of a frame, depth 2, beside the estimates."""
    found = []
    for rows, columns, n in _SIZES:
        spec = settings.decode(
            {
                "problem": {"kind": "matrix-completion", "shape": [rows, columns], "observations": n},
                "model": {"kind": "deep-matrix-factorization", "depth": 2, "hidden_width": _WIDTH},
                "optimizer": {"kind": "gradient-descent"},
            }
        )
        problem, (lane,) = ratings(rows, columns, n), settings.lanes(spec)
        run, cpu = lane_run(lane, problem), torch.device("cpu")
        sparse = type(run).method([run], torch.float64, cpu).objective  # type: ignore[attr-defined]
        start, widths = run.start(), [columns, _WIDTH, rows]
        by_entries = _seconds(_gradient(sparse, start))
        whole = DeepMatrixFactorizationObjective(widths, loss_of([problem], torch.float64, cpu), 1, torch.float64, cpu)
        known = {"step": 0.0, "time": 0.0, "elapsed_s": 0.0, "evaluations": 1.0, "step_size": 0.1}
        costs = costs_of(spec)
        found.append(
            {
                "rows": rows,
                "columns": columns,
                "observations": n,
                "gradient_s": by_entries,
                "dense_gradient_s": _seconds(_gradient(whole, start)),
                "frame_s": _seconds(functools.partial(run.metrics.measure, start, known)),
                "estimated_gradient_s": costs.evaluation_s(),
                "estimated_frame_s": costs.frame_s(),
            }
        )
    return found


def _gradient(objective: DeepMatrixFactorizationObjective, start: torch.Tensor) -> Callable[[], object]:
    return objective.bound(objective.factors(start.unsqueeze(0)), objective.factors())


def _seconds(call: Callable[[], object]) -> float:
    call()
    seconds = []
    for _ in range(_REPEATS):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def as_table(found: list[dict[str, Any]]) -> str:
    return table(
        ["ratings, width 50, depth 2", "a gradient, ms", "estimated", "dense, ms", "ratio", "a frame, ms", "estimated"],
        [
            [
                f"{one['rows']:,}×{one['columns']:,}, {one['observations']:,}",
                readable(1e3 * one["gradient_s"]),
                readable(1e3 * one["estimated_gradient_s"]),
                readable(1e3 * one["dense_gradient_s"]),
                readable(one["dense_gradient_s"] / one["gradient_s"]),
                readable(1e3 * one["frame_s"]),
                readable(1e3 * one["estimated_frame_s"]),
            ]
            for one in found
        ],
    )
