"""Settings of a chosen ground truth: what is refused, what lets go of what, and that a run has it."""

from __future__ import annotations

from typing import Any

import pytest

from solver import fields, settings
from solver.refusal import BadSetting
from solver.schema import of_spec
from solver.spec import MatrixCompletion, MatrixSensing
from tests.solver import running
from tests.solver.small import exported, finished

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"spectrum": []}, "problem.spectrum", "a list of at least 1 values"),
    ({"spectrum": [1.0, 0.0]}, "problem.spectrum", "above 0"),
    ({"spectrum": 3.0}, "problem.spectrum", "a list"),
    ({"spectrum": [1.0, 2.0]}, "problem.spectrum", "write the largest value first"),
    ({"spectrum": [1.0, 1e-9]}, "problem.spectrum", "leave out what is rounding"),
    ({"spectrum": [1.0] * 6, "shape": [5, 9], "observations": 9}, "problem.spectrum", "shape 5 × 9 at most 5: shorten"),
    ({"spectrum": [3.0, 2.0], "rank": 3}, "problem.rank", "rank 3 is not that of spectrum, which has 2 values"),
    ({"spectrum": [3.0, 4.0][::-1], "frobenius_norm": 6.0}, "problem.frobenius_norm", "not that of spectrum, 5"),
    ({"spectrum": [3.0], "condition_number": 2.0}, "problem.spectrum", "both given: keep one of the two"),
    ({"condition_number": 0.5}, "problem.condition_number", "at least 1"),
    ({"condition_number": 1e9}, "problem.condition_number", "at most 1e+08"),
    ({"condition_number": 2.0, "rank": 1}, "problem.condition_number", "needs a rank of at least 2"),
    ({"entries": [[0, 0, 1.0]], "spectrum": [1.0]}, "problem.spectrum", "leave spectrum out"),
    ({"symmetric": True, "shape": [9, 8], "observations": 9}, "problem.symmetric", "shape is 9 × 8: make shape square"),
    ({"symmetric": True, "entries": [[0, 0, 1.0]]}, "problem.symmetric", "leave symmetric out"),
    ({"symmetric": 1}, "problem.symmetric", "true or false"),
    ({"mask": "diagonal"}, "problem.mask", "uniform, symmetric, rows, popularity or block"),
    ({"mask": "rows", "entries": [[0, 0, 1.0]]}, "problem.mask", "leave mask at uniform"),
    ({"mask": "symmetric", "shape": [9, 8], "observations": 9}, "problem.mask", "needs a square matrix"),
    ({"mask": "block", "observations": 7501}, "problem.observations", "at most 7500"),
    ({"mask_skew": 11.0}, "problem.mask_skew", "at most 10"),
    ({"missing_share": 0.0}, "problem.missing_share", "above 0"),
    ({"file": "a.csv", "condition_number": 2.0}, "problem.condition_number", "leave condition_number out"),
]


