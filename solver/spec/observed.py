"""What problems have in common, and what those share whose ground truth is observed in part."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from solver.spec.base import Count, Dimension, NonNegative, Positive, Settings
from solver.spec.truth import MatrixTruth, TensorTruth

Shape = Annotated[tuple[Dimension, ...], Meta(min_length=2, max_length=8)]

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


LAYERS: dict[str, dict[str, Any]] = {"model": {"kind": "deep-matrix-factorization"}}
COMPONENTS: dict[str, dict[str, Any]] = {"model": {"kind": "cp"}}


class Observed(ProblemKind, frozen=True):
    """What the four kinds share: a ground truth of low rank, and what is observed of it."""

    GOES_WITH: ClassVar[dict[str, dict[str, Any]]] = LAYERS
    N_MODES: ClassVar[tuple[int, ...]] = (2,)
    DEFAULT_SHAPE: ClassVar[tuple[int, ...]] = (100, 100)
    IS_SENSING: ClassVar[bool] = False
    """Whether inner products with dense measurements are observed, and not entries."""

    shape: Shape | None = None
    """Sizes of the modes; 100 × 100 for a random matrix, 10 × 10 × 10 × 10 for a tensor, else the largest index + 1."""
    rank: Dimension | None = None
    """Rank of the random ground truth (of a tensor CP rank); 5 unless entries, a file or another rank are given."""
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
        if isinstance(self, TensorTruth):
            self._check_hierarchical(shape, self.rank)
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
        """Of a ground truth that is read, the largest that it can have; of a hierarchical one, what it has at least."""
        if self.truth_file is not None:
            return min(self.resolved_shape)
        if isinstance(self, MatrixTruth) and self.spectrum is not None:
            return len(self.spectrum)
        if isinstance(self, TensorTruth) and self.ht_rank is not None:
            return max(self.ht_rank)
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
