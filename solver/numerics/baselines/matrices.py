"""Baselines of a matrix problem: its ground truth, the table of minimisers, and the solution of least nuclear norm."""

from __future__ import annotations

import math

import torch

from solver.counterexample import counterexample
from solver.numerics import theory, thin
from solver.numerics.baselines.minimisers import minimisers
from solver.numerics.baselines.nuclear_norm import NuclearNorm
from solver.numerics.problems.given import Given
from solver.numerics.problems.observed import ObservedProblem
from solver.numerics.spectrum import effective_rank, norms
from solver.records import Value, plain
from solver.spec import MatrixProblem


def of_matrix(problem: ObservedProblem, spec: MatrixProblem) -> dict[str, dict[str, Value]]:
    """The ground truth's own numbers; for the counterexample, where each norm and rank would have the entry."""
    example = counterexample(spec)
    found: dict[str, dict[str, Value]] = {}
    if problem.ground_truth is not None:
        sigma = thin.singular_values_of(torch.tensor(problem.ground_truth))
        found["ground_truth"] = _numbers(sigma, 0.0)
        if spec.truth_file is not None:
            # Of others the settings say it.
            found["ground_truth"]["rank"] = float(theory.numerical_rank(sigma))
    if problem.given is not None:
        found |= of_given(problem.given)
    if example is not None:
        found["minimisers"] = minimisers(example)
    return found


def _numbers(sigma: torch.Tensor, error: float) -> dict[str, Value]:
    values: dict[str, Value] = {"reconstruction_error": error, "effective_rank": effective_rank(sigma)}
    values |= {name: plain(value) for name, value in norms(sigma, 1).items() if name in _SHARED_NORMS}
    values["singular_values"] = [plain(value) for value in sigma[:16].tolist()]
    return values


_SHARED_NORMS = ("nuclear_norm", "frobenius_norm", "spectral_norm")


def of_program(program: NuclearNorm, problem: ObservedProblem) -> dict[str, Value]:
    """The solution's numbers; how far it may miss an entry, in units of one; what fitting exactly takes at least."""
    solution = program.solution
    error = math.nan
    if problem.ground_truth is not None:
        truth = torch.tensor(problem.ground_truth)
        error = ((solution - truth).square().sum() / truth.square().sum()).item()
    values = _numbers(torch.linalg.svdvals(solution), error)
    if problem.given is not None:
        entries = solution.numpy()
        values |= {name: plain(value) for name, value in problem.given.errors(lambda at: entries[tuple(at.T)]).items()}
    solved: dict[str, Value] = {"slack": program.delta, "exact_nuclear_norm_at_least": plain(program.exact_bound)}
    return values | solved | {"duality_gap": plain(program.gap), "iterations": float(program.iterations)}


def of_given(given: Given) -> dict[str, dict[str, Value]]:
    """What must be beaten: the constant, the means of rows and columns, and what is linear in both."""
    return {
        name: {error: plain(value) for error, value in found.items()}
        for name, found in given.predictors().items()
        if found
    }
