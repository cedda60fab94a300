"""The state of a lane with the least error on entries that were set aside for choosing it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypedDict

from jaxtyping import Float
from torch import Tensor

from solver.records import Value

# A gain that is less than this part of the error is none to wait for: without noise, errors fall for ever.
_GAIN = 1e-3
_CHOOSING = ("validation_error", "held_out_error")
_TOLD = ("validation_error", "held_out_error", "held_out_rmse")


class BestState(TypedDict):
    """What going on depends on."""

    errors: dict[str, float]
    step: int
    gained: tuple[float, int]
    parameters: Tensor | None


class Best:
    """Looks at recorded states and keeps the best; without held-out entries it keeps none.

    The validation error chooses where there is one, and the held-out error then judges a choice that it had no part
    in. Otherwise the held-out error chooses, and flatters what it chose.
    """

    def __init__(self, series: Sequence[str]) -> None:
        self._places = {name: series.index(name) for name in _TOLD if name in series}
        self._by = next((name for name in _CHOOSING if name in self._places), None)
        self.errors: dict[str, float] = {}
        """The errors of the best state; none before there is one."""
        self.step = 0
        self.parameters: Tensor | None = None
        self._gained = math.inf, 0

    @property
    def is_kept(self) -> bool:
        """Whether there are held-out entries to choose by."""
        return self._by is not None

    @property
    def gained_at(self) -> int:
        """The step at which the error was last less by a thousandth than ever before."""
        return self._gained[1]

    def look(self, values: Sequence[Value], parameters: Float[Tensor, " parameters"], step: int) -> None:
        """Keeps the state if it is better than every one before."""
        if self._by is None:
            return
        found = values[self._places[self._by]]
        if not isinstance(found, (int, float)) or not found < self.errors.get(self._by, math.inf):
            return
        if found < (1.0 - _GAIN) * self._gained[0]:
            self._gained = float(found), step
        told = {name: values[place] for name, place in self._places.items()}
        self.errors = {name: float(value) for name, value in told.items() if isinstance(value, (int, float))}
        self.step, self.parameters = step, parameters.clone()

    def summary(self) -> dict[str, float]:
        """The best state in numbers."""
        if self.parameters is None:
            return {}
        return {f"best_{name}": value for name, value in self.errors.items()} | {"best_step": self.step}

    def state(self) -> BestState:
        return {"errors": self.errors, "step": self.step, "gained": self._gained, "parameters": self.parameters}

    def restore(self, state: BestState) -> None:
        """Goes on from what ``state`` gave."""
        self.errors, self.step, self.parameters = dict(state["errors"]), state["step"], state["parameters"]
        self._gained = state["gained"]
