"""A lane that trains a CP tensor factorization."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from solver.numerics import cp_rank, theory
from solver.numerics.lanes.cp_metrics import CPMetrics
from solver.numerics.lanes.cp_start import Array
from solver.numerics.lanes.cp_start import vectors as vectors_of
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.methods import method_on
from solver.numerics.methods.method import Method
from solver.numerics.models.cp import CPObjective
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import ObservedProblem, stable_step
from solver.numerics.streams import stream
from solver.records import Event, Picture, Snapshot
from solver.spec import CP

# The decoupled flow is followed until a component is this much of the ground truth …
_ESCAPED = 0.05
# … and foretold for starts whose components are all smaller than this much of it.
_SMALL_START = 0.03
_MOST_FORETOLD = 1_000


class CPLane(LaneRun[ObservedProblem, CP]):
    """Components Σ_r ⊗_n w_r^n; foretells which of them leaves the plateau first."""

    def prepare(self) -> None:
        spec = self.lane.spec
        if self.model.unbalancedness is not None:
            # Refused here, before anything trains, where the start cannot have it.
            self._vectors()
        self._metrics = CPMetrics(self.problem, self.model.components, spec.record, spec.optimizer)

    @property
    def metrics(self) -> CPMetrics:
        return self._metrics

    @classmethod
    def method(cls, runs: Sequence[CPLane], dtype: torch.dtype, device: torch.device) -> Method:
        first, loss = runs[0], loss_of([run.problem for run in runs], dtype, device)
        objective = CPObjective(first.problem.shape, first.model.components, loss, len(runs), dtype, device)
        return method_on(objective, [run.start() for run in runs], first.lane.spec)

    def _vectors(self) -> list[Array]:
        generator = stream(self.lane.spec.seed, "initialisation")
        gradient = self.problem.gradient_at_zero()
        return vectors_of(self.model, self.problem.shape, generator, gradient)

    def start(self) -> Tensor:
        return torch.tensor(np.concatenate([factor.reshape(-1) for factor in self._vectors()]))

    def _size(self) -> float:
        """The size of what is to be learned."""
        if self.problem.ground_truth is not None:
            return float(np.linalg.norm(self.problem.ground_truth))
        return float(np.linalg.norm(self.problem.values))

    def stable_step(self) -> float | None:
        return stable_step(self.problem, self.lane.spec)

    def foretold(self) -> list[Event]:
        """Which component the decoupled flow lets escape first, and when; and the one that meets R21's condition."""
        told = self._told
        if "predicted_component" not in told:
            return []
        optimizer, time = self.lane.spec.optimizer, told["predicted_time"]
        step = optimizer.step_at(time)
        where = f"step {step:.0f}" if step is not None else f"time {time:.4g}"
        who = f"component {told['predicted_component']:.0f}"
        text = f"alone in the field −∇ℓ(0), {who} is the first to escape, at {where} (t*)"
        if told["condition_component"] >= 0:
            text += f"; component {told['condition_component']:.0f} meets the paper's condition"
        return [Event(lane=self.lane.index, name="predicted-escape", text=text, step=step, time=time)]

    @functools.cached_property
    def _told(self) -> dict[str, float]:
        """Which component the decoupled flow lets escape first, and when; empty where nothing can be said."""
        vectors = [torch.tensor(vector) for vector in self._vectors()]
        gradient = torch.tensor(self.problem.gradient_at_zero())
        norms = torch.stack([torch.linalg.vector_norm(vector, dim=0) for vector in vectors])
        size = self._size()
        small = norms.prod(0).max().item() < _SMALL_START * size
        if not self.lane.spec.optimizer.HAS_TIME or not small or self.model.components > _MOST_FORETOLD:
            return {}
        times = theory.decoupled_escape_times(gradient, vectors, _ESCAPED * size)
        if not bool(torch.isfinite(times).any()):
            return {}
        first = int(times.argmin())
        return {
            "predicted_component": float(first),
            "predicted_time": times[first].item(),
            "condition_component": float(self._condition(gradient, vectors, norms)),
        }

    def _condition(self, gradient: Tensor, vectors: list[Tensor], norms: Tensor) -> int:
        """The component that meets the escape condition of R21's proposition; −1 where none does."""
        if not self.model.balanced or self.model.components < 2:
            return -1
        alignment = theory.component_alignment(gradient, vectors)
        reach = theory.escape_condition(gradient, norms[0], alignment)
        best = int(reach.argmax())
        others = norms[0].clone()
        others[best] = 0.0
        return best if reach[best] > others.max() else -1

    def pictures(self, parameters: Tensor, step: int) -> list[Picture]:
        return self._pictures(parameters, step) if self.is_pictured else []

    def _pictures(self, parameters: Tensor, step: int) -> list[Picture]:
        return self.picture("end_tensor", self._metrics.end_tensor(parameters), self.problem.shape, step)

    def solution(self, parameters: Tensor) -> dict[str, Tensor]:
        """The factor of each mode, a column a component."""
        if self.problem.given is None:
            return {}
        return {f"mode.{mode}": factor for mode, factor in enumerate(self._metrics.factors_of(parameters))}

    def best_pictures(self) -> list[Snapshot | Picture]:
        if self.best.parameters is None:
            return []
        end_tensor = self._metrics.end_tensor(self.best.parameters)
        return [*self.snapshot("best_end_tensor", end_tensor, self.problem.shape, self.best.step)]

    def last_pictures(self, parameters: Tensor, step: int) -> list[Snapshot | Picture]:
        exact = self.snapshot("end_tensor", self._metrics.end_tensor(parameters), self.problem.shape, step)
        return [*self._pictures(parameters, step), *exact]

    def summary(self, parameters: Tensor) -> dict[str, float]:
        """The largest component, how far the solution is from rank 1, its estimated CP rank, and what was foretold."""
        end = self._metrics.end_tensor(parameters).numpy().reshape(self.problem.shape)
        norms = self._metrics.component_norms(parameters)
        found = {"largest_component": float(norms.argmax()), **self._told}
        if not np.all(np.isfinite(end)):
            return found
        found["distance_from_rank_1"] = cp_rank.distance(end, 1)
        if self.lane.spec.record.cp_rank:
            found["cp_rank"] = cp_rank.estimate(end, self.lane.spec.record.cp_rank_tolerance) or math.nan
        return found
