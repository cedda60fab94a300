"""Which steps are recorded: geometrically growing distances, plus every k-th step, within a bound."""

from __future__ import annotations

import math

from solver.costs import costs_of
from solver.spec import RunSpec

_MOST_GEOMETRIC = 1_700


class Schedule:
    """The recorded steps of a lane.

    Up to step p every step is recorded, later about p in each factor e, and every k-th besides; about 2,000 frames in
    all at most, however long the run. Recording matrices or tensors takes a twentieth to a tenth of a long run of fixed
    steps, and a fifth of a long flow at most.
    """

    def __init__(self, spec: RunSpec) -> None:
        costs = costs_of(spec)
        self.pieces = costs.pieces()
        """Frames of a recorded step, that at its end included."""
        # For very long runs, or many frames a step, fewer in each factor e keep the total in bounds.
        most = int(_MOST_GEOMETRIC / self.pieces / (1.0 + math.log(max(2, spec.stop.max_steps))))
        usual, evenly = costs.frames()
        self._per_e_fold = max(1, min(spec.record.geometric or usual, most))
        self._every = spec.record.every or max(1, math.ceil(spec.stop.max_steps / evenly))

    def after(self, step: int) -> int:
        """The first recorded step later than ``step``."""
        geometric = step + max(1, round(step / self._per_e_fold))
        return min(geometric, (step // self._every + 1) * self._every)
