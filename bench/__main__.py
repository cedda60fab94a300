"""make bench: a step, and the way to the published result, ours beside the authors'; then the drawing budgets.

``python -m bench --whole`` also runs the authors' method to its end (minutes) instead of estimating from its pace.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from array import array
from collections.abc import Callable

import numpy as np
import torch

from bench.authors import AuthorsTraining
from solver.numerics import initial
from solver.numerics.matrix_metrics import MatrixMetrics
from solver.numerics.methods.flow import Flow
from solver.numerics.methods.group_rmsprop import GroupedRMSprop
from solver.numerics.models.layers import Layers
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import ObservedProblem, observed_problem
from solver.numerics.streams import stream
from solver.spec import DeepMatrixFactorization, GradientFlow, GroupRMSprop, MatrixCompletion, Record
from tui.draw.plot import Curve, Plot

CPU = torch.device("cpu")
NEVER = -math.inf
_STEPS = 40
# Iterations that the authors' method takes to loss 1e-6 at scale 1e-3, for the estimate without --whole.
AUTHORS_ITERATIONS = {2: 32_010, 3: 36_018, 4: 28_807}


def lane(depth: int, dtype: torch.dtype, seed: int = 0) -> tuple[ObservedProblem, Layers, torch.Tensor]:
    """A19's problem: 100 × 100, rank 5, 2,000 entries, Gaussian scale 1e-3."""
    model = DeepMatrixFactorization(depth=depth)
    problem = observed_problem(MatrixCompletion(), seed)
    widths = initial.widths(model, problem.shape)
    layers = Layers(widths, loss_of([problem], dtype, CPU), 1, dtype, CPU)
    start = initial.layers(model, problem.shape, stream(seed, "initialisation"))
    return problem, layers, torch.tensor(np.concatenate([layer.reshape(-1) for layer in start]), dtype=dtype)


