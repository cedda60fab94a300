"""What every kind of model says of itself."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from solver.spec.base import Settings
from solver.spec.problems import Problem


class ModelKind(Settings, frozen=True):
    """What every model says of itself."""

    FITS: ClassVar[tuple[type[Settings], ...]]
    """The kinds of problems that it can be fitted to."""
    HAS_HESSIAN: ClassVar[bool]
    """Whether its objective has exact second derivatives, which the implicit method needs."""
    GOES_WITH: ClassVar[dict[str, Any]] = {}
    """What of the problem it is fitted to, where nothing is said of a problem."""

    @property
    @abstractmethod
    def start_scale(self) -> tuple[str, float]:
        """The field that says how large the start is, and what it says."""

    @abstractmethod
    def n_factors(self, problem: Problem) -> int:
        """N of dσ/dt = N σ^(2−2/N) γ: how many trained factors a singular value or component is a product of."""

    def law_factor(self, problem: Problem) -> int:
        """The factor before σ^(2−2/N) γ: N itself, unless factors are one and the same."""
        return self.n_factors(problem)

    def has_one_law(self, problem: Problem) -> bool:  # noqa: ARG002
        """Whether N is the same for all that is recorded of a lane."""
        return True

    @property
    def baseline_key(self) -> tuple[int, ...]:
        """What the baselines of its problem depend on besides the problem; nothing for most."""
        return ()

    def check_with(self, problem: Problem) -> None:
        """Raises ValueError where a setting does not go with the problem."""
