"""Claims on entries of a file that were held out: what must be beaten, and when to stop."""

from __future__ import annotations

import math

from solver import held_out
from solver.claims.claim import Definition, Inapplicable, Measured, Witness, grouped, median
from solver.claims.matrices import depth
from solver.held_out import LaneStanding
from solver.sources import K09, Y07

_BELOW = 0.9
_WORSE = 1.25


def _standing(witness: Witness) -> list[tuple[Witness, LaneStanding]]:
    found = held_out.of_lane(witness.history)
    return [] if found is None else [(witness, found)]


def _chosen(witnesses: list[Witness]) -> list[tuple[Witness, LaneStanding]] | Inapplicable | None:
    """The deepest lanes, where other entries than those held out chose their best."""
    known = [one for witness in witnesses for one in _standing(witness)]
    if not known:
        return None
    deepest = max(depth(witness) for witness, _ in known)
    usable = [one for one in known if depth(one[0]) == deepest]
    if deepest < 2:
        reason = "one layer learns nothing of an entry that is not given: set model.depth to 2 or more"
        return Inapplicable(reason=reason, witnesses=[witness for witness, _ in usable])
    if not all(standing.is_validated for _, standing in usable):
        reason = "the held-out entries chose the best themselves: set problem.validation_fraction"
        return Inapplicable(reason=reason, witnesses=[witness for witness, _ in usable])
    return usable


def _told(n: int, values: list[float]) -> str:
    return f"depth {n}, {len(values)} draws" if len(values) > 1 else f"depth {n}"


def _beats(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    usable = _chosen(witnesses)
    if usable is None or isinstance(usable, Inapplicable):
        return usable
    ratios, told = [], []
    for members in grouped([witness for witness, _ in usable], lambda witness: witness.spec.seed).values():
        for witness in members:
            standing = _standing(witness)[0][1]
            linear = witness.baseline("linear", "held_out_error")
            ratios.append(standing.best.error / linear if linear > 0.0 else math.nan)
            told.append((standing.best.error, linear))
    best, linear = median(one for one, _ in told), median(one for _, one in told)
    value = median(ratios)
    return Measured(
        value=value,
        expected=_BELOW,
        tolerance=0.0,
        text=f"{_told(depth(usable[0][0]), ratios)}: held-out error {best:.3g} at the best validation error, rows and "
        f"columns {linear:.3g}: {value:.3g} of it",
        witnesses=[witness for witness, _ in usable],
    )


def _stopping(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    usable = _chosen(witnesses)
    if usable is None or isinstance(usable, Inapplicable):
        return usable
    lanes = [witness for witness, _ in usable]
    if any(one.history.outcome is not None and one.history.outcome.kind != "converged" for one in lanes):
        reason = "not every lane trained to the end, the training loss that was asked for: leave stop.patience out"
        return Inapplicable(reason=reason, witnesses=lanes)
    ratios = [standing.end.error / standing.best.error for _, standing in usable if standing.best.error > 0.0]
    best, end = median(one.best.error for _, one in usable), median(one.end.error for _, one in usable)
    value = median(ratios)
    steps = sorted(one.best.step for _, one in usable if one.best.step is not None)
    return Measured(
        value=value,
        expected=_WORSE,
        tolerance=0.0,
        text=f"{_told(depth(lanes[0]), ratios)}: held-out error {best:.3g} at step {steps[len(steps) // 2]}, where the "
        f"validation error is least, {end:.3g} at the end: {value:.3g} times",
        witnesses=lanes,
    )


RATINGS = (
    Definition(
        name="beats-rows-and-columns",
        rests_on=("held_out_error", "validation_error"),
        statement="A deep product, stopped in time, predicts ratings better than what viewers and films add.",
        source=K09.cited("the baseline predictors"),
        statistic="held-out error where the validation error is least, over that of the additive model, of the deepest "
        "lanes: the median over draws",
        reason="A tenth below: two draws of a split differ by a few per cent, and tastes that are there give half.",
        premise="Entries of a file, some held out and others set aside to choose the best step; depth of at least 2.",
        false_in="Ratings that are rows, columns and noise alone.",
        relation="at-most",
        measure=_beats,
    ),
    Definition(
        name="early-stopping-pays",
        rests_on=("held_out_error", "validation_error"),
        statement="Fitting noisy ratings to the end is worse than stopping where other entries say so.",
        source=Y07.cited(),
        statistic="held-out error at the end over that where the validation error is least, of the deepest lanes: the "
        "median over draws",
        reason="A quarter: where there is no noise the two are equal to a few per cent, the best being the end.",
        premise="Lanes that came to the training loss asked for, on a file with validation entries; depth of at least "
        "2.",
        false_in="A matrix of low rank without noise, where training to the end is what finds it.",
        relation="at-least",
        measure=_stopping,
    ),
)
