"""A lane that trains a symmetric matrix factorization."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from solver.numerics.lanes.lane import LaneRun
from solver.numerics.lanes.symmetric_matrix_factorization_metrics import SymmetricMatrixFactorizationMetrics
from solver.numerics.methods import method_on
from solver.numerics.methods.method import Method
from solver.numerics.models.symmetric_matrix_factorization import SymmetricMatrixFactorizationObjective
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import Array, ObservedProblem, stable_step
from solver.numerics.streams import stream
from solver.records import Picture, Snapshot
from solver.refusal import BadSetting
from solver.spec import SymmetricMatrixFactorization

# A ground truth that was written with so many digits is no less symmetric, and semidefinite, for their rounding.
_ROUNDING = 1e-6


class SymmetricMatrixFactorizationLane(LaneRun[ObservedProblem, SymmetricMatrixFactorization]):
    """One factor U of W = UUᵀ."""

    def prepare(self) -> None:
        _check_truth(self.problem.ground_truth)
        spec = self.lane.spec
        self.width = self.model.resolved_width(self.problem.shape)
        self._metrics = SymmetricMatrixFactorizationMetrics(self.problem, self.width, spec.record, spec.optimizer)

    @property
    def metrics(self) -> SymmetricMatrixFactorizationMetrics:
        return self._metrics

    @classmethod
    def method(
        cls, runs: Sequence[SymmetricMatrixFactorizationLane], dtype: torch.dtype, device: torch.device
    ) -> Method:
        loss = loss_of([run.problem for run in runs], dtype, device)
        size, width = runs[0].problem.shape[0], runs[0].width
        objective = SymmetricMatrixFactorizationObjective(size, width, loss, len(runs), dtype, device)
        return method_on(objective, [run.start() for run in runs], runs[0].lane.spec)

    def start(self) -> Tensor:
        generator = stream(self.lane.spec.seed, "initialisation")
        return torch.tensor(factor(self.model, self.problem.shape[0], generator).reshape(-1))

    def stable_step(self) -> float | None:
        return stable_step(self.problem, self.lane.spec)

    def pictures(self, parameters: Tensor, step: int) -> list[Picture]:
        return self._pictures(parameters, step) if self.is_pictured else []

    def _pictures(self, parameters: Tensor, step: int) -> list[Picture]:
        """The end matrix, and which of the ground truth's singular vectors its own are aligned with."""
        shown = self._metrics.pictured(parameters, with_end_matrix=self.is_small(self.problem.shape))
        return [one for name, values in shown.items() for one in self.picture(name, values, tuple(values.shape), step)]

    def solution(self, parameters: Tensor) -> dict[str, Tensor]:
        """U and Uᵀ, where they are smaller than the end matrix."""
        if self.problem.given is None:
            return {}
        size = self.problem.shape[0]
        if 2 * self.width >= size:
            return {"end_matrix": self._metrics.end_matrix(parameters)}
        factor = parameters.view(size, self.width).double()
        return {"left": factor, "right": factor.mT.contiguous()}

    def best_pictures(self) -> list[Snapshot | Picture]:
        if self.best.parameters is None or not self.is_small(self.problem.shape):
            return []
        end_matrix = self._metrics.end_matrix(self.best.parameters)
        return [*self.snapshot("best_end_matrix", end_matrix, self.problem.shape, self.best.step)]

    def last_pictures(self, parameters: Tensor, step: int) -> list[Snapshot | Picture]:
        pictures: list[Snapshot | Picture] = [*self._pictures(parameters, step)]
        if self.is_small(self.problem.shape):
            pictures += self.snapshot("end_matrix", self._metrics.end_matrix(parameters), self.problem.shape, step)
        return pictures


def factor(model: SymmetricMatrixFactorization, size: int, generator: np.random.Generator) -> Array:
    """U (size, width) at the start of a lane: with α = init_scale, √α I (G17) or entries N(0, α/width)."""
    width = model.resolved_width((size, size))
    if model.init == "identity":
        return math.sqrt(model.init_scale) * np.eye(size, width)
    return math.sqrt(model.init_scale / width) * generator.standard_normal((size, width))


def _check_truth(truth: Array | None) -> None:
    """Raises BadSetting for a ground truth that UUᵀ cannot be; one that was drawn is refused at the door."""
    if truth is None:
        return
    size = float(np.abs(truth).max())
    asymmetry = float(np.abs(truth - truth.T).max())
    least = float(np.linalg.eigvalsh(0.5 * (truth + truth.T))[0])
    if asymmetry <= _ROUNDING * size and least >= -_ROUNDING * size * len(truth):
        return
    told = (
        f"differs by up to {asymmetry:.3g} from its transpose"
        if asymmetry > _ROUNDING * size
        else f"has the negative eigenvalue {least:.3g}"
    )
    raise BadSetting(
        f"model.kind symmetric-matrix-factorization trains UUᵀ, and the ground truth {told}: take "
        "deep-matrix-factorization, or a symmetric positive semidefinite problem.ground_truth",
        "model.kind",
    )
