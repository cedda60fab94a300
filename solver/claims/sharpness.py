"""Claims on sharpness: what it is where the flow ends, and that gradient descent settles at nothing sharper."""

from __future__ import annotations

import math

import msgspec

from solver.claims.claim import Definition, Inapplicable, Measured, Witness
from solver.claims.laws import law_factor, n_factors
from solver.sources import C21, M20
from solver.spec import GradientDescent, Observed
from solver.spec.completion import Completion

_AT_END_TOLERANCE = 0.03
# A step size so near the limit, in parts of it, would ask for more steps than any run has.
_NEAR = 0.05


def _recording(witnesses: list[Witness]) -> list[Witness]:
    return [one for one in witnesses if "sharpness" in one.history.columns and "singular_values" in one.history.vectors]


def _has_converged(witness: Witness) -> bool:
    outcome = witness.history.outcome
    return outcome is not None and outcome.kind == "converged"


def _curvature(problem: Observed) -> float:
    """What the loss has of half the squared distance of two matrices, where every entry is observed."""
    n = problem.resolved_observations
    return {"mean": 2.0 / n, "half-sum": 1.0, "huber": 1.0 / n}[problem.loss]


def _at_end(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    recording = _recording(witnesses)
    if not recording:
        return None
    whole = [one for one in recording if _observes_all(one.observed)]
    settled = [one for one in whole if _has_converged(one)]
    if not settled:
        reason = "no lane has converged" if whole else "the formula is for matrices all of whose entries are observed"
        return Inapplicable(reason=f"{reason}: the sharpness of a solution is not known", witnesses=whole or recording)
    found = []
    for one in settled:
        n, largest = n_factors(one), one.lasts("singular_values")[0]
        said = _curvature(one.observed) * law_factor(one) * largest ** (2.0 - 2.0 / n)
        found.append((one.last("sharpness") / said, n))
    worst, _ = max(found, key=lambda pair: math.inf if math.isnan(pair[0]) else abs(pair[0] - 1.0))
    by_depth = {n: [ratio for ratio, other in found if other == n] for n in sorted({n for _, n in found})}
    return Measured(
        value=worst,
        expected=1.0,
        tolerance=_AT_END_TOLERANCE,
        text="λ_max over N σ_1^(2−2/N) where lanes converged: "
        + ", ".join(f"N={n} {min(ratios):.3f} to {max(ratios):.3f}" for n, ratios in by_depth.items()),
        witnesses=whole,
    )


def _observes_all(problem: Observed) -> bool:
    shape = problem.known_shape
    return isinstance(problem, Completion) and shape is not None and problem.resolved_observations == math.prod(shape)


def _stability(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    recording = _recording(witnesses)
    flows = {_fellows(one): one for one in recording if one.spec.optimizer.IS_FLOW}
    descents = [one for one in recording if isinstance(one.spec.optimizer, GradientDescent) and _fellows(one) in flows]
    if not descents:
        return None
    concerned = [*flows.values(), *descents]
    sides: list[tuple[float, bool]] = []
    for one in descents:
        flow = flows[_fellows(one)]
        if _has_converged(flow):
            share = one.last("stability_limit") / flow.last("sharpness")
            if abs(share - 1.0) > _NEAR:
                sides.append((share, _has_converged(one)))
    below = [settled for share, settled in sides if share < 1.0]
    if not below:
        reason = "no step size has 2/η below the sharpness at which the flow converged"
        return Inapplicable(reason=f"{reason}: sweep optimizer.step_size beyond it", witnesses=concerned)
    told = ", ".join(f"{share:.2f} {'settled' if settled else 'did not'}" for share, settled in sorted(sides))
    return Measured(
        value=sum(settled for settled in below) / len(below),
        expected=0.0,
        tolerance=0.0,
        text=f"{sum(below)} of {len(below)} lanes with 2/η below the flow's sharpness settled; by 2/η over it: {told}",
        witnesses=concerned,
    )


def _fellows(witness: Witness) -> tuple[bytes, int]:
    """Equal for lanes that differ in how they are trained alone, whether that is swept or they are variants."""
    return msgspec.json.encode((witness.spec.problem, witness.spec.model)), witness.spec.seed


SHARPNESS = [
    Definition(
        name="sharpness-at-end",
        rests_on=("sharpness", "singular_values"),
        statement="Where the flow from a small start ends on a fully observed matrix, the largest eigenvalue of the "
        "Hessian of ½‖W − M‖² is N σ_1^(2−2/N), the least that any factorization of the solution has.",
        source=M20.cited("for the flattest minimum of a linear network"),
        statistic="λ_max over N σ_1^(2−2/N) of lanes that converged, with the loss's own factor; the worst",
        reason="exact for balanced layers; a small Gaussian start leaves unbalancedness: .0 to 1.3 % at depth 2 to 4",
        premise="every entry observed, the lane converged",
        false_in="`sharpness` with `model.init_scale=1`",
        relation="about",
        measure=_at_end,
    ),
    Definition(
        name="step-too-long",
        rests_on=("sharpness", "stability_limit"),
        statement="Gradient descent with a step η whose 2/η is below the sharpness of the flow's solution does not "
        "settle.",
        source=C21.cited("§2: the stability of gradient descent"),
        statistic="the share that converged of the lanes of gradient descent with 2/η below the sharpness at which the "
        "flow of the same problem converged; step sizes within 5 % of the limit left out",
        reason="the flow's solution is the flattest, so that none is left to settle at; a share needs no tolerance",
        premise="a flow of the same problem that converged, and a step size whose 2/η lies more than 5 % below "
        "its sharpness",
        false_in="`sharpness` with `model.init_scale=1`",
        relation="at-most",
        measure=_stability,
    ),
]
