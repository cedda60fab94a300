"""Claims on maps of a sweep: where the border lies between what is recovered and what is not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable

import msgspec

from solver.claims.claim import Definition, Inapplicable, Measured, Witness, grouped, has_fitted, median
from solver.claims.matrices import RECOVERED, depth, oversampling, recovering
from solver.sources import A19

# Scales of the end matrix at the start: small is what theory supposes, and 1 is the size of the ground truth's entries.
_SMALL, _LARGE = 1e-2, 1.0
# Observations over degrees of freedom from which on a small start recovers in every draw that was seen (200 of 24 × 24
# at rank 2 are 2.2, 250 are 2.7).
_ENOUGH = 2.7
# An error so many times the limit, or so small a part of it, is on the other side of it at another tolerance or draw.
_SURE = 2.0


def _others(witness: Witness) -> Hashable:
    """What lanes may differ in beside the axes of the map, swept or in variants; draws do not count."""
    parts = [msgspec.to_builtins(part) for part in (witness.spec.problem, witness.spec.model, witness.spec.optimizer)]
    for inner, name in zip(parts, ("observations", "init_scale"), strict=False):
        inner[name] = None
    return msgspec.json.encode(parts)


def _scale(witness: Witness) -> float:
    return witness.layers.init_scale


def _error(witness: Witness) -> float:
    return witness.last("reconstruction_error")


def _observed(witness: Witness) -> int:
    return witness.observed.resolved_observations


class _Border(msgspec.Struct, frozen=True):
    """Where recovery begins for each scale, among lanes that differ in nothing else."""

    counts: list[int]
    places: dict[float, int]
    """By rising scale: the place among the counts from which on the median error stays below the limit, one beyond
    the last where it never does.
    """
    surely: dict[float, tuple[int, int]]
    """The same for a limit twice as large, and for one half as large."""
    oversampling: float
    """Of the most entries."""

    @property
    def growth(self) -> int:
        """From the smallest scale to the largest; where it surely falls from one to the next, the deepest fall."""
        places, surely = list(self.places.values()), self.surely.values()
        falls = [highest - lowest for (lowest, _), (_, highest) in itertools.pairwise(surely) if highest < lowest]
        return min(falls, default=places[-1] - places[0])

    @property
    def is_below(self) -> bool:
        """Whether everything is recovered, so that it lies below the fewest entries."""
        return not any(self.places.values())

    @property
    def is_above(self) -> bool:
        """Whether not even the smallest start recovers, and the entries may be too few for any."""
        first = next(iter(self.places.values()))
        return first == len(self.counts) and self.oversampling < _ENOUGH

    def text(self) -> str:
        return ", ".join(
            f"{self.counts[place] if place < len(self.counts) else 'none'} at {scale:g}"
            for scale, place in self.places.items()
        )


def _border(witnesses: list[Witness]) -> _Border:
    counts = sorted({_observed(one) for one in witnesses})
    places, surely = {}, {}
    for scale, members in grouped(witnesses, _scale).items():
        by_count = {n: median(map(_error, lanes)) for n, lanes in grouped(members, _observed).items()}
        errors = [by_count.get(n, math.nan) for n in counts]
        places[scale] = _place(errors, RECOVERED)
        surely[scale] = _place(errors, _SURE * RECOVERED), _place(errors, RECOVERED / _SURE)
    return _Border(counts, places, surely, max(map(oversampling, witnesses)))


def _place(errors: list[float], limit: float) -> int:
    """From where on all errors are below the limit; what is not a number is not."""
    return len(errors) - sum(1 for _ in itertools.takewhile(lambda error: error < limit, reversed(errors)))


def _recovery_boundary(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    found = recovering(witnesses)
    # One layer has no choice to make: it is judged where there is nothing else.
    found = [one for one in found if depth(one) >= 2] or found
    scales = sorted({_scale(one) for one in found})
    if len(scales) < 2 or len({_observed(one) for one in found}) < 2:
        return None
    reason = ""
    unfitted = next((one for one in found if not has_fitted(one)), None)
    borders = [_border(lanes) for lanes in grouped(found, _others).values()]
    judged = [border for border in borders if not border.is_below and not border.is_above]
    if scales[0] > _SMALL or scales[-1] < _LARGE:
        reason = (
            f"its scales are {scales[0]:g} to {scales[-1]:g}, and the statement is on a small start and one as large "
            f"as the ground truth: sweep model.init_scale from at most {_SMALL:g} to at least {_LARGE:g}"
        )
    elif unfitted is not None:
        reason = (
            f"{_observed(unfitted)} entries from scale {_scale(unfitted):g} have not been fitted, so that the error is "
            "no choice between those that fit"
        )
    elif not judged and borders[0].is_below:
        reason = f"every scale recovers from {borders[0].counts[0]} entries on: sweep fewer, so that the border is seen"
    elif not judged:
        reason = f"not even the smallest start recovers from {borders[0].counts[-1]} entries: sweep more"
    if reason:
        return Inapplicable(reason=reason, witnesses=found)
    worst = min(judged, key=lambda border: border.growth)
    return Measured(
        value=worst.growth,
        expected=1.0,
        tolerance=0.0,
        text=f"entries from which on the error stays below {RECOVERED:g}, by scale: {worst.text()}",
        witnesses=found,
    )


BOUNDARIES = [
    Definition(
        name="recovery-boundary",
        rests_on=("reconstruction_error",),
        statement="The larger the start, the more entries depth needs to recover the matrix.",
        source=A19.cited("Figures 1 and 2, small initialisation; the map is ours"),
        statistic="by how many of the swept numbers of entries the border of recovery lies higher at the largest scale "
        "than at the smallest; where it surely falls from one scale to the next, the deepest fall",
        reason="in ten draws of ten, 24 × 24 of rank 2, it never fell and lay three numbers higher or more, in one of "
        "100 × 100 of rank 5 six; a fall is sure that is there at twice the limit before it and at half of it after",
        premise="scales from .01 or less to 1 or more, every lane fitted, a border that is seen",
        false_in="`phase-map` with `model.depth=1`",
        relation="at-least",
        measure=_recovery_boundary,
    ),
]
