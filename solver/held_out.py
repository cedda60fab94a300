"""How lanes stand on held-out entries of a file: at their end and at their best, beside what must be beaten."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from solver.history import History, LaneHistory
from solver.records import number

BASELINES = {
    "constant": "the constant",
    "row_means": "row means",
    "column_means": "column means",
    "linear": "rows and columns",
    "nuclear_norm": "least nuclear norm",
}
"""What must be beaten, by name, with what a person reads."""


# By less it is rounding: one layer predicts the constant.
_WORSE = 1.001


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Errors on the held-out entries: relative, and the root mean square in the file's unit; NaN where not known."""

    error: float
    rmse: float
    step: int | None = None
    """The step of a lane; None for a baseline."""


class LaneStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A lane at its last recorded state, and at its best."""

    end: Standing
    best: Standing
    is_validated: bool
    """Whether other entries chose the best, so that its error here is no flattery."""

    @property
    def is_past_its_best(self) -> bool:
        """Whether going on has made it worse."""
        return self.end.error > self.best.error


def chosen_by(lane: LaneHistory) -> float | None:
    """What lanes are chosen by, the least first: the least validation error, else held-out error; None without."""
    for name in ("validation_error", "held_out_error"):
        known = [value for value in lane.columns.get(name, ()) if math.isfinite(value)]
        if known:
            return min(known)
    return None


def of_lane(lane: LaneHistory) -> LaneStanding | None:
    """How a lane stands; None without held-out entries or frames."""
    errors, rmse = lane.columns.get("held_out_error"), lane.columns.get("held_out_rmse")
    if not errors or not rmse:
        return None
    steps, chosen = lane.columns["step"], lane.columns.get("validation_error")
    by = chosen or errors
    places = [place for place in range(len(by)) if math.isfinite(by[place])]
    if not places:
        return None
    best = min(places, key=by.__getitem__)

    def at(place: int) -> Standing:
        return Standing(error=errors[place], rmse=rmse[place], step=int(steps[place]))

    return LaneStanding(end=at(len(errors) - 1), best=at(best), is_validated=chosen is not None)


def of_baselines(baselines: Mapping[str, Mapping[str, Any]]) -> dict[str, Standing]:
    """The baselines of a problem that have an error on held-out entries, by name, the constant first."""
    found = {}
    for name in BASELINES:
        values = baselines.get(name, {})
        if "held_out_error" in values and not isinstance(values["held_out_error"], list):
            error, rmse = number(values["held_out_error"]), number(values.get("held_out_rmse", math.nan))
            found[name] = Standing(error=error, rmse=rmse)
    return found


def lines(history: History, label: Callable[[LaneHistory], str], shown: Callable[[float], str]) -> list[str]:
    """What a person reads at the end: what must be beaten, each lane at its end and its best, and what to use.

    ``label`` names a lane, ``shown`` writes a number. Empty where nothing was held out.
    """
    lanes = [(lane, standing) for lane in history.lanes if (standing := of_lane(lane)) is not None]
    if not lanes:
        return []
    baselines = of_baselines(history.baselines.get(lanes[0][0].problem, {}))
    told = []
    if baselines:
        listed = ", ".join(f"{BASELINES[name]} {_both(one, shown)}" for name, one in baselines.items())
        told.append(f"held-out error (and rms in the file's unit) to beat: {listed}")
    for lane, standing in lanes:
        where = f"best {_both(standing.best, shown)} at step {standing.best.step}"
        told.append(f"{label(lane)}: {where}, {_both(standing.end, shown)} at its end")
    return [*told, _advice(history, lanes, label, shown)]


def _both(standing: Standing, shown: Callable[[float], str]) -> str:
    return f"{shown(standing.error)} ({shown(standing.rmse)})"


def _advice(
    history: History,
    lanes: list[tuple[LaneHistory, LaneStanding]],
    label: Callable[[LaneHistory], str],
    shown: Callable[[float], str],
) -> str:
    """The last line: whether ending so is worse than a constant, what cures it, and what predicts best."""
    sentences = []
    worse = [
        lane
        for lane, standing in lanes
        if standing.end.error > _WORSE * _constant(history, lane) and lane.outcome is not None
    ]
    if worse:
        who = "every lane" if len(worse) == len(lanes) and len(lanes) > 1 else label(worse[0])
        if 1 < len(worse) < len(lanes):
            who = f"{len(worse)} of {len(lanes)} lanes"
        waited = all(lane.outcome is not None and lane.outcome.cause == "patience" for lane in worse)
        cure = "" if waited else "stop earlier (stop.patience = 50) or "
        sentences.append(
            f"{who} ended worse than predicting the mean: what was fitted last is noise, so {cure}take the best on the "
            "way"
        )
    # As predictions choose it: by validation entries where there are any, lest the choice flatter itself.
    lane, standing = min(lanes, key=lambda one: (_or_inf(chosen_by(one[0])), one[1].best.error))
    baselines = of_baselines(history.baselines.get(lane.problem, {}))
    name = min(baselines, key=lambda one: baselines[one].error, default=None)
    if name is not None and baselines[name].error <= standing.best.error:
        beaten = any(one.best.error < baselines[name].error for _, one in lanes)
        whom = f"{label(lane)}, of the least validation error, does not beat" if beaten else "no lane beats"
        sentences.append(f"use {BASELINES[name]} ({shown(baselines[name].error)}), which {whom}")
    else:
        named = f"{label(lane)} at " if len(lanes) > 1 else ""
        sentences.append(
            f"use {named}step {standing.best.step} ({shown(standing.best.error)}), as `implicit-tui predict` does"
        )
    return "; ".join(sentences)


def _or_inf(error: float | None) -> float:
    return math.inf if error is None else error


def _constant(history: History, lane: LaneHistory) -> float:
    found = of_baselines(history.baselines.get(lane.problem, {})).get("constant")
    return math.inf if found is None else found.error
