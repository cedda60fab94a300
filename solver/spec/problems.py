"""What is fitted: entries or measurements of a matrix or tensor, or labels of images."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, cast

from msgspec import Meta

from solver.spec.base import (
    Count,
    Dimension,
    Finite,
    Fraction,
    NonNegative,
    Number,
    Positive,
    Settings,
    check_kinds,
    kinds_of,
)

Shape = Annotated[tuple[Dimension, ...], Meta(min_length=2, max_length=8)]
# Smaller singular values are rounding beside the first, and no longer part of a rank that can be measured.
_WIDEST_SPECTRUM = 1e8
Spectrum = Annotated[tuple[Positive, ...], Meta(min_length=1, max_length=1000)]
ConditionNumber = Annotated[float, Meta(ge=1, le=_WIDEST_SPECTRUM)]

# A permutation of all entries is drawn to choose the observed ones.
_MOST_ENTRIES = 400_000_000


class ProblemKind(Settings, frozen=True):
    """What every problem says of itself."""

    GOES_WITH: ClassVar[dict[str, dict[str, Any]]]
    """The model, and the optimizer where it matters, that it is fitted with where nothing else is said."""

    @property
    @abstractmethod
    def known_shape(self) -> tuple[int, ...] | None:
        """Sizes of the modes of what is trained to fit it; None where they are not known yet, or there are none."""

    @property
    @abstractmethod
    def n_modes(self) -> int:
        """Modes of the matrix or tensor that is fitted."""

    @property
    @abstractmethod
    def largest_batch(self) -> int | None:
        """The most examples that a step may use; None where there are no examples."""

    def check_optimizer(self, kind: str) -> None:
        """Raises ValueError where an optimizer of this kind cannot train on it."""


_LAYERS: dict[str, dict[str, Any]] = {"model": {"kind": "deep-matrix-factorization"}}
_COMPONENTS: dict[str, dict[str, Any]] = {"model": {"kind": "cp"}}


class MatrixTruth:
    """What can be chosen of a matrix's ground truth.

    The kinds that have these fields name them again: msgspec takes fields from one base alone.
    """

    __slots__ = ()

    spectrum: Spectrum | None
    """Singular values of the random ground truth, largest first; its rank and Frobenius norm follow from them."""
    condition_number: ConditionNumber | None
    """Largest over smallest of the rank's singular values, the others evenly spaced between their logarithms."""
    symmetric: bool
    """Whether the random ground truth is symmetric and positive semidefinite, UUᵀ with a Gaussian U."""
    ground_truth: str | None
    """A dense matrix, CSV without a header or NPY, relative to the TOML file; replaces the random ground truth."""

    def _check_chosen(self, shape: tuple[int, ...], rank: int | None, frobenius_norm: float | None) -> None:
        """Raises ValueError where what is chosen contradicts itself, the shape, or what is set beside it."""
        beside = {
            "rank": rank,
            "frobenius_norm": frobenius_norm,
            "spectrum": self.spectrum,
            "condition_number": self.condition_number,
            "symmetric": self.symmetric or None,
        }
        for name, value in beside.items() if self.ground_truth is not None else ():
            if value is not None:
                raise ValueError(f"{name} describes a random ground truth, but ground_truth is given: leave {name} out")
        shown = " × ".join(str(size) for size in shape)
        if self.symmetric and shape[0] != shape[1]:
            raise ValueError(f"symmetric needs a square matrix, and shape is {shown}: make shape square")
        if self.condition_number is not None and self.spectrum is not None:
            raise ValueError("spectrum and condition_number are both given: keep one of the two")
        if self.spectrum is None:
            return
        if len(self.spectrum) > min(shape):
            raise ValueError(
                f"spectrum has {len(self.spectrum)} values, and shape {shown} at most {min(shape)}: shorten it"
            )
        if any(after > before for before, after in itertools.pairwise(self.spectrum)):
            raise ValueError(f"spectrum {_listed(self.spectrum)} does not fall: write the largest value first")
        if self.spectrum[0] > _WIDEST_SPECTRUM * self.spectrum[-1]:
            raise ValueError(
                f"spectrum falls from {self.spectrum[0]:g} to {self.spectrum[-1]:g}, by more than "
                f"{_WIDEST_SPECTRUM:g}: leave out what is rounding beside the first"
            )
        if rank is not None and rank != len(self.spectrum):
            raise ValueError(
                f"rank {rank} is not that of spectrum, which has {len(self.spectrum)} values: leave it out"
            )
        norm = math.hypot(*self.spectrum)
        if frobenius_norm is not None and not math.isclose(frobenius_norm, norm, rel_tol=1e-6):
            raise ValueError(f"frobenius_norm {frobenius_norm:g} is not that of spectrum, {norm:.6g}: leave it out")

    def _spectrum(self, rank: int, norm: float) -> tuple[float, ...] | None:
        """The chosen singular values, largest first; None where factors are drawn."""
        if self.condition_number is None:
            return self.spectrum
        exponents = [1.0 - place / (rank - 1) for place in range(rank)] if rank > 1 else [0.0]
        values = [self.condition_number**exponent for exponent in exponents]
        scale = norm / math.hypot(*values)
        return tuple(scale * value for value in values)


