"""One lane of a batch: its start, what it measures and when, and what the theory says beforehand."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from solver.numerics import initial, theory
from solver.numerics.metrics import Metrics
from solver.numerics.problems.matrix import MatrixProblem
from solver.numerics.schedule import Schedule
from solver.numerics.streams import stream
from solver.records import Event
from solver.settings import Lane
from solver.spec import Adam, GradientDescent


class LaneRun:
    """One lane of a batch: what it measures, and when next."""

    def __init__(self, lane: Lane, problem: MatrixProblem) -> None:
        self.lane = lane
        self.problem = problem
        has_time = not isinstance(lane.spec.optimizer, Adam)
        sizes = initial.widths(lane.spec.model, problem.shape)
        self.metrics = Metrics(problem, sizes, lane.spec.record, has_time)
        self.schedule = Schedule(lane.spec)
        self.next_recorded = 0
        self.last_recorded = -1

    def start(self) -> Tensor:
        """The initial factors, flat, in float64."""
        generator = stream(self.lane.spec.seed, "initialisation")
        layers = initial.layers(self.lane.spec.model, self.problem.shape, generator)
        return torch.tensor(np.concatenate([layer.reshape(-1) for layer in layers]))

    @property
    def watches_sign(self) -> bool:
        """Whether the determinant's sign was asked for and must stay (R20): for depth 2 and more; depth 1 may flip."""
        model = self.lane.spec.model
        return model.det_sign != "any" and model.depth > 1

    def sign_flipped(self, parameters: Tensor) -> bool:
        """Whether the determinant has the sign opposite to the one asked for."""
        wanted = 1.0 if self.lane.spec.model.det_sign == "positive" else -1.0
        return self.metrics.det_sign(parameters) == -wanted

    def predicted_escape(self) -> Event | None:
        """Where the frozen-γ law puts the end of the first plateau at the earliest; for depth 3 and more.

        With s the largest spectral norm of a layer, ds/dt ≤ s^(N−1) γ for any start while γ stays below that of the
        zero matrix, so the law from σ_0 = s^N is the bound. None for Adam, which follows no flow, or a large start.
        """
        model, generator = self.lane.spec.model, stream(self.lane.spec.seed, "initialisation")
        observed = np.zeros(self.problem.shape)
        observed[self.problem.rows, self.problem.columns] = self.problem.values
        size = float(np.linalg.norm(observed, 2))
        layers = initial.layers(model, self.problem.shape, generator)
        start = max(float(np.linalg.norm(layer, 2)) for layer in layers) ** model.depth
        if isinstance(self.lane.spec.optimizer, Adam) or start > 0.1 * size:
            return None
        time = theory.frozen_escape_time(start, 2.0 * self.problem.loss_coefficient * size, model.depth)
        if not math.isfinite(time):
            return None
        optimizer = self.lane.spec.optimizer
        step = time / optimizer.step_size if isinstance(optimizer, GradientDescent) else None
        where = f"step {step:.0f}" if step is not None else f"time {time:.4g}"
        text = f"the law with frozen γ lets σ_1 escape at {where} at the earliest"
        return Event(lane=self.lane.index, name="predicted-escape", text=text, step=step, time=time)
