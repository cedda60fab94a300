"""The settings of a run: frozen types whose ranges refuse what cannot run."""

from solver.spec.base import Settings
from solver.spec.models import CP, DeepMatrixFactorization, Model, SymmetricMatrixFactorization
from solver.spec.optimizers import FLOW_METHODS, Adam, GradientDescent, GradientFlow, GroupRMSprop, Optimizer
from solver.spec.problems import (
    Completion,
    ImageTensor,
    MatrixCompletion,
    MatrixProblem,
    MatrixSensing,
    MatrixTruth,
    Observed,
    Problem,
    TensorCompletion,
    TensorProblem,
    TensorSensing,
)
from solver.spec.run import MAX_LANES, Record, RunSpec, Stop

__all__ = [
    "CP",
    "FLOW_METHODS",
    "MAX_LANES",
    "Adam",
    "Completion",
    "DeepMatrixFactorization",
    "GradientDescent",
    "GradientFlow",
    "GroupRMSprop",
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
]
