"""The lanes of a run: what each trains and measures, by the kind of its problem."""

from __future__ import annotations

from solver.numerics.lanes.cp import CPLane
from solver.numerics.lanes.deep_matrix_factorization import DeepMatrixFactorizationLane
from solver.numerics.lanes.image_cp import ImageCPLane
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.problems.images import ImageProblem
from solver.numerics.problems.observed import ObservedProblem
from solver.settings import Lane
from solver.spec import MatrixProblem


def lane_run(lane: Lane, problem: ObservedProblem | ImageProblem) -> LaneRun:
    """The lane ready to train on ``problem``."""
    if isinstance(problem, ImageProblem):
        return ImageCPLane(lane, problem)
    if isinstance(lane.spec.problem, MatrixProblem):
        return DeepMatrixFactorizationLane(lane, problem)
    return CPLane(lane, problem)
