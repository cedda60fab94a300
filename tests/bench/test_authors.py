"""The plain re-implementations that speed is measured against take the same steps as our methods."""

from __future__ import annotations

import math

import pytest
import torch

from bench.authors import ImageTraining, MatrixTraining, TensorTraining
from solver.numerics.methods.gradient_descent import GradientDescentMethod
from solver.numerics.methods.group_rmsprop import GroupRMSpropMethod
from solver.numerics.methods.image_adam import ImageAdamMethod
from solver.numerics.problems.images import image_problem, unpacked
from solver.spec import (
    CP,
    Adam,
    DeepMatrixFactorization,
    GradientDescent,
    GroupRMSprop,
    ImageTensor,
    MatrixCompletion,
    TensorCompletion,
)
from tests.solver.numerics.building import build, build_components

NEVER = -math.inf


@pytest.mark.parametrize("step_size", [None, 0.3])
def test_matrices(step_size: float | None) -> None:
    problem = MatrixCompletion(shape=(9, 7), rank=2, observations=30)
    problems, layers, start = build(problem, DeepMatrixFactorization(depth=3, init_scale=0.2))
    theirs = MatrixTraining(problems[0], start[0], layers.widths, step_size)
    ours: GroupRMSpropMethod | GradientDescentMethod
    if step_size is None:
        ours = GroupRMSpropMethod(layers, start, GroupRMSprop(step_size=1e-3, eps=1e-4))
    else:
        ours = GradientDescentMethod(layers, start, GradientDescent(step_size=step_size))
    for step in range(1, 60):
        assert theirs.step() == pytest.approx(ours.losses[0], rel=1e-4)
        ours.advance(step, NEVER)


def test_tensors() -> None:
    problem = TensorCompletion(shape=(4, 5, 3), rank=1, observations=40)
    problems, components, start = build_components(problem, CP(components=6, init_std=0.3))
    theirs = TensorTraining(problems[0], start[0], 6)
    ours = GroupRMSpropMethod(components, start, GroupRMSprop(step_size=1e-2, eps=1e-6))
    for step in range(1, 60):
        assert theirs.step() == pytest.approx(ours.losses[0], rel=1e-3)
        ours.advance(step, NEVER)


def test_images() -> None:
    """Batches of 64 of 256 images, the same Adam; the first losses of each, and after three epochs."""
    problem = image_problem(ImageTensor(train_images=256, test_images=100), 0)
    generator = torch.Generator().manual_seed(0)
    start = 1.0 + 1e-3 * torch.randn((2, 784, 3), generator=generator, dtype=torch.float64)
    pixels = torch.from_numpy(unpacked(problem.images.train)).to(torch.float32)
    targets = torch.tensor(problem.train_targets, dtype=torch.float32)
    theirs = ImageTraining(pixels, targets, start, 64)
    spec = Adam(step_size=5e-4, batch_size=64)
    ours = ImageAdamMethod([problem], [start.reshape(-1)], spec, torch.float64, torch.device("cpu"))
    for step in range(1, 13):
        expected = theirs.step()
        ours.advance(step, NEVER)
        assert ours._loss.item() == pytest.approx(expected, rel=2e-3)
