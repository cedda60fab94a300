"""Claims on the counterexample: every norm to infinity, rank down, and the determinant's sign that decides."""

from __future__ import annotations

import math
from collections.abc import Callable

from solver.claims.claim import Definition, Inapplicable, Measured, Witness
from solver.counterexample import Counterexample, counterexample
from solver.sources import R20
from solver.spec import DeepMatrixFactorization

# Further than this an entry has moved.
_UNMOVED = 1e-9
_NORMS = ("nuclear_norm", "frobenius_norm", "spectral_norm", "schatten_2_over_n")
# Depth 2 loses the sign in any fixed precision; it must keep it while the loss is above this part of the first one.
_DEPTH_2_LEAST_LOSS = 0.2
# Statements on a vanishing loss are judged where √(2ℓ) is at most this part of the smaller of |z| and |z′|.
_LIMIT = 0.05


_Lane = tuple[Witness, DeepMatrixFactorization, Counterexample]
_Measure = Callable[[list[Witness]], Measured | Inapplicable | None]


def _all_lanes(witnesses: list[Witness]) -> list[_Lane]:
    found = []
    for witness in witnesses:
        example, model = counterexample(witness.spec.problem), witness.spec.model
        if example is not None and isinstance(model, DeepMatrixFactorization):
            found.append((witness, model, example))
    return found


def _has_sign(lane: _Lane) -> bool:
    """Whether the lane has a determinant whose sign can decide: of a square matrix, or of a leading block."""
    witness, model, _ = lane
    return model.starts_in_block(witness.observed.resolved_shape)


def _lanes(witnesses: list[Witness]) -> list[_Lane]:
    return [lane for lane in _all_lanes(witnesses) if _has_sign(lane)]


def _where_a_sign_decides(measure: _Measure) -> _Measure:
    """The statistic, or that nothing decides where no lane of the counterexample has a sign."""

    def measured(witnesses: list[Witness]) -> Measured | Inapplicable | None:
        lanes = _all_lanes(witnesses)
        if not lanes or any(_has_sign(lane) for lane in lanes):
            return measure(witnesses)
        rows, columns = witnesses[0].observed.resolved_shape
        beside = "columns" if columns > rows else "rows"
        return Inapplicable(
            reason=f"a {rows} × {columns} matrix has no determinant, and that of its leading block keeps its sign only "
            f"where the {beside} beside it start at zero: set model.det_sign, or model.init = identity",
            witnesses=[witness for witness, _, _ in lanes],
        )

    return measured


def _start_sign(witness: Witness) -> float:
    signs = witness.history.columns.get("det_sign")
    return signs[0] if signs else math.nan


def _deep(witnesses: list[Witness], *, diverging: bool) -> list[tuple[Witness, Counterexample]]:
    """Lanes of depth 3 and more whose determinant starts with the sign that drives norms up, or with the other.

    A lane that was led into the branch where the loss cannot vanish has nothing to say of a vanishing loss.
    """
    return [
        (witness, example)
        for witness, model, example in _lanes(witnesses)
        if model.depth >= 3
        and (_start_sign(witness) == example.diverging_sign) == diverging
        and (witness.history.outcome is None or witness.history.outcome.cause != "branch")
    ]


def _spectrum(example: Counterexample, half_sum: float) -> list[float]:
    """Singular values that theory puts at R20's loss ℓ for ε = 0: |z·z′|/√(2ℓ), the identity's ones, and zero."""
    entry = abs(example.z * example.z_prime) / math.sqrt(2.0 * half_sum)
    return [entry, *[1.0] * (example.size - 2)]


def _schatten(values: list[float], p: float) -> float:
    return max(values) if math.isinf(p) else math.fsum(value**p for value in values) ** (1.0 / p)


def _entropy_rank(values: list[float]) -> float:
    total = math.fsum(values)
    return math.exp(-math.fsum(value / total * math.log(value / total) for value in values))


def growth_over_last_decade(witness: Witness, series: str) -> float:
    """Value at the final loss over the value where it first fell to ten times that, interpolated on log axes."""
    losses, values = witness.history.columns["train_loss"], witness.history.columns[series]
    wanted = math.log(10.0 * losses[-1]) if losses[-1] > 0 else math.nan
    for k in range(1, len(losses)):
        if losses[k - 1] > 0 and losses[k] > 0 and math.log(losses[k - 1]) >= wanted >= math.log(losses[k]):
            high, low = math.log(losses[k - 1]), math.log(losses[k])
            part = (wanted - low) / (high - low) if high > low else 0.0
            before, after = abs(values[k - 1]), abs(values[k])
            if not (before > 0 and after > 0):
                return math.nan
            return abs(values[-1]) / math.exp(math.log(after) + part * (math.log(before) - math.log(after)))
    return math.nan