class Observed(ProblemKind, frozen=True):
    """What the four kinds share: a ground truth of low rank, and what is observed of it."""

    GOES_WITH: ClassVar[dict[str, dict[str, Any]]] = _LAYERS
    N_MODES: ClassVar[tuple[int, ...]] = (2,)
    DEFAULT_SHAPE: ClassVar[tuple[int, ...]] = (100, 100)
    IS_SENSING: ClassVar[bool] = False
    """Whether inner products with dense measurements are observed, and not entries."""

    shape: Shape | None = None
    """Sizes of the modes; 100 × 100 for a random matrix, 10 × 10 × 10 × 10 for a tensor, else the largest index + 1."""
    rank: Dimension | None = None
    """Rank of the random ground truth; 5 unless entries or a file are given."""
    observations: Count | None = None
    """Number of observed entries (no entry twice) or of measurements; 2000 unless entries or a file are given."""
    frobenius_norm: Positive | None = None
    """Frobenius norm of the random ground truth; the root of its number of entries, so that their mean square is 1."""
    noise: NonNegative = 0.0
    """Standard deviation of the Gaussian noise added to each observed value, in units of an entry."""
    loss: Literal["mean", "half-sum", "huber"] = "mean"
    """mean of squared residuals (A19, R21), half their sum (R20), or mean Huber loss (R21); sets the unit of time."""
    huber_delta: Positive = 1e-3
    """Residual at which the Huber loss r²/2 goes over into a straight line; the other losses do not use it."""

    def __post_init__(self) -> None:
        self._check_modes()
        self._check_random()

    def _check_modes(self) -> None:
        if self.shape is None:
            return
        if len(self.shape) not in self.N_MODES:
            wanted = "2" if self.N_MODES == (2,) else f"{self.N_MODES[0]} to {self.N_MODES[-1]}"
            raise ValueError(f"shape must be a list of {wanted} sizes, not {len(self.shape)}: give one for each mode")
        if math.prod(self.shape) > _MOST_ENTRIES:
            raise ValueError(f"shape {self.shown_shape} has over {_MOST_ENTRIES} entries: take smaller sizes")

    def _check_random(self) -> None:
        shape, entries = self.resolved_shape, math.prod(self.resolved_shape)
        if isinstance(self, MatrixTruth):
            self._check_chosen(shape, self.rank, self.frobenius_norm)
            if self.condition_number is not None and self.condition_number > 1 and self.resolved_rank == 1:
                raise ValueError(
                    f"condition_number {self.condition_number:g} needs a rank of at least 2, and rank is 1: "
                    "raise rank, or leave condition_number out"
                )
        # A matrix has no rank above its smaller dimension, a tensor none above its entries over its largest mode.
        most = entries // max(shape)
        if self.resolved_rank > most:
            what = "the smallest dimension" if len(shape) == 2 else "the largest rank a tensor can have, and that"
            raise ValueError(
                f"rank {self.resolved_rank} is larger than {what} of shape {self.shown_shape}: "
                f"it must be at most {most}"
            )
        # The sizes of a file that has not been read are not known yet.
        if self.known_shape is not None:
            self._check_observations(entries)

    @property
    def is_uniform(self) -> bool:
        """Whether every entry of the ground truth is as likely as every other to be observed."""
        return True

    def _check_observations(self, entries: int) -> None:
        if self.resolved_observations > entries:
            raise ValueError(
                f"observations {self.resolved_observations} is more than the {entries} entries of shape "
                f"{self.shown_shape}: it must be at most {entries}"
            )

    @property
    def shown_shape(self) -> str:
        """The sizes as a person reads them, as in 100 × 100."""
        return " × ".join(str(size) for size in self.resolved_shape)

    @property
    def is_random(self) -> bool:
        """Whether the ground truth is drawn from the seed."""
        return self.truth_file is None

    @property
    def truth_file(self) -> str | None:
        """The file that the ground truth is read from."""
        return self.ground_truth if isinstance(self, MatrixTruth) else None

    @property
    def resolved_shape(self) -> tuple[int, ...]:
        """Sizes of the modes; for a file without a shape the caller reads the file first."""
        return self.DEFAULT_SHAPE if self.shape is None else self.shape

    @property
    def known_shape(self) -> tuple[int, ...] | None:
        return self.resolved_shape if self.truth_file is None else self.shape

    @property
    def n_modes(self) -> int:
        return len(self.resolved_shape)

    @property
    def largest_batch(self) -> int | None:
        return None

    @property
    def resolved_rank(self) -> int:
        """Of a ground truth that is read, the largest that it can have."""
        if self.truth_file is not None:
            return min(self.resolved_shape)
        if isinstance(self, MatrixTruth) and self.spectrum is not None:
            return len(self.spectrum)
        return 5 if self.rank is None else self.rank

    @property
    def resolved_observations(self) -> int:
        return 2000 if self.observations is None else self.observations

    @property
    def resolved_frobenius_norm(self) -> float:
        if isinstance(self, MatrixTruth) and self.spectrum is not None:
            return math.hypot(*self.spectrum)
        return math.sqrt(math.prod(self.resolved_shape)) if self.frobenius_norm is None else self.frobenius_norm

    @property
    def is_symmetric(self) -> bool:
        """Whether the random ground truth is symmetric and positive semidefinite."""
        return isinstance(self, MatrixTruth) and self.symmetric

    @property
    def resolved_spectrum(self) -> tuple[float, ...] | None:
        """Singular values that the random ground truth has, largest first; None where they come out of its factors."""
        if not isinstance(self, MatrixTruth):
            return None
        return self._spectrum(self.resolved_rank, self.resolved_frobenius_norm)


