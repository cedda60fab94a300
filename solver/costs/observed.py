"""What lanes that fit a matrix or tensor share: the problem, its measurements, and who may train together."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Hashable
from pathlib import Path
from typing import TypeVar

import msgspec

from solver.costs.cost import Costs, ModelT, Need
from solver.spec import Completion, MatrixCompletion, MatrixProblem, RunSpec, TensorProblem

# Ratings that people collect.
_USUAL_DENSITY = 0.05

ObservedT = TypeVar("ObservedT", bound=MatrixProblem | TensorProblem)


class ObservedCosts(Costs[ObservedT, ModelT]):
    """Lanes of one seed and problem share it."""

    def __init__(self, spec: RunSpec, *, as_usual: bool = False) -> None:
        """``as_usual``: whether a file is not looked at."""
        super().__init__(spec)
        self._as_usual = as_usual

    def frames(self) -> tuple[int, float]:
        # A run that is taken up records the same steps, whatever has become of its file.
        return super().frames() if self._as_usual else type(self)(self.spec, as_usual=True).frames()

    def n_observed(self) -> int:
        """Observed values: of a file about as many as it has lines, of one that is not there as many as is usual."""
        problem = self.problem
        if isinstance(problem, MatrixCompletion) and problem.file is not None:
            lines = None if self._as_usual else _lines(Path(problem.file))
            n = math.prod(problem.resolved_shape) * _USUAL_DENSITY if lines is None else lines
            return max(1, round(n * (1.0 - problem.test_fraction)))
        if isinstance(problem, Completion) and problem.entries is not None:
            return len(problem.entries)
        return problem.resolved_observations

    def shared_key(self) -> Hashable:
        return msgspec.json.encode((self.problem, self.spec.seed))

    def shared(self) -> Need:
        """Dense measurements, once as drawn in float64 and for the metrics, and once for training."""
        problem = self.problem
        if not problem.IS_SENSING:
            return Need(0, 0.0)
        entries = problem.resolved_observations * math.prod(problem.resolved_shape)
        return Need((2 * 8 + self.itemsize) * entries, 0.0)

    def sharpness_s(self) -> float:
        """Seconds of a recorded sharpness: half the products that it may take, two gradients each."""
        return 40 * self.evaluation_s() if self.spec.record.sharpness else 0.0

    def batch_key(self) -> Hashable:
        """Equal shapes, loss and method."""
        problem, spec = self.problem, self.spec
        loss = problem.loss == "huber", problem.resolved_observations if problem.IS_SENSING else None
        return tuple(self.shapes()), loss, spec.optimizer, spec.stop


def _lines(path: Path) -> int | None:
    """Lines of a file; None where it cannot be read."""
    try:
        found = path.stat()
    except OSError:
        return None
    return _lines_of(os.fspath(path), found.st_mtime_ns, found.st_size)


@functools.lru_cache(maxsize=16)
def _lines_of(path: str, changed_ns: int, size: int) -> int | None:  # noqa: ARG001
    """Lines of a file as it is since then: a form asks again and again."""
    try:
        with Path(path).open("rb") as file:
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(2**20), b""))
    except OSError:
        return None
