"""The problem of R20 where norms and rank pull apart: every entry of a matrix given but the first.

W = [[w, z], [z′, ε]], and the identity on further rows and columns. If the determinant starts with the sign of z·z′ it
keeps it (depth ≥ 2, balanced), and then a falling loss drives |w| and with it every norm up, and the rank down.
"""

from __future__ import annotations

import math

import msgspec

from solver.spec import MatrixCompletion, Problem


class Counterexample(msgspec.Struct, frozen=True, kw_only=True):
    """The given numbers."""

    size: int
    """Rows, and columns."""
    z: float
    """Entry (1, 2)."""
    z_prime: float
    """Entry (2, 1)."""
    epsilon: float
    """Entry (2, 2)."""
    loss_scale: float
    """The loss is this times half the sum of squared residuals."""

    @property
    def diverging_sign(self) -> float:
        """The sign of the determinant that makes the unobserved entry run away: that of z·z′."""
        return math.copysign(1.0, self.z * self.z_prime)

    def half_sum(self, loss: float) -> float:
        """Half the sum of squared residuals, R20's loss, at a value of the problem's own loss."""
        return loss / self.loss_scale

    def bound(self, half_sum: float) -> float:
        """Least |w| at R20's loss ℓ while the determinant has the diverging sign, for 2 × 2 (R20 Theorem 1, proof).

        (|z|−s)(|z′|−s)/(|ε|+s) with s = √(2ℓ), since no residual is larger than s; 0 where s is too large to say
        anything, and NaN for larger matrices, to which the proof does not apply as it stands.
        """
        if self.size != 2:
            return math.nan
        s = math.sqrt(2.0 * half_sum)
        if not s < min(abs(self.z), abs(self.z_prime)):
            return 0.0
        return (abs(self.z) - s) * (abs(self.z_prime) - s) / (abs(self.epsilon) + s) if self.epsilon or s else math.inf

    def ratio(self, entry: float, half_sum: float) -> float:
        """|w|·(|ε| + √(2ℓ))/|z·z′|: how far the entry is on the curve that runs follow; 1 on it."""
        return abs(entry) * (abs(self.epsilon) + math.sqrt(2.0 * half_sum)) / abs(self.z * self.z_prime)

    def least_loss_of_wrong_branch(self) -> float:
        """½ε², in R20's loss: what remains where w_22 and ε have opposite signs."""
        return 0.5 * self.epsilon**2

    def is_settled(self, half_sum: float) -> bool:
        """Whether the loss is so small that w_12 and w_21 can no longer change their signs, since it never rises."""
        return 2.0 * half_sum < min(abs(self.z), abs(self.z_prime)) ** 2


def counterexample(problem: Problem) -> Counterexample | None:
    """The counterexample that ``problem`` is; None for any other problem."""
    if not isinstance(problem, MatrixCompletion) or problem.entries is None or problem.loss == "huber":
        return None
    shape = problem.resolved_shape
    size = shape[0]
    if size != shape[1] or size < 2 or len(problem.entries) != size * size - 1:
        return None
    given = {(int(row), int(column)): value for row, column, value in problem.entries}
    if (0, 0) in given:
        return None
    special = {(0, 1), (1, 0), (1, 1)}
    if any(value != float(i == j) for (i, j), value in given.items() if (i, j) not in special):
        return None
    z, z_prime = given[0, 1], given[1, 0]
    if z == 0.0 or z_prime == 0.0:
        return None
    scale = 2.0 / len(given) if problem.loss == "mean" else 1.0
    return Counterexample(size=size, z=z, z_prime=z_prime, epsilon=given[1, 1], loss_scale=scale)
