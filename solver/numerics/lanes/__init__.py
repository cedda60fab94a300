"""The lanes of a run: what each trains, measures and starts from, by the kinds of its problem and model."""

from __future__ import annotations

from typing import Any

from solver.kinds import by_pair
from solver.numerics.lanes.autoencoder import AutoencoderLane
from solver.numerics.lanes.cp import CPLane
from solver.numerics.lanes.deep_matrix_factorization import DeepMatrixFactorizationLane
from solver.numerics.lanes.hierarchical_tucker import HierarchicalTuckerLane
from solver.numerics.lanes.image_cp import ImageCPLane
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.lanes.symmetric_matrix_factorization import SymmetricMatrixFactorizationLane
from solver.numerics.problems.drawn import DrawnProblem
from solver.settings import LaneSpec
from solver.spec import (
    CP,
    Autoencoder,
    DeepMatrixFactorization,
    HierarchicalTucker,
    ImageTensor,
    MatrixProblem,
    Settings,
    SymmetricMatrixFactorization,
    TensorProblem,
)

_KNOWN: dict[tuple[Any, type[Settings]], type[LaneRun[Any, Any]]] = {
    (MatrixProblem, DeepMatrixFactorization): DeepMatrixFactorizationLane,
    (MatrixProblem, SymmetricMatrixFactorization): SymmetricMatrixFactorizationLane,
    (TensorProblem, CP): CPLane,
    (TensorProblem, HierarchicalTucker): HierarchicalTuckerLane,
    (ImageTensor, CP): ImageCPLane,
    (ImageTensor, Autoencoder): AutoencoderLane,
}
_LANES = by_pair(_KNOWN)


def lane_run(lane: LaneSpec, problem: DrawnProblem) -> LaneRun[Any, Any]:
    """The lane ready to train on ``problem``."""
    return _LANES[type(lane.spec.problem), type(lane.spec.model)](lane, problem)
