"""Claims on tensor completion: low rank recovered, few components that stand out, and which escapes first."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import msgspec

from solver.claims.claim import Definition, Inapplicable, Measured, Witness, grouped, has_fitted, median
from solver.sources import R20, R21, R22
from solver.spec import CP, HierarchicalTucker, Observed, TensorTruth
from solver.spec.base import tag_of

_LEAST_GROWTH_OF_GAP = 10.0
# A component has escaped when it is this much of the ground truth.
_ESCAPED = 0.05


def _recovering(witnesses: list[Witness]) -> list[tuple[Witness, CP | HierarchicalTucker, Observed]]:
    """Lanes that factorize a tensor."""
    return [
        (witness, witness.spec.model, witness.spec.problem)
        for witness in witnesses
        if isinstance(witness.spec.model, CP | HierarchicalTucker) and isinstance(witness.spec.problem, Observed)
    ]


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
        for witness, model, problem in _recovering(witnesses)
        if problem.is_random and not (isinstance(model, CP) and model.planted)
    ]
    least = min((model.init_std for _, model, _ in usable), default=math.nan)
    usable = [item for item in usable if item[1].init_std == least]
    most: dict[int, int] = {}
    for _, _, problem in usable:
        n = len(problem.resolved_shape)
        most[n] = max(most.get(n, 0), problem.resolved_observations)
    return [w for w, _, p in usable if p.resolved_observations == most[len(p.resolved_shape)]]


def _recovery(witnesses: list[Witness]) -> Measured | None:
    """The worst of the kinds of model that there are."""
    by_kind = {tag_of(kind): _recovery_by(kind, witnesses) for kind in (CP, HierarchicalTucker)}
    found = {kind: one for kind, one in by_kind.items() if one is not None}
    worst = max(found.values(), key=lambda one: math.inf if math.isnan(one.value) else one.value, default=None)
    if worst is None or len(found) == 1:
        return worst
    text = "; ".join(f"{kind}: {one.text}" for kind, one in found.items())
    witnesses = [witness for one in found.values() for witness in one.witnesses]
    return msgspec.structs.replace(worst, text=text, witnesses=witnesses)


def _recovery_by(kind: type[CP | HierarchicalTucker], witnesses: list[Witness]) -> Measured | None:
    usable = _easiest([witness for witness in witnesses if isinstance(witness.spec.model, kind)])
    if not usable:
        return None
    error = median(witness.last("normalised_reconstruction_error") for witness in usable)
    linear = median(witness.baseline("linear", "normalised_reconstruction_error") for witness in usable)
    observed = usable[0].observed.resolved_observations
    if linear == 0.0:
        # Everything is observed: there is nothing to recover.
        return None
    return Measured(
        value=error / linear,
        expected=0.05,
        tolerance=0.0,
        text=f"median error of {len(usable)} lanes at {observed} observations: {error:.3g} against {linear:.3g} of the "
        "linear baseline",
        witnesses=usable,
    )


def _hierarchical(witness: Witness) -> bool:
    """Whether the ground truth's CP rank is not known, but its hierarchical one."""
    return isinstance(witness.spec.problem, TensorTruth) and witness.spec.problem.ht_rank is not None


