"""Claims on real data: predictors of low tensor rank fit images and labels that belong together, and no others."""

from __future__ import annotations

import math

from solver.claims.claim import Definition, Inapplicable, Measured, Witness, grouped, mean
from solver.sources import R21
from solver.spec import CP, ImageTensor

_LARGEST_RATIO = 0.7
_GAP_RATIO = 0.7


def _by_rank(witnesses: list[Witness], series: str) -> dict[int, dict[str, float]]:
    """Mean over classes (as in the paper) and seeds of a series' newest value, by rank and variant."""
    usable = [witness for witness in witnesses if isinstance(witness.spec.problem, ImageTensor)]

    def key(witness: Witness) -> tuple[int, str]:
        assert isinstance(witness.spec.model, CP)
        assert isinstance(witness.spec.problem, ImageTensor)
        return witness.spec.model.components, witness.spec.problem.variant

    table: dict[int, dict[str, float]] = {}
    for (rank, variant), members in grouped(usable, key).items():
        table.setdefault(rank, {})[variant] = mean(witness.last(series) for witness in members)
    return table


def _ratio(witnesses: list[Witness], series: str, most: float, what: str) -> Measured | None:
    ratios = {}
    for rank, errors in _by_rank(witnesses, series).items():
        others = [error for variant, error in errors.items() if variant != "original"]
        if "original" in errors and others:
            ratios[rank] = errors["original"] / min(others)
    if not ratios:
        return None
    worst = max(ratios.values(), key=lambda value: math.inf if math.isnan(value) else value)
    said = ", ".join(f"R={rank} {ratio:.2f}" for rank, ratio in ratios.items())
    return Measured(
        value=worst,
        expected=most,
        tolerance=0.0,
        text=f"{what} error of the original data over the smaller one of random data: {said}",
        witnesses=witnesses,
    )


def _real_data(witnesses: list[Witness]) -> Measured | None:
    return _ratio(witnesses, "train_error", _LARGEST_RATIO, "training")


def _test_error(witnesses: list[Witness]) -> Measured | None:
    return _ratio(witnesses, "test_error", _LARGEST_RATIO, "test")


def _below_linear(witnesses: list[Witness]) -> Measured | None:
    table = _by_rank(witnesses, "test_error")
    errors = [errors["original"] for errors in table.values() if "original" in errors]
    originals = [
        witness
        for witness in witnesses
        if isinstance(witness.spec.problem, ImageTensor) and witness.spec.problem.variant == "original"
    ]
    linear = mean(witness.baseline("linear", "test_error") for witness in originals)
    constant = mean(witness.baseline("constant", "test_error") for witness in originals)
    if not errors or math.isnan(linear) or math.isnan(constant):
        return None
    found = mean(errors)
    # Of few images a linear predictor learns worse than nothing: to be below it says nothing then.
    return Measured(
        value=found / min(linear, constant),
        expected=1.0,
        tolerance=0.0,
        text=f"mean test error over ranks {found:.4f}, of the linear predictor {linear:.4f}, of the constant one "
        f"{constant:.4f}",
        witnesses=originals,
    )


def _gaps(witnesses: list[Witness]) -> Measured | Inapplicable | None:
    usable = [one for one in witnesses if isinstance(one.spec.problem, ImageTensor)]
    if len({_n_images(one) for one in usable}) < 2:
        return None
    unfitted = [one for one in usable if not one.last("train_error") < one.baseline("constant", "train_error")]
    if unfitted:
        reason = "a lane does not fit its images better than a constant does: train longer, or from another start"
        return Inapplicable(reason=reason, witnesses=usable)
    ratios, told = [], []
    for (rank, variant), members in grouped(usable, lambda one: (one.components.components, _variant(one))).items():
        gaps = {
            n: mean(one.last("test_error") - one.last("train_error") for one in lanes)
            for n, lanes in grouped(members, _n_images).items()
        }
        fewest, most = min(gaps), max(gaps)
        if fewest < most:
            ratios.append(gaps[most] / gaps[fewest] if gaps[fewest] > 0.0 else math.nan)
            told.append(f"{variant} R={rank} {gaps[fewest]:.3g} of {fewest}, {gaps[most]:.3g} of {most}")
    if not ratios:
        return None
    return Measured(
        value=math.nan if any(math.isnan(one) for one in ratios) else max(ratios),
        expected=_GAP_RATIO,
        tolerance=0.0,
        text=f"test minus training error by number of images: {'; '.join(told)}",
        witnesses=usable,
    )


def _n_images(witness: Witness) -> int:
    assert isinstance(witness.spec.problem, ImageTensor)
    return witness.spec.problem.train_images


def _variant(witness: Witness) -> str:
    assert isinstance(witness.spec.problem, ImageTensor)
    return witness.spec.problem.variant


IMAGES = [
    Definition(
        name="real-data-low-rank",
        rests_on=("train_error",),
        statement="Predictors of low tensor rank fit real data far better than random images or random labels.",
        source=R21.cited("experiment on real data; the talk"),
        statistic="largest over ranks of the training error on the original data over that on random data",
        reason="with random data the ratio is 1; at this length of training (a much longer one memorises random images "
        "too) it is .09 to .53 by class of MNIST and .43 over all classes of Fashion-MNIST",
        premise="original and random data of one rank and length of training",
        false_in="`mnist-rank` on a dataset of uniform bits",
        relation="at-most",
        measure=_real_data,
    ),
    Definition(
        name="low-test-error",
        rests_on=("test_error",),
        statement="What is fitted with low tensor rank carries over to images not seen, where random data carry "
        "nothing.",
        source=R21.cited("experiment on real data; the talk"),
        statistic="largest over ranks of the test error on the original data over that on random data",
        reason="with random data the ratio is 1; it is .09 to .46 by class of MNIST, .45 over all of Fashion-MNIST",
        premise="original and random data of one rank and length of training",
        false_in="`mnist-rank` on a dataset of uniform bits",
        relation="at-most",
        measure=_test_error,
    ),
    Definition(
        name="below-linear",
        rests_on=("test_error",),
        statement="On MNIST a predictor of low tensor rank does better on new images than the best linear one.",
        source=R21.cited("experiment on real data"),
        statistic="mean test error over ranks, over the smaller one of the linear and the constant predictor",
        reason="on MNIST .3 to .9 by class; not claimed for Fashion-MNIST, where it holds for some classes only",
        premise="original data",
        false_in="`mnist-rank` after three steps",
        relation="at-most",
        measure=_below_linear,
    ),
    Definition(
        name="gap-falls-with-images",
        rests_on=("train_error", "test_error"),
        statement="The more images a predictor of low tensor rank is trained on, the less its test error exceeds its "
        "training error.",
        source=R21.cited("the experiment on real data; the talk's slide on complexity"),
        statistic="test minus training error with the most images, over that with the fewest; the largest over ranks",
        reason="from 500 to 6,000 images of MNIST it falls to a quarter; of random images too, but there it is the "
        "training error that rises to the constant's",
        premise="two numbers of images, and lanes that fit theirs better than a constant does",
        false_in="`mnist-complexity` with 500 and 600 images, which is hardly more",
        relation="at-most",
        measure=_gaps,
    ),
]
