"""Claims on autoencoders: linear layers choose codes of low rank, at a price, and nonlinear ones do not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from solver.claims.claim import Definition, Inapplicable, Measured, Witness, grouped, median
from solver.sources import J20
from solver.spec import Autoencoder

# From so many layers on the rank is this part at most of that without any.
_MANY, _LARGEST_OF_NONE = 4, 0.6
_LARGEST_RANK_RATIO, _LARGEST_ERROR_RATIO, _LEAST_COST, _ROUNDING = 0.75, 2.5, 1.05, 1e-5
# An eigenvalue counts that is above this part of the largest. The tail of a low rank falls through it and on to
# rounding, a spectrum that only falls fast stays above.
_COUNTED, _LEAST_TAIL = 1e-4, 1.4
# What has learned to give images back errs by at most this part of what the mean image does.
_LEARNED = 0.95
_Measure = Callable[[list[Witness]], Measured | Inapplicable | None]


def _model(witness: Witness) -> Autoencoder:
    assert isinstance(witness.spec.model, Autoencoder)
    return witness.spec.model


def _of_learned(measure: _Measure) -> _Measure:
    """The statistic of autoencoders, where each has learned something: the codes of a start have low rank as well."""

    def measured(witnesses: list[Witness]) -> Measured | Inapplicable | None:
        usable = [one for one in witnesses if isinstance(one.spec.model, Autoencoder)]
        if not usable:
            return None
        by_network = grouped(usable, lambda one: (_model(one).linear_layers, _model(one).nonlinear))
        for (n, nonlinear), lanes in by_network.items():
            part = median(one.last("test_error") / one.baseline("constant", "test_error") for one in lanes)
            if part > _LEARNED:
                reason = (
                    f"{_named(n, nonlinear=nonlinear)} give images back no better than {_LEARNED:g} times the mean "
                    "image's error: their codes say nothing yet"
                )
                return Inapplicable(reason=reason, witnesses=usable)
        return measure(usable)

    return measured


def _named(n: int, *, nonlinear: bool) -> str:
    return f"{n} {'non' if nonlinear else ''}linear layers"


def _medians(witnesses: list[Witness], series: str, *, nonlinear: bool = False) -> dict[int, float]:
    """By number of layers, least first; a lane without layers is linear whatever it says."""
    lanes = [one for one in witnesses if (_model(one).nonlinear and _model(one).linear_layers > 0) is nonlinear]
    groups = grouped(lanes, lambda one: _model(one).linear_layers)
    return {n: median(one.last(series) for one in members) for n, members in groups.items()}


def _rank_falls(witnesses: list[Witness]) -> Measured | None:
    ranks = _medians(witnesses, "code_effective_rank")
    if len(ranks) < 2:
        return None
    parts = [after / before / _LARGEST_RANK_RATIO for before, after in itertools.pairwise(ranks.values())]
    parts += [ranks[n] / ranks[0] / _LARGEST_OF_NONE for n in ranks if 0 in ranks and n >= _MANY]
    told = ", ".join(f"{rank:.3g} at l={n}" for n, rank in ranks.items())
    return Measured(
        value=_worst(max, parts),
        expected=1.0,
        tolerance=0.0,
        text=f"median effective rank of the codes: {told}",
        witnesses=witnesses,
    )


def _error_paid(witnesses: list[Witness]) -> Measured | None:
    errors = _medians(witnesses, "test_error")
    if 0 not in errors or len(errors) < 2:
        return None
    ratios = [error / errors[0] for n, error in errors.items() if n]
    told = ", ".join(f"{error:.3g} at l={n}" for n, error in errors.items())
    return Measured(
        value=_worst(max, ratios),
        expected=_LARGEST_ERROR_RATIO,
        tolerance=0.0,
        text=f"median test error: {told}",
        witnesses=witnesses,
    )


def _collapse(witnesses: list[Witness]) -> Measured | None:
    linear = [
        one
        for one in witnesses
        if isinstance(one.spec.model, Autoencoder) and one.spec.model.linear_layers and not one.spec.model.nonlinear
    ]
    found = [one.history.summary.get("collapse_difference", math.nan) for one in linear]
    if not found or all(math.isnan(one) for one in found):
        return None
    largest = _worst(max, found)
    return Measured(
        value=largest,
        expected=0.0,
        tolerance=_ROUNDING,
        text=f"largest difference of a predicted pixel, of {len(found)} lanes: {largest:.2g}",
        witnesses=linear,
    )


def _counted(witness: Witness) -> float:
    """How many eigenvalues of the codes' covariance count; NaN where one is none, or there are none."""
    values = witness.lasts("code_spectrum")
    if not values or any(math.isnan(value) for value in values):
        return math.nan
    return float(sum(value > _COUNTED for value in values))


def _tail(witnesses: list[Witness]) -> Measured | None:
    counts: dict[bool, dict[int, float]] = {}
    for nonlinear in (False, True):
        lanes = [one for one in witnesses if _model(one).linear_layers and _model(one).nonlinear is nonlinear]
        groups = grouped(lanes, lambda one: _model(one).linear_layers)
        counts[nonlinear] = {n: median(_counted(one) for one in members) for n, members in groups.items()}
    both = [n for n in counts[True] if n in counts[False]]
    if not both:
        return None
    told = "; ".join(f"l={n} {counts[True][n]:g} against {counts[False][n]:g}" for n in both)
    return Measured(
        value=_worst(min, [counts[True][n] / max(1.0, counts[False][n]) for n in both]),
        expected=_LEAST_TAIL,
        tolerance=0.0,
        text=f"eigenvalues above {_COUNTED:g} of the largest, with a ReLU behind each layer against without: {told}",
        witnesses=[one for one in witnesses if _model(one).linear_layers in both],
    )


