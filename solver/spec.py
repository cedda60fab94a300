"""The settings of a run: frozen types whose ranges refuse what cannot run."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Dimension = Annotated[int, Meta(ge=1, le=20_000)]
Count = Annotated[int, Meta(ge=1, le=10**12)]
Index = Annotated[int, Meta(ge=0, lt=20_000)]
# The upper ends keep infinity out: msgspec compares, and inf <= 1e100 is false. NaN fails every comparison.
Positive = Annotated[float, Meta(gt=0, le=1e100)]
NonNegative = Annotated[float, Meta(ge=0, le=1e100)]
Finite = Annotated[float, Meta(ge=-1e100, le=1e100)]
Fraction = Annotated[float, Meta(ge=0, lt=1)]

MAX_LANES = 256


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every part of a spec shares: frozen, by keyword, no unknown fields."""


class MatrixCompletion(Settings, frozen=True, tag_field="kind", tag="matrix-completion"):
    """Fit some entries of a matrix: of a random low-rank one, of a given list, or of a CSV file."""

    shape: tuple[Dimension, Dimension] | None = None
    """Rows and columns; 100 × 100 for a random ground truth, else the largest index plus one."""
    rank: Dimension | None = None
    """Rank of the random ground truth; 5 unless entries or a file are given."""
    observations: Count | None = None
    """Number of observed entries, drawn without replacement; 2000 unless entries or a file are given."""
    frobenius_norm: Positive | None = None
    """Frobenius norm of the random ground truth; sqrt(rows · columns), so that the mean-square entry is 1."""
    noise: NonNegative = 0.0
    """Standard deviation of the Gaussian noise added to each observed value, in units of an entry."""
    loss: Literal["mean", "half-sum"] = "mean"
    """mean of the squared residuals (A19), or half their sum (R20); it sets the unit of flow time."""
    entries: list[tuple[Index, Index, Finite]] | None = None
    """Observed entries as [row, column, value], indices from zero; replaces the random ground truth."""
    file: str | None = None
    """A CSV of row,column,value, indices from zero, relative to the TOML file; replaces the random ground truth."""
    test_fraction: Fraction = 0.0
    """Fraction of the file's entries held out for held_out_error; chosen by the seed."""

    def __post_init__(self) -> None:
        if self.entries is not None and self.file is not None:
            raise ValueError("entries and file are both given: keep one of the two")
        if self.entries is not None or self.file is not None:
            self._check_given()
        else:
            self._check_random()
        if self.test_fraction and self.file is None:
            raise ValueError("test_fraction holds out entries of a file, and no file is given: set file, or leave it 0")

    def _check_given(self) -> None:
        given = "entries" if self.entries is not None else "file"
        for name in ("rank", "observations", "frobenius_norm"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} describes a random ground truth, but {given} is given: leave {name} out")
        if self.noise:
            raise ValueError(f"noise is added to a random ground truth, but {given} is given: leave noise at 0")
        if self.entries is None:
            return
        if not self.entries:
            raise ValueError("entries is empty: give at least one [row, column, value]")
        rows, columns = self.resolved_shape
        seen: set[tuple[int, int]] = set()
        for row, column, _ in self.entries:
            if row >= rows or column >= columns:
                raise ValueError(
                    f"entries has [{row}, {column}], outside shape {rows} × {columns} (indices count from zero): "
                    "enlarge shape or correct the index"
                )
            if (row, column) in seen:
                raise ValueError(f"entries has [{row}, {column}] twice: keep one value for each entry")
            seen.add((row, column))

    def _check_random(self) -> None:
        rows, columns = self.resolved_shape
        if self.resolved_rank > min(rows, columns):
            raise ValueError(
                f"rank {self.resolved_rank} is larger than the smallest dimension of shape {rows} × {columns}: "
                f"it must be at most {min(rows, columns)}"
            )
        if self.resolved_observations > rows * columns:
            raise ValueError(
                f"observations {self.resolved_observations} is more than the {rows * columns} entries of shape "
                f"{rows} × {columns}: it must be at most {rows * columns}"
            )

    @property
    def is_random(self) -> bool:
        return self.entries is None and self.file is None

    @property
    def resolved_shape(self) -> tuple[int, int]:
        """Rows and columns; for a file without a shape the caller reads the file first."""
        if self.shape is not None:
            return self.shape
        if self.entries:
            return 1 + max(entry[0] for entry in self.entries), 1 + max(entry[1] for entry in self.entries)
        return 100, 100

    @property
    def resolved_rank(self) -> int:
        return 5 if self.rank is None else self.rank

    @property
    def resolved_observations(self) -> int:
        return 2000 if self.observations is None else self.observations

    @property
    def resolved_frobenius_norm(self) -> float:
        rows, columns = self.resolved_shape
        return math.sqrt(rows * columns) if self.frobenius_norm is None else self.frobenius_norm


