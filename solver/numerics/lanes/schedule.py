"""Which steps are recorded: geometrically growing distances, plus every k-th step, within a bound."""

from __future__ import annotations

import math

from solver import estimate
from solver.spec import GradientFlow, ImageTensor, RunSpec

# Frames of a method with fixed steps, half of them at even distances: as many as this share of the time pays for.
_SHARE = 0.04
_FEWEST, _MOST = 24.0, 200.0
# Steps recorded in each factor e; an integrator takes few steps and each says much.
_PER_E_FOLD_OF_FLOW = 64
# Every frame of images looks at all of them.
_PER_E_FOLD_OF_IMAGES = 4
_MOST_GEOMETRIC = 1_700


def _affordable(spec: RunSpec) -> float:
    """Frames that take their share of the time of all steps."""
    return _SHARE * spec.stop.max_steps * estimate.evaluation_s(spec) / estimate.frame_s(spec)


class Schedule:
    """The recorded steps of a lane.

    Up to step p every step is recorded, later about p in each factor e, and every k-th besides; about 2,000 frames in
    all at most, however long the run. Recording matrices or tensors takes a twentieth to a tenth of a long run of fixed
    steps.
    """

    def __init__(self, spec: RunSpec) -> None:
        is_flow = isinstance(spec.optimizer, GradientFlow)
        pieces = spec.record.per_step if is_flow else 1
        # For very long runs, or many frames a step, fewer in each factor e keep the total in bounds.
        most = int(_MOST_GEOMETRIC / pieces / (1.0 + math.log(max(2, spec.stop.max_steps))))
        is_images = isinstance(spec.problem, ImageTensor)
        usual, evenly = _PER_E_FOLD_OF_FLOW if is_flow else _PER_E_FOLD_OF_IMAGES, 100.0
        if not is_flow and not is_images:
            evenly = max(_FEWEST, min(_MOST, _affordable(spec))) / 2
            usual = max(1, round(evenly / (1.0 + math.log(max(2.0, spec.stop.max_steps / evenly)))))
        self._per_e_fold = max(1, min(spec.record.geometric or usual, most))
        self._every = spec.record.every or max(1, math.ceil(spec.stop.max_steps / evenly))

    def after(self, step: int) -> int:
        """The first recorded step later than ``step``."""
        geometric = step + max(1, round(step / self._per_e_fold))
        return min(geometric, (step // self._every + 1) * self._every)
