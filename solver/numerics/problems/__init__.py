"""What is fitted, by the kind of the problem: observed entries, measurements or images."""

from __future__ import annotations

from typing import Any

from solver.kinds import by_kind
from solver.numerics.problems.drawn import DrawnProblem
from solver.numerics.problems.images import ImageProblem
from solver.numerics.problems.observed import ObservedProblem
from solver.settings import LaneSpec
from solver.spec import ImageTensor, MatrixProblem, Problem, TensorProblem

_KNOWN: dict[Any, type[DrawnProblem]] = {
    MatrixProblem: ObservedProblem,
    TensorProblem: ObservedProblem,
    ImageTensor: ImageProblem,
}
_PROBLEMS = by_kind(Problem, _KNOWN)


def problem_kind(lane: LaneSpec) -> type[DrawnProblem]:
    """What draws, keeps and restores the problem of a lane."""
    return _PROBLEMS[type(lane.spec.problem)]
