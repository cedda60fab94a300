"""Claims on a 2 × 2 matrix whose diagonal is given: norms leave the rest open, and depth closes it towards rank 1."""

from __future__ import annotations

import itertools
import math

from solver.claims.claim import Definition, Inapplicable, Measured, Witness, grouped, has_fitted
from solver.claims.matrices import depth
from solver.sources import A19
from solver.spec import DeepMatrixFactorization, MatrixCompletion

_NEARER = 0.8
_NORM_TOLERANCE = 0.02
# Below this ratio of singular values a completion is of rank 1, as far as a training loss of 1e-6 can tell.
_RANK_1 = 0.01


def diagonal(problem: object) -> tuple[float, float] | None:
    """Both diagonal entries, of one sign, where they are all that is given of a 2 × 2 matrix."""
    if not isinstance(problem, MatrixCompletion) or problem.entries is None or problem.known_shape != (2, 2):
        return None
    given = {(int(entry[0]), int(entry[1])): float(entry[2]) for entry in problem.entries}
    if set(given) != {(0, 0), (1, 1)} or not given[0, 0] * given[1, 1] > 0.0:
        return None
    return given[0, 0], given[1, 1]


def _usable(witnesses: list[Witness]) -> list[Witness]:
    return [
        one
        for one in witnesses
        if diagonal(one.spec.problem) is not None and isinstance(one.spec.model, DeepMatrixFactorization)
    ]


def _unfitted(usable: list[Witness]) -> Inapplicable | None:
    if all(has_fitted(one) for one in usable):
        return None
    reason = "not every lane has fitted its two entries: what is chosen is not known"
    return Inapplicable(reason=reason, witnesses=usable)


def _ratio(witness: Witness) -> float:
    """σ_2/σ_1."""
    values = witness.lasts("singular_values")
    return values[1] / values[0] if len(values) == 2 and values[0] > 0.0 else math.nan


def _nearer(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    usable = [one for one in _usable(witnesses) if "singular_values" in one.history.vectors]
    usable = [one for one in usable if depth(one) >= 2]
    if len({depth(one) for one in usable}) < 2:
        return None
    if (inapplicable := _unfitted(usable)) is not None:
        return inapplicable
    ratios = []
    told: dict[int, list[float]] = {}
    for members in grouped(usable, lambda one: one.spec.seed).values():
        by_depth = {depth(one): one for one in members}
        ordered = [(n, _ratio(by_depth[n])) for n in sorted(by_depth)]
        for n, ratio in ordered:
            told.setdefault(n, []).append(ratio)
        pairs = itertools.pairwise(ordered)
        ratios += [deeper / ratio for (_, ratio), (_, deeper) in pairs if not ratio < _RANK_1]
    if not ratios:
        return Inapplicable(reason="already the least depth has come to rank 1: take a larger start", witnesses=usable)
    worst = math.nan if any(math.isnan(one) for one in ratios) else max(ratios)
    said = ", ".join(f"depth {n} {min(found):.3g} to {max(found):.3g}" for n, found in sorted(told.items()))
    return Measured(
        value=worst,
        expected=_NEARER,
        tolerance=0.0,
        text=f"σ_2/σ_1 over the draws: {said}; from depth to depth at most {worst:.3g} of itself",
        witnesses=usable,
    )


def _norm(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    usable = [one for one in _usable(witnesses) if "nuclear_norm" in one.history.columns]
    if not usable:
        return None
    if (inapplicable := _unfitted(usable)) is not None:
        return inapplicable
    found = []
    for one in usable:
        given = diagonal(one.spec.problem)
        assert given is not None
        found.append(one.last("nuclear_norm") / abs(sum(given)) - 1.0)
    worst = math.nan if any(math.isnan(one) for one in found) else max(found)
    return Measured(
        value=worst,
        expected=0.0,
        tolerance=_NORM_TOLERANCE,
        text=f"nuclear norms of {len(found)} completions lie at most {worst:.2g} of it above the least",
        witnesses=usable,
    )


DIAGONAL = [
    Definition(
        name="nearer-to-rank-1",
        rests_on=("singular_values",),
        statement="Of the completions of a positive diagonal each layer more selects one nearer to rank 1: a small "
        "singular value at N σ^(2−2/N) γ falls behind a large one with the same γ, and the more so with depth.",
        source=A19.cited("Theorem 3"),
        statistic="largest ratio of σ_2/σ_1 at a depth to that at the depth before, from the same start; where it is "
        "above a hundredth",
        reason="from balanced starts of .01 it is .71 at most in twenty draws, most often below .1",
        premise="two diagonal entries of one sign, depth 2 and more, every lane fitted, σ_2/σ_1 above a hundredth",
        false_in="`diagonal-2x2` with `model.init_scale=1` and `seeds=3`",
        relation="at-most",
        measure=_nearer,
    ),
    Definition(
        name="norm-cannot-tell",
        rests_on=("nuclear_norm",),
        statement="Every completion of a positive diagonal by equal entries a, |a| ≤ 1, has the least nuclear norm: it "
        "does not say which is selected.",
        source=A19.cited("§2: the conjecture on the nuclear norm"),
        statistic="the largest relative excess of the nuclear norm over that of the diagonal, of lanes that fitted",
        reason="the two entries differ by what the start has left, whose square the norm exceeds its least by",
        premise="two diagonal entries of one sign, every lane fitted",
        false_in="`diagonal-2x2` with `model.init_scale=1` and `seeds=3`",
        relation="at-most",
        measure=_norm,
    ),
]
