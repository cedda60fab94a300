"""Baselines of autoencoders: the mean image, principal components, and classes told by a network trained on labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from solver.numerics.downstream import N_LABELS, supervised_accuracy
from solver.numerics.lanes.autoencoder import network_of, start_of
from solver.numerics.problems.datasets import N_PIXELS, Bytes
from solver.numerics.problems.images import ImageProblem, pixel_values
from solver.records import Value
from solver.spec import Autoencoder, RunSpec

# Images in a piece of the covariance.
_PIECE = 5_000

Array = npt.NDArray[np.float64]


def of_autoencoder(problem: ImageProblem, spec: RunSpec) -> dict[str, dict[str, Value]]:
    """Errors a pixel of the mean image and of the best linear autoencoder, and a supervised network's accuracy.

    The best linear autoencoder with codes of n numbers projects on the first n principal components of the training
    images. The supervised network is the encoder with a linear head.
    """
    model = spec.model
    assert isinstance(model, Autoencoder)
    train, test = problem.images.train, problem.images.test
    mean, components = _principal(train, model.latent)
    nothing = components[:, :0]
    return {
        "constant": {"train_error": _error(train, mean, nothing), "test_error": _error(test, mean, nothing)},
        "linear": {"train_error": _error(train, mean, components), "test_error": _error(test, mean, components)},
        "supervised": _supervised(problem, model, spec.seed),
    }


def _principal(images: Bytes, n: int) -> tuple[Array, Array]:
    """The mean image, and the first ``n`` directions of the largest variance as columns."""
    gram, total = np.zeros((N_PIXELS, N_PIXELS)), np.zeros(N_PIXELS)
    for start in range(0, len(images), _PIECE):
        values = pixel_values(images[start : start + _PIECE]).astype(np.float64)
        gram += values.T @ values
        total += values.sum(axis=0)
    mean = total / len(images)
    vectors = np.linalg.eigh(gram / len(images) - np.outer(mean, mean))[1]
    return mean, vectors[:, ::-1][:, :n]


def _error(images: Bytes, mean: Array, components: Array) -> float:
    """Mean squared error of a pixel where images are projected on the components."""
    total = 0.0
    for start in range(0, len(images), _PIECE):
        centred = pixel_values(images[start : start + _PIECE]) - mean
        total += float(np.square(centred).sum() - np.square(centred @ components).sum())
    return total / (len(images) * len(mean))


def _supervised(problem: ImageProblem, model: Autoencoder, seed: int) -> dict[str, Value]:
    images, network = problem.images, network_of(model)
    train, test = (torch.from_numpy(pixel_values(some)) for some in (images.train[: max(N_LABELS)], images.test))
    start = start_of(network, seed) * model.init_scale
    return {
        f"accuracy_{n}": supervised_accuracy(
            network, start, train[:n], images.train_labels[:n], test, images.test_labels
        )
        for n in N_LABELS
        if n <= len(train)
    }
