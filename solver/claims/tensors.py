"""Claims on tensor completion: low rank recovered, few components that stand out, and which escapes first."""

from __future__ import annotations

import itertools
import math

from solver.claims.claim import Definition, Measured, Witness, grouped, median
from solver.spec import CP, Observed

_LEAST_GROWTH_OF_GAP = 10.0


def _tensors(witnesses: list[Witness]) -> list[tuple[Witness, CP, Observed]]:
    return [
        (witness, witness.spec.model, witness.spec.problem)
        for witness in witnesses
        if isinstance(witness.spec.model, CP) and isinstance(witness.spec.problem, Observed)
    ]


def _easiest(witnesses: list[Witness]) -> list[Witness]:
    """The lanes of the most observations and the smallest start, for each order."""
    usable = [
        (witness, model, problem)
        for witness, model, problem in _tensors(witnesses)
        if problem.is_random and not model.planted
    ]
    least = min((model.init_std for _, model, _ in usable), default=math.nan)
    usable = [item for item in usable if item[1].init_std == least]
    most: dict[int, int] = {}
    for _, _, problem in usable:
        n = len(problem.resolved_shape)
        most[n] = max(most.get(n, 0), problem.resolved_observations)
    return [w for w, _, p in usable if p.resolved_observations == most[len(p.resolved_shape)]]


def _recovery(witnesses: list[Witness]) -> Measured | None:
    usable = _easiest(witnesses)
    if not usable:
        return None
    error = median(witness.last("normalised_reconstruction_error") for witness in usable)
    linear = median(witness.baseline("linear", "normalised_reconstruction_error") for witness in usable)
    observed = usable[0].observed.resolved_observations
    return Measured(
        value=error / linear,
        expected=0.05,
        tolerance=0.0,
        text=f"median error of {len(usable)} lanes at {observed} observations: {error:.3g} against {linear:.3g} of the "
        "linear baseline",
        witnesses=usable,
    )


def _rank(witnesses: list[Witness]) -> Measured | None:
    usable = [witness for witness in _easiest(witnesses) if witness.spec.record.cp_rank]
    if not usable:
        return None
    ranks = [witness.history.summary.get("cp_rank", math.nan) for witness in usable]
    truth, found = usable[0].observed.resolved_rank, median(ranks)
    tolerance = usable[0].spec.record.cp_rank_tolerance
    return Measured(
        value=found,
        expected=float(truth),
        tolerance=0.0,
        text=f"median over {len(ranks)} lanes of the components that fit the solution to {tolerance:g}: {found:g}, "
        f"rank of the ground truth {truth}",
        witnesses=usable,
    )


def largest_gap(witness: Witness) -> float:
    """The largest ratio of neighbouring component norms, among the largest ones."""
    norms = sorted(witness.lasts("component_norms"), reverse=True)
    rank = witness.observed.resolved_rank
    return max(
        (before / after if after > 0 else math.inf for before, after in itertools.pairwise(norms[: 2 * rank + 1])),
        default=math.nan,
    )


def _gaps(witnesses: list[Witness]) -> Measured | None:
    usable = [witness for witness, _, _ in _tensors(witnesses)]
    by_scale = grouped(usable, lambda witness: witness.components.init_std)
    if len(by_scale) < 2:
        return None
    gaps = {std: median(largest_gap(witness) for witness in members) for std, members in by_scale.items()}
    ratio = gaps[min(gaps)] / gaps[max(gaps)]
    said = ", ".join(f"{gaps[std]:.3g} from {std:g}" for std in sorted(gaps, reverse=True))
    return Measured(
        value=ratio,
        expected=_LEAST_GROWTH_OF_GAP,
        tolerance=0.0,
        text=f"largest ratio of neighbouring component norms: {said}; from the smallest start {ratio:.3g} times that "
        "from the largest",
        witnesses=usable,
    )


def _rank_1(witnesses: list[Witness]) -> Measured | None:
    usable = [witness for witness, _, problem in _tensors(witnesses) if problem.resolved_rank == 1]
    found = [witness.history.summary.get("distance_from_rank_1", math.nan) for witness in usable]
    if not found or (any(math.isnan(value) for value in found) and not all(w.history.outcome for w in usable)):
        return None
    worst = max(found, key=lambda value: math.inf if math.isnan(value) else value)
    errors = median(witness.last("normalised_reconstruction_error") for witness in usable)
    return Measured(
        value=worst,
        expected=0.1,
        tolerance=0.0,
        text=f"largest relative distance of {len(found)} solutions from rank 1: {worst:.3g}; median error {errors:.3g}",
        witnesses=usable,
    )


