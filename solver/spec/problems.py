"""What is fitted: entries or measurements of a matrix or tensor, or labels of images."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal, cast

from msgspec import Meta

from solver.spec.base import Finite, Positive, check_kinds, kinds_of
from solver.spec.completion import Completion
from solver.spec.observed import COMPONENTS, Observed, ProblemKind
from solver.spec.truth import ConditionNumber, HierarchicalRank, MatrixTruth, Spectrum, TensorTruth


class MatrixCompletion(Completion, MatrixTruth, frozen=True, tag_field="kind", tag="matrix-completion"):
    """Fit some entries of a matrix: of a random low-rank one, of a given list, or of a file."""

    spectrum: Spectrum | None = None
    condition_number: ConditionNumber | None = None
    symmetric: bool = False
    ground_truth: str | None = None
    mask: Literal["uniform", "symmetric", "rows", "popularity", "block"] = "uniform"
    """Which entries of the ground truth are observed: all alike; (i, j) and (j, i) together, with one noise; rows, or
    rows and columns, at unequal rates; or none of a block.
    """
    mask_skew: Annotated[float, Meta(ge=0, le=10)] = 1.0
    """For rows and popularity: the k-th row (and column) of a random order is observed at a rate of k^−mask_skew."""
    missing_share: Annotated[float, Meta(gt=0, lt=1)] = 0.25
    """For block: about which share of the entries, in the last rows and columns, is never observed."""

    def __post_init__(self) -> None:
        given = [name for name in ("entries", "file", "ground_truth") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} are both given: keep one of the two")
        super().__post_init__()
        if self.mask != "uniform" and self.has_entries_alone:
            raise ValueError(
                f"mask chooses entries of a ground truth, but {self._given} is given: leave mask at uniform"
            )

    def _check_observations(self, entries: int) -> None:
        rows, columns = self.resolved_shape
        if self.mask == "symmetric" and rows != columns:
            raise ValueError(
                f"mask symmetric needs a square matrix, and shape is {self.shown_shape}: make shape square, or take "
                "another mask"
            )
        super()._check_observations(entries)
        outside = entries - math.prod(self.missing_block)
        if self.resolved_observations > outside:
            raise ValueError(
                f"observations {self.resolved_observations} is more than the {outside} entries of shape "
                f"{self.shown_shape} outside the missing block: it must be at most {outside}"
            )

    @property
    def missing_block(self) -> tuple[int, int]:
        """Rows and columns, the last ones, whose common entries are never observed."""
        if self.mask != "block":
            return 0, 0
        rows, columns = self.resolved_shape
        side = math.sqrt(self.missing_share)
        return max(1, round(side * rows)), min(columns - 1, max(1, round(side * columns)))

    @property
    def is_uniform(self) -> bool:
        return self.mask == "uniform"

    @property
    def is_counterexample(self) -> bool:
        """Whether these are R20's entries: all but the first, of a matrix of any shape from 2 × 2 on.

        The first row and column go on with zeros after z and z′ ≠ 0, and from the second row and column on the matrix
        is the identity but for ε in its corner.
        """
        if self.entries is None:
            return False
        rows, columns = self.resolved_shape
        if min(rows, columns) < 2 or len(self.entries) != rows * columns - 1:
            return False
        given = {(int(row), int(column)): value for row, column, value in self.entries}
        special = {(0, 1), (1, 0), (1, 1)}
        rest = all(value == float(i == j) for (i, j), value in given.items() if (i, j) not in special)
        return rest and (0, 0) not in given and given[0, 1] != 0.0 and given[1, 0] != 0.0


class MatrixSensing(Observed, MatrixTruth, frozen=True, tag_field="kind", tag="matrix-sensing"):
    """Fit inner products of a random low-rank matrix with Gaussian measurement matrices."""

    IS_SENSING: ClassVar[bool] = True

    spectrum: Spectrum | None = None
    condition_number: ConditionNumber | None = None
    symmetric: bool = False
    ground_truth: str | None = None


class TensorCompletion(Completion, TensorTruth, frozen=True, tag_field="kind", tag="tensor-completion"):
    """Fit some entries of a tensor: of a random one of low rank, of a given list, or of a file."""

    GOES_WITH: ClassVar[dict[str, dict[str, Any]]] = COMPONENTS
    N_MODES: ClassVar[tuple[int, ...]] = (3, 4, 5, 6, 7, 8)
    DEFAULT_SHAPE: ClassVar[tuple[int, ...]] = (10, 10, 10, 10)

    ht_rank: HierarchicalRank | None = None


class TensorSensing(Observed, TensorTruth, frozen=True, tag_field="kind", tag="tensor-sensing"):
    """Fit inner products of a random tensor of low rank with Gaussian measurement tensors."""

    GOES_WITH: ClassVar[dict[str, dict[str, Any]]] = COMPONENTS
    IS_SENSING: ClassVar[bool] = True
    N_MODES: ClassVar[tuple[int, ...]] = (3, 4, 5, 6, 7, 8)
    DEFAULT_SHAPE: ClassVar[tuple[int, ...]] = (10, 10, 10, 10)

    ht_rank: HierarchicalRank | None = None


class ImageTensor(ProblemKind, frozen=True, tag_field="kind", tag="image-tensor"):
    """Images: one class predicted against the rest, entries of an order-784 tensor (R21), or the images themselves."""

    N_PIXELS: ClassVar[int] = 784
    SHIPPED: ClassVar[tuple[str, ...]] = ("mnist", "fashion-mnist")
    """The datasets that ship with the package, of one bit a pixel."""
    GOES_WITH: ClassVar[dict[str, dict[str, Any]]] = {
        "model": {"kind": "cp", "init_mean": 1.0, "init_std": 1e-3},
        "optimizer": {"kind": "adam", "step_size": 5e-4},
    }

    dataset: str = "mnist"
    """mnist, fashion-mnist, or a directory of IDX files (gz or not), made one bit per pixel at grey value 128."""
    pixels: Literal["one-bit", "grey"] = "one-bit"
    """What a pixel is: on or off; or, for an autoencoder of images from IDX files, their grey value from 0 to 1."""
    variant: Literal["original", "random-images", "random-labels"] = "original"
    """original; random-images: uniform random bits, same labels; random-labels: train and test labels permuted."""
    positive_class: Annotated[int, Meta(ge=0, le=9)] = 6
    """The class whose images have the target targets[1]."""
    train_images: Annotated[int, Meta(ge=1, le=60_000)] = 60_000
    """Number of training images; fewer are drawn by the seed."""
    test_images: Annotated[int, Meta(ge=1, le=10_000)] = 10_000
    """Number of test images; fewer are drawn by the seed."""
    targets: tuple[Finite, Finite] = (0.0, 2.0)
    """Targets of the rest and of the positive class; errors are divided by the square of their distance."""
    clip: Positive = 4.0
    """Largest squared test error of one image; larger ones count as this."""

    def __post_init__(self) -> None:
        if self.targets[0] == self.targets[1]:
            raise ValueError(f"targets must differ, not both be {self.targets[0]:g}: R21 has [0, 2]")
        if self.pixels == "grey" and self.dataset in self.SHIPPED:
            raise ValueError(
                f"pixels grey needs grey values, and {self.dataset} ships with one bit a pixel: set dataset to a "
                "directory of IDX files, or pixels to one-bit"
            )

    @property
    def images(self) -> Literal["original", "random"]:
        """Which images a variant has; variants of the same images are trained together."""
        return "random" if self.variant == "random-images" else "original"

    @property
    def known_shape(self) -> tuple[int, ...] | None:
        return None

    @property
    def n_modes(self) -> int:
        return self.N_PIXELS

    @property
    def largest_batch(self) -> int | None:
        return self.train_images

    def check_optimizer(self, kind: str) -> None:
        if kind != "adam":
            raise ValueError("optimizer.kind must be adam for image-tensor, as in R21: set it")


Problem = MatrixCompletion | MatrixSensing | TensorCompletion | TensorSensing | ImageTensor
MatrixProblem = MatrixCompletion | MatrixSensing
TensorProblem = TensorCompletion | TensorSensing
check_kinds(Problem)
PROBLEMS = cast("tuple[type[ProblemKind], ...]", kinds_of(Problem))