class DeepMatrixFactorization(Settings, frozen=True, tag_field="kind", tag="deep-matrix-factorization"):
    """The end matrix W = W_N … W_1 of a linear network of depth N; layer j maps width j−1 to width j."""

    depth: Annotated[int, Meta(ge=1, le=32)] = 3
    """Number of layers N; 1 trains the matrix itself."""
    hidden_width: Dimension | None = None
    """Width of the hidden layers; the smaller dimension of the problem, so that the width never limits the rank."""
    init: Literal["gaussian", "identity", "orthogonal", "balanced"] = "gaussian"
    """How the layers start: independent Gaussian, multiples of the identity, orthogonal, or balanced (A19 §3)."""
    init_scale: Positive = 1e-3
    """Scale of the end matrix at the start: a Gaussian layer has standard deviation init_scale^(1/N)/sqrt(width)."""
    det_sign: Literal["any", "positive", "negative"] = "any"
    """Sign of the end matrix's determinant at the start (square problems); one layer is reflected to make it so."""


class GradientFlow(Settings, frozen=True, tag_field="kind", tag="gradient-flow"):
    """The flow dθ/dt = −∇ℓ(θ) itself, integrated with error control."""

    rtol: Annotated[float, Meta(ge=1e-13, le=1e-2)] = 1e-4
    """Local error allowed in a step, relative to the root mean square of the parameters."""
    atol: NonNegative = 1e-9
    """Local error allowed in a step, absolute, in units of a parameter."""
    method: Literal["auto", "dormand-prince"] = "auto"
    """The integrator; auto chooses it, at present always the Dormand–Prince 5(4) pair."""


class GradientDescent(Settings, frozen=True, tag_field="kind", tag="gradient-descent"):
    """θ ← θ − step_size · ∇ℓ(θ)."""

    step_size: Positive = 0.1
    """Step size; flow time advances by it at every step."""


class GroupRMSprop(Settings, frozen=True, tag_field="kind", tag="group-rmsprop"):
    """The papers' adaptive method (A19 appendix): one scalar second moment for all parameters, no momentum."""

    step_size: Positive = 1e-3
    """Step size before the division by sqrt(second moment) + eps; A19 has 1e-3, R20 and R21 1e-2."""
    alpha: Fraction = 0.99
    """Decay of the running second moment."""
    eps: Positive = 1e-4
    """Added to the root; sets the plateau lengths. A19 has 1e-4, R20 and R21 1e-6."""


class Adam(Settings, frozen=True, tag_field="kind", tag="adam"):
    """Adam (Kingma & Ba 2015) with bias correction, on the full loss."""

    step_size: Positive = 1e-3
    """Step size; R21 has 5e-4."""
    beta1: Fraction = 0.9
    """Decay of the running gradient."""
    beta2: Fraction = 0.999
    """Decay of the running squared gradient."""
    eps: Positive = 1e-8
    """Added to the root of the second moment."""


