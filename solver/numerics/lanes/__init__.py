"""The lanes of a run: what each trains and measures, by the kind of its problem."""

from __future__ import annotations

from solver.numerics.lanes.images import ImageLane
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.lanes.matrix import MatrixLane
from solver.numerics.lanes.tensor import TensorLane
from solver.numerics.problems.images import ImageProblem
from solver.numerics.problems.observed import ObservedProblem
from solver.settings import Lane
from solver.spec import MatrixProblem


def lane_run(lane: Lane, problem: ObservedProblem | ImageProblem) -> LaneRun:
    """The lane ready to train on ``problem``."""
    if isinstance(problem, ImageProblem):
        return ImageLane(lane, problem)
    if isinstance(lane.spec.problem, MatrixProblem):
        return MatrixLane(lane, problem)
    return TensorLane(lane, problem)