class Completion(Observed, frozen=True):
    """Fit some entries: of a random ground truth, or of a given list."""

    entries: list[tuple[Number, ...]] | None = None
    """Observed entries as [row, column, value] or [i, j, k, …, value], indices from zero; replaces the ground truth."""

    def __post_init__(self) -> None:
        self._check_modes()
        if self.has_entries_alone:
            self._check_given()
        else:
            self._check_random()

    @property
    def _given(self) -> str:
        return "entries"

    def _check_given(self) -> None:
        for name in ("rank", "observations", "frobenius_norm", "spectrum", "condition_number", "symmetric"):
            if getattr(self, name, None) not in (None, False):
                raise ValueError(
                    f"{name} describes a random ground truth, but {self._given} is given: leave {name} out"
                )
        if self.noise:
            raise ValueError(f"noise is added to a random ground truth, but {self._given} is given: leave noise at 0")
        if self.entries is not None:
            self._check_entries(self.entries)

    def _check_entries(self, entries: list[tuple[float, ...]]) -> None:
        if not entries:
            raise ValueError("entries is empty: give at least one [row, column, value]")
        for entry in entries:
            if len(entry) - 1 not in self.N_MODES or len(entry) != len(entries[0]):
                wanted = " or ".join(str(n + 1) for n in self.N_MODES) if len(self.N_MODES) < 3 else "4 to 9"
                raise ValueError(f"entries has {list(entry)}: write {wanted} numbers each, the indices, then the value")
            if any(index != int(index) or not 0 <= index < 20_000 for index in entry[:-1]):
                raise ValueError(f"entries has {list(entry)}: its indices must be whole numbers from 0 to 19999")
        shape = self.resolved_shape
        seen: set[tuple[float, ...]] = set()
        for *index, _ in entries:
            shown = [int(i) for i in index]
            if len(index) != len(shape) or any(i >= size for i, size in zip(index, shape, strict=True)):
                raise ValueError(
                    f"entries has {shown}, outside shape {self.shown_shape} (indices count from zero): "
                    "enlarge shape or correct the index"
                )
            if tuple(index) in seen:
                raise ValueError(f"entries has {shown} twice: keep one value for each entry")
            seen.add(tuple(index))

    @property
    def has_entries_alone(self) -> bool:
        """Whether entries are given, and no ground truth that they are taken from."""
        return self.entries is not None

    @property
    def is_random(self) -> bool:
        return not self.has_entries_alone and super().is_random

    @property
    def resolved_shape(self) -> tuple[int, ...]:
        if self.shape is None and self.entries:
            return tuple(
                1 + max(int(index) for index in column) for column in list(zip(*self.entries, strict=True))[:-1]
            )
        return super().resolved_shape