def _is_small(witness: Witness, example: Counterexample) -> bool:
    """Whether the loss is near its limit on the scale of the given entries; a lane that broke down counts so."""
    if _broke_down(witness):
        return True
    scale = min(abs(example.z), abs(example.z_prime))
    return math.sqrt(2.0 * example.half_sum(witness.last("train_loss"))) <= _LIMIT * scale


def _broke_down(witness: Witness) -> bool:
    """Whether a lane diverged: it must not hide behind what it has not reached."""
    outcome = witness.history.outcome
    return not math.isfinite(witness.last("train_loss")) or (outcome is not None and outcome.kind == "diverged")


def _in_the_limit(lanes: list[tuple[Witness, Counterexample]]) -> list[tuple[Witness, Counterexample]] | Inapplicable:
    """The lanes whose loss is so small, or why there are none."""
    small = [lane for lane in lanes if _is_small(*lane)]
    if small or not lanes:
        return small
    told = max(math.sqrt(2.0 * example.half_sum(witness.last("train_loss"))) for witness, example in lanes)
    return Inapplicable(
        reason=f"the claim is on the limit of a small loss, and √(2ℓ) is {told:.2g}, above {_LIMIT:g} of the given "
        "entries: lower stop.train_loss",
        witnesses=[witness for witness, _ in lanes],
    )


def _with_a_decade(lanes: list[tuple[Witness, Counterexample]]) -> list[tuple[Witness, Counterexample]]:
    """Lanes whose loss has fallen tenfold. One that is not finite stays, and fails what is made of it."""
    losses = [(lane, lane[0].history.columns["train_loss"]) for lane in lanes]
    return [lane for lane, column in losses if _broke_down(lane[0]) or not column[0] < 10.0 * column[-1]]


def _worst(values: list[float], ideal: float) -> float:
    return max(values, key=lambda value: math.inf if math.isnan(value) else abs(value - ideal))


def _sign_kept(witnesses: list[Witness]) -> Measured | None:
    usable, flips, frames, left_out = [], 0, 0, 0
    for witness, model, _ in _lanes(witnesses):
        if model.depth < 2:
            continue
        usable.append(witness)
        before = frames
        first = _start_sign(witness)
        columns = witness.history.columns
        for loss, sign in zip(columns["train_loss"], columns["det_sign"], strict=True):
            if model.depth == 2 and loss < _DEPTH_2_LEAST_LOSS * columns["train_loss"][0]:
                break
            frames += 1
            flips += sign != first
        left_out += len(witness.history) - (frames - before)
    if not usable:
        return None
    return Measured(
        value=float(flips),
        expected=0.0,
        tolerance=0.0,
        text=f"{flips} of {frames} recorded states have another sign of the determinant than the start"
        + (f"; {left_out} of depth 2, late, are left out" if left_out else ""),
        witnesses=usable,
    )


def _depth_1(witnesses: list[Witness]) -> Measured | None:
    usable = [
        witness
        for witness, model, example in _lanes(witnesses)
        if model.depth == 1 and _start_sign(witness) == example.diverging_sign
    ]
    if not usable:
        return None
    moves = [abs(w.history.columns["unobserved_entry"][-1] - w.history.columns["unobserved_entry"][0]) for w in usable]
    crossed = [witness.last("det_sign") != _start_sign(witness) for witness in usable]
    differing = sum(move <= _UNMOVED and cross for move, cross in zip(moves, crossed, strict=True))
    return Measured(
        value=differing / len(usable),
        expected=1.0,
        tolerance=0.0,
        text=f"at depth 1 the unobserved entry moves by {max(moves):.2g}, and {sum(crossed)} of {len(usable)} "
        "determinants that started with the sign of z·z′ change it",
        witnesses=usable,
    )


