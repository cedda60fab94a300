"""The series of a symmetric lane's frames: those of two layers, Uᵀ and U, that move as one."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics import theory
from solver.numerics.lanes.deep_matrix_factorization_metrics import DeepMatrixFactorizationMetrics
from solver.numerics.models.objective import Factors
from solver.numerics.models.symmetric_matrix_factorization import SymmetricMatrixFactorizationObjective
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import ObservedProblem
from solver.spec import Optimizer, Record


class SymmetricMatrixFactorizationMetrics(DeepMatrixFactorizationMetrics):
    """Spectra, norms, errors and rates of UUᵀ.

    The layers are balanced whatever U is, and so aligned, with the roots of W's singular values; the determinant is
    never negative: none of it is recorded.
    """

    SERIES = tuple(
        name
        for name in DeepMatrixFactorizationMetrics.SERIES
        if name
        not in (
            "layer_singular_values",
            "layer_alignment",
            "unbalancedness",
            "det_sign",
            "log_abs_det",
            "unobserved_entry",
            "unobserved_entry_bound",
        )
    )

    def __init__(self, problem: ObservedProblem, width: int, record: Record, optimizer: Optimizer) -> None:
        self._shape = problem.shape[0], width
        super().__init__(problem, [problem.shape[0], width, problem.shape[0]], record, optimizer)
        cpu, double = torch.device("cpu"), torch.float64
        loss = loss_of([problem], double, cpu)
        self._trained = SymmetricMatrixFactorizationObjective(problem.shape[0], width, loss, 1, double, cpu)

    def _factors(self, parameters: Float[Tensor, " parameters"]) -> Factors:
        factor = parameters.view(self._shape)
        return super()._factors(torch.cat([factor.T.reshape(-1), factor.reshape(-1)]))

    def _evaluated(self, factors: Factors) -> tuple[float, Factors]:
        """With the gradient (∇ℓ + ∇ℓᵀ)U of the one factor in the place of those of two: ∇ℓ U and (Uᵀ∇ℓ)ᵀ added up."""
        loss, gradient = super()._evaluated(factors)
        below, above = gradient.parts
        tied = above + below.mT
        return loss, self._layers.view(torch.cat([tied.mT.reshape(1, -1), tied.reshape(1, -1)], dim=1))

    def _gradient_norm(self, gradient: Factors) -> float:
        return float(torch.linalg.vector_norm(gradient.parts[1]))

    def _balanced_rates(
        self, singular_values: Float[Tensor, " values"], alignment: Float[Tensor, " values"]
    ) -> Float[Tensor, " values"]:
        return theory.symmetric_rates(singular_values, alignment)
