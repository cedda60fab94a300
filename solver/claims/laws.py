"""Claims on rates: dσ/dt = N σ^(2−2/N) γ, for singular values and for components, and the exact formula beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from solver.claims.claim import Definition, Measured, Witness, grouped, slope
from solver.sources import A19, R21

# A value below this part of the largest of its lane is still part of the noise it started from.
_RISEN = 1e-4
# Rates below this part of the largest drown in the differences they are measured by.
_SMALLEST_RATE = 1e-6
_LAW_TOLERANCE = 0.02
_EXACT_TOLERANCE = 1e-3

_MATRIX = ("singular_values", "singular_value_rates", "predicted_rates", "predicted_rates_balanced")
_TENSOR = ("", "component_rates", "predicted_component_rates", "predicted_component_rates_balanced")


def n_factors(witness: Witness) -> int:
    """N: layers of a matrix factorization, modes of a tensor."""
    return witness.spec.model.n_factors(witness.spec.problem)


def _rates(witness: Witness, names: tuple[str, ...]) -> Iterator[tuple[float, float, float, float]]:
    """(σ, measured rate, its formula for any start, N σ^(2−2/N) γ) of every recorded value with a rate."""
    vectors = witness.history.vectors
    measured, any_start, balanced = (vectors.get(name, []) for name in names[1:])
    sizes: Sequence[Sequence[float]]
    if names[0]:
        sizes = vectors.get(names[0], [])
    else:
        # Rates are of the largest components of each frame, in falling order.
        n = len(measured)
        frames = zip(*vectors.get("component_norms", []), strict=True)
        sizes = list(zip(*(sorted(frame, reverse=True)[:n] for frame in frames), strict=True))
    for column, rates, predicted, law in zip(sizes, measured, any_start, balanced, strict=False):
        yield from zip(column, rates, predicted, law, strict=False)


def law_slope(witness: Witness, names: tuple[str, ...], risen: float = _RISEN) -> list[tuple[float, float]]:
    """(ln σ, ln(measured rate / γ)) of every rising value; by the law a line of slope 2−2/N."""
    points = list(_rates(witness, names))
    n = n_factors(witness)
    largest = max((size for size, *_ in points), default=0.0)
    fastest = max((abs(rate) for _, rate, *_ in points if math.isfinite(rate)), default=0.0)
    found = []
    for size, rate, _, law in points:
        if size < risen * largest or not rate > _SMALLEST_RATE * fastest or not law > 0.0:
            continue
        alignment = law / (n * size ** (2.0 - 2.0 / n))
        found.append((math.log(size), math.log(rate / alignment)))
    return found


def law_points(witness: Witness) -> list[tuple[float, float]]:
    """(σ, measured rate / γ) of every rising value of a matrix or tensor lane; by the law N σ^(2−2/N)."""
    is_matrix = _MATRIX[1] in witness.history.vectors
    found = law_slope(witness, _MATRIX, _RISEN) if is_matrix else law_slope(witness, _TENSOR, 1e-2)
    return [(math.exp(size), math.exp(rate)) for size, rate in found]


def _law(names: tuple[str, ...], what: str, risen: float) -> Callable[[list[Witness]], Measured | None]:
    def measure(witnesses: list[Witness]) -> Measured | None:
        usable = [witness for witness in witnesses if names[1] in witness.history.vectors]
        if names is _TENSOR:
            usable = _smallest_start(usable)
        worst = None
        said = []
        for n, members in grouped(usable, n_factors).items():
            found = slope([point for witness in members for point in law_slope(witness, names, risen)])
            theory = 2.0 - 2.0 / n
            said.append(f"N={n} {found:.3f} (theory {theory:.3f})")
            if worst is None or not abs(found - theory) <= abs(worst[0] - worst[1]):
                worst = found, theory
        if worst is None:
            return None
        return Measured(
            value=worst[0],
            expected=worst[1],
            tolerance=_LAW_TOLERANCE,
            text=f"slope of ln({what}/γ) over ln σ: " + ", ".join(said),
            witnesses=usable,
        )

    return measure


def _smallest_start(witnesses: list[Witness]) -> list[Witness]:
    """The lanes of smallest initial standard deviation: the law supposes balance, which a small start nearly has."""
    least = min((witness.components.init_std for witness in witnesses), default=math.nan)
    return [witness for witness in witnesses if witness.components.init_std == least]


def _exact(names: tuple[str, ...]) -> Callable[[list[Witness]], Measured | None]:
    def measure(witnesses: list[Witness]) -> Measured | None:
        usable = [witness for witness in witnesses if names[2] in witness.history.vectors]
        worst, n_points = 0.0, 0
        for witness in usable:
            points = list(_rates(witness, names))
            fastest = max((abs(rate) for _, rate, *_ in points if math.isfinite(rate)), default=0.0)
            for _, rate, predicted, _ in points:
                if math.isfinite(rate) and abs(rate) > _SMALLEST_RATE * fastest:
                    n_points += 1
                    worst = max(worst, abs(predicted - rate) / abs(rate))
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
        statistic="slope of ln(dσ_r/dt / γ_r) over ln σ_r, by depth: 2−2/N",
        reason="exact for balanced layers, which stay so; a small Gaussian start is off by .008, wide layers by .15",
        relation="about",
        measure=_law(_MATRIX, "dσ/dt", _RISEN),
    ),
    Definition(
        name="rate-formula",
        rests_on=("singular_value_rates", "predicted_rates"),
        statement="For any initialisation the rate of a singular value is Σ_j u_rᵀ A_j A_jᵀ (−∇ℓ) B_jᵀ B_j v_r.",
        source=f"chain rule; for balanced layers it is {A19.cited()}, Theorem 3",
        statistic="largest relative difference between measured rates and the formula",
        reason="the formula is exact; 1e-3 is what the differences of singular values cost where two of them are close",
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
        relation="about",
        measure=_law(_TENSOR, "dσ/dt", 1e-2),
    ),
    Definition(
        name="component-formula",
        rests_on=("component_rates", "predicted_component_rates"),
        statement="For any initialisation the rate of a component is γ_r σ_r² Σ_n 1/‖w_r^n‖².",
        source=f"chain rule; for balanced components {R21.cited()}, Theorem 1",
        statistic="largest relative difference between measured rates and the formula",
        reason="the formula is exact; 1e-3 is what the differences of norms cost",
        relation="at-most",
        measure=_exact(_TENSOR),
    ),
]
