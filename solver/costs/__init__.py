"""What a lane takes, one file a kind of model; asked for estimates, for batches and for what is recorded."""

from __future__ import annotations

from typing import Any

from solver.costs.autoencoder import AutoencoderCosts
from solver.costs.cost import Costs
from solver.costs.cp import CPCosts
from solver.costs.deep_matrix_factorization import DeepMatrixFactorizationCosts
from solver.costs.hierarchical_tucker import HierarchicalTuckerCosts
from solver.costs.image_cp import ImageCPCosts
from solver.costs.symmetric_matrix_factorization import SymmetricMatrixFactorizationCosts
from solver.kinds import by_pair
from solver.spec import (
    CP,
    Autoencoder,
    DeepMatrixFactorization,
    HierarchicalTucker,
    ImageTensor,
    MatrixProblem,
    RunSpec,
    Settings,
    SymmetricMatrixFactorization,
    TensorProblem,
)

_KNOWN: dict[tuple[Any, type[Settings]], type[Costs[Any, Any]]] = {
    (MatrixProblem, DeepMatrixFactorization): DeepMatrixFactorizationCosts,
    (MatrixProblem, SymmetricMatrixFactorization): SymmetricMatrixFactorizationCosts,
    (TensorProblem, CP): CPCosts,
    (TensorProblem, HierarchicalTucker): HierarchicalTuckerCosts,
    (ImageTensor, CP): ImageCPCosts,
    (ImageTensor, Autoencoder): AutoencoderCosts,
}
_COSTS = by_pair(_KNOWN)


def costs_of(spec: RunSpec) -> Costs[Any, Any]:
    """What a lane of this spec takes."""
    return _COSTS[type(spec.problem), type(spec.model)](spec)