def _norms_diverge(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    usable = _in_the_limit(_with_a_decade(_deep(witnesses, diverging=True)))
    if isinstance(usable, Inapplicable):
        return usable
    if not usable:
        return None
    ratios, said = [], []
    for name in _NORMS:
        growths = []
        for witness, example in usable:
            if _broke_down(witness):
                ratios.append(math.nan)
                growths.append(math.nan)
                continue
            p = {"nuclear_norm": 1.0, "frobenius_norm": 2.0, "spectral_norm": math.inf}.get(
                name, 2.0 / witness.layers.depth
            )
            half_sum = example.half_sum(witness.last("train_loss"))
            theory = _schatten(_spectrum(example, half_sum), p) / _schatten(_spectrum(example, 10.0 * half_sum), p)
            growths.append(growth_over_last_decade(witness, name))
            ratios.append(growths[-1] / theory)
        said.append(f"{name.replace('_', ' ')} {_worst(growths, math.sqrt(10.0)):.3f}")
    worst = _worst(ratios, 1.0)
    return Measured(
        value=worst,
        expected=1.0,
        tolerance=0.05,
        text=f"growth of norms while the loss falls tenfold, the worst of {len(usable)} lanes: {', '.join(said)} "
        f"(√10 = 3.162 for 2 × 2); over theory {worst:.3f}",
        witnesses=[witness for witness, _ in _deep(witnesses, diverging=True)],
    )


def _curve(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    usable = _in_the_limit(_deep(witnesses, diverging=True))
    if isinstance(usable, Inapplicable):
        return usable
    if not usable:
        return None
    ratios = [
        example.ratio(w.last("unobserved_entry"), example.half_sum(w.last("train_loss"))) for w, example in usable
    ]
    worst = _worst(ratios, 1.0)
    largest = max(abs(witness.last("unobserved_entry")) for witness, _ in usable)
    return Measured(
        value=worst,
        expected=1.0,
        tolerance=0.02,
        text=f"|w|(|ε|+√(2ℓ))/|z·z′| at the final loss: {worst:.4f}, with |w| up to {largest:.4g}",
        witnesses=[witness for witness, _ in _deep(witnesses, diverging=True)],
    )


def _above_bound(witnesses: list[Witness]) -> Measured | None:
    usable, least, frames = [], math.inf, 0
    for witness, _ in _deep(witnesses, diverging=True):
        columns = witness.history.columns
        usable.append(witness)
        for entry, bound in zip(columns["unobserved_entry"], columns["unobserved_entry_bound"], strict=True):
            if bound > 0.0:
                frames += 1
                least = min(least, abs(entry) / bound)
    if not frames:
        return None
    return Measured(
        value=least,
        expected=1.0,
        tolerance=1e-9,
        text=f"smallest |w| over its bound in {frames} recorded states: {least:.4f}",
        witnesses=usable,
    )


def _other_sign(witnesses: list[Witness]) -> Measured | None:
    usable = [witness for witness, _ in _with_a_decade(_deep(witnesses, diverging=False))]
    if not usable:
        return None
    # The norm, not the entry: a small entry may grow by any factor and stay bounded.
    growths = [growth_over_last_decade(witness, "frobenius_norm") for witness in usable]
    worst = _worst(growths, 1.0)
    return Measured(
        value=worst,
        expected=2.0,
        tolerance=0.0,
        text=f"with the other sign the Frobenius norm grows by at most {worst:.3f} while the loss falls tenfold (√10 "
        "would be divergence)",
        witnesses=usable,
    )


def _rank_minimised(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    usable = _in_the_limit(_deep(witnesses, diverging=True))
    if isinstance(usable, Inapplicable):
        return usable
    if not usable:
        return None
    excess, distances = [], []
    for witness, example in usable:
        if _broke_down(witness):
            excess.append(math.nan)
            continue
        # At a finite loss the identity's ones still count a little; for 2 × 2 theory has 1 at any loss.
        now = _entropy_rank(_spectrum(example, example.half_sum(witness.last("train_loss"))))
        theory = max(now, witness.baseline("minimisers", "effective_rank"))
        excess.append(witness.last("effective_rank") - theory)
        distances.append(witness.lasts("singular_values")[-1])
    # Both must be at their infima: the distance, in units of an entry, counts like the rank.
    unit = math.sqrt(abs(usable[0][1].z * usable[0][1].z_prime))
    worst = _worst([*excess, *(distance / unit for distance in distances)], 0.0)
    return Measured(
        value=worst,
        expected=0.0,
        tolerance=0.05,
        text=f"effective rank above its infimum at this loss by {_worst(excess, 0.0):.2g}; distance from lower rank at "
        f"most {max(distances, default=math.nan):.2g}",
        witnesses=[witness for witness, _ in _deep(witnesses, diverging=True)],
    )


DETERMINANTS = [
    Definition(
        name="det-sign-kept",
        rests_on=("det_sign", "log_abs_det", "train_loss"),
        statement="From a balanced start of depth 2 or more the determinant keeps its sign.",
        source=R20.cited("proof of Theorem 1; the talk"),
        statistic="recorded states with another sign than the start's (depth 2: down to a fifth of the first loss)",
        reason="the statement is exact; at depth 2 tolerance takes over, once in twenty starts at a tenth of that loss",
        premise="depth 2 or more, the counterexample's entries, a start in its leading block",
        false_in="`det-2x2` with `model.init=gaussian` and `model.init_scale=1`",
        relation="at-most",
        measure=_where_a_sign_decides(_sign_kept),
    ),
    Definition(
        name="depth-1-differs",
        rests_on=("det_sign", "unobserved_entry"),
        statement="A single layer leaves the unobserved entry where it started, and its determinant changes sign.",
        source=f"{R20.cited()}; the talk",
        statistic="share of depth-1 lanes with the sign of z·z′ at the start whose entry stays and whose sign changes",
        reason="the entry's gradient is zero, and the given ones alone decide the sign that is reached",
        premise="depth 1, with the sign of z·z′ at the start",
        false_in="`det-2x2` with `stop.max_time=1e-3`",
        relation="at-least",
        measure=_where_a_sign_decides(_depth_1),
    ),
    Definition(
        name="norms-diverge",
        rests_on=("nuclear_norm", "frobenius_norm", "spectral_norm", "schatten_2_over_n"),
        statement="With the determinant's sign that of z·z′ and ε = 0, every norm goes to infinity as the loss goes to "
        "zero.",
        source=R20.cited("Theorem 1"),
        statistic="growth of nuclear, Frobenius, spectral and Schatten-2/N norm over the last decade of the loss, over "
        "theory (√10 for 2 × 2)",
        reason="over twenty starts each growth is within 1 % at loss 1e-4; 5 % leaves room for larger losses",
        premise="depth 3 or more with the sign of z·z′, √(2ℓ) at most .05 of the smaller of |z| and |z′|, a "
        "decade of losses",
        false_in="`det-2x2` with ε = ½",
        relation="about",
        measure=_where_a_sign_decides(_norms_diverge),
    ),
    Definition(
        name="entry-above-bound",
        rests_on=("unobserved_entry", "unobserved_entry_bound"),
        statement="With that sign |w| is never below (|z|−s)(|z′|−s)/(|ε|+s), s = √(2ℓ); of matrices larger than 2 × 2 "
        "less s²/(2(1−s)), for s ≤ ½.",
        source=R20.cited("Theorem 1"),
        statistic="smallest |w| over the bound, of all recorded states with a loss small enough for one",
        reason="the theorem is exact; 1e-9 is rounding",
        premise="depth 2 or more with the sign of z·z′, ℓ small enough for a bound",
        false_in="a record of the other sign passed off as this one: the bound is a theorem",
        relation="at-least",
        measure=_where_a_sign_decides(_above_bound),
    ),
    Definition(
        name="unobserved-entry-curve",
        rests_on=("unobserved_entry", "train_loss"),
        statement="The unobserved entry follows |w| = |z·z′|/(|ε| + √(2ℓ)) as the loss goes to zero.",
        source=R20.cited("2 × 2 experiment"),
        statistic="|w|(|ε| + √(2ℓ))/|z·z′| at the final loss",
        reason="over twenty starts 1 ± .001 at loss 1e-4 for ε = 0, within 1.3 % for ε = .5",
        premise="depth 3 or more with the sign of z·z′, √(2ℓ) at most .05 of the smaller of |z| and |z′|",
        false_in="a record of z′ = 1 held against the curve of z′ = 2",
        relation="about",
        measure=_where_a_sign_decides(_curve),
    ),
    Definition(
        name="other-sign-bounded",
        rests_on=("frobenius_norm", "train_loss"),
        statement="With the other sign of the determinant the norms stay bounded.",
        source=f"{R20.cited()}; the talk",
        statistic="growth of the Frobenius norm over the last decade of the loss",
        reason="over twenty starts at most 1.61; a norm that diverges grows by 3.16",
        premise="depth 3 or more with the other sign, a decade of losses",
        false_in="a record of `det-2x2` held against z·z′ = −1",
        relation="at-most",
        measure=_where_a_sign_decides(_other_sign),
    ),
    Definition(
        name="rank-minimised",
        rests_on=("effective_rank", "singular_values", "train_loss"),
        statement="While norms diverge the effective rank and the distance from lower rank fall to their infima.",
        source=R20.cited("Theorem 1"),
        statistic="effective rank at the end above its infimum over all completions; where larger, the distance from "
        "lower rank",
        reason="over twenty starts below .001 at loss 1e-4; .05 leaves room for larger losses",
        premise="depth 3 or more with the sign of z·z′, √(2ℓ) at most .05 of the smaller of |z| and |z′|",
        false_in="a record of `det-2x2` held against z·z′ = −1",
        relation="at-most",
        measure=_where_a_sign_decides(_rank_minimised),
    ),
]
