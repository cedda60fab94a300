"""Claims on matrix recovery: low rank found, nuclear norm given up for it, gaps that grow with depth."""

from __future__ import annotations

import itertools
import math

from solver.claims.claim import Definition, Inapplicable, Measured, Witness, grouped, has_fitted, median
from solver.sources import A19
from solver.spec import DeepMatrixFactorization, SymmetricMatrixFactorization

# Observations over degrees of freedom r(m + n − r) of the ground truth.
_ENOUGH = 1.75
_DISAGREEMENT = 1.795
RECOVERED = 1e-3
"""The reconstruction error from which down a matrix counts as recovered; the zero matrix scores 1."""
_LEAST_GROWTH_OF_GAP = 2.5


def depth(witness: Witness) -> int:
    """Factors of the lane's product."""
    return witness.spec.model.n_factors(witness.spec.problem)


def _rank(witness: Witness) -> int:
    """Of the ground truth: as asked for, or as measured where it was read from a file."""
    measured = witness.baseline("ground_truth", "rank")
    return witness.observed.resolved_rank if math.isnan(measured) else int(measured)


def oversampling(witness: Witness) -> float:
    """Observations over degrees of freedom."""
    problem = witness.observed
    rows, columns = problem.resolved_shape
    rank = _rank(witness)
    return problem.resolved_observations / (rank * (rows + columns - rank))


def recovering(witnesses: list[Witness]) -> list[Witness]:
    """Those that have a matrix to recover; lanes that fit tensors may stand beside them."""
    return [
        witness
        for witness in witnesses
        if "reconstruction_error" in witness.history.columns and witness.observed.n_modes == 2
    ]


def _not_uniform(witnesses: list[Witness]) -> Inapplicable | None:
    """Why nothing is said of these lanes, where none observes entries that are drawn alike."""
    if not witnesses or any(witness.observed.is_uniform for witness in witnesses):
        return None
    reason = "the experiments draw entries uniformly, each by itself, and these are not drawn so"
    return Inapplicable(reason=f'{reason}: set problem.mask = "uniform"', witnesses=witnesses)


def _width(witness: Witness) -> int:
    """Of the narrowest layer: the largest rank that the end matrix can have."""
    model, shape = witness.spec.model, witness.observed.resolved_shape
    if isinstance(model, DeepMatrixFactorization):
        return min(model.widths(shape))
    return model.resolved_width(shape) if isinstance(model, SymmetricMatrixFactorization) else min(shape)


def _is_capped(witness: Witness) -> bool:
    """Whether the width alone explains the rank: it is that of the ground truth, or leaves the data nothing to choose.

    Matrices of rank w have w(m + n − w) degrees of freedom; as many observations determine one whatever trains it.
    """
    width, (rows, columns) = _width(witness), witness.observed.resolved_shape
    if width >= min(rows, columns):
        return False
    freedom = width * (rows + columns - width)
    return width <= _rank(witness) or witness.observed.resolved_observations >= freedom


def _all_capped(witnesses: list[Witness]) -> Inapplicable | None:
    """Why nothing is said of these lanes, where the rank of each is what its width makes it."""
    if not witnesses or not all(map(_is_capped, witnesses)):
        return None
    reason = (
        f"model.hidden_width {_width(witnesses[0])} caps the rank by itself, with the ground truth's rank "
        f"{_rank(witnesses[0])} and {witnesses[0].observed.resolved_observations} observations: what is found is the "
        "architecture's, not gradient descent's"
    )
    return Inapplicable(reason=f"{reason}: leave it out, or take more", witnesses=witnesses)


def _told_cap(witnesses: list[Witness]) -> str:
    """What the width does to the rank of these lanes, where it does something."""
    narrow = [_width(witness) for witness in witnesses if _width(witness) < min(witness.observed.resolved_shape)]
    return f", which the width caps at {min(narrow)}" if narrow else ""


def _of_full_rank(witnesses: list[Witness]) -> Inapplicable | None:
    """Why nothing is said of ground truths that were read and are not of low rank."""
    full = [
        witness
        for witness in witnesses
        if witness.observed.truth_file is not None and _rank(witness) >= min(witness.observed.resolved_shape)
    ]
    if not full:
        return None
    reason = f"the ground truth has full rank, {_rank(full[0])}, and the statement supposes one of low rank"
    return Inapplicable(reason=f"{reason}: give another problem.ground_truth", witnesses=full)


