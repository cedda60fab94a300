"""The problem of R20 where norms and rank pull apart: every entry of a matrix given but the first.

W = [[w, z], [z′, ε]], and the identity on further rows and columns. If the determinant starts with the sign of z·z′ it
keeps it (depth ≥ 2, balanced), and then a falling loss drives |w| and with it every norm up, and the rank down.

The matrix need not be square. One that is not has no determinant, and its matrices of full rank are connected: the
smallest singular value need not cross zero for its vector to turn round through the surplus columns. But if these are
zero at the start the flow keeps them so (``DeepMatrixFactorization.starts_in_block``), and all of this is true of the
leading square block.
"""

from __future__ import annotations

import math

import msgspec

from solver.spec import MatrixCompletion, Problem


class Counterexample(msgspec.Struct, frozen=True, kw_only=True):
    """The given numbers."""

    size: int
    """Rows and columns of the leading square block: the smaller dimension."""
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
        """Least |w| at R20's loss ℓ while the determinant has the diverging sign (R20 Theorem 1, proof, for 2 × 2).

        (|z|−s)(|z′|−s)/(|ε|+s) with s = √(2ℓ), since no residual is larger than s; 0 where s is too large to say
        anything. Of a larger block, for s ≤ ½, the same less s²/(2(1−s)): with I + H where the identity is given,
        ‖H‖ ≤ s, the determinant has the sign of that of the 2 × 2 Schur complement, whose entries differ from w, z, z′
        and ε by their own residuals and by products a·(I + H)⁻¹b of those beside them, at most s²/(2(1−s)) each; and
        a residual r with the root of what is left of s² beside it is r + (s² − r²)/(2(1−s)) ≤ s.
        """
        s = math.sqrt(2.0 * half_sum)
        if not s < min(abs(self.z), abs(self.z_prime)) or (self.size > 2 and s > 0.5):
            return 0.0
        if s == 0.0 == self.epsilon:
            return math.inf
        least = (abs(self.z) - s) * (abs(self.z_prime) - s) / (abs(self.epsilon) + s)
        return least if self.size == 2 else max(0.0, least - s * s / (2.0 * (1.0 - s)))

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
    if not problem.is_counterexample:
        return None
    given = {(int(row), int(column)): value for row, column, value in problem.entries}
    scale = 2.0 / len(given) if problem.loss == "mean" else 1.0
    return Counterexample(
        size=min(problem.resolved_shape),
        z=given[0, 1],
        z_prime=given[1, 0],
        epsilon=given[1, 1],
        loss_scale=scale,
    )