def _rank(witnesses: list[Witness]) -> Measured | None:
    components = [witness for witness, _, _ in _tensors(witnesses)] or witnesses
    usable = [one for one in _easiest(components) if one.spec.record.cp_rank and not _hierarchical(one)]
    if not usable:
        return None
    ranks = [witness.history.summary.get("cp_rank", math.nan) for witness in usable]
    truth, found = usable[0].observed.resolved_rank, median(ranks)
    tolerance = usable[0].spec.record.cp_rank_tolerance
    return Measured(
        value=found,
        expected=float(truth),
        tolerance=0.0,
        text=f"median over {len(ranks)} lanes of the components that fit the solution to {tolerance:g}: "
        f"{'more than were tried' if math.isnan(found) else f'{found:g}'}, "
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


def _gaps(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    every = [witness for witness, _, _ in _tensors(witnesses)]
    if len({witness.components.init_std for witness in every}) < 2:
        return None
    usable = [witness for witness in every if has_fitted(witness)]
    by_scale = grouped(usable, lambda witness: witness.components.init_std)
    without = sorted({witness.components.init_std for witness in every} - set(by_scale))
    if without:
        reason = (
            f"init_std {without[0]:g} has not fitted its data, so that its gap says nothing of what it would choose"
        )
        return Inapplicable(reason=reason, witnesses=every)
    gaps = {std: median(largest_gap(witness) for witness in members) for std, members in by_scale.items()}
    ratio = gaps[min(gaps)] / gaps[max(gaps)]
    said = ", ".join(f"{gaps[std]:.3g} from {std:g}" for std in sorted(gaps, reverse=True))
    return Measured(
        value=ratio,
        expected=_LEAST_GROWTH_OF_GAP,
        tolerance=0.0,
        text=f"largest ratio of neighbouring component norms: {said}; from the smallest start {ratio:.3g} times that "
        "from the largest",
        witnesses=every,
    )


def _learned(witnesses: list[Witness]) -> list[Witness]:
    """Lanes of a rank-1 ground truth that are under way or have fitted the observations; others learned nothing."""
    return [
        witness
        for witness, _, problem in _tensors(witnesses)
        if problem.resolved_rank == 1
        and (witness.history.outcome is None or witness.history.outcome.kind in ("converged", "stopped", "max-seconds"))
    ]


def first_escaped(witness: Witness) -> int | None:
    """The component that is first recorded at a twentieth of the ground truth's norm; None while there is none."""
    columns = witness.history.vectors.get("component_norms", [])
    size = _ESCAPED * witness.observed.resolved_frobenius_norm
    for frame in range(len(columns[0]) if columns else 0):
        largest = max(range(len(columns)), key=lambda component: columns[component][frame])
        if columns[largest][frame] >= size:
            return largest
    return None


def _rank_1(witnesses: list[Witness]) -> Measured | None:
    # A planted component is five to twenty times the others: no small start.
    usable = [witness for witness in _learned(witnesses) if not witness.components.planted]
    found = [w.history.summary["distance_from_rank_1"] for w in usable if "distance_from_rank_1" in w.history.summary]
    if not found:
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


def _foretold(witnesses: list[Witness], prediction: str) -> tuple[int, list[Witness]]:
    """Lanes for which a component was foretold and one has escaped, and in how many it is the foretold one."""
    told = [
        witness
        for witness in _learned(witnesses)
        if witness.history.summary.get(prediction, -1.0) >= 0.0 and first_escaped(witness) is not None
    ]
    return sum(first_escaped(witness) == witness.history.summary[prediction] for witness in told), told


def _share_right(prediction: str, what: str) -> Callable[[list[Witness]], Measured | None]:
    """The share of lanes with a prediction in which it comes true; ``what`` says in words what came true."""

    def measure(witnesses: list[Witness]) -> Measured | None:
        right, told = _foretold(witnesses, prediction)
        if not told:
            return None
        return Measured(
            value=right / len(told),
            expected=1.0,
            tolerance=0.0,
            text=f"{what} in {right} of {len(told)} lanes",
            witnesses=_learned(witnesses),
        )

    return measure


TENSORS = [
    Definition(
        name="tensor-recovery",
        rests_on=("normalised_reconstruction_error",),
        statement="Factorization from a small start recovers a tensor of low rank from few observations.",
        source=f"{R20.cited()}, tensor experiments; {R21.cited()}; {R22.cited()}",
        statistic="median error at the most observations and the smallest start, over that of the linear baseline",
        reason="published errors are a thousandth of it and less; a twentieth allows for draws that are harder",
        premise="the most observations and the smallest start that are swept",
        false_in="`tf-rank` with `model.init_std=1`",
        relation="at-most",
        measure=_recovery,
    ),
    Definition(
        name="tensor-rank",
        rests_on=("cp_rank", "normalised_reconstruction_error"),
        statement="The rank of the solution is that of the ground truth.",
        source=R20.cited("tensor experiments"),
        statistic="median estimated CP rank at the most observations and the smallest start",
        reason="a count; the estimate is the least number of components that fit the solution to a stated tolerance",
        premise="the most observations and the smallest start that are swept; `record.cp_rank`",
        false_in="`tf-rank` with `model.init_std=1`",
        relation="about",
        measure=_rank,
    ),
    Definition(
        name="component-gaps",
        rests_on=("component_norms",),
        statement="The smaller the start, the fewer components rise: they move one at a time, and the rest stay "
        "behind.",
        source=R21.cited("experiment on tensor completion; the talk"),
        statistic="largest ratio of neighbouring component norms at the end: from the smallest start over from the "
        "largest",
        reason="over many draws the ratio is 10 to 30 from .05 and above 1.5e3 from .005: growth of sixty and more",
        premise="two initial scales, every lane fitted",
        false_in="`tf-components` with `model.init_std` .4 and .5",
        relation="at-least",
        measure=_gaps,
    ),
    Definition(
        name="rank-1-reached",
        rests_on=("distance_from_rank_1", "normalised_reconstruction_error"),
        statement="If a tensor of rank 1 fits the observations, small balanced initialisation leads to one.",
        source=R21.cited("rank-1 proposition"),
        statistic="largest relative distance of a solution from its best approximation of rank 1",
        reason="the proposition is a limit of small starts; from starts of .003 and below a tenth is not reached. "
        "Planted starts are left out: their one large component is as large as starts from .01 on, where it may fail",
        premise="starts that are not planted, lanes that learned something",
        false_in="`tf-rank-1` with `model.init_std=.3`, not planted",
        relation="at-most",
        measure=_rank_1,
    ),
    Definition(
        name="escape-predicted",
        rests_on=("predicted_component", "predicted_time", "largest_component"),
        statement="The component that escapes first is the one that escapes first alone in the field −∇L(0).",
        source=R21.cited("proof of the rank-1 proposition"),
        statistic="share of lanes with a prediction in which the predicted component is the first to reach a twentieth "
        "of the ground truth's norm",
        reason="a hundred starts of a hundred from standard deviations up to .003",
        premise="starts below .03 of the ground truth, at most 1,000 components, lanes in which one has escaped",
        false_in="`tf-rank-1` with `model.init_std=.08`, not planted",
        relation="at-least",
        measure=_share_right(
            "predicted_component", "the first component to reach a twentieth of the ground truth is the predicted one"
        ),
    ),
    Definition(
        name="escape-condition",
        rests_on=("condition_component", "largest_component"),
        statement="A component that meets the paper's condition at the start is the one that escapes.",
        source=R21.cited("rank-1 proposition"),
        statistic="share of lanes, of those where a component meets the condition, in which it is the first to escape",
        reason="the condition is sufficient; random starts do not meet it, so it is planted",
        premise="a component that meets the paper's condition at the start",
        false_in="a record of `tf-rank-1` with the next component passed off as the one that met it: the condition"
        " is sufficient",
        relation="at-least",
        measure=_share_right("condition_component", "where a component meets the condition it is the first to escape"),
    ),
]
