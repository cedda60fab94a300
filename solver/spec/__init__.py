"""The settings of a run: frozen types whose ranges refuse what cannot run."""

from solver.spec.autoencoder import Autoencoder
from solver.spec.base import Settings
from solver.spec.completion import Completion
from solver.spec.models import CP, DeepMatrixFactorization, HierarchicalTucker, Model, SymmetricMatrixFactorization
from solver.spec.observed import Observed
from solver.spec.optimizers import FLOW_METHODS, Adam, GradientDescent, GradientFlow, GroupRMSprop, Optimizer
from solver.spec.problems import (
    ImageTensor,
    MatrixCompletion,
    MatrixProblem,
    MatrixSensing,
    Problem,
    TensorCompletion,
    TensorProblem,
    TensorSensing,
)
from solver.spec.run import MAX_LANES, Record, RunSpec, Stop
from solver.spec.truth import MatrixTruth, TensorTruth

__all__ = [
    "CP",
    "FLOW_METHODS",
    "MAX_LANES",
    "Adam",
    "Autoencoder",
    "Completion",
    "DeepMatrixFactorization",
    "GradientDescent",
    "GradientFlow",
    "GroupRMSprop",
    "HierarchicalTucker",
    "ImageTensor",
    "MatrixCompletion",
    "MatrixProblem",
    "MatrixSensing",
    "MatrixTruth",
    "Model",
    "Observed",
    "Optimizer",
    "Problem",
    "Record",
    "RunSpec",
    "Settings",
    "Stop",
    "SymmetricMatrixFactorization",
    "TensorCompletion",
    "TensorProblem",
    "TensorSensing",
    "TensorTruth",
]
