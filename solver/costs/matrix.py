"""What lanes that train a matrix share: frames, the solution of least nuclear norm, and what trained numbers take."""

from __future__ import annotations

from abc import abstractmethod

from solver.costs.cost import MOST_IMPLICIT, ModelT, Need
from solver.costs.observed import ObservedCosts
from solver.costs.thin import is_partial, is_thin, leading_values
from solver.spec import MatrixCompletion, MatrixProblem

# Observations for each degree of freedom from which on greedy solutions of the right rank are found quickly.
_PLENTY = 1.3
# Seconds of a lane that takes the implicit method, its frames included.
_IMPLICIT_S = 0.3
# Seconds of a QR decomposition, for each number of a thin factor and unit of its width, and of a small core's values.
_QR_S, _CORE_S = 4e-10, 2e-8
# Those of a frame, and those of it that measured rates take; an entry held out is looked up in so many seconds.
_QRS, _QRS_OF_RATES = 1, 7
_LOOKED_UP_S = 5e-9
# Seconds of a partial spectrum for each entry, and gradients that take as long as what else a frame multiplies.
_PARTIAL_S, _PRODUCTS = 7e-7, 2
# Seconds of the three products at an observed entry, for each unit of the width: where factors of so many bytes stay
# in a cache, and more where they do not.
_SPARSE_S, _CACHED = 1.7e-9, 6e6
# Bytes of an observed value in a sparse loss besides three numbers: two orders of its place, and the list it came in.
_PLACES = 60


class MatrixCosts(ObservedCosts[MatrixProblem, ModelT]):
    """Factors of a matrix, whose singular values are recorded."""

    MOST_FRAMES = 250

    @abstractmethod
    def width(self) -> int:
        """Of the narrowest layer."""

    def is_thin(self) -> bool:
        """Whether frames decompose thin factors in the place of the end matrix."""
        return is_thin(self.problem.resolved_shape, self.width())

    def is_partial(self) -> bool:
        """Whether frames find the largest singular values alone."""
        rank = self.problem.resolved_rank if self.problem.is_random else 0
        return is_partial(self.problem.resolved_shape, leading_values(self.spec.record, rank))

    def is_sparse(self) -> bool:
        """Whether a loss is computed at the observed entries alone."""
        return False

    def frame_s(self) -> float:
        """A decomposition, and two more for measured rates."""
        rows, columns = self.problem.resolved_shape
        rates = self.spec.record.rates
        if self.is_thin():
            width = self.width()
            of_factors = _QR_S * width**2 * (rows + columns) * (_QRS + (_QRS_OF_RATES if rates else 0))
            of_core = _CORE_S * width**3 * (3 if rates else 1)
            return 3e-4 + of_factors + of_core + self._beside_s() + self.sharpness_s()
        if self.is_partial():
            return _PARTIAL_S * rows * columns + _PRODUCTS * self.evaluation_s() + self.sharpness_s()
        decompositions = 4.0e-9 if rates else 1.4e-9
        return 3e-4 + decompositions * min(rows, columns) ** 2 * max(rows, columns) + self.sharpness_s()

    def _beside_s(self) -> float:
        """A gradient, and the entries that were held out."""
        fraction = self.problem.test_fraction if isinstance(self.problem, MatrixCompletion) else 0.0
        n_test = fraction / (1.0 - fraction) * self.n_observed()
        return self.evaluation_s() + _LOOKED_UP_S * n_test * self.width()

    def sparse_s(self) -> float:
        """The three products of a sparse loss."""
        size = self.itemsize * self.width() * sum(self.problem.resolved_shape)
        return _SPARSE_S * self.n_observed() * self.width() * (1.0 + min(1.0, size / _CACHED)) * self.itemsize / 8

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
        # State and gradient, with ten buffers of the pair and ten of its partner; otherwise with moments. Metrics: one
        # lane's float64 factors. And to save a checkpoint.
        memory = itemsize * (22 if flow else 5) * factors + 8 * 4 * factors + itemsize * 9 * factors
        if self.is_sparse():
            # The lane's values and the metrics', each beside two orders of their places.
            memory += self.n_observed() * (3 * (itemsize + 8) + 2 * _PLACES)
            if not (self.is_thin() and isinstance(self.problem, MatrixCompletion) and self.problem.has_entries_alone):
                # What frames decompose; the ground truth, and what it takes to draw it.
                memory += 8 * 8 * rows * columns
        else:
            # The end matrix, its gradient and the loss; metrics: three singular value decompositions and the ground
            # truth. What it takes to begin: target, weights and a permutation, once more in NumPy.
            memory += itemsize * 4 * rows * columns + 8 * 8 * rows * columns + 8 * 3 * rows * columns
        evaluations = self.evaluations()
        if is_linear and flow:
            evaluations = min(evaluations, 200)
        elif flow and factors <= MOST_IMPLICIT:
            # The implicit method: some 100 steps, each recorded.
            return Need(memory, min(_IMPLICIT_S, evaluations * 1e-3))
        return Need(memory, evaluations * self.evaluation_s() + self.recording_s())
