"""Baselines of a tensor problem: its ground truth, and the solution of least Frobenius norm."""

from __future__ import annotations

import math

import numpy as np

from solver.numerics.baselines.matrices import of_given
from solver.numerics.problems.observed import ObservedProblem
from solver.records import Value
from solver.spec import TensorProblem


def of_tensor(problem: ObservedProblem, spec: TensorProblem) -> dict[str, dict[str, Value]]:  # noqa: ARG001
    """Without a ground truth what a file's entries are to be held against; else nothing."""
    if problem.ground_truth is None:
        return {} if problem.given is None else of_given(problem.given)
    size = float(np.linalg.norm(problem.ground_truth))
    return {"ground_truth": {"reconstruction_error": 0.0, "frobenius_norm": size}, "linear": _linear(problem)}


def _linear(problem: ObservedProblem) -> dict[str, Value]:
    """The solution of least Frobenius norm, which gradient descent on the tensor itself finds from zero (R20).

    For completion: the observed entries, and zero elsewhere.
    """
    assert problem.ground_truth is not None
    if problem.measurements is None:
        end = problem.back(problem.values)
    else:
        weights = np.linalg.lstsq(problem.measurements @ problem.measurements.T, problem.values, rcond=None)[0]
        end = problem.back(weights.astype(np.float64))
    truth = problem.ground_truth
    squared = float(np.sum((end - truth) ** 2) / np.sum(truth**2))
    return {"reconstruction_error": squared, "normalised_reconstruction_error": math.sqrt(squared)}
