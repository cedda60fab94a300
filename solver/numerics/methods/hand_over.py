"""When a lane of the flow goes from the explicit pair to its partner for stiff stretches, and back."""

from __future__ import annotations

import math
from typing import NamedTuple

from solver.numerics.methods.dormand_prince import DormandPrince
from solver.numerics.methods.kept import ByLane, Kept

# By h·ρ of accepted steps. The pair is stable up to 3.3; steps that sit there are limited by stability. A partner whose
# steps the pair could take as well gives them back.
_STIFF = 3.0
_SURELY_NOT_STIFF = 2.0
_STEPS_UNTIL_STIFF = 3
_STEPS_UNTIL_LOOSE = 8
# Where the pair gives a lane back after so few steps, the partner keeps it twice as long the next time, up to a limit.
_STEPS_TOO_FEW = 12
_LONGEST_UNTIL_LOOSE = 128


class Change(NamedTuple):
    """Who takes over, with a step of at most which length, and why."""

    to: str
    longest: float
    why: str


class HandOver(Kept):
    """Counts, lane by lane, the accepted steps that speak for a change. Without a partner there is none."""

    _in_a_row: ByLane[list[int]]
    """Steps that speak for a change."""
    _until_loose: ByLane[list[int]]
    """Steps that the partner keeps a lane for."""
    _since: ByLane[list[int]]
    """Steps since the last change."""
    _changes: ByLane[list[int]]

    def __init__(self, partner: str | None, n_lanes: int) -> None:
        self._partner = partner
        self._in_a_row, self._since, self._changes = [0] * n_lanes, [0] * n_lanes, [0] * n_lanes
        self._until_loose = [_STEPS_UNTIL_LOOSE] * n_lanes

    def after(self, lane: int, scheme: str, stiffness: float, h: float) -> Change | None:
        """The change that an accepted step of this length brings about; ``stiffness`` is h·ρ."""
        if self._partner is None:
            return None
        self._since[lane] += 1
        if scheme == DormandPrince.NAME:
            change = self._from_pair(lane, self._partner, stiffness, h)
        else:
            change = self._from_partner(lane, scheme, stiffness, h)
        if change is not None:
            self._in_a_row[lane] = self._since[lane] = 0
            self._changes[lane] += 1
        return change

    def _from_pair(self, lane: int, partner: str, stiffness: float, h: float) -> Change | None:
        if stiffness > _STIFF:
            self._in_a_row[lane] += 1
        elif stiffness < _SURELY_NOT_STIFF:
            self._in_a_row[lane] = 0
        if self._in_a_row[lane] < _STEPS_UNTIL_STIFF:
            return None
        too_soon = self._changes[lane] > 0 and self._since[lane] <= _STEPS_TOO_FEW
        longer = min(_LONGEST_UNTIL_LOOSE, 2 * self._until_loose[lane])
        self._until_loose[lane] = longer if too_soon else _STEPS_UNTIL_LOOSE
        why = f"stability, not accuracy, limits the steps of {DormandPrince.NAME} (h·ρ = {stiffness:.2g})"
        return Change(partner, h, why)

    def _from_partner(self, lane: int, scheme: str, stiffness: float, h: float) -> Change | None:
        self._in_a_row[lane] = self._in_a_row[lane] + 1 if stiffness < _SURELY_NOT_STIFF else 0
        if self._in_a_row[lane] < self._until_loose[lane]:
            return None
        longest = h * _STIFF / stiffness if stiffness > 0 else math.inf
        return Change(
            DormandPrince.NAME, longest, f"accuracy limits the steps of {scheme} again (h·ρ = {stiffness:.2g})"
        )