def _share_right(witnesses: list[Witness], prediction: str) -> tuple[int, int]:
    right = [
        witness.history.summary.get("largest_component") == witness.history.summary.get(prediction)
        for witness in witnesses
    ]
    return sum(right), len(right)


def _predicted(witnesses: list[Witness]) -> Measured | None:
    usable = [witness for witness, model, problem in _tensors(witnesses) if problem.resolved_rank == 1]
    told = [witness for witness in usable if witness.history.summary]
    if not told:
        return None
    right, n = _share_right(told, "predicted_component")
    return Measured(
        value=right / n,
        expected=1.0,
        tolerance=0.0,
        text=f"the component that escapes is the predicted one in {right} of {n} lanes",
        witnesses=usable,
    )


def _condition(witnesses: list[Witness]) -> Measured | None:
    usable = [witness for witness, model, _ in _tensors(witnesses) if model.planted]
    told = [witness for witness in usable if witness.history.summary]
    if not told:
        return None
    met = sum(witness.history.summary.get("condition_component", -1.0) >= 0.0 for witness in told)
    right, n = _share_right(told, "condition_component")
    return Measured(
        value=right / n,
        expected=1.0,
        tolerance=0.0,
        text=f"planted, the condition is met in {met} of {n} lanes, and its component escapes in {right}",
        witnesses=usable,
    )


TENSORS = [
    Definition(
        name="tensor-recovery",
        statement="CP factorization from a small start recovers a tensor of low rank from few observations.",
        source="Razin, Cohen 2020 (arXiv 2005.06398), Figure 3; Razin, Maman, Cohen 2021 (arXiv 2102.09972)",
        statistic="median error at the most observations and the smallest start, over that of the linear baseline",
        reason="published errors are a thousandth of it and less; a twentieth allows for draws that are harder",
        relation="at-most",
        measure=_recovery,
    ),
    Definition(
        name="tensor-rank",
        statement="The rank of the solution is that of the ground truth.",
        source="Razin, Cohen 2020 (arXiv 2005.06398), Figure 3",
        statistic="median estimated CP rank at the most observations and the smallest start",
        reason="a count; the estimate is the least number of components that fit the solution to a stated tolerance",
        relation="about",
        measure=_rank,
    ),
    Definition(
        name="component-gaps",
        statement="The smaller the start, the fewer components rise: they move one at a time, and the rest stay "
        "behind.",
        source="Razin, Maman, Cohen 2021 (arXiv 2102.09972), Figure 1; the talk",
        statistic="largest ratio of neighbouring component norms at the end: from the smallest start over from the "
        "largest",
        reason="from .05 the ratio is about ten, from .005 it is above 1e4 in every draw seen",
        relation="at-least",
        measure=_gaps,
    ),
    Definition(
        name="rank-1-reached",
        statement="If a tensor of rank 1 fits the observations, small balanced initialisation leads to one.",
        source="Razin, Maman, Cohen 2021 (arXiv 2102.09972), rank-1 proposition",
        statistic="largest relative distance of a solution from its best approximation of rank 1",
        reason="the proposition is a limit of small starts; from starts of .003 and below a tenth is not reached",
        relation="at-most",
        measure=_rank_1,
    ),
    Definition(
        name="escape-predicted",
        statement="The component that escapes first is the one that escapes first alone in the field −∇L(0).",
        source="Razin, Maman, Cohen 2021 (arXiv 2102.09972), proof of the rank-1 proposition",
        statistic="share of lanes whose largest component at the end is the predicted one",
        reason="a hundred starts of a hundred from standard deviations up to .003",
        relation="at-least",
        measure=_predicted,
    ),
    Definition(
        name="escape-condition",
        statement="A component that meets the paper's condition at the start is the one that escapes.",
        source="Razin, Maman, Cohen 2021 (arXiv 2102.09972), rank-1 proposition",
        statistic="share of planted lanes in which the component that meets the condition escapes",
        reason="the condition is sufficient; random starts do not meet it, so it is planted",
        relation="at-least",
        measure=_condition,
    ),
]
