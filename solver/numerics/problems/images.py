"""The images of a run: which are chosen, in which order, and what is to be predicted of them (R21)."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import numpy.typing as npt

from solver.numerics.problems import datasets
from solver.numerics.problems.datasets import N_PIXELS, Bytes
from solver.numerics.problems.drawn import Arrays, DrawnProblem
from solver.numerics.streams import stream
from solver.refusal import BadSetting
from solver.spec import ImageTensor

Array = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Images:
    """The images of a run, shuffled once; problems of one seed share them."""

    train: Bytes
    """(images, 98), eight pixels to a byte, or (images, 784) grey values."""
    test: Bytes
    train_labels: Bytes
    test_labels: Bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageProblem(DrawnProblem):
    """Images and the targets to predict."""

    spec: ImageTensor
    images: Images
    train_targets: Array
    test_targets: Array
    """What stands for whether an image is of the positive class; no concern of an autoencoder."""

    @property
    def sizes(self) -> tuple[int, ...]:
        return 28, 28

    @classmethod
    def draw(cls, spec: ImageTensor, seed: int) -> ImageProblem:
        return image_problem(spec, seed)

    @classmethod
    def restore(cls, spec: ImageTensor, seed: int, kept: Arrays) -> ImageProblem:  # noqa: ARG003
        return image_problem(spec, seed)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """The shape alone: the dataset has the images."""
        return {"shape": np.array(self.sizes, dtype=np.int64)}

    def check_classes(self) -> None:
        """Raises BadSetting where no image of the positive class is among the chosen ones: nothing can be learnt."""
        wanted = self.spec.targets[1]
        if not np.any(self.train_targets == wanted) or not np.any(self.test_targets == wanted):
            raise BadSetting(
                f"problem.positive_class {self.spec.positive_class} has no image among the chosen ones: raise "
                "problem.train_images and problem.test_images",
                "problem.positive_class",
            )

    @property
    def unit(self) -> float:
        """Squared distance of the targets: errors are mean squared errors divided by it."""
        return (self.spec.targets[1] - self.spec.targets[0]) ** 2


def image_problem(spec: ImageTensor, seed: int) -> ImageProblem:
    """The problem that ``spec`` and ``seed`` determine. Raises BadSetting where the dataset cannot be read."""
    images = _images(spec.dataset, spec.pixels, spec.images, seed, spec.train_images, spec.test_images)
    train_labels, test_labels = images.train_labels, images.test_labels
    if spec.variant == "random-labels":
        generator = stream(seed, "labels")
        train_labels, test_labels = generator.permutation(train_labels), generator.permutation(test_labels)
    rest, positive = spec.targets
    return ImageProblem(
        spec=spec,
        images=images,
        train_targets=np.where(train_labels == spec.positive_class, positive, rest),
        test_targets=np.where(test_labels == spec.positive_class, positive, rest),
    )


def unpacked(packed: Bytes) -> Bytes:
    """(images, 784), 0 or 1."""
    return np.unpackbits(packed, axis=1, count=N_PIXELS)


def pixel_values(images: Bytes) -> npt.NDArray[np.float32]:
    """(images, 784), from 0 to 1, of images of either kind."""
    is_grey = images.shape[1] == N_PIXELS
    return images.astype(np.float32) / np.float32(255) if is_grey else unpacked(images).astype(np.float32)


@functools.lru_cache(maxsize=4)
def _images(dataset: str, pixels: str, kind: str, seed: int, n_train: int, n_test: int) -> Images:
    found = datasets.load(dataset, grey=pixels == "grey")
    for name, wanted, there in (
        ("train_images", n_train, len(found.train_labels)),
        ("test_images", n_test, len(found.test_labels)),
    ):
        if wanted > there:
            raise BadSetting(
                f"problem.{name} {wanted} is more than the {there} of the dataset: it must be at most {there}",
                f"problem.{name}",
            )
    # A prefix of one permutation, so fewer images are some of the same; batches are slices of this order.
    train = stream(seed, "observed entries").permutation(len(found.train_labels))[:n_train]
    test = stream(seed, "test images").permutation(len(found.test_labels))[:n_test]
    train_images, test_images = found.train_images[train], found.test_images[test]
    if kind == "random":
        generator = stream(seed, "noise")
        train_images = _random_bytes(generator, train_images.shape)
        test_images = _random_bytes(generator, test_images.shape)
    return Images(
        train=train_images,
        test=test_images,
        train_labels=found.train_labels[train],
        test_labels=found.test_labels[test],
    )


def _random_bytes(generator: np.random.Generator, shape: tuple[int, ...]) -> Bytes:
    """Uniform bits; of grey images uniform grey values."""
    return np.frombuffer(generator.bytes(math.prod(shape)), dtype=np.uint8).reshape(shape)
