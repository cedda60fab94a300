"""Greedy low-rank learning: the losses that a matrix problem has at rank 0, 1, 2, …, each grown from the one before.

Li, Luo, Lyu 2021: gradient flow on a deep product from an infinitesimal start is a greedy search. From the solution of
rank k − 1, a small multiple of the top singular pair of −∇ℓ is added, and the loss is minimised over rank k. The
minimiser is found here by L-BFGS on balanced factors, to a gradient of 1e-10 of that at zero: what is needed is the
stationary point that is descended to, not the way there. It is the same for additions of 1e-6 and 1e-3 of the largest
singular value.
"""

from __future__ import annotations

import math
from typing import TypedDict

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics.models.deep_matrix_factorization import DeepMatrixFactorizationObjective
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import ObservedProblem
from solver.records import Value, plain

_CPU, _DOUBLE = torch.device("cpu"), torch.float64
# The added pair, in parts of the largest singular value that there is (or that one step from zero would give).
_ADDED = 1e-4
_MOST_ITERATIONS = 3_000
_STATIONARY = 1e-10
# A loss below this part of that of zero is none.
_FITTED = 1e-12

Matrix = Float[Tensor, "rows columns"]
Above = Float[Tensor, "rows rank"]
Below = Float[Tensor, "rank columns"]


class GreedyState(TypedDict):
    """What going on depends on."""

    solutions: Tensor


class Greedy:
    """The greedy solutions of one problem, rank by rank; ``advance`` finds the next."""

    def __init__(self, problem: ObservedProblem, most: int) -> None:
        assert len(problem.shape) == 2
        self._problem = problem
        self._most = min(most, *problem.shape)
        self._loss = loss_of([problem], _DOUBLE, _CPU)
        self._solutions: list[Matrix] = [torch.zeros(problem.shape, dtype=_DOUBLE)]
        loss, gradient = self._at(self._solutions[0])
        self._losses, self._gradients = [loss], [gradient]

    @property
    def is_done(self) -> bool:
        """Whether the data are fitted, or the largest rank that was asked for is reached."""
        rank = len(self._losses) - 1
        return rank >= self._most or self._losses[-1] <= _FITTED * self._losses[0]

    def _at(self, matrix: Matrix) -> tuple[float, Matrix]:
        """Loss and gradient of an end matrix."""
        gradient = torch.empty((1, matrix.numel()), dtype=_DOUBLE)
        loss = self._loss.loss_and_gradient(matrix.reshape(1, -1), gradient)
        return loss.item(), gradient.view(*self._problem.shape)

    def advance(self) -> None:
        """The solution of the next rank."""
        u, pulls, vt = torch.linalg.svd(-self._gradients[-1])
        before, rank = self._solutions[-1], len(self._losses) - 1
        left, sigma, right = torch.linalg.svd(before, full_matrices=False)
        scale = sigma[0].item() if rank else pulls[0].item() / (2.0 * self._problem.loss_coefficient)
        roots, added = sigma[:rank].sqrt(), math.sqrt(_ADDED * scale)
        above = torch.cat([left[:, :rank] * roots, added * u[:, :1]], dim=1)
        below = torch.cat([roots.unsqueeze(1) * right[:rank], added * vt[:1]])
        found = self._minimised(above, below)
        loss, gradient = self._at(found)
        self._solutions.append(found)
        self._losses.append(loss)
        self._gradients.append(gradient)

    def _minimised(self, above: Above, below: Below) -> Matrix:
        """The product of the factors, once the loss is stationary in them."""
        rows, rank = above.shape
        objective = DeepMatrixFactorizationObjective([below.shape[1], rank, rows], self._loss, 1, _DOUBLE, _CPU)
        flat = torch.cat([below.reshape(-1), above.reshape(-1)]).unsqueeze(0).requires_grad_()
        least = _STATIONARY * torch.linalg.vector_norm(self._gradients[0]).item()
        # Its measure of change is absolute, which no problem's scale agrees with: the gradient alone ends it.
        solver = torch.optim.LBFGS(
            [flat],
            max_iter=_MOST_ITERATIONS,
            history_size=30,
            tolerance_grad=least,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )
        out = objective.factors()

        def closure() -> Tensor:
            loss = objective.loss_and_gradient(objective.factors(flat.detach()), out)
            flat.grad = out.flat.clone()
            return loss[0]

        solver.step(closure)  # type: ignore[no-untyped-call]
        return objective.end_matrix(objective.view(flat.detach()))[0].clone()

    def values(self) -> dict[str, Value]:
        """The losses; and what a jump needs, from which ``solver.jumps`` foretells it.

        The pair that is added for rank k = 1, 2, … has a pull −u_kᵀ∇ℓ(W_j)v_k at each solution W_j of rank j < k:
        ``pulls`` holds them k by k, each with j = 0 … k − 1. ``runners_up`` has the second singular value of each
        gradient, ``sizes`` u_kᵀ W_k v_k, what the pair comes to.
        """
        pulls: list[int | float | str | None] = []
        runners_up: list[int | float | str | None] = []
        sizes: list[int | float | str | None] = []
        for rank, gradient in enumerate(self._gradients[:-1]):
            u, sigma, vt = torch.linalg.svd(-gradient, full_matrices=False)
            first = u[:, 0], vt[0]
            pulls += [plain((first[0] @ -earlier @ first[1]).item()) for earlier in self._gradients[: rank + 1]]
            runners_up.append(plain(sigma[1].item()) if len(sigma) > 1 else 0.0)
            sizes.append(plain((first[0] @ self._solutions[rank + 1] @ first[1]).item()))
        return {
            "losses": [plain(loss) for loss in self._losses],
            "pulls": pulls,
            "runners_up": runners_up,
            "sizes": sizes,
        }

    def state(self) -> GreedyState:
        """What ``advance`` depends on."""
        return {"solutions": torch.stack(self._solutions)}

    def restore(self, state: GreedyState) -> None:
        """Goes on from what ``state`` gave."""
        self._solutions = list(state["solutions"])
        found = [self._at(solution) for solution in self._solutions]
        self._losses, self._gradients = [loss for loss, _ in found], [gradient for _, gradient in found]
