"""Baselines of images: the best constant and the best linear predictor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from solver.numerics.problems.datasets import N_PIXELS
from solver.numerics.problems.images import ImageProblem, unpacked
from solver.records import Value
from solver.spec import ImageTensor

# Images in a piece of the linear baseline's normal equations.
_PIECE = 5_000


def of_images(problem: ImageProblem, spec: ImageTensor) -> dict[str, dict[str, Value]]:  # noqa: ARG001
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
