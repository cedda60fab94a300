"""A lane that trains a tensor in hierarchical Tucker form."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from solver.numerics import cp_rank
from solver.numerics.lanes import hierarchical_tucker_start
from solver.numerics.lanes.hierarchical_tucker_metrics import HierarchicalTuckerMetrics
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.methods import method_on
from solver.numerics.methods.method import Method
from solver.numerics.models.hierarchical_tucker import HierarchicalTuckerObjective
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import ObservedProblem, stable_step
from solver.numerics.streams import stream
from solver.records import Picture, Snapshot
from solver.spec import HierarchicalTucker


class HierarchicalTuckerLane(LaneRun[ObservedProblem, HierarchicalTucker]):
    """Weights of a mode tree."""

    def prepare(self) -> None:
        spec = self.lane.spec
        self.tree = self.model.tree(spec.problem)
        self.widths = self.model.level_widths(spec.problem)
        self._metrics = HierarchicalTuckerMetrics(self.problem, self.tree, self.widths, spec.record, spec.optimizer)

    @property
    def metrics(self) -> HierarchicalTuckerMetrics:
        return self._metrics

    @classmethod
    def method(cls, runs: Sequence[HierarchicalTuckerLane], dtype: torch.dtype, device: torch.device) -> Method:
        first, loss = runs[0], loss_of([run.problem for run in runs], dtype, device)
        objective = HierarchicalTuckerObjective(
            first.problem.shape, first.tree, first.widths, loss, len(runs), dtype, device
        )
        return method_on(objective, [run.start() for run in runs], first.lane.spec)

    def start(self) -> Tensor:
        shapes = self.tree.shapes(self.problem.shape, self.widths)
        generator = stream(self.lane.spec.seed, "initialisation")
        drawn = hierarchical_tucker_start.weights(self.model, self.tree, shapes, generator)
        return torch.tensor(np.concatenate([one.reshape(-1) for one in drawn]))

    def stable_step(self) -> float | None:
        # The end tensor is a product of all nodes' weights, whatever a single component is.
        return stable_step(self.problem, self.lane.spec, len(self.tree.nodes))

    def pictures(self, parameters: Tensor, step: int) -> list[Picture]:
        return self._pictures(parameters, step) if self.is_pictured else []

    def _pictures(self, parameters: Tensor, step: int) -> list[Picture]:
        return self.picture("end_tensor", self._metrics.end_tensor(parameters), self.problem.shape, step)

    def solution(self, parameters: Tensor) -> dict[str, Tensor]:
        """The end tensor."""
        if self.problem.given is None:
            return {}
        return {"end_tensor": self._metrics.end_tensor(parameters).view(self.problem.shape)}

    def last_pictures(self, parameters: Tensor, step: int) -> list[Snapshot | Picture]:
        exact = self.snapshot("end_tensor", self._metrics.end_tensor(parameters), self.problem.shape, step)
        return [*self._pictures(parameters, step), *exact]

    def summary(self, parameters: Tensor) -> dict[str, float]:
        """The largest local component, and the estimated CP rank of the solution where it is asked for."""
        found = {"largest_component": float(self._metrics.component_norms(parameters).argmax())}
        end = self._metrics.end_tensor(parameters).numpy().reshape(self.problem.shape)
        record = self.lane.spec.record
        if record.cp_rank and np.all(np.isfinite(end)):
            found["cp_rank"] = cp_rank.estimate(end, record.cp_rank_tolerance) or math.nan
        return found
