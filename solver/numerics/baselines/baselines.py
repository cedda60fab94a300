"""What lanes are held against: the ground truth, and what other methods make of the same observations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from solver.counterexample import Counterexample, counterexample
from solver.numerics.baselines.minimisers import minimisers
from solver.numerics.baselines.nuclear_norm import NuclearNorm
from solver.numerics.lanes.deep_matrix_factorization_metrics import effective_rank, norms
from solver.numerics.problems.datasets import N_PIXELS
from solver.numerics.problems.images import ImageProblem, unpacked
from solver.numerics.problems.observed import ObservedProblem
from solver.numerics.turns.turn import Turn, Turns
from solver.records import AnyRecord, Baseline, Outcome, Value, plain
from solver.settings import Lane
from solver.spec import ImageTensor

_ITERATIONS_A_TURN = 20
# Images in a piece of the linear baseline's normal equations.
_PIECE = 5_000


class Baselines(Turns):
    """Computes the baselines of every problem, one after the other; takes turns with the batches of lanes.

    Where ``record.nuclear_norm`` is set, the solution of least nuclear norm follows for each matrix problem.
    """

    MOVES_ON_WITHOUT_RECORDS = True

    def __init__(self, problems: list[ObservedProblem | ImageProblem], first_lanes: list[Lane]) -> None:
        self._problems = problems
        self._lanes = first_lanes
        self._next = 0
        self._program: NuclearNorm | None = None
        self._programs = [
            k
            for k, lane in enumerate(first_lanes)
            if lane.spec.record.nuclear_norm
            and len(problems[k].shape) == 2
            and not isinstance(problems[k], ImageProblem)
        ]

    def records(self) -> Iterator[Turn]:
        """The baselines, some work at a time; an empty list where more is to come."""
        while self._next < len(self._problems):
            k = self._next
            self._next += 1
            yield self._quick(k)
        while self._programs:
            k = self._programs[0]
            problem = self._problems[k]
            assert isinstance(problem, ObservedProblem)
            if self._program is None:
                self._program = NuclearNorm(problem)
            self._program.advance(_ITERATIONS_A_TURN)
            if not self._program.is_done:
                yield []
                continue
            program, self._program = self._program, None
            self._programs.pop(0)
            yield [Baseline(problem=k, name="nuclear_norm", values=_of_program(program, problem))]

    def end(self, outcome: Outcome) -> Turn:  # noqa: ARG002
        """Nothing to say at an early end."""
        return []

    def lanes(self) -> list[int]:
        """None: these are no lanes."""
        return []

    def state(self) -> dict[str, Any]:
        """What going on depends on."""
        program = None if self._program is None else self._program.state()
        return {"lanes": [], "next": self._next, "programs": list(self._programs), "program": program}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what ``state`` gave."""
        self._next, self._programs = state["next"], list(state["programs"])
        if state["program"] is not None:
            problem = self._problems[self._programs[0]]
            assert isinstance(problem, ObservedProblem)
            self._program = NuclearNorm(problem)
            self._program.restore(state["program"])

    def _quick(self, k: int) -> list[AnyRecord]:
        problem, spec = self._problems[k], self._lanes[k].spec.problem
        if isinstance(problem, ImageProblem):
            assert isinstance(spec, ImageTensor)
            found = _of_images(problem)
        elif len(problem.shape) == 2:
            found = _of_matrix(problem, counterexample(spec))
        else:
            found = {}
            if problem.ground_truth is not None:
                size = float(np.linalg.norm(problem.ground_truth))
                found = {
                    "ground_truth": {"reconstruction_error": 0.0, "frobenius_norm": size},
                    "linear": _linear(problem),
                }
        return [Baseline(problem=k, name=name, values=values) for name, values in found.items()]


def _of_matrix(problem: ObservedProblem, example: Counterexample | None) -> dict[str, dict[str, Value]]:
    """The ground truth's own numbers; for the counterexample, where each norm and rank would have the entry."""
    found: dict[str, dict[str, Value]] = {}
    if problem.ground_truth is not None:
        sigma = torch.linalg.svdvals(torch.tensor(problem.ground_truth))
        found["ground_truth"] = _numbers(sigma, 0.0)
    if example is not None:
        found["minimisers"] = minimisers(example)
    return found


def _numbers(sigma: torch.Tensor, error: float) -> dict[str, Value]:
    values: dict[str, Value] = {"reconstruction_error": error, "effective_rank": effective_rank(sigma)}
    values |= {name: plain(value) for name, value in norms(sigma, 1).items() if name in _SHARED_NORMS}
    values["singular_values"] = [plain(value) for value in sigma[:16].tolist()]
    return values


_SHARED_NORMS = ("nuclear_norm", "frobenius_norm", "spectral_norm")


def _of_program(program: NuclearNorm, problem: ObservedProblem) -> dict[str, Value]:
    solution = program.solution
    error = math.nan
    if problem.ground_truth is not None:
        truth = torch.tensor(problem.ground_truth)
        error = ((solution - truth).square().sum() / truth.square().sum()).item()
    values = _numbers(torch.linalg.svdvals(solution), error)
    return values | {"duality_gap": plain(program.gap), "iterations": float(program.iterations)}


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


def _of_images(problem: ImageProblem) -> dict[str, dict[str, Value]]:
    """Training and test errors of the best constant and of the best linear predictor (least squares, with a bias)."""
    images = problem.images
    gram = np.zeros((N_PIXELS + 1, N_PIXELS + 1))
    right = np.zeros(N_PIXELS + 1)
    for start in range(0, len(images.train), _PIECE):
        rows = _with_bias(images.train[start : start + _PIECE])
        # Counts of at most 60,000 are exact in float32.
        gram += rows.T @ rows
        right += rows.T @ problem.train_targets[start : start + _PIECE].astype(np.float32)
    weights = np.linalg.lstsq(gram, right, rcond=1e-10)[0]
    constant = np.zeros(N_PIXELS + 1)
    constant[-1] = problem.train_targets.mean()
    return {name: _errors(problem, w) for name, w in (("constant", constant), ("linear", weights))}


def _with_bias(packed: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    bits = unpacked(packed).astype(np.float32)
    return np.concatenate([bits, np.ones((len(bits), 1), dtype=np.float32)], axis=1)


def _errors(problem: ImageProblem, weights: np.ndarray[Any, np.dtype[np.floating[Any]]]) -> dict[str, Value]:
    errors: dict[str, Value] = {}
    for part, packed, targets, clip in (
        ("train_error", problem.images.train, problem.train_targets, math.inf),
        ("test_error", problem.images.test, problem.test_targets, problem.spec.clip),
    ):
        predicted = np.concatenate(
            [_with_bias(packed[start : start + _PIECE]) @ weights for start in range(0, len(packed), _PIECE)]
        )
        errors[part] = float(np.minimum((predicted - targets) ** 2, clip).mean()) / problem.unit
    return errors
