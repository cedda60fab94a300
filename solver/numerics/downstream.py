"""What codes are good for: classes told from few labels by a linear head, and by a network trained on them alone."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as f

from solver.numerics.models.autoencoder import AutoencoderModel
from solver.numerics.problems.datasets import Bytes

N_LABELS = 100, 1_000
"""On so many labels a head is trained; J20 has a row for each."""
_LEAST_CLASSES = 10

# Penalties that are tried, in units of the features' mean variance times the number of images.
_PENALTIES = tuple(10.0**power for power in range(-6, 3))
_BATCH, _STEPS, _STEP_SIZE = 100, 100, 1e-3
_DECAY, _SQUARE_DECAY, _EPS = 0.9, 0.999, 1e-8


def _n_classes(*labels: Bytes) -> int:
    """Ten, as digits have, or as many as a person's own images."""
    return max(_LEAST_CLASSES, *(int(some.max()) + 1 for some in labels))


def ridge_accuracy(
    features: Float[Tensor, "images n"], labels: Bytes, test: Float[Tensor, "others n"], test_labels: Bytes
) -> float:
    """The share of test images whose class a linear head tells, fitted to one-hot labels by ridge regression.

    The penalty is the one of nine with the least squared error where each image is left out in turn (in closed form,
    from the leverages). NaN for features that are not finite.
    """
    n_classes = _n_classes(labels, test_labels)
    x, y = features.double(), f.one_hot(torch.from_numpy(labels.astype(np.int64)), n_classes).double()
    centre, base = x.mean(0), y.mean(0)
    x, y = x - centre, y - base
    if not bool(torch.isfinite(x).all() & torch.isfinite(test).all()):
        return float("nan")
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    unit = max(s.square().sum().item() / x.shape[1], 1e-300)
    projected = u.T @ y
    best, weights = float("inf"), torch.zeros(x.shape[1], n_classes, dtype=torch.float64)
    for penalty in _PENALTIES:
        shrunk = s.square() / (s.square() + penalty * unit)
        # The mean that is taken out has a leverage of its own.
        leverages = (u.square() * shrunk).sum(1) + 1.0 / len(x)
        residuals = (y - u @ (shrunk.unsqueeze(1) * projected)) / (1.0 - leverages).clamp_min(1e-9).unsqueeze(1)
        error = residuals.square().mean().item()
        if error < best:
            best, weights = error, vh.T @ ((s / (s.square() + penalty * unit)).unsqueeze(1) * projected)
    told = ((test.double() - centre) @ weights + base).argmax(1)
    return float((told == torch.from_numpy(test_labels.astype(np.int64))).double().mean())


def head_accuracies(
    features: Float[Tensor, "images n"], labels: Bytes, test: Float[Tensor, "others n"], test_labels: Bytes
) -> dict[int, float]:
    """``ridge_accuracy`` on the first labels, by how many, where there are so many."""
    return {
        n: ridge_accuracy(features[:n], labels[:n], test, test_labels)
        for n in N_LABELS
        if n <= min(len(features), len(labels))
    }


def supervised_accuracy(
    model: AutoencoderModel,
    start: Float[Tensor, " parameters"],
    images: Float[Tensor, "images 784"],
    labels: Bytes,
    test: Float[Tensor, "others 784"],
    test_labels: Bytes,
) -> float:
    """The share of test images whose class is told by the encoder and a linear head, trained on these labels alone.

    Cross-entropy, Adam at 1e-3, 100 steps of 100 images; encoder from ``start``, the head from zeros.
    """
    parts = [part.clone().requires_grad_() for part in model.encoder(model.split(start.to(images.dtype)))]
    n_classes = _n_classes(labels, test_labels)
    parts += [
        torch.zeros(shape, dtype=images.dtype, requires_grad=True)
        for shape in ((model.latent, n_classes), (n_classes,))
    ]
    wanted = torch.from_numpy(labels.astype(np.int64))

    def scores(some: Tensor) -> Tensor:
        return torch.addmm(parts[-1], model.encode(parts[:-2], some).relu(), parts[-2])

    optimizer = torch.optim.Adam(parts, lr=_STEP_SIZE, betas=(_DECAY, _SQUARE_DECAY), eps=_EPS)
    n_batches = -(-len(images) // _BATCH)
    for step in range(_STEPS):
        chosen = slice(step % n_batches * _BATCH, (step % n_batches + 1) * _BATCH)
        optimizer.zero_grad()
        loss = f.cross_entropy(scores(images[chosen]), wanted[chosen])
        torch.autograd.backward(loss)
        optimizer.step()
    with torch.no_grad():
        told = torch.cat([scores(piece).argmax(1) for piece in torch.split(test, 256)])
    return float((told == torch.from_numpy(test_labels.astype(np.int64))).double().mean())
