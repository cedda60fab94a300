"""Claims on rates: dσ/dt = N σ^(2−2/N) γ, for singular values and for components, and the exact formula beside it."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

from solver.claims.claim import Definition, Inapplicable, Measured, Witness, grouped, median, slope
from solver.sources import A19, R21
from solver.spec import CP, Settings

# A value below this part of the largest of its lane is still part of the noise it started from.
_RISEN = 1e-4
# Rates below this part of the largest drown in the differences they are measured by.
_SMALLEST_RATE = 1e-5
# The law is judged where unbalancedness is at most this part of σ^(2/N), over sizes that span such a factor at least.
_BALANCED, _LEAST_SPAN = 0.5, 1.5
# Singular values closer than this part of them are about to meet.
_LEAST_GAP = 0.01
_LAW_TOLERANCE = 0.02
_EXACT_TOLERANCE = 1e-3

_MATRIX = ("singular_values", "singular_value_rates", "predicted_rates", "predicted_rates_balanced")
TENSOR = ("", "component_rates", "predicted_component_rates", "predicted_component_rates_balanced")


def n_factors(witness: Witness) -> int:
    """N: layers of a matrix factorization, modes of a tensor."""
    return witness.spec.model.n_factors(witness.spec.problem)


class _Law(NamedTuple):
    """dσ/dt = factor · σ^(2−2/N) γ."""

    n: int
    factor: int

    def __str__(self) -> str:
        return f"N={self.n}" if self.factor == self.n else f"N={self.n} tied"


def _law_of(witness: Witness) -> _Law:
    return _Law(n_factors(witness), law_factor(witness))


def law_factor(witness: Witness) -> int:
    """N, or what stands in its place in the law where factors are tied."""
    return witness.spec.model.law_factor(witness.spec.problem)


class _Rate(NamedTuple):
    """One recorded value that has a rate."""

    size: float
    """σ."""
    measured: float
    formula: float
    """For any initialisation."""
    law: float
    """N σ^(2−2/N) γ."""
    unbalancedness: float
    """Of the lane, in that state."""
    gap: float
    """To the nearest of the other values, relative to this one."""


def _rates(witness: Witness, names: tuple[str, ...]) -> list[_Rate]:
    """Every recorded value with a rate."""
    return witness.once((_rates, names), lambda: list(_every_rate(witness, names)))


def _every_rate(witness: Witness, names: tuple[str, ...]) -> Iterator[_Rate]:
    vectors = witness.history.vectors
    measured, any_start, balanced = (vectors.get(name, []) for name in names[1:])
    n = len(measured)
    if names[0]:
        every = list(zip(*vectors.get(names[0], []), strict=True))
    else:
        # Rates are of the largest components of each frame, in falling order.
        every = [tuple(sorted(frame, reverse=True)) for frame in zip(*vectors.get("component_norms", []), strict=True)]
    drift = witness.history.columns.get("unbalancedness") or array("d", bytes(8 * len(every)))
    for frame, (sizes, unbalancedness) in enumerate(zip(every, drift, strict=False)):
        for rank, size in enumerate(sizes[:n]):
            beside = [abs(other - size) for other in (*sizes[max(0, rank - 1) : rank], *sizes[rank + 1 : rank + 2])]
            yield _Rate(
                size,
                measured[rank][frame],
                any_start[rank][frame],
                balanced[rank][frame],
                unbalancedness,
                min(beside, default=math.inf) / size if size > 0.0 else 0.0,
            )


def _telling(witness: Witness, names: tuple[str, ...]) -> list[_Rate]:
    """Those whose measured rate is finite and does not drown in the differences it is measured by."""
    points = [one for one in _rates(witness, names) if math.isfinite(one.measured)]
    fastest = max((abs(one.measured) for one in points), default=0.0)
    return [one for one in points if abs(one.measured) > _SMALLEST_RATE * fastest]


def law_slope(witness: Witness, names: tuple[str, ...], risen: float = _RISEN) -> list[tuple[float, float]]:
    """(ln σ, ln(measured rate / γ)) of every rising value; by the law a line of slope 2−2/N through ln N at σ = 1.

    The law supposes balance. Of layers it is measured: values are left out while their unbalancedness is more than half
    of σ^(2/N), what each has of σ where they are balanced. Of components only the largest unbalancedness is recorded,
    which says nothing of the others: ``risen`` has to see to it.
    """
    return witness.once((law_slope, names, risen), lambda: _law_slope(witness, names, risen))


def _law_slope(witness: Witness, names: tuple[str, ...], risen: float) -> list[tuple[float, float]]:
    points = _rates(witness, names)
    n, factor = _law_of(witness)
    largest = max((one.size for one in points), default=0.0)
    fastest = max((abs(one.measured) for one in points if math.isfinite(one.measured)), default=0.0)
    found = []
    for one in points:
        if one.size < risen * largest or not one.measured > _SMALLEST_RATE * fastest or not one.law > 0.0:
            continue
        if names is _MATRIX and not one.unbalancedness <= _BALANCED * one.size ** (2.0 / n):
            continue
        alignment = one.law / (factor * one.size ** (2.0 - 2.0 / n))
        found.append((math.log(one.size), math.log(one.measured / alignment)))
    return found


def law_points(witness: Witness) -> list[tuple[float, float]]:
    """(σ, measured rate / γ) of every rising value of a matrix or tensor lane; by the law N σ^(2−2/N).

    None where N is not the same for all of them.
    """
    if not witness.spec.model.has_one_law(witness.spec.problem):
        return []
    is_matrix = _MATRIX[1] in witness.history.vectors
    found = law_slope(witness, _MATRIX, _RISEN) if is_matrix else law_slope(witness, TENSOR, 1e-2)
    return [(math.exp(size), math.exp(rate)) for size, rate in found]


def _fits(
    witnesses: list[Witness], names: tuple[str, ...], risen: float
) -> tuple[dict[_Law, list[tuple[float, float]]], list[Witness]]:
    """By law the points of the law over a stretch of sizes that has a slope; and the lanes that record rates."""
    usable = [witness for witness in witnesses if names[1] in witness.history.vectors]
    if names is TENSOR:
        usable = _smallest_start(usable)
    found = {}
    for law, members in grouped(usable, _law_of).items():
        points = [point for witness in members for point in law_slope(witness, names, risen)]
        sizes = [size for size, _ in points]
        if points and max(sizes) - min(sizes) >= math.log(_LEAST_SPAN):
            found[law] = points
    return found, usable


def of_kind(
    model: type[Settings], measure: Callable[[list[Witness]], Measured | Inapplicable | None]
) -> Callable[[list[Witness]], Measured | Inapplicable | None]:
    """The statistic of the lanes alone that train this kind of model."""
    return lambda witnesses: measure([witness for witness in witnesses if isinstance(witness.spec.model, model)])


def _unbalanced(usable: list[Witness]) -> Inapplicable | None:
    if not usable:
        return None
    reason = f"values that have risen, in balance as the law supposes, do not span a factor of {_LEAST_SPAN:g}"
    return Inapplicable(reason=f"{reason}: take a smaller start, or a balanced one", witnesses=usable)


def law_of(
    names: tuple[str, ...], what: str, risen: float
) -> Callable[[list[Witness]], Measured | Inapplicable | None]:
    def measure(witnesses: list[Witness]) -> Measured | Inapplicable | None:
        fits, usable = _fits(witnesses, names, risen)
        if not fits:
            return _unbalanced(usable)
        found = {law: (slope(points), 2.0 - 2.0 / law.n) for law, points in fits.items()}
        worst = max(found.values(), key=lambda pair: math.inf if math.isnan(pair[0]) else abs(pair[0] - pair[1]))
        return Measured(
            value=worst[0],
            expected=worst[1],
            tolerance=_LAW_TOLERANCE,
            text=f"slope of ln({what}/γ) over ln σ: "
            + ", ".join(f"{law} {measured:.3f} (theory {theory:.3f})" for law, (measured, theory) in found.items()),
            witnesses=usable,
        )

    return measure


def factor_of(
    names: tuple[str, ...], what: str, risen: float
) -> Callable[[list[Witness]], Measured | Inapplicable | None]:
    def measure(witnesses: list[Witness]) -> Measured | Inapplicable | None:
        fits, usable = _fits(witnesses, names, risen)
        if not fits:
            return _unbalanced(usable)
        found = {
            law: math.exp(median(rate - (2.0 - 2.0 / law.n) * size for size, rate in points)) / law.factor
            for law, points in fits.items()
        }
        worst = max(found.values(), key=lambda ratio: math.inf if math.isnan(ratio) else abs(ratio - 1.0))
        return Measured(
            value=worst,
            expected=1.0,
            tolerance=_LAW_TOLERANCE,
            text=f"median of {what}/(γ σ^(2−2/N)) over N: "
            + ", ".join(f"{law} {law.factor * ratio:.3f}" for law, ratio in found.items()),
            witnesses=usable,
        )

    return measure


def unbalanced_bounds(size: float, law: float, n: int, unbalancedness: float) -> tuple[float, float]:
    """Least and largest rate of a component of size σ > 0 and order N whose balanced law is N σ^(2−2/N) γ > 0 (R21)."""
    share, pull = size ** (2.0 / n), law / size ** (2.0 - 2.0 / n)
    return pull * size**2 / (share + unbalancedness), pull * (share + unbalancedness) ** (n - 1)


def _band(witnesses: list[Witness]) -> Measured | None:
    usable = [witness for witness in witnesses if TENSOR[1] in witness.history.vectors]
    worst, n_points = 0.0, 0
    for witness in usable:
        n = n_factors(witness)
        for one in _telling(witness, TENSOR):
            # γ ≥ 0 is supposed.
            if not one.law > 0.0:
                continue
            low, high = unbalanced_bounds(one.size, one.law, n, one.unbalancedness)
            n_points += 1
            worst = max(worst, low / one.measured - 1.0 if one.measured > 0.0 else math.inf, one.measured / high - 1.0)
    if not n_points:
        return None
    return Measured(
        value=worst,
        expected=0.0,
        tolerance=_EXACT_TOLERANCE,
        text=f"{n_points} measured rates leave the band by a factor of at most 1 + {worst:.2g}",
        witnesses=usable,
    )


def _smallest_start(witnesses: list[Witness]) -> list[Witness]:
    """The lanes of the smallest start: the law supposes balance, which a small start nearly has."""
    least = min((witness.spec.model.start_scale[1] for witness in witnesses), default=math.nan)
    return [witness for witness in witnesses if witness.spec.model.start_scale[1] == least]


def _exact(names: tuple[str, ...]) -> Callable[[list[Witness]], Measured | None]:
    def measure(witnesses: list[Witness]) -> Measured | None:
        usable = [witness for witness in witnesses if names[2] in witness.history.vectors]
        worst, n_points = 0.0, 0
        for witness in usable:
            for one in _telling(witness, names):
                # Where two values nearly meet, the vectors of each turn into the other's within a difference.
                if names is _MATRIX and one.gap < _LEAST_GAP:
                    continue
                n_points += 1
                worst = max(worst, abs(one.formula - one.measured) / abs(one.measured))
        if not n_points:
            return None
        return Measured(
            value=worst,
            expected=0.0,
            tolerance=_EXACT_TOLERANCE,
            text=f"largest relative difference of {n_points} measured rates from the formula: {worst:.2g}",
            witnesses=usable,
        )

    return measure


LAWS = [
    Definition(
        name="singular-value-law",
        rests_on=("singular_values", "singular_value_rates", "predicted_rates_balanced"),
        statement="A singular value of a balanced product of N layers moves at N σ^(2−2/N) γ.",
        source=A19.cited("Theorem 3"),
        statistic="slope of ln(dσ_r/dt / γ_r) over ln σ_r, by depth: 2−2/N; of values whose σ^(2/N) is twice the "
        "unbalancedness at least",
        reason="exact for balanced layers, which stay so; from a small Gaussian start, at depth 4 too, off by .001",
        premise="unbalancedness at most half of σ^(2/N), over sizes that span 1.5; γ > 0",
        false_in="a record of `mf-depth` whose rates go with a power of σ that is a tenth smaller: where the "
        "premise holds the theorem does",
        relation="about",
        measure=law_of(_MATRIX, "dσ/dt", _RISEN),
    ),
    Definition(
        name="singular-value-factor",
        rests_on=("singular_values", "singular_value_rates", "predicted_rates_balanced"),
        statement="The factor of the law is the number of layers: dσ/dt = N σ^(2−2/N) γ.",
        source=A19.cited("Theorem 3"),
        statistic="median of (dσ_r/dt / γ_r) / σ_r^(2−2/N) over N, by depth, of the values that the law is judged on",
        reason="exact for balanced layers; from a small Gaussian start off by 1e-4",
        premise="as for the law",
        false_in="a record of `mf-depth` whose rates are a tenth too large: where the premise holds the theorem does",
        relation="about",
        measure=factor_of(_MATRIX, "dσ/dt", _RISEN),
    ),
    Definition(
        name="rate-formula",
        rests_on=("singular_value_rates", "predicted_rates"),
        statement="For any initialisation the rate of a singular value is Σ_j u_rᵀ A_j A_jᵀ (−∇ℓ) B_jᵀ B_j v_r.",
        source=f"chain rule; for balanced layers it is {A19.cited()}, Theorem 3",
        statistic="largest relative difference between measured rates and the formula",
        reason="the formula is exact; 1e-3 is what differences cost; values within 1 % of another are left out",
        premise="rates above 1e-5 of the lane's fastest; values at least 1 % from the next",
        false_in="a record of `mf-depth` whose formula is 1 % too large: the chain rule holds in every run",
        relation="at-most",
        measure=_exact(_MATRIX),
    ),
    Definition(
        name="component-law",
        rests_on=("component_norms", "component_rates", "predicted_component_rates_balanced"),
        statement="A component of a balanced CP factorization of order N moves at N σ^(2−2/N) γ.",
        source=R21.cited("Theorem 1"),
        statistic="slope of ln(dσ_r/dt / γ_r) over ln σ_r at the smallest initial scale: 2−2/N",
        reason="the start is not balanced, only small: components that have risen to a hundredth of the largest are",
        premise="components that have risen to a hundredth of the largest, at the smallest initial scale; γ > 0",
        false_in="`tf-components` with `model.balanced=true` and `model.unbalancedness=.5`",
        relation="about",
        measure=of_kind(CP, law_of(TENSOR, "dσ/dt", 1e-2)),
    ),
    Definition(
        name="component-factor",
        rests_on=("component_norms", "component_rates", "predicted_component_rates_balanced"),
        statement="The factor of the law is the order of the tensor: dσ/dt = N σ^(2−2/N) γ.",
        source=R21.cited("Theorem 1"),
        statistic="median of (dσ_r/dt / γ_r) / σ_r^(2−2/N) over N, of the values that the law is judged on",
        reason="exact for balanced components; from a small start off by 1e-3 at most",
        premise="as for the law",
        false_in="`tf-components` with `model.balanced=true` and `model.unbalancedness=.5`",
        relation="about",
        measure=of_kind(CP, factor_of(TENSOR, "dσ/dt", 1e-2)),
    ),
    Definition(
        name="component-band",
        rests_on=("component_norms", "component_rates", "predicted_component_rates_balanced", "unbalancedness"),
        statement="With unbalancedness ε the rate of a component with γ ≥ 0 lies between N γ σ²/(σ^(2/N)+ε) and "
        "N γ (σ^(2/N)+ε)^(N−1).",
        source=R21.cited("Theorem 1 for unbalanced components"),
        statistic="the largest factor, less one, by which a measured rate leaves the band",
        reason="the theorem is exact; 1e-3 is what the differences of norms cost",
        premise="γ ≥ 0; rates above 1e-5 of the lane's fastest",
        false_in="a record of `tf-components` whose rates are three times too large: the theorem holds in every run",
        relation="at-most",
        measure=of_kind(CP, _band),
    ),
    Definition(
        name="component-formula",
        rests_on=("component_rates", "predicted_component_rates"),
        statement="For any initialisation the rate of a component is γ_r σ_r² Σ_n 1/‖w_r^n‖².",
        source=f"chain rule; for balanced components {R21.cited()}, Theorem 1",
        statistic="largest relative difference between measured rates and the formula",
        reason="the formula is exact; 1e-3 is what the differences of norms cost",
        premise="rates above 1e-5 of the lane's fastest",
        false_in="a record of `tf-components` whose formula is 1 % too large: the chain rule holds in every run",
        relation="at-most",
        measure=_exact(TENSOR),
    ),
]