def _low_rank_recovery(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    with_truth = recovering(witnesses)
    if (inapplicable := _not_uniform(with_truth) or _of_full_rank(with_truth)) is not None:
        return inapplicable
    usable = [witness for witness in with_truth if witness.observed.is_uniform]
    deep = (
        [witness for witness in usable if depth(witness) >= 3]
        or [witness for witness in usable if depth(witness) >= 2]
        or usable
    )
    if (capped := _all_capped(deep)) is not None:
        return capped
    deep = [witness for witness in deep if not _is_capped(witness)]
    if not deep:
        return None
    most = max(oversampling(witness) for witness in deep)
    enough = [witness for witness in deep if oversampling(witness) >= min(_ENOUGH, most)]
    errors = {
        key: median(witness.last("reconstruction_error") for witness in members)
        for key, members in grouped(
            enough, lambda witness: (depth(witness), witness.observed.resolved_observations)
        ).items()
    }
    (n, observed), worst = max(errors.items(), key=lambda item: math.inf if math.isnan(item[1]) else item[1])
    ranks = [witness.last("effective_rank") for witness in enough]
    return Measured(
        value=worst,
        expected=RECOVERED,
        tolerance=0.0,
        text=f"median reconstruction error of depth {n} at {observed} observations: {worst:.3g}; effective rank "
        f"{min(ranks):.2f} to {max(ranks):.2f}{_told_cap(enough)}",
        witnesses=enough,
    )


def _nuclear_norm_given_up(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    usable = [
        witness
        for witness in recovering(witnesses)
        if isinstance(witness.spec.model, DeepMatrixFactorization)
        and depth(witness) in (2, 3)
        and not math.isnan(witness.baseline("nuclear_norm", "nuclear_norm"))
    ]
    if (inapplicable := _not_uniform(usable) or _all_capped(usable)) is not None:
        return inapplicable
    usable = [witness for witness in usable if witness.observed.is_uniform and not _is_capped(witness)]
    # Where the orderings are robust: too few entries and nothing is recovered, more and every method recovers.
    usable = [witness for witness in usable if abs(oversampling(witness) - _DISAGREEMENT) <= 0.1]
    scales = {witness.layers.init_scale for witness in usable}
    usable = [witness for witness in usable if witness.layers.init_scale == min(scales)]
    # And where the two do disagree: the solution of least norm is not itself the ground truth.
    usable = [witness for witness in usable if witness.baseline("nuclear_norm", "reconstruction_error") > RECOVERED]
    margins = []
    told: dict[int, list[tuple[float, float]]] = {0: [], 2: [], 3: []}
    by_seed = grouped(usable, lambda witness: (witness.layers.init_scale, witness.spec.seed))
    for members in by_seed.values():
        by_depth = {depth(witness): witness for witness in members}
        if set(by_depth) != {2, 3}:
            continue
        program = by_depth[2]
        norms = [program.baseline("nuclear_norm", "nuclear_norm")]
        ranks = [program.baseline("nuclear_norm", "effective_rank")]
        for n in (2, 3):
            norms.append(by_depth[n].last("nuclear_norm"))
            ranks.append(by_depth[n].last("effective_rank"))
        margins.append(min(norms[1] / norms[0], norms[2] / norms[1], ranks[0] / ranks[1], ranks[1] / ranks[2]))
        for n, norm, rank in zip((0, 2, 3), norms, ranks, strict=True):
            told[n].append((norm, rank))
    if not margins:
        return None
    said = ", ".join(
        f"{name} {median(norm for norm, _ in told[n]):.1f} at rank {median(rank for _, rank in told[n]):.2f}"
        for n, name in ((0, "least"), (2, "depth 2"), (3, "depth 3"))
    )
    return Measured(
        value=median(margins),
        expected=1.0,
        tolerance=0.0,
        text=f"nuclear norm: {said}; smallest ratio of neighbours, median of {len(margins)} draws "
        f"{median(margins):.4f}",
        witnesses=usable,
    )


def _leftover(witness: Witness) -> float:
    """The Frobenius norm of residuals as large on all entries as the loss has left them on the observed ones.

    A singular value below it says how far the training went, not what it chose.
    """
    problem, loss = witness.observed, witness.last("train_loss")
    if problem.loss == "huber":
        return 0.0
    n_observed = problem.resolved_observations
    squared = loss if problem.loss == "mean" else 2.0 * loss / n_observed
    return math.sqrt(squared * math.prod(problem.resolved_shape))


def singular_value_gap(witness: Witness) -> float:
    """σ_r/σ_(r+1) at the ground truth's rank r, σ_(r+1) no smaller than what the loss has left; NaN without both."""
    values, rank = witness.lasts("singular_values"), _rank(witness)
    return _over(values[rank - 1], max(values[rank], _leftover(witness))) if rank < len(values) else math.nan


def _over(above: float, below: float) -> float:
    return above / below if below > 0.0 else math.nan


def _gaps(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    recorded = [witness for witness in recovering(witnesses) if _rank(witness) < len(witness.lasts("singular_values"))]
    if (inapplicable := _all_capped([witness for witness in recorded if depth(witness) > 1])) is not None:
        return inapplicable
    recorded = [witness for witness in recorded if not _is_capped(witness)]
    if len(grouped(recorded, depth)) < 2:
        return None
    usable = [witness for witness in recorded if has_fitted(witness)]
    without = sorted({depth(witness) for witness in recorded} - {depth(witness) for witness in usable})
    if without:
        reason = f"depth {without[0]} has not fitted its data, so that its gap says nothing of what it would choose"
        return Inapplicable(reason=reason, witnesses=recorded)
    gaps, least, drowned = {}, {}, set()
    for n, members in grouped(usable, depth).items():
        found, sure = [], []
        for witness in members:
            values, rank, floor = witness.lasts("singular_values"), _rank(witness), _leftover(witness)
            found.append(_over(values[rank - 1], values[rank]))
            sure.append(_over(values[rank - 1], max(values[rank], floor)))
            if values[rank] <= floor:
                drowned.add(n)
        gaps[n], least[n] = median(found), median(sure)
    # Where a next value has drowned, its gap is at least so large: that may be enough, and never too little.
    growths = {(before, after): _over(least[after], gaps[before]) for before, after in itertools.pairwise(gaps)}
    judged = [
        growth
        for (before, after), growth in growths.items()
        if before not in drowned and (after not in drowned or not growth < _LEAST_GROWTH_OF_GAP)
    ]
    if not judged:
        reason = "the gaps end in what the training loss has left, so that no two can be compared"
        return Inapplicable(reason=f"{reason}: lower stop.train_loss", witnesses=recorded)
    growth = math.nan if any(math.isnan(one) for one in judged) else min(judged)
    said = ", ".join(f"depth {n} {gap:.3g}" for n, gap in gaps.items())
    return Measured(
        value=growth,
        expected=_LEAST_GROWTH_OF_GAP,
        tolerance=0.0,
        text=f"σ_r/σ_(r+1) at the ground truth's rank r: {said}; smallest growth from depth to depth {growth:.3g}",
        witnesses=recorded,
    )


MATRICES = [
    Definition(
        name="low-rank-recovery",
        rests_on=("reconstruction_error", "effective_rank"),
        statement="Gradient flow on a product of three or more layers from a small start recovers the low-rank matrix.",
        source=A19.cited("Figure 1; the talk"),
        statistic="median over draws of the reconstruction error at depth 3 and more, the worst number of observations",
        reason="over many draws medians are 6e-6 to 1.3e-4 and single ones reach 1.5e-4; the zero matrix scores 1",
        premise="entries drawn uniformly, 1.75 or more for each degree of freedom (else the most that are swept);"
        " a ground truth of low rank; a width that leaves rank to choose (above the ground truth's, and with more"
        " degrees of freedom than observations): an effective rank at or near the width says nothing of implicit"
        " regularisation",
        false_in="`mf-depth` with `model.init_scale=1`",
        relation="at-most",
        measure=_low_rank_recovery,
    ),
    Definition(
        name="nuclear-norm-given-up",
        rests_on=("nuclear_norm", "effective_rank", "reconstruction_error"),
        statement="Where the two disagree, depth prefers low rank to low nuclear norm, and more depth more so.",
        source=A19.cited("Figure 2; the talk"),
        statistic="smallest of the ratios norm(depth 2)/norm(least), norm(depth 3)/norm(depth 2) and, the other way "
        "round, of effective ranks; median over draws",
        reason="at 1.8 entries a degree of freedom (1,750 here) and scale 1e-4 all four exceed 1 in twelve draws of "
        "twelve; at 2,000 and 1e-3 they do not, so it is judged at the former alone",
        premise="1.8 entries for each degree of freedom, the smallest scale, a solution of least norm that is"
        " not the ground truth, and a width that leaves rank to choose",
        false_in="`low-rank-recovery` with `model.init_scale=1`, 40 × 40 of rank 2 from 280 entries",
        relation="at-least",
        measure=_nuclear_norm_given_up,
    ),
    Definition(
        name="gaps-grow-with-depth",
        rests_on=("singular_values",),
        statement="The gap between the singular values that are learned and those that are not grows with depth.",
        source=A19.cited("Figure 3; the talk"),
        statistic="smallest growth from one depth to the next of σ_r/σ_(r+1) at the ground truth's rank r, of lanes "
        "that fitted their data; σ_(r+1) no smaller than what the training loss has left",
        reason="over many draws the gap is about 1 at depth 1, 3 to 9 at depth 2, above 17 at depth 3: growth of 3.8 "
        "and more",
        premise="every lane has fitted its data (converged, or a tenth of its first loss); gaps only as far as "
        "the loss tells; a width that leaves rank to choose, since values beyond it are zero by themselves",
        false_in="`mf-depth` with `model.init_scale=1`",
        relation="at-least",
        measure=_gaps,
    ),
]