@pytest.mark.parametrize(("problem", "field", "said"), REFUSED, ids=lambda value: str(value)[:50])
def test_what_contradicts_itself_is_refused_in_one_sentence(problem: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        settings.decode({"problem": {"kind": "matrix-completion"} | problem})
    sentence = str(refused.value)
    assert said in sentence, sentence
    assert field.rpartition(".")[2] in sentence
    assert "\n" not in sentence
    assert refused.value.field.partition("[")[0] == field


def test_what_agrees_may_be_said_twice() -> None:
    """A run's settings are read again as they were settled."""
    spec = MatrixCompletion(spectrum=(4.0, 3.0), rank=2, frobenius_norm=5.0)
    assert (spec.resolved_rank, spec.resolved_frobenius_norm) == (2, 5.0)


def test_a_tensor_has_no_singular_values_to_choose() -> None:
    with pytest.raises(BadSetting, match=r"problem\.spectrum is a setting of matrix-completion or matrix-sensing"):
        settings.decode(settings.apply({"problem": {"kind": "tensor-completion"}}, [("problem.spectrum", [1.0])]))


def test_setting_a_spectrum_lets_go_of_what_follows_from_it() -> None:
    """So that it can be set on a preset that says a rank; what is set beside it stays, and may be refused."""
    raw = {"problem": {"rank": 5, "frobenius_norm": 7.0, "observations": 90}, "sweep": {"problem.rank": [1, 2]}}
    changed = settings.apply(raw, [("problem.spectrum", [3.0, 2.0])])
    assert changed["problem"] == {"kind": "matrix-completion", "observations": 90, "spectrum": [3.0, 2.0]}
    assert changed["sweep"] == {}
    with pytest.raises(BadSetting, match="rank 4 is not that of spectrum"):
        settings.decode(settings.apply(raw, [("problem.rank", 4), ("problem.spectrum", [3.0, 2.0])]))
    other = settings.apply(changed, [("problem.condition_number", 9.0)])
    assert other["problem"] == {"kind": "matrix-completion", "observations": 90, "condition_number": 9.0}
    with pytest.raises(BadSetting, match=r"problem\.spectrum and problem\.condition_number are both set"):
        settings.apply(raw, [("problem.condition_number", 9.0), ("problem.spectrum", [3.0, 2.0])])
    with pytest.raises(BadSetting, match=r"problem\.entries and problem\.file are both set: keep one"):
        settings.apply(raw, [("problem.entries", [[0, 0, 1.0]]), ("problem.file", "a.csv")])
    assert settings.apply(changed, [("problem.file", "a.csv")])["problem"] == {
        "kind": "matrix-completion",
        "file": "a.csv",
    }


def test_spectra_can_be_swept() -> None:
    raw = settings.apply(
        {"problem": {"kind": "matrix-sensing", "rank": 5}}, [], [("problem.spectrum", [[3.0, 2.0], [1.0]])]
    )
    lanes = settings.lanes(settings.decode(raw))
    assert [lane.spec.problem.resolved_rank for lane in lanes] == [2, 1]  # type: ignore[union-attr]


def test_the_fields_are_described_wherever_there_are_any() -> None:
    """Notes are written once, for both kinds: the schema and the form have them."""
    for kind in (MatrixCompletion, MatrixSensing):
        described = of_spec()["$defs"][kind.__name__]["properties"]
        assert "largest first" in described["spectrum"]["description"]
        assert "logarithms" in described["condition_number"]["description"]
    raw = {"problem": {"kind": "matrix-sensing"}}
    assert fields.limits(raw, "problem.spectrum") == "a list of 1 to 1000 numbers above 0, or nothing"
    assert fields.limits(raw, "problem.condition_number") == "a number from 1 to 1e+08, or nothing"


def test_a_run_recovers_the_spectrum_that_was_chosen() -> None:
    document = exported(finished({"problem.spectrum": [6.0, 3.0], "problem.observations": 60, "model.depth": 3}))
    assert document["baselines"]["ground_truth"]["singular_values"][:2] == pytest.approx([6.0, 3.0], rel=1e-10)
    assert document["lanes"][0]["final"]["singular_values"][:2] == pytest.approx([6.0, 3.0], rel=1e-2)
    assert document["spec"]["problem"]["spectrum"] == [6.0, 3.0]


@pytest.mark.parametrize("mask", ["rows", "popularity", "block", "symmetric"])
def test_claims_on_entries_drawn_alike_say_nothing_of_others(mask: str) -> None:
    """Half the rows hardly observed is no experiment of the paper; what needs no uniform entries is judged as ever."""
    changes = {"problem.mask": mask, "problem.observations": 800, "record.rates": 2}
    made = running.ran("mf-depth", changes, {"model.depth": [1, 2]})
    claims = {claim.name: claim for claim in running.exported(made).claims}
    assert claims["low-rank-recovery"].verdict == "not-applicable"
    assert 'set problem.mask = "uniform"' in claims["low-rank-recovery"].text
    assert claims["rate-formula"].verdict == "holds"
