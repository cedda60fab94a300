"""The solution of least nuclear norm: what a norm-minimising explanation of low rank would predict.

minimise ‖W‖_* subject to |W_ij − y_ij| ≤ δ on the observed entries (Candès & Recht 2008; δ is a stated part of their
root mean square, 1e-3 in A19), or to ⟨A_i, W⟩ = y_i for measurements. Solved by the alternating direction method of
multipliers (Boyd et al. 2011, §3 and §5) with over-relaxation, until the duality gap is below a stated part of the
norm: the iterate satisfies the constraints, so its norm is an upper bound, and the multipliers Y, scaled to spectral
norm 1, give a lower one, ⟨Y, y⟩ − δ Σ|Y_ij|. Without the second term it bounds the least norm of those that fit
exactly, which says how much norm the slack saved.
"""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from solver.numerics.problems.observed import ObservedProblem

_RELAXATION = 1.6
_BETWEEN_LOOKS = 20
# The weight of the constraint is balanced in the first iterations alone; changed for ever, it need not converge.
_LAST_BALANCING = 500
_MOST_ITERATIONS = 20_000


class ProgramState(TypedDict):
    """What going on depends on."""

    z: Tensor
    u: Tensor
    rho: float
    iterations: int
    gap: float


class NuclearNorm:
    """The program of one matrix problem; ``advance`` takes some iterations, so that others get their turn."""

    def __init__(self, problem: ObservedProblem, tolerance: float = 1e-4, *, slack: float) -> None:
        """``slack`` is in units of the observed entries' root mean square; measurements are met exactly."""
        assert len(problem.shape) == 2
        self._shape = problem.shape
        self._y = torch.tensor(problem.values)
        self._tolerance = tolerance
        self._observed = self._measurements = None
        if problem.measurements is None:
            self._observed = torch.tensor(problem.flat_indices)
            self.delta = slack * float(np.sqrt(np.mean(problem.values**2)))
        else:
            self._measurements = torch.tensor(problem.measurements)
            self.delta = 0.0
            gram = self._measurements @ self._measurements.T
            self._factor = torch.linalg.cholesky(gram)
        start = torch.tensor(problem.back(problem.values)).reshape(-1)
        self._z = self._project(start)
        self._u = torch.zeros_like(self._z)
        spectral = torch.linalg.matrix_norm(self._z.view(self._shape), 2).item()
        self._rho = 1.0 / (0.3 * spectral) if spectral > 0 else 1.0
        self.iterations = 0
        self.gap = math.inf
        """Duality gap, relative to the norm."""
        self.exact_bound = math.nan
        """No matrix that fits exactly has a smaller nuclear norm; NaN before the first look."""

    @property
    def is_done(self) -> bool:
        return self.gap <= self._tolerance or self.iterations >= _MOST_ITERATIONS

    @property
    def solution(self) -> Tensor:
        """The present matrix, which satisfies the constraints."""
        return self._z.view(self._shape)

    def advance(self, iterations: int = _BETWEEN_LOOKS) -> None:
        """Some iterations, then a look at the gap."""
        primal = dual = 0.0
        for _ in range(iterations):
            u, sigma, vt = torch.linalg.svd((self._z - self._u).view(self._shape), full_matrices=False)
            x = ((u * (sigma - 1.0 / self._rho).clamp_min(0.0)) @ vt).reshape(-1)
            shifted = _RELAXATION * x + (1.0 - _RELAXATION) * self._z + self._u
            z = self._project(shifted)
            self._u = shifted - z
            primal, dual = torch.linalg.vector_norm(x - z).item(), torch.linalg.vector_norm(z - self._z).item()
            self._z = z
        self.iterations += iterations
        self._look()
        if self.iterations <= _LAST_BALANCING:
            self._balance(primal, dual)

    def _project(self, matrix: Tensor) -> Tensor:
        """The nearest matrix that satisfies the constraints."""
        if self._observed is not None:
            result = matrix.clone()
            seen = matrix[self._observed]
            result[self._observed] = torch.minimum(torch.maximum(seen, self._y - self.delta), self._y + self.delta)
            return result
        assert self._measurements is not None
        residual = self._measurements @ matrix - self._y
        weights = torch.cholesky_solve(residual.unsqueeze(1), self._factor).squeeze(1)
        return matrix - self._measurements.T @ weights

    def _look(self) -> None:
        norm = torch.linalg.svdvals(self.solution).sum().item()
        if norm == 0.0:
            self.gap = self.exact_bound = 0.0
            return
        # The scaled multipliers live on the observations alone; over-relaxation leaves them a little too large.
        back = -self._rho * self._u
        if self._observed is not None:
            multipliers = back[self._observed]
            spread = torch.zeros_like(back)
            spread[self._observed] = multipliers
        else:
            assert self._measurements is not None
            multipliers = torch.cholesky_solve((self._measurements @ back).unsqueeze(1), self._factor).squeeze(1)
            spread = self._measurements.T @ multipliers
        multipliers = multipliers / max(1.0, torch.linalg.matrix_norm(spread.view(self._shape), 2).item())
        self.exact_bound = (multipliers @ self._y).item()
        bound = self.exact_bound - self.delta * multipliers.abs().sum().item()
        self.gap = (norm - bound) / norm

    def _balance(self, primal: float, dual: float) -> None:
        """Boyd et al. §3.4.1, with the residuals relative to what they are residuals of."""
        size = torch.linalg.vector_norm(self._z).item()
        force = torch.linalg.vector_norm(self._u).item()
        ratio = primal * force / max(dual * size, 1e-300)
        factor = 1.5 if ratio > 3.0 else 1.0 / 1.5 if ratio < 1.0 / 3.0 else 1.0
        self._rho *= factor
        self._u = self._u / factor

    def state(self) -> ProgramState:
        """What ``advance`` depends on."""
        return {"z": self._z, "u": self._u, "rho": self._rho, "iterations": self.iterations, "gap": self.gap}

    def restore(self, state: ProgramState) -> None:
        """Goes on from what ``state`` gave."""
        self._z, self._u, self._rho = state["z"], state["u"], state["rho"]
        self.iterations, self.gap = state["iterations"], state["gap"]
