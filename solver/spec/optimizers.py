"""How it is trained: the flow itself, or a method with steps."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from solver.spec.base import Count, Fraction, NonNegative, Positive, Settings, check_kinds
from solver.spec.models import Model
from solver.spec.problems import Problem

FLOW_METHODS = ("dormand-prince", "chebyshev", "rosenbrock")
"""The schemes that integrate the flow; the log numbers them in this order."""


# Gradients that the flow needs to a loss of 1e-6 (measured at 100 × 100: 350 to 9,400 by depth, scale and entries).
_FLOW_EVALUATIONS = 1_200


class OptimizerKind(Settings, frozen=True):
    """What every optimizer says of itself."""

    HAS_TIME: ClassVar[bool]
    """Whether its steps follow the flow, and so have a flow time."""
    IS_FLOW: ClassVar[bool]
    """Whether it integrates the flow itself, with steps of its own choice and dense output inside them."""

    @abstractmethod
    def evaluations(self, max_steps: int) -> int:
        """Gradients of a lane that may take so many steps, roughly."""

    @abstractmethod
    def step_at(self, time: float) -> float | None:
        """The step at which a flow time is reached; None where that is not known beforehand."""

    @property
    @abstractmethod
    def tolerance(self) -> float:
        """Relative error that a step may have besides rounding."""

    @property
    @abstractmethod
    def longest_step(self) -> float | None:
        """The step size to lower where training diverges; None where it is chosen by error control."""

    def check_with(self, problem: Problem, model: Model) -> None:
        """Raises ValueError where it cannot train this model on this problem."""


class FixedStep(OptimizerKind, frozen=True):
    """What the methods with a step size share: one gradient a step, and no error control."""

    IS_FLOW: ClassVar[bool] = False

    step_size: Positive

    def evaluations(self, max_steps: int) -> int:
        return max_steps

    def step_at(self, time: float) -> float | None:  # noqa: ARG002
        return None

    @property
    def tolerance(self) -> float:
        return 0.0

    @property
    def longest_step(self) -> float | None:
        return self.step_size


class GradientFlow(OptimizerKind, frozen=True, tag_field="kind", tag="gradient-flow"):
    """The flow dθ/dt = −∇ℓ(θ) itself, integrated with error control."""

    HAS_TIME: ClassVar[bool] = True
    IS_FLOW: ClassVar[bool] = True

    rtol: Annotated[float, Meta(ge=1e-13, le=1e-2)] = 1e-4
    """Local error allowed in a step, relative to the root mean square of the parameters.

    At the default, singular values and components that rise stay within about ten times that of the exact flow, in
    units of the largest; from very small starts of tensors, whose first rise ends a long wait, within a hundred times.
    """
    atol: NonNegative = 1e-9
    """Local error allowed in a step, absolute, in units of a parameter."""
    method: Literal["auto", "dormand-prince", "chebyshev", "rosenbrock"] = "auto"
    """Explicit pair 5(4), stabilised explicit method, or implicit Rodas4; auto begins with the pair, hands over where
    stability limits its steps, to the stabilised method, or to Rodas4 for at most 64 numbers in layers, and takes back.
    """

    def evaluations(self, max_steps: int) -> int:
        """Known within a factor of a few only."""
        return min(6 * max_steps, _FLOW_EVALUATIONS)

    def step_at(self, time: float) -> float | None:  # noqa: ARG002
        return None

    @property
    def tolerance(self) -> float:
        return self.rtol

    @property
    def longest_step(self) -> float | None:
        return None

    def check_with(self, problem: Problem, model: Model) -> None:  # noqa: ARG002
        if self.method == "rosenbrock" and not model.HAS_HESSIAN:
            raise ValueError("optimizer.method rosenbrock is for layers of a matrix: take auto or dormand-prince")


class GradientDescent(FixedStep, frozen=True, tag_field="kind", tag="gradient-descent"):
    """θ ← θ − step_size · ∇ℓ(θ)."""

    HAS_TIME: ClassVar[bool] = True

    step_size: Positive = 0.1
    """Step size; flow time advances by it at every step."""

    def step_at(self, time: float) -> float | None:
        return time / self.step_size


class GroupRMSprop(FixedStep, frozen=True, tag_field="kind", tag="group-rmsprop"):
    """The papers' adaptive method (A19 appendix): one scalar second moment for all parameters, no momentum."""

    HAS_TIME: ClassVar[bool] = True

    step_size: Positive = 1e-3
    """Step size before the division by sqrt(second moment) + eps; A19 has 1e-3, R20 and R21 1e-2."""
    alpha: Fraction = 0.99
    """Decay of the running second moment."""
    eps: Positive = 1e-4
    """Added to the root; sets the plateau lengths. A19 has 1e-4, R20 and R21 1e-6."""


class Adam(FixedStep, frozen=True, tag_field="kind", tag="adam"):
    """Adam (Kingma & Ba 2015) with bias correction."""

    HAS_TIME: ClassVar[bool] = False

    step_size: Positive = 1e-3
    """Step size; R21 has 5e-4."""
    beta1: Fraction = 0.9
    """Decay of the running gradient."""
    beta2: Fraction = 0.999
    """Decay of the running squared gradient."""
    eps: Positive = 1e-8
    """Added to the root of the second moment."""
    batch_size: Count | None = None
    """Images in a step (R21 has 5000), each used once an epoch; all unless given. Other problems have no batches."""

    def check_with(self, problem: Problem, model: Model) -> None:  # noqa: ARG002
        if self.batch_size is None:
            return
        most = problem.largest_batch
        if most is None:
            raise ValueError("optimizer.batch_size is for images, other problems have no batches: leave it out")
        if self.batch_size > most:
            raise ValueError(
                f"optimizer.batch_size {self.batch_size} is more than problem.train_images: it must be at most {most}"
            )


Optimizer = GradientFlow | GradientDescent | GroupRMSprop | Adam
check_kinds(Optimizer)
