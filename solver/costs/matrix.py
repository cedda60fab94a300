"""What lanes that train a matrix share: frames, the solution of least nuclear norm, and what trained numbers take."""

from __future__ import annotations

from solver.costs.cost import MOST_IMPLICIT, ModelT, Need
from solver.costs.observed import ObservedCosts
from solver.spec import MatrixProblem

# Seconds of a lane that takes the implicit method, its frames included.
_IMPLICIT_S = 0.3


class MatrixCosts(ObservedCosts[MatrixProblem, ModelT]):
    """Factors of a matrix, whose singular values are recorded."""

    def frame_s(self) -> float:
        """A decomposition, and two more for measured rates."""
        rows, columns = self.problem.resolved_shape
        decompositions = 4.0e-9 if self.spec.record.rates else 1.4e-9
        return 3e-4 + decompositions * min(rows, columns) ** 2 * max(rows, columns) + self.sharpness_s()

    def shared(self) -> Need:
        """Some hundred decompositions, where the solution of least nuclear norm is asked for."""
        needed = super().shared()
        if not self.spec.record.nuclear_norm:
            return needed
        rows, columns = self.problem.resolved_shape
        return needed._replace(seconds=400 * 1.3e-9 * min(rows, columns) ** 2 * max(rows, columns))

    def of_factors(self, factors: int, *, is_linear: bool = False) -> Need:
        """What a lane of so many trained numbers takes; the flow of a linear model needs few steps."""
        rows, columns = self.problem.resolved_shape
        itemsize, flow = self.itemsize, self.spec.optimizer.IS_FLOW
        # State and gradient, with ten buffers of the pair and ten of its partner; otherwise with moments.
        copies = 22 if flow else 5
        memory = itemsize * (copies * factors + 4 * rows * columns)
        # Metrics: one lane's float64 factors, three singular value decompositions and the ground truth.
        memory += 8 * (4 * factors + 8 * rows * columns)
        # What it takes to begin (target, weights and a permutation, once more in NumPy) and to save a checkpoint.
        memory += 8 * 3 * rows * columns + itemsize * 9 * factors
        evaluations = self.evaluations()
        if is_linear and flow:
            evaluations = min(evaluations, 200)
        elif flow and factors <= MOST_IMPLICIT:
            # The implicit method: some 100 steps, each recorded.
            return Need(memory, min(_IMPLICIT_S, evaluations * 1e-3))
        return Need(memory, evaluations * self.evaluation_s() + min(250, evaluations) * self.frame_s())
