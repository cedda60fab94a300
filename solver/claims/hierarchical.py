"""Claims on hierarchical Tucker forms: the law of local components, and gaps that a small start leaves."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from solver.claims.claim import Definition, Inapplicable, Measured, Witness, grouped, has_fitted, mean, median
from solver.claims.laws import TENSOR, factor_of, law_of, of_kind
from solver.sources import R22
from solver.spec import HierarchicalTucker, TensorTruth

_LEAST_GROWTH_OF_LOCAL_GAP, _LEAST_GROWTH_OF_GAP = 5.0, 10.0
# Components that have risen, as for those of CP.
_RISEN = 1e-2
# Singular values below this part of the largest are rounding in the log.
_ROUNDING = 1e-15
_Measure = Callable[[list[Witness]], Measured | Inapplicable | None]


def _with_one_law(measure: _Measure) -> _Measure:
    """The statistic of hierarchical lanes, where every node has as many children."""

    def measured(witnesses: list[Witness]) -> Measured | Inapplicable | None:
        mixed = [one for one in witnesses if not one.spec.model.has_one_law(one.spec.problem)]
        if mixed:
            reason = "nodes of the mode tree have different numbers of children, and so different laws"
            return Inapplicable(reason=reason, witnesses=mixed)
        return measure(witnesses)

    return of_kind(HierarchicalTucker, measured)


def local_component_gap(witness: Witness) -> float:
    """The largest ratio of neighbouring norms among the largest local components of a node; their geometric mean."""
    model, problem = witness.spec.model, witness.spec.problem
    assert isinstance(model, HierarchicalTucker)
    norms, rank, by_node = witness.lasts("component_norms"), witness.observed.resolved_rank, dict[int, list[float]]()
    for (place, _), norm in zip(model.tree(problem).components(model.level_widths(problem)), norms, strict=True):
        by_node.setdefault(place, []).append(norm)
    gaps = [_largest_ratio(sorted(found, reverse=True)[: 2 * rank + 1]) for found in by_node.values()]
    return math.exp(mean(math.log(gap) for gap in gaps))


def _largest_ratio(falling: list[float]) -> float:
    return max(
        (before / after if after > 0.0 else math.inf for before, after in itertools.pairwise(falling)),
        default=math.nan,
    )


def _matricisation_gap(witness: Witness) -> float:
    """σ_R/σ_{R+1} of the first node's unfolding, R the ground truth's rank there; NaN where it is not known."""
    problem = witness.spec.problem
    if not isinstance(problem, TensorTruth) or problem.ht_rank is None:
        return math.nan
    values, rank = witness.lasts("matricisation_singular_values"), problem.ht_rank[-1]
    if len(values) <= rank:
        return math.nan
    return values[rank - 1] / max(values[rank], _ROUNDING * values[0])


def _growth(gap_of: Callable[[Witness], float], what: str, least: float) -> _Measure:
    """How the median gap at the end grows from the largest start to the smallest."""

    def measured(witnesses: list[Witness]) -> Measured | Inapplicable | None:
        found = [(witness, gap_of(witness)) for witness in witnesses]
        every = [witness for witness, gap in found if not math.isnan(gap)]
        if len({witness.spec.model.start_scale[1] for witness in every}) < 2:
            return None
        by_scale = grouped((one for one in every if has_fitted(one)), lambda one: one.spec.model.start_scale[1])
        without = sorted({witness.spec.model.start_scale[1] for witness in every} - set(by_scale))
        if without:
            reason = f"init_std {without[0]:g} has not fitted its data: its gap says nothing of what it would choose"
            return Inapplicable(reason=reason, witnesses=every)
        gaps = {std: median(gap_of(witness) for witness in members) for std, members in by_scale.items()}
        ratio = gaps[min(gaps)] / gaps[max(gaps)]
        said = ", ".join(f"{gaps[std]:.3g} from {std:g}" for std in sorted(gaps, reverse=True))
        return Measured(
            value=ratio,
            expected=least,
            tolerance=0.0,
            text=f"{what}: {said}; from the smallest start {ratio:.3g} times that from the largest",
            witnesses=every,
        )

    return of_kind(HierarchicalTucker, measured)


HIERARCHICAL = [
    Definition(
        name="local-component-law",
        rests_on=("component_norms", "component_rates", "predicted_component_rates_balanced"),
        statement="A local component of a balanced hierarchical factorization moves at L σ^(2−2/L) γ, where L counts "
        "its node and the node's children.",
        source=R22.cited("theorem on local component norms"),
        statistic="slope of ln(dσ/dt / γ) over ln σ at the smallest initial scale: 2−2/L",
        reason="the start is not balanced, only small: over seven draws the slope from .03 is off by 1e-4",
        premise="components that have risen to a hundredth of the largest, at the smallest initial scale; γ > 0; nodes "
        "of one number of children",
        false_in="`htf-components` with `model.init_std=.3`",
        relation="about",
        measure=_with_one_law(law_of(TENSOR, "dσ/dt", _RISEN)),
    ),
    Definition(
        name="local-component-factor",
        rests_on=("component_norms", "component_rates", "predicted_component_rates_balanced"),
        statement="The factor of the law is one more than the children of a node: 3 where modes are halved.",
        source=R22.cited("theorem on local component norms"),
        statistic="median of (dσ/dt / γ) / σ^(2−2/L) over L, of the values that the law is judged on",
        reason="exact for balanced components; from .03 off by 1e-4 over seven draws",
        premise="as for the law",
        false_in="`htf-components` with `model.init_std=.3`",
        relation="about",
        measure=_with_one_law(factor_of(TENSOR, "dσ/dt", _RISEN)),
    ),
    Definition(
        name="local-component-gaps",
        rests_on=("component_norms",),
        statement="The smaller the start, the fewer local components of a node rise, and the rest stay behind.",
        source=R22.cited("experiments"),
        statistic="largest ratio of neighbouring norms at a node, geometric mean over the nodes, at the end: from the "
        "smallest start over from the largest",
        reason="over seven draws 17 to 170 from .03 and 1.7 to 2.4 from .3, growth of 8 to 71 a draw; from starts that "
        "are both large there is none",
        premise="two initial scales, every scale with a lane that fitted",
        false_in="`htf-components` with `model.init_std` .3 and .5",
        relation="at-least",
        measure=_growth(
            local_component_gap, "largest ratio of neighbouring local component norms", _LEAST_GROWTH_OF_LOCAL_GAP
        ),
    ),
    Definition(
        name="matricisation-gaps",
        rests_on=("matricisation_singular_values",),
        statement="A small start ends at low hierarchical rank: singular values of an unfolding beyond the ground "
        "truth's rank stay behind.",
        source=R22.cited("hierarchical tensor rank; experiments"),
        statistic="σ_R/σ_{R+1} of the first node's unfolding at the end, R the ground truth's rank there: from the "
        "smallest start over from the largest",
        reason="over seven draws 235 to 2e5 from .03 and 1.1 to 55 from .3, growth of 65 to 28,000 a draw",
        premise="`problem.ht_rank`, two initial scales, every scale with a lane that fitted",
        false_in="`htf-components` with `model.init_std` .3 and .5",
        relation="at-least",
        measure=_growth(_matricisation_gap, "gap at the ground truth's rank", _LEAST_GROWTH_OF_GAP),
    ),
]