def _nonlinear_costs(witnesses: list[Witness]) -> Measured | None:
    errors, other = (_medians(witnesses, "test_error", nonlinear=nonlinear) for nonlinear in (False, True))
    ranks, others = (_medians(witnesses, "code_effective_rank", nonlinear=nonlinear) for nonlinear in (False, True))
    both = [n for n in other if n in errors]
    if not both:
        return None
    told = "; ".join(
        f"l={n} error {other[n]:.3g} against {errors[n]:.3g}, effective rank {others[n]:.3g} against {ranks[n]:.3g}"
        for n in both
    )
    return Measured(
        value=_worst(min, [other[n] / errors[n] for n in both]),
        expected=_LEAST_COST,
        tolerance=0.0,
        text=f"with a ReLU behind each layer against without, medians: {told}",
        witnesses=[one for one in witnesses if _model(one).linear_layers in both],
    )


def _worst(pick: Callable[[list[float]], float], values: list[float]) -> float:
    return math.nan if any(math.isnan(value) for value in values) else pick(values)


AUTOENCODERS = [
    Definition(
        name="code-rank-falls",
        rests_on=("code_effective_rank",),
        statement="The more linear layers stand between encoder and decoder, the lower the rank of the codes that "
        "training finds.",
        source=J20.cited("figures of singular values of the codes' covariance"),
        statistic="effective rank of the test codes' covariance, median over the seeds, over .75 of that with the next "
        "smaller number of layers, and with four layers or more over .6 of that with none; the largest",
        reason="after equal steps .36 to .44 from 0 layers to 4 and .43 to .53 from 4 to 8 over five draws of 4,000 "
        "digits, .56 to .59 from 0 to 2 over four",
        premise="two numbers of linear layers, equal steps, and every network better than the mean image",
        false_in="`irmae` with 2 and 3 layers, which are hardly more",
        relation="at-most",
        measure=_of_learned(_rank_falls),
    ),
    Definition(
        name="rank-costs-little",
        rests_on=("test_error",),
        statement="What is given back stays recognisable: the error of new images grows far less than the rank falls.",
        source=J20.cited("reconstructions; the limit is ours"),
        statistic="test error over that without linear layers, median over the seeds, at equal steps; the largest",
        reason="1.4 to 1.6 for 4 layers and 2.1 to 2.3 for 8 over five draws of 4,000 digits, where the effective rank "
        "falls to between a sixth and a quarter; 2.2 for 8 layers after 1,500 steps on 12,000 digits",
        premise="a network without linear layers, and every network better than the mean image",
        false_in="`irmae` with 16 layers, which wait long before they learn",
        relation="at-most",
        measure=_of_learned(_error_paid),
    ),
    Definition(
        name="layers-collapse",
        rests_on=("collapse_difference",),
        statement="The linear layers are one matrix in the end, which multiplied into the encoder predicts the same.",
        source=J20.cited("method"),
        statistic="largest difference of a predicted pixel from that of the collapsed network, over test images and "
        "lanes",
        reason="exact but for rounding, which in float32 is 1e-6 of pixels of size 1",
        premise="linear layers that trained to their end",
        false_in="`irmae` with weights that start at three times torch's size, where predictions are in the hundreds",
        relation="at-most",
        measure=_collapse,
    ),
    Definition(
        name="nonlinear-leaves-tail",
        rests_on=("code_spectrum",),
        statement="Layers with a ReLU behind each do not find low rank: their spectrum falls fast and does not end, "
        "where that of linear layers drops to rounding.",
        source=J20.cited("its linear layers; the count is ours"),
        statistic="eigenvalues of the test codes' covariance above 1e-4 of the largest, with a ReLU behind each layer "
        "over without, median over the seeds, at equal steps and layers; the smallest",
        reason="1.8 to 2.1 with 4 layers and 3.2 to 4 with 8 over five draws of 4,000 digits. The effective rank does "
        "not tell: it weighs the few large values, and is .91 to 1.11 of the other's",
        premise="equal numbers of linear and of nonlinear layers, and every network better than the mean image",
        false_in="`irmae` with two layers, which leave a tail when they are linear too",
        relation="at-least",
        measure=_of_learned(_tail),
    ),
    Definition(
        name="nonlinear-costs-more",
        rests_on=("test_error", "code_effective_rank"),
        statement="A ReLU behind each layer costs error as well, at about the same effective rank, and nothing can be "
        "collapsed.",
        source=J20.cited("its linear layers; the measurement is ours"),
        statistic="test error with a ReLU behind each layer over that without, median over the seeds, at equal steps "
        "and layers; the smallest",
        reason="1.17 to 1.34 over five draws of 4,000 digits, with effective ranks .91 to 1.11 of each other; after "
        "4,000 steps on 12,000 1.32 with 4 layers and 1.07 with 8, the rank .88 and 1.3",
        premise="equal numbers of linear and of nonlinear layers, and every network better than the mean image",
        false_in="a record in which the two are called by each other's name",
        relation="at-least",
        measure=_of_learned(_nonlinear_costs),
    ),
]