class Stop(Settings, frozen=True):
    """When a lane ends; the first rule that is met does it."""

    train_loss: Positive | None = None
    """The lane has converged when its training loss is at most this."""
    max_steps: Count = 100_000
    """Steps a lane may take (accepted steps of an integrator)."""
    max_time: Positive | None = None
    """Flow time a lane may reach; Adam has none."""
    max_seconds: Positive | None = None
    """Wall seconds the whole run may take."""


class Record(Settings, frozen=True):
    """Which states of a lane are recorded, and how much of each."""

    every: Count | None = None
    """Every k-th step is recorded besides the geometric ones; a hundredth of max_steps, or more densely for a flow."""
    per_step: Annotated[int, Meta(ge=1, le=16)] = 2
    """Frames in each recorded step of an integrator, the inner ones by dense output; one at most for other methods."""
    singular_values: Annotated[int, Meta(ge=1, le=100)] = 16
    """How many of the largest singular values a frame holds."""
    rates: Annotated[int, Meta(ge=0, le=32)] = 8
    """How many singular values have their measured and predicted rates recorded; 0 leaves the rates out."""


Problem = MatrixCompletion
Model = DeepMatrixFactorization
Optimizer = GradientFlow | GradientDescent | GroupRMSprop | Adam


class RunSpec(Settings, frozen=True):
    """Everything that determines a run; the same spec twice on one machine gives the same numbers."""

    problem: Problem = MatrixCompletion()
    """What is fitted."""
    model: Model = DeepMatrixFactorization()
    """What is trained, and how it starts."""
    optimizer: Optimizer = GradientFlow()
    """How it is trained."""
    stop: Stop = Stop()
    """When a lane ends."""
    record: Record = Record()
    """What is recorded."""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    """Seed of the four streams: ground truth, observed entries, noise, initialisation."""
    seeds: Annotated[int, Meta(ge=1, le=MAX_LANES)] = 1
    """Number of seeds: seed, seed + 1, …; each is a lane of its own."""
    dtype: Literal["float64", "float32"] = "float64"
    """Precision of the training; spectra are always computed in float64."""
    device: Annotated[str, Meta(pattern=r"^(auto|cpu|cuda(:\d{1,3})?)$")] = "auto"
    """Where to train: auto, cpu, cuda or cuda:N; auto takes a GPU when one is there and the run gains by it."""
    threads: Annotated[int, Meta(ge=1, le=256)] = 1
    """Threads of a matrix product; small problems are fastest with 1."""
    sweep: dict[str, list[Any]] = {}
    """Lists of values by field, such as {"model.depth": [1, 2, 3]}; their product with the seeds is the lanes."""

    def __post_init__(self) -> None:
        shape = self.problem.shape if self.problem.file is not None else self.problem.resolved_shape
        if self.model.det_sign != "any" and shape is not None and shape[0] != shape[1]:
            raise ValueError(
                f"model.det_sign needs a square matrix, and problem.shape is {shape[0]} × {shape[1]}: "
                'make the shape square, or set model.det_sign = "any"'
            )
        width = self.model.hidden_width
        if self.model.det_sign != "any" and shape is not None and width is not None and width < shape[0]:
            raise ValueError(
                f"model.det_sign is {self.model.det_sign}, but model.hidden_width {width} makes the determinant zero: "
                f"make the width at least {shape[0]}"
            )
        pieces = self.record.per_step if isinstance(self.optimizer, GradientFlow) else 1
        if self.record.every is not None and pieces * self.stop.max_steps > 2000 * self.record.every:
            least = -(-pieces * self.stop.max_steps // 2000)
            raise ValueError(
                f"record.every {self.record.every} makes over 2000 frames of stop.max_steps {self.stop.max_steps}: "
                f"make it at least {least}"
            )
        if isinstance(self.optimizer, Adam) and self.stop.max_time is not None:
            raise ValueError("stop.max_time is flow time, which adam does not have: set stop.max_steps instead")
        if self.seed + self.seeds > 2**63:
            raise ValueError("seed + seeds is more than 2^63: take a smaller seed")
