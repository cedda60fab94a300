"""What docs/reproduction.md is made of: the authors' rule to stop, on a lane whose losses are known."""

from __future__ import annotations

import math

import pytest

from reproduction import sections, settings
from solver.history import LaneHistory
from solver.records import LaneSchema


def lane(losses: dict[int, float]) -> LaneHistory:
    """A lane with these losses by step, and a thousandth of the step as its error."""
    series = ["step", "train_loss", "normalised_reconstruction_error"]
    made = LaneHistory(LaneSchema(index=0, parameters={}, series=series, problem=0))
    for step, loss in losses.items():
        for name, value in zip(series, (step, loss, step / 1000), strict=True):
            made.columns[name].append(value)
    return made


def test_the_rule_wants_three_looks_in_a_row_below_and_looks_at_every_hundredth_step_alone() -> None:
    """A loss that is small between looks counts for nothing, and one look above begins the count anew."""
    small, large = 1e-7, 1e-5
    steady = {0: small, 50: small, 100: large, 200: small, 250: large, 300: small, 400: small, 500: small}
    assert sections.by_their_rule(lane(steady)) == (0.4, 400)
    broken = {100: small, 200: small, 300: large, 400: small, 500: small, 600: small}
    assert sections.by_their_rule(lane(broken)) == (0.6, 600)


def test_where_the_rule_is_never_met_the_last_error_counts() -> None:
    """At exactly the limit the loss is not below it."""
    assert sections.by_their_rule(lane({100: 1e-6, 200: 1e-7, 300: 1e-7, 400: 1e-6})) == (0.4, math.inf)


def test_quartiles_are_those_of_numpy() -> None:
    assert sections.quartiles([0.1, 0.2, 0.3, 0.5, 0.9]) == "0.30 (0.20 to 0.50)"


@pytest.mark.parametrize("name", ["order-3 rule", "order-3 rule, 50"])
def test_the_runs_of_the_rule_record_its_looks_and_go_on_beyond_the_loss(name: str) -> None:
    spec = settings.orders()[name].spec
    assert spec.record.every == 100
    assert spec.stop.train_loss is None
    assert spec.sweep["model.init_std"] == [1e-3]
