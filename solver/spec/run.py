"""The whole of a spec: its parts, when lanes end, what is recorded, and which parts go together."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from solver.spec.base import Count, Positive, Settings, tag_of
from solver.spec.completion import Completion
from solver.spec.models import MODELS, DeepMatrixFactorization, Model
from solver.spec.optimizers import GradientFlow, Optimizer
from solver.spec.problems import MatrixCompletion, Problem

MAX_LANES = 256
# Eight roundings of float32.
_FINEST_FLOAT32 = 1e-6


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
    patience: Count | None = None
    """A lane ends that has gone so many steps since its validation error, on entries set aside from a file, last fell
    by a thousandth.
    """


class Record(Settings, frozen=True):
    """Which states of a lane are recorded, and how much of each."""

    every: Count | None = None
    """Every k-th step is recorded besides the geometric ones; 12 to 100 times in max_steps unless given."""
    per_step: Annotated[int, Meta(ge=1, le=16)] = 2
    """Frames in each recorded step of an integrator, the inner ones by dense output; one at most for other methods."""
    singular_values: Annotated[int, Meta(ge=1, le=100)] = 16
    """How many of the largest singular values a frame holds."""
    rates: Annotated[int, Meta(ge=0, le=32)] = 8
    """How many singular values, or largest components, have their measured and predicted rates recorded; 0 for none."""
    geometric: Annotated[int, Meta(ge=1, le=256)] | None = None
    """Recorded steps in each factor e of steps; 64 for a flow, 4 for images, otherwise as many as cost little.

    Of a flow fewer, where recording would take over a fifth of a long training.
    """
    sharpness: bool = False
    """Whether matrix and tensor lanes record the largest eigenvalue of the Hessian; up to 80 gradients more a frame."""
    layers: Annotated[int, Meta(ge=0, le=8)] = 0
    """How many singular values of each layer of a matrix a frame holds, with the layers' alignment, or of each linear
    layer of an autoencoder; 0 for none.
    """
    greedy_ranks: Annotated[int, Meta(ge=0, le=32)] = 0
    """Up to which rank greedy solutions of each matrix problem are found, whose losses are the plateaus; 0 for none."""
    nuclear_norm: bool = False
    """Whether the solution of least nuclear norm is computed for each matrix problem, to stand beside the runs."""
    nuclear_norm_slack: Annotated[float, Meta(ge=0, lt=1)] = 1e-3
    """How far it may miss an observed entry, in units of their root mean square; 1e-3 is A19's, 0 fits exactly."""
    matricisation_tolerance: Annotated[float, Meta(gt=0, lt=1)] = 1e-3
    """The rank of an unfolding of a hierarchical Tucker form: its singular values above this part of the largest."""
    cp_rank: bool = False
    """Whether the CP rank of a tensor lane's solution is estimated at its end."""
    cp_rank_tolerance: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    """The estimate is the least number of components that fit the solution to this relative Frobenius error."""


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
    dtype: Literal["float64", "float32", "tf32"] = "float64"
    """Precision of the training; spectra are always computed in float64.

    tf32 is float32 with the products of a GPU's TF32, whose factors have ten bits of fraction.
    """
    device: Annotated[str, Meta(pattern=r"^(auto|cpu|cuda(:\d{1,3}(,\d{1,3})*)?)$")] = "auto"
    """Where to train: auto, cpu, cuda (every GPU there is work for), cuda:N or cuda:N,M.

    auto takes one GPU where one is there and the run gains by it.
    """
    threads: Annotated[int, Meta(ge=1, le=256)] = 1
    """Threads of a matrix product; small problems are fastest with 1."""
    sweep: dict[str, list[Any]] = msgspec.field(default_factory=dict)
    """Lists of values by field, such as {"model.depth": [1, 2, 3]}; their product with the seeds is the lanes."""
    variants: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """Settings by name, such as {"deep": {"model.depth": 4}}: each has lanes of its own, of every swept value and seed.
    """

    def __post_init__(self) -> None:
        if type(self.problem) not in self.model.FITS:
            self._refuse_model()
        self.problem.check_optimizer(tag_of(type(self.optimizer)))
        self.optimizer.check_with(self.problem, self.model)
        self.model.check_with(self.problem)
        pieces = self.record.per_step if self.optimizer.IS_FLOW else 1
        if self.record.every is not None and pieces * self.stop.max_steps > 2000 * self.record.every:
            least = -(-pieces * self.stop.max_steps // 2000)
            raise ValueError(
                f"record.every {self.record.every} makes over 2000 frames of stop.max_steps {self.stop.max_steps}: "
                f"make it at least {least}"
            )
        if not self.optimizer.HAS_TIME and self.stop.max_time is not None:
            kind = tag_of(type(self.optimizer))
            raise ValueError(f"stop.max_time is flow time, which {kind} does not have: set stop.max_steps instead")
        if self.dtype == "tf32" and self.device == "cpu":
            raise ValueError("dtype tf32 is how GPUs multiply, and device is cpu: set dtype float32, or device cuda")
        if self.dtype != "float64" and 0.0 < self.optimizer.tolerance < _FINEST_FLOAT32:
            raise ValueError(
                f"optimizer.rtol {self.optimizer.tolerance:g} is finer than {self.dtype} can tell: make it at least "
                f'{_FINEST_FLOAT32:g}, or set dtype = "float64"'
            )
        self._check_patience()
        if self.seed + self.seeds > 2**63:
            raise ValueError("seed + seeds is more than 2^63: take a smaller seed")

    def _check_patience(self) -> None:
        if self.stop.patience is None:
            return
        problem = self.problem
        if not isinstance(problem, Completion) or problem.file is None:
            raise ValueError(
                f"stop.patience {self.stop.patience} waits for a better validation error, and no entries of a file are "
                "held out: set problem.file and problem.test_fraction, or stop.patience to none"
            )
        if not problem.test_fraction:
            raise ValueError(
                f"stop.patience {self.stop.patience} waits for a better validation error, and "
                "problem.test_fraction is 0: set it to 0.1, say, or stop.patience to none"
            )
        if problem.validation_fraction == 0.0:
            raise ValueError(
                f"stop.patience {self.stop.patience} waits for a better validation error, and "
                "problem.validation_fraction is 0: leave it out, or set it to 0.05, say"
            )

    def _refuse_model(self) -> None:
        given = type(self.problem)
        wanted = " or ".join(tag_of(kind) for kind in MODELS if given in kind.FITS)
        raise ValueError(
            f"model.kind must be {wanted} for problem.kind {tag_of(given)}: set it, or change problem.kind"
        )
