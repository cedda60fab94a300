"""Which steps are recorded: geometrically growing distances, plus every k-th step, within a bound."""

from __future__ import annotations

import math

from solver.spec import GradientFlow, ImageTensor, RunSpec

# Steps recorded in each factor e; an integrator takes few steps and each says much.
_PER_E_FOLD = 16
_PER_E_FOLD_OF_FLOW = 64
# Every frame of images looks at all of them.
_PER_E_FOLD_OF_IMAGES = 4
_MOST_GEOMETRIC = 1_700


class Schedule:
    """The recorded steps of a lane.

    Up to step p every step is recorded, later about p in each factor e, and every k-th besides; about 2,000 frames in
    all at most, however long the run.
    """

    def __init__(self, spec: RunSpec) -> None:
        is_flow = isinstance(spec.optimizer, GradientFlow)
        pieces = spec.record.per_step if is_flow else 1
        # For very long runs, or many frames a step, fewer in each factor e keep the total in bounds.
        most = int(_MOST_GEOMETRIC / pieces / (1.0 + math.log(max(2, spec.stop.max_steps))))
        is_images = isinstance(spec.problem, ImageTensor)
        usual = _PER_E_FOLD_OF_FLOW if is_flow else _PER_E_FOLD_OF_IMAGES if is_images else _PER_E_FOLD
        self._per_e_fold = max(1, min(spec.record.geometric or usual, most))
        self._every = spec.record.every or max(1, -(-spec.stop.max_steps // 100))

    def after(self, step: int) -> int:
        """The first recorded step later than ``step``."""
        geometric = step + max(1, round(step / self._per_e_fold))
        return min(geometric, (step // self._every + 1) * self._every)