class MatrixCompletion(Completion, MatrixTruth, frozen=True, tag_field="kind", tag="matrix-completion"):
    """Fit some entries of a matrix: of a random low-rank one, of a given list, or of a CSV file."""

    file: str | None = None
    """A CSV of row,column,value, indices from zero, relative to the TOML file; replaces the random ground truth."""
    test_fraction: Fraction = 0.0
    """Fraction of the file's entries held out for held_out_error; chosen by the seed."""
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
        if self.test_fraction and self.file is None:
            raise ValueError("test_fraction holds out entries of a file, and no file is given: set file, or leave it 0")

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
    def _given(self) -> str:
        return "entries" if self.entries is not None else "file"

    @property
    def has_entries_alone(self) -> bool:
        return self.entries is not None or self.file is not None

    @property
    def known_shape(self) -> tuple[int, ...] | None:
        return self.shape if self.file is not None else super().known_shape

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


class TensorCompletion(Completion, frozen=True, tag_field="kind", tag="tensor-completion"):
    """Fit some entries of a tensor: of a random one of low CP rank, or of a given list."""

    GOES_WITH: ClassVar[dict[str, dict[str, Any]]] = _COMPONENTS
    N_MODES: ClassVar[tuple[int, ...]] = (3, 4, 5, 6, 7, 8)
    DEFAULT_SHAPE: ClassVar[tuple[int, ...]] = (10, 10, 10, 10)


class TensorSensing(Observed, frozen=True, tag_field="kind", tag="tensor-sensing"):
    """Fit inner products of a random tensor of low CP rank with Gaussian measurement tensors."""

    GOES_WITH: ClassVar[dict[str, dict[str, Any]]] = _COMPONENTS
    IS_SENSING: ClassVar[bool] = True
    N_MODES: ClassVar[tuple[int, ...]] = (3, 4, 5, 6, 7, 8)
    DEFAULT_SHAPE: ClassVar[tuple[int, ...]] = (10, 10, 10, 10)


class ImageTensor(ProblemKind, frozen=True, tag_field="kind", tag="image-tensor"):
    """Predict one class against the rest from images of one bit a pixel: some entries of an order-784 tensor (R21)."""

    N_PIXELS: ClassVar[int] = 784
    GOES_WITH: ClassVar[dict[str, dict[str, Any]]] = {
        "model": {"kind": "cp", "init_mean": 1.0, "init_std": 1e-3},
        "optimizer": {"kind": "adam", "step_size": 5e-4},
    }

    dataset: str = "mnist"
    """mnist, fashion-mnist, or a directory of IDX files (gz or not), made one bit per pixel at grey value 128."""
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


def _listed(values: Sequence[float]) -> str:
    """The first of them, as a person reads a list."""
    shown = ", ".join(f"{value:g}" for value in values[:4])
    return f"[{shown}, …]" if len(values) > 4 else f"[{shown}]"
