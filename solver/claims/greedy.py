"""The claim on plateaus: from a small start the loss rests at those of the greedy solutions of rank 1, 2, …"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from solver import jumps
from solver.claims.claim import Definition, Inapplicable, Measured, Witness, has_fitted
from solver.claims.matrices import depth
from solver.sources import L21
from solver.spec import DeepMatrixFactorization

_TOLERANCE = 0.05
# Between two plateaus the loss falls so many times as fast as on the slower of them.
_FASTER, _STILL = 3.0, 1e-6
# Where the gradient's second singular value is a larger part of the first, two values rise nearly together.
_APART = 0.8
# A solution whose loss is this part of that of zero fits the data, and is no plateau.
_FITTED = 1e-9


class _Moment(NamedTuple):
    loss: float
    speed: float
    """−d ln ℓ/dt."""


def plateaus(times: Sequence[float], losses: Sequence[float]) -> list[float]:
    """The losses at which ln ℓ falls slowest, between stretches where it falls three times as fast or more.

    The start is one where a jump follows; where the loss ends is none.
    """
    moments = []
    for (t0, l0), (_, l1), (t2, l2) in zip(
        *(list(zip(times, losses, strict=True))[k:] for k in range(3)), strict=False
    ):
        if t2 > t0 and min(l0, l1, l2) > 0.0:
            moments.append(_Moment(l1, max(math.log(l0 / l2) / (t2 - t0), 0.0)))
    found: list[float] = []
    # Slower than this is standing still, and the rest is rounding.
    least = _STILL * max((moment.speed for moment in moments), default=0.0)
    moments = [moment._replace(speed=max(moment.speed, least)) for moment in moments]
    slow, fast = moments[:1], moments[:1]
    for moment in moments:
        if slow:
            slow = [min(slow[0], moment, key=lambda one: one.speed)]
            if moment.speed > _FASTER * slow[0].speed:
                found.append(slow[0].loss)
                slow, fast = [], [moment]
        else:
            fast = [max(fast[0], moment, key=lambda one: one.speed)]
            if moment.speed * _FASTER < fast[0].speed:
                slow = [moment]
    return found


def _levels(witness: Witness) -> list[float]:
    """The losses of rank 1 up to the last that does not fit the data; empty where they were not computed."""
    losses = jumps.losses(witness.baselines.get("greedy", {}))
    return [loss for loss in losses[1:] if loss > _FITTED * losses[0]]


def _plateaus(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    layered = [one for one in witnesses if isinstance(one.spec.model, DeepMatrixFactorization)]
    usable = [one for one in layered if _levels(one) and "time" in one.history.columns]
    deep = [one for one in usable if depth(one) >= 3]
    if not usable:
        return None
    if not deep:
        return Inapplicable(reason="plateaus are sharp from depth 3 on: set model.depth = 3", witnesses=usable)
    apart = [one for one in deep if max(jumps.runners_up(one.baselines["greedy"])) <= _APART]
    if not apart:
        return Inapplicable(
            reason=f"two singular values of a gradient lie within a factor {1 / _APART:g}, so that they rise nearly "
            "together: take a problem.spectrum whose values are further apart",
            witnesses=deep,
        )
    if not any(has_fitted(one) for one in apart):
        return Inapplicable(reason="no lane of depth 3 or more has fitted its data yet", witnesses=apart)
    worst, told = 0.0, []
    for one in apart:
        columns = one.history.columns
        found = plateaus(columns["time"], columns["train_loss"])
        nearest = [min(found, key=lambda loss: abs(loss / level - 1.0), default=math.inf) for level in _levels(one)]
        off = max(abs(loss / level - 1.0) for loss, level in zip(nearest, _levels(one), strict=True))
        worst = max(worst, off)
        pairs = ", ".join(f"{loss:.4g} for {level:.4g}" for loss, level in zip(nearest, _levels(one), strict=True))
        told.append(f"depth {depth(one)} {pairs}")
    return Measured(
        value=worst,
        expected=0.0,
        tolerance=_TOLERANCE,
        text=f"plateaus of the training loss for the greedy losses of rank 1, 2, …: {'; '.join(told[:3])}",
        witnesses=apart,
    )


GREEDY = [
    Definition(
        name="greedy-plateaus",
        rests_on=("train_loss", "time"),
        statement="From a small start gradient flow is greedy: the training loss rests where the best solution of rank "
        "1, 2, …, each grown from the one before, has it.",
        source=L21.cited("Theorem 1 and Figure 1"),
        statistic="largest relative distance of a greedy loss from the nearest plateau of ln ℓ, at depth 3 and more",
        reason="from scale 1e-4 plateaus are off by .4 % at most; values that rise nearly together share one, and are "
        "left out",
        premise="depth 3 or more, fitted data, a second singular value of each greedy gradient of at most .8 of "
        "the first",
        false_in="`greedy-rank` with `model.init_scale=.1`",
        relation="at-most",
        measure=_plateaus,
    ),
]
