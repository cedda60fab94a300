"""What lanes that train a matrix share: frames, the solution of least nuclear norm, and what trained numbers take."""

from __future__ import annotations

from solver.costs.cost import MOST_IMPLICIT, ModelT, Need
from solver.costs.observed import ObservedCosts
from solver.spec import MatrixProblem

# Observations for each degree of freedom from which on greedy solutions of the right rank are found quickly.
_PLENTY = 1.3
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
        """Some hundred decompositions, where the solution of least nuclear norm is asked for; and the greedy ones."""
        needed = super().shared()
        seconds = needed.seconds + self._greedy_s()
        if self.spec.record.nuclear_norm:
            rows, columns = self.problem.resolved_shape
            seconds += 400 * 1.3e-9 * min(rows, columns) ** 2 * max(rows, columns)
        return needed._replace(seconds=seconds)

    def greedy_gradients(self) -> int:
        """Gradients that the greedy solutions take together, within a factor of three.

        A rank takes some hundred gradients while the data pin it down, and thousands where they do not: beyond the
        rank of the ground truth, with noise or a truth that is not of low rank, or with hardly more observations than
        degrees of freedom. Data without noise are fitted at their rank, and it ends there.
        """
        rows, columns = self.problem.resolved_shape
        problem, asked = self.problem, min(self.spec.record.greedy_ranks, rows, columns)
        rank = problem.resolved_rank if problem.is_random else 1
        is_scarce = problem.resolved_observations < _PLENTY * rank * (rows + columns - rank)
        if problem.is_random and problem.noise == 0.0 and not is_scarce:
            quick, slow = min(asked, rank), 0
        else:
            quick = min(asked, 1 if is_scarce else rank)
            slow = asked - quick
        return 130 * quick + 3_400 * slow

    def _greedy_s(self) -> float:
        rows, columns = self.problem.resolved_shape
        gradient_s = 1.1e-3 + 1.3e-8 * rows * columns
        if self.problem.IS_SENSING:
            gradient_s += 1.9e-9 * self.problem.resolved_observations * rows * columns
        return self.greedy_gradients() * gradient_s

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