def interleaved(calls: dict[str, Callable[[], object]], rounds: int, repeats: int) -> dict[str, float]:
    """Median µs a call of each, taken in turns so that a slow moment of the machine meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begin = time.perf_counter()
            for _ in range(repeats):
                call()
            times[name].append((time.perf_counter() - begin) / repeats * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def steps(dtype: torch.dtype) -> None:
    print(f"\nA GroupRMSprop step, 100 × 100, {str(dtype).removeprefix('torch.')}, one thread, µs")
    print("depth   authors      ours   ratio   products alone   of the floor")
    for depth in (2, 3, 4):
        problem, layers, start = lane(depth, dtype)
        ours = GroupedRMSprop(layers, start.unsqueeze(0), GroupRMSprop())
        theirs = AuthorsTraining(problem, start, layers.widths)
        a, b, out = (torch.randn(1, 100, 100, dtype=dtype) for _ in range(3))

        def floor(n: int = 3 * (depth - 1), a: torch.Tensor = a, b: torch.Tensor = b, out: torch.Tensor = out) -> None:
            for _ in range(n * _STEPS):
                torch.bmm(a, b, out=out)

        def our_steps(method: GroupedRMSprop = ours) -> None:
            # As the loop of a run does it: many steps between two records.
            method.advance(method.steps[0] + _STEPS, NEVER)

        def their_steps(training: AuthorsTraining = theirs) -> None:
            for _ in range(_STEPS):
                training.step()

        calls: dict[str, Callable[[], object]] = {"theirs": their_steps, "ours": our_steps, "floor": floor}
        median = {name: value / _STEPS for name, value in interleaved(calls, rounds=15, repeats=1).items()}
        ratio, over = median["theirs"] / median["ours"], median["ours"] / median["floor"]
        print(
            f"{depth:5} {median['theirs']:9.0f} {median['ours']:9.0f} {ratio:7.1f} {median['floor']:16.0f} {over:14.2f}"
        )


def to_the_result(whole: bool) -> None:
    print("\nTo training loss 1e-6, float64, medians of five seeds; σ error against the flow at rtol 1e-8, of σ_1")
    print("depth   evaluations   seconds   σ error   authors' iterations   seconds   ratio (iterations, seconds)")
    for depth in (2, 3, 4):
        evaluations, seconds, errors = [], [], []
        for seed in range(5):
            _, layers, start = lane(depth, torch.float64, seed)
            begin = time.perf_counter()
            flow = to_loss(Flow(layers, start.unsqueeze(0), GradientFlow()))
            seconds.append(time.perf_counter() - begin)
            evaluations.append(flow.evaluations[0])
            exact = to_loss(Flow(layers, start.unsqueeze(0), GradientFlow(rtol=1e-8, atol=1e-13)))
            errors.append(spectrum_error(flow, exact))
        iterations, their_seconds = authors(depth, whole)
        n, s = statistics.median(evaluations), statistics.median(seconds)
        print(
            f"{depth:5} {n:13.0f} {s:9.2f} {statistics.median(errors):9.1e} {iterations:21} {their_seconds:9.1f}"
            f" {iterations / n:12.0f} {their_seconds / s:9.0f}"
        )


def to_loss(flow: Flow) -> Flow:
    while flow.losses[0] > 1e-6:
        flow.advance(0, NEVER)
    return flow


def spectrum_error(flow: Flow, exact: Flow) -> float:
    values = []
    for method in (flow, exact):
        layers = method.objective
        assert isinstance(layers, Layers)
        factors = layers.factors(method.parameters(0).unsqueeze(0))
        values.append(torch.linalg.svdvals(layers.end_matrix(factors)[0]))
    return float((values[0] - values[1]).abs().max() / values[1][0])


def authors(depth: int, whole: bool) -> tuple[int, float]:
    """Iterations and seconds of the authors' method on seed 0; without ``whole``, seconds from its pace."""
    problem, layers, start = lane(depth, torch.float32)
    training = AuthorsTraining(problem, start, layers.widths)
    begin = time.perf_counter()
    if not whole:
        for _ in range(500):
            training.step()
        return AUTHORS_ITERATIONS[depth], (time.perf_counter() - begin) / 500 * AUTHORS_ITERATIONS[depth]
    n = 1
    while training.step() > 1e-6 and n < 200_000:
        n += 1
    return n, time.perf_counter() - begin


def recording_and_drawing() -> None:
    problem, layers, start = lane(3, torch.float64)
    metrics = MatrixMetrics(problem, layers.widths, Record(), has_time=True, is_flow=False)
    known = {"step": 0.0, "time": 0.0, "elapsed_s": 0.0, "evaluations": 1.0, "step_size": 0.1}
    curves = []
    for k in range(10):
        x = array("d", (float(i) for i in range(2000)))
        y = array("d", (math.exp(-i / 300) * (k + 1) for i in range(2000)))
        curves.append(Curve(f"lane {k}", 2 + k, x, y, str(k)))
    plot, log_plot = Plot(), Plot()
    log_plot.y_log = True
    median = interleaved(
        {
            "a frame's metrics, 100 × 100, depth 3": lambda: metrics.measure(start.to(torch.float64), known),
            "chart 100 × 30, 10 × 2,000 points": lambda: plot.draw(100, 30, curves, [], "y", "x"),
            "the same, log y": lambda: log_plot.draw(100, 30, curves, [], "y", "x"),
        },
        rounds=7,
        repeats=10,
    )
    print("\nRecording and drawing, ms")
    for name, value in median.items():
        print(f"{name:40} {value / 1e3:6.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--whole", action="store_true", help="run the authors' method to its end")
    whole = parser.parse_args().whole
    torch.set_num_threads(1)
    for dtype in (torch.float32, torch.float64):
        steps(dtype)
    to_the_result(whole)
    recording_and_drawing()


if __name__ == "__main__":
    main()
