"""Settings: how they are changed by name, which lanes they make, and that bad ones are refused in one sentence."""

from __future__ import annotations

import math
from typing import Any

import pytest

from solver import fields, settings
from solver.refusal import BadSetting
from solver.spec import (
    CP,
    Adam,
    DeepMatrixFactorization,
    GradientDescent,
    MatrixCompletion,
    RunSpec,
    TensorCompletion,
)

ENTRIES = [[0, 1, 1.0], [1, 0, 1.0]]

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"problem.observations": 10_001}, "problem.observations", "at most 10000"),
    ({"problem.observations": 0}, "problem.observations", "at least 1"),
    ({"problem.rank": 101}, "problem.rank", "at most 100"),
    ({"problem.rank": 0}, "problem.rank", "at least 1"),
    ({"problem.shape": [0, 10]}, "problem.shape[0]", "at least 1"),
    ({"problem.shape": [-3, 10]}, "problem.shape[0]", "at least 1"),
    ({"problem.shape": [10]}, "problem.shape", "a list of at least 2 values"),
    ({"problem.shape": [10, 10, 10]}, "problem.shape", "a list of 2 sizes, not 3"),
    ({"problem.shape": [10.5, 10]}, "problem.shape[0]", "whole number"),
    ({"problem.frobenius_norm": 0.0}, "problem.frobenius_norm", "above 0"),
    ({"problem.noise": -1.0}, "problem.noise", "at least 0"),
    ({"problem.noise": math.nan}, "problem.noise", "at least 0"),
    ({"problem.loss": "squared"}, "problem.loss", "mean, half-sum or huber"),
    ({"problem.kind": "tensor"}, "problem.kind", "matrix-completion"),
    ({"problem.entries": []}, "problem.entries", "at least one"),
    ({"problem.entries": [[0, 1, 1.0], [0, 1, 2.0]]}, "problem.entries", "twice"),
    ({"problem.entries": [[0, -1, 1.0]]}, "problem.entries", "[0, -1, 1.0]: its indices must be whole numbers from 0"),
    ({"problem.entries": [[0, 0.5, 1.0]]}, "problem.entries", "its indices must be whole numbers"),
    ({"problem.entries": [[0, 1]]}, "problem.entries", "write 3 numbers each"),
    ({"problem.entries": [[0, 0, math.inf]]}, "problem.entries[0][2]", "finite"),
    ({"problem.entries": ENTRIES, "problem.shape": [1, 1]}, "problem.entries", "enlarge shape"),
    ({"problem.entries": ENTRIES, "problem.rank": 1}, "problem.rank", "leave rank out"),
    ({"problem.test_fraction": 0.5}, "problem.test_fraction", "no file is given"),
    ({"problem.test_fraction": 1.0}, "problem.test_fraction", "below 1"),
    ({"model.depth": 0}, "model.depth", "at least 1"),
    ({"model.depth": 2.5}, "model.depth", "whole number"),
    ({"model.depth": "three"}, "model.depth", "whole number"),
    ({"model.depth": 33}, "model.depth", "at most 32"),
    ({"model.hidden_width": 0}, "model.hidden_width", "at least 1"),
    ({"model.init": "zeros"}, "model.init", "gaussian, identity, orthogonal or balanced"),
    ({"model.init_scale": 0.0}, "model.init_scale", "above 0"),
    ({"model.init_scale": math.inf}, "model.init_scale", "finite"),
    (
        {"model.det_sign": "positive", "problem.shape": [4, 5], "problem.observations": 9, "problem.rank": 2},
        "model.det_sign",
        "square",
    ),
    ({"model.det_sign": "negative", "model.hidden_width": 3}, "model.det_sign", "at least 100"),
    (
        {
            "model.det_sign": "negative",
            "problem.entries": [[0, 1, 1.0], [0, 2, 0.0], [1, 0, 1.0], [1, 1, 0.0], [1, 2, 0.5]],
        },
        "model.det_sign",
        "R20's entries",
    ),
    ({"optimizer.kind": "sgd"}, "optimizer.kind", "gradient-flow"),
    ({"optimizer.step_size": 0.1}, "optimizer.step_size", "change the kind"),
    ({"optimizer.kind": "gradient-descent", "optimizer.step_size": -0.1}, "optimizer.step_size", "above 0"),
    ({"optimizer.kind": "gradient-descent", "optimizer.step_size": math.nan}, "optimizer.step_size", "above 0"),
    ({"optimizer.kind": "gradient-descent", "optimizer.step_size": math.inf}, "optimizer.step_size", "finite"),
    ({"optimizer.kind": "group-rmsprop", "optimizer.alpha": 1.0}, "optimizer.alpha", "below 1"),
    ({"optimizer.rtol": 1.0}, "optimizer.rtol", "at most 0.01"),
    ({"optimizer.kind": "adam", "stop.max_time": 3.0}, "stop.max_time", "stop.max_steps"),
    ({"stop.train_loss": -1.0}, "stop.train_loss", "above 0"),
    ({"stop.max_steps": 0}, "stop.max_steps", "at least 1"),
    ({"record.every": 0}, "record.every", "at least 1"),
    ({"record.every": 1, "stop.max_steps": 10**6}, "record.every", "at least 1000"),
    ({"sweep": {"problem.file": ["a.csv", "b.csv"]}}, "sweep", "make a run of each"),
    ({"seed": -1}, "seed", "at least 0"),
    ({"seed": 2**63}, "seed", "at most"),
    ({"seeds": 0}, "seeds", "at least 1"),
    ({"seeds": 257}, "seeds", "at most 256"),
    ({"dtype": "float16"}, "dtype", "float64, float32 or tf32"),
    ({"dtype": "tf32", "device": "cpu"}, "dtype", "device is cpu: set dtype float32, or device cuda"),
    ({"device": "gpu"}, "device", "auto, cpu, cuda, cuda:N or cuda:N,M"),
    ({"threads": 0}, "threads", "at least 1"),
    ({"model.dept": 3}, "model.dept", "did you mean model.depth"),
    ({"record.nuclear_norm_slack": 1.0}, "record.nuclear_norm_slack", "below 1"),
    ({"nonsense": 3}, "nonsense", "schema spec"),
    ({"sweep": {"model.depth": []}}, "model.depth", "at least one value"),
    ({"sweep": {"model.depth": [2, 2]}}, "model.depth", "twice"),
    ({"sweep": {"model.depth": [2, 0]}}, "model.depth", "at least 1"),
    ({"sweep": {"seed": [1, 2]}}, "sweep", "set seeds"),
    ({"sweep": {"model.depth": [1, 2, 3, 4]}, "seeds": 100}, "sweep", "at most 256"),
]


@pytest.mark.parametrize(
    ("changes", "field", "said"), REFUSED, ids=[f"{next(iter(c))}-{i}" for i, (c, _, _) in enumerate(REFUSED)]
)
def test_bad_input_is_refused_in_one_sentence(changes: dict[str, Any], field: str, said: str) -> None:
    """The sentence names the field and the limit or the cure; the form shows it at that field."""
    with pytest.raises(BadSetting) as refused:
        settings.decode(settings.apply({}, list(changes.items())))
    sentence = str(refused.value)
    assert field.partition("[")[0].rpartition(".")[2] in sentence
    assert said in sentence
    assert "\n" not in sentence
    assert "`$" not in sentence
    assert refused.value.field == field


def test_every_kind_decodes_from_its_name_alone() -> None:
    for part, kinds in fields.KINDS.items():
        for kind, struct in kinds.items():
            spec = settings.decode({part: {"kind": kind}})
            assert type(getattr(spec, part)) is struct


def test_an_empty_spec_is_the_default_one_and_round_trips() -> None:
    assert settings.decode({}) == RunSpec()
    assert settings.decode(settings.encode(RunSpec())) == RunSpec()


def test_lanes_are_the_product_of_the_sweep_and_the_seeds() -> None:
    spec = settings.decode({"sweep": {"model.depth": [2, 3], "model.init_scale": [1e-3, 1e-4]}, "seed": 5, "seeds": 2})
    lanes = settings.lanes(spec)
    assert [lane.index for lane in lanes] == list(range(8))
    assert lanes[0].parameters == {"model.depth": 2, "model.init_scale": 1e-3, "seed": 5}
    assert lanes[1].parameters == {"model.depth": 2, "model.init_scale": 1e-3, "seed": 6}
    assert lanes[7].parameters == {"model.depth": 3, "model.init_scale": 1e-4, "seed": 6}
    assert isinstance(lanes[7].spec.model, DeepMatrixFactorization)
    assert lanes[7].spec.model.depth == 3
    assert (lanes[7].spec.seed, lanes[7].spec.seeds, lanes[7].spec.sweep) == (6, 1, {})


def test_kinds_are_swept_with_settings_that_some_of_them_have() -> None:
    """The flow has no step size: it is one lane beside one for each step size of gradient descent."""
    sweep: dict[str, list[Any]] = {
        "optimizer.kind": ["gradient-flow", "gradient-descent"],
        "optimizer.step_size": [0.1, 0.2],
    }
    for kind in sweep["optimizer.kind"]:
        spec = settings.decode({"optimizer": {"kind": kind}, "sweep": sweep, "seeds": 2})
        told = [lane.parameters for lane in settings.lanes(spec)]
        flow: dict[str, Any] = {"optimizer.kind": "gradient-flow"}
        steps = [{"optimizer.kind": "gradient-descent", "optimizer.step_size": size} for size in (0.1, 0.2)]
        assert told == [one | {"seed": seed} for one in (flow, *steps) for seed in (0, 1)]
        assert [lane.index for lane in settings.lanes(spec)] == list(range(6))
    (lane, _) = settings.lanes(settings.decode(settings.apply({"sweep": sweep}, [("optimizer.step_size", 0.3)])))
    assert lane.parameters == {"optimizer.kind": "gradient-flow", "seed": 0}
    with pytest.raises(BadSetting):
        settings.decode({"sweep": {"optimizer.kind": [["gradient-flow"]], "optimizer.step_size": [0.1]}})
    with pytest.raises(BadSetting, match="alpha is a setting of group-rmsprop"):
        settings.apply({}, [], [("optimizer.kind", sweep["optimizer.kind"]), ("optimizer.alpha", [0.9, 0.99])])


def test_a_base_that_fits_by_its_swept_values_alone_goes_with_a_field_of_another_swept_kind() -> None:
    """Unbalanced layers need a depth of 2, which the swept values have; the base's flow has no step size to try."""
    raw = {
        "model": {"kind": "deep-matrix-factorization", "depth": 1, "unbalancedness": 0.1},
        "sweep": {
            "model.depth": [2, 3],
            "optimizer.kind": ["gradient-flow", "gradient-descent"],
            "optimizer.step_size": [0.1, 0.2],
        },
    }
    assert len(settings.lanes(settings.decode(raw))) == 6


def test_setting_a_kind_starts_from_its_defaults_and_drops_sweeps_over_it() -> None:
    raw = {
        "optimizer": {"kind": "gradient-descent", "step_size": 0.7},
        "sweep": {"optimizer.step_size": [1.0], "model.depth": [2]},
    }
    changed = settings.apply(raw, [("optimizer.step_size", 0.2), ("optimizer.kind", "group-rmsprop")])
    assert changed["optimizer"] == {"kind": "group-rmsprop", "step_size": 0.2}
    assert changed["sweep"] == {"model.depth": [2]}


def test_setting_the_same_kind_keeps_what_was_set() -> None:
    raw = {"optimizer": {"kind": "gradient-descent", "step_size": 0.7}}
    changed = settings.decode(settings.apply(raw, [("optimizer.kind", "gradient-descent")]))
    assert changed.optimizer == GradientDescent(step_size=0.7)


def test_setting_a_swept_field_leaves_one_value_and_sweep_replaces_the_list() -> None:
    raw = {"sweep": {"model.depth": [1, 2, 3]}}
    assert settings.apply(raw, [("model.depth", 4)])["sweep"] == {"model.depth": [4]}
    assert settings.apply(raw, [], [("model.depth", [5, 6])])["sweep"] == {"model.depth": [5, 6]}


def test_entries_unset_what_describes_a_random_ground_truth() -> None:
    raw = {"problem": {"shape": [50, 50], "rank": 3, "observations": 100, "loss": "half-sum"}}
    spec = settings.decode(settings.apply(raw, [("problem.entries", ENTRIES)]))
    assert spec.problem == MatrixCompletion(entries=[(0, 1, 1.0), (1, 0, 1.0)], loss="half-sum")
    assert spec.problem.resolved_shape == (2, 2)


def test_the_order_of_settings_does_not_matter() -> None:
    forwards = [("problem.entries", ENTRIES), ("problem.shape", [3, 3])]
    for order in (forwards, forwards[::-1]):
        problem = settings.decode(settings.apply({}, order)).problem
        assert isinstance(problem, MatrixCompletion)
        assert problem.resolved_shape == (3, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("problem.shape=100,100", ("problem.shape", [100, 100])),
        ("model.init_scale=1e-4", ("model.init_scale", 1e-4)),
        ("problem.entries=[[0,1,1.0],[1,0,1.0]]", ("problem.entries", ENTRIES)),
        ("optimizer.kind=adam", ("optimizer.kind", "adam")),
        ("problem.file=a=b.csv", ("problem.file", "a=b.csv")),
    ],
)
def test_assignments_are_read_as_a_person_types_them(text: str, expected: tuple[str, Any]) -> None:
    assert settings.parse_assignment(text) == expected


def test_a_sweep_is_read_as_a_list() -> None:
    assert settings.parse_sweep("model.depth=2,3") == ("model.depth", [2, 3])
    assert settings.parse_sweep("model.depth=2") == ("model.depth", [2])
    assert settings.parse_sweep("problem.shape=[2,2],[3,3]") == ("problem.shape", [[2, 2], [3, 3]])
    assert settings.parse_sweep("model.init=gaussian,identity") == ("model.init", ["gaussian", "identity"])


def test_what_is_no_assignment_is_refused() -> None:
    with pytest.raises(BadSetting, match="not KEY=VALUE"):
        settings.parse_assignment("model.depth")


def test_none_leaves_out_what_a_preset_has_set() -> None:
    """Else there is no way back; words and paths may be called none, as problem.centre is."""
    raw = {"stop": {"patience": 9, "max_steps": 5}, "problem": {"kind": "matrix-completion", "file": "x.csv"}}
    changed = settings.apply(raw, [("stop.patience", "none"), ("problem.centre", "none"), ("problem.file", "none")])
    assert (changed["stop"]["patience"], changed["stop"]["max_steps"]) == (None, 5)
    assert (changed["problem"]["centre"], changed["problem"]["file"]) == ("none", "none")
    with pytest.raises(BadSetting, match=r"stop\.max_steps must be .*, not none"):
        settings.decode(settings.apply({}, [("stop.max_steps", "none")]))


def test_a_swept_part_that_is_left_to_its_defaults_hides_no_other_refusal() -> None:
    """A wrong setting is named, not the kind of a model that nobody wrote."""
    raw = {"sweep": {"model.depth": [2, 3]}, "stop": {"patience": 0}}
    with pytest.raises(BadSetting, match=r"stop\.patience must be a whole number of at least 1, not 0"):
        settings.decode(raw)


OF_OTHER_KINDS: list[tuple[dict[str, Any], str, str]] = [
    ({"problem.kind": "tensor-completion", "problem.shape": [5, 5]}, "problem.shape", "a list of 3 to 8 sizes, not 2"),
    ({"problem.kind": "tensor-completion", "problem.rank": 1001}, "problem.rank", "at most 1000"),
    ({"problem.kind": "tensor-completion", "problem.entries": [[0, 0, 1.0]]}, "problem.entries", "4 to 9 numbers each"),
    (
        {"problem.kind": "tensor-completion", "problem.entries": [[0, 0, 0, 1.0], [0, 0, 0, 2.0]]},
        "problem.entries",
        "twice",
    ),
    ({"problem.kind": "tensor-sensing", "problem.observations": 20_000}, "problem.observations", "at most 10000"),
    ({"problem.kind": "tensor-sensing", "model.kind": "deep-matrix-factorization"}, "model.kind", "must be cp"),
    ({"problem.kind": "matrix-sensing", "model.kind": "cp"}, "model.kind", "must be deep-matrix-factorization"),
    ({"problem.kind": "matrix-sensing", "problem.huber_delta": 0.0}, "problem.huber_delta", "above 0"),
    ({"problem.kind": "tensor-completion", "model.depth": 3}, "model.depth", "change the kind"),
    ({"problem.kind": "tensor-completion", "model.components": 0}, "model.components", "at least 1"),
    ({"problem.kind": "tensor-completion", "model.planted": True}, "model.planted", "set balanced"),
    ({"problem.kind": "tensor-completion", "model.balanced": "yes"}, "model.balanced", "true or false"),
    (
        {"problem.kind": "tensor-completion", "optimizer.method": "rosenbrock"},
        "optimizer.method",
        "take auto or dormand-prince",
    ),
    ({"problem.kind": "image-tensor", "optimizer.kind": "gradient-flow"}, "optimizer.kind", "must be adam"),
    ({"problem.kind": "image-tensor", "problem.positive_class": 12}, "problem.positive_class", "at most 9"),
    ({"problem.kind": "image-tensor", "problem.train_images": 70_000}, "problem.train_images", "at most 60000"),
    ({"problem.kind": "image-tensor", "problem.targets": [1, 1]}, "problem.targets", "must differ"),
    ({"problem.kind": "image-tensor", "problem.variant": "noisy"}, "problem.variant", "random-labels"),
    (
        {"problem.kind": "image-tensor", "problem.train_images": 100, "optimizer.batch_size": 101},
        "optimizer.batch_size",
        "at most 100",
    ),
    ({"optimizer.kind": "adam", "optimizer.batch_size": 10}, "optimizer.batch_size", "leave it out"),
]


@pytest.mark.parametrize(("changes", "field", "said"), OF_OTHER_KINDS, ids=lambda value: str(value)[:40])
def test_bad_input_of_other_kinds_is_refused_in_one_sentence(changes: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        settings.decode(settings.apply({}, list(changes.items())))
    sentence = str(refused.value)
    assert said in sentence, sentence
    assert sentence.startswith(field), sentence
    assert "\n" not in sentence


def test_a_problem_brings_the_model_that_fits_it_along() -> None:
    """And with it what was swept over the other model goes; a model named beside the problem has the last word."""
    raw = {
        "model": {"kind": "deep-matrix-factorization", "depth": 4},
        "sweep": {"model.depth": [2, 3], "problem.rank": [1]},
    }
    changed = settings.apply(raw, [("problem.kind", "tensor-completion")])
    assert changed["model"] == {"kind": "cp"}
    assert changed["sweep"] == {}
    images = settings.decode(settings.apply(raw, [("problem.kind", "image-tensor"), ("model.components", 7)]))
    assert images.model == CP(components=7, init_mean=1.0, init_std=1e-3)
    assert images.optimizer == Adam(step_size=5e-4)
    same = settings.apply(raw, [("problem.kind", "matrix-sensing")])
    assert same["model"] == raw["model"]
    assert settings.decode({"model": {"kind": "cp"}}).problem == TensorCompletion()


def test_entries_let_go_of_what_was_swept_over_the_ground_truth() -> None:
    raw = {"sweep": {"problem.observations": [50, 60], "model.depth": [2, 3]}}
    assert settings.apply(raw, [("problem.entries", ENTRIES)])["sweep"] == {"model.depth": [2, 3]}
    tensor = settings.apply({"problem": {"kind": "tensor-completion"}}, [("problem.entries", [[0, 0, 1, 2.5]])])
    assert settings.decode(tensor).problem == TensorCompletion(entries=[(0, 0, 1, 2.5)])


def test_a_swept_field_need_not_fit_by_its_default() -> None:
    """2,000 observations, the default, are more than 8 × 8 × 8 has; the swept ones are not."""
    raw = {
        "problem": {"kind": "tensor-completion", "shape": [8, 8, 8], "rank": 1},
        "sweep": {"problem.observations": [50, 100]},
    }
    observed = [lane.parameters["problem.observations"] for lane in settings.lanes(settings.decode(raw))]
    assert observed == [50, 100]
    with pytest.raises(BadSetting, match="at most 512"):
        settings.decode(raw | {"sweep": {"problem.observations": [50, 513]}})


@pytest.mark.parametrize(
    ("text", "value"),
    [(".2", 0.2), ("-.5", -0.5), ("3.", 3.0), ("007", 7), (".1,.2", [0.1, 0.2]), ("[.1, 2.]", [0.1, 2.0])],
)
def test_a_number_is_what_a_person_takes_for_one(text: str, value: Any) -> None:
    """TOML wants digits on both sides of the point; whoever types a setting does not."""
    assert settings.parse_value(text) == value
    assert type(settings.parse_value(text)) is type(value)


def test_a_list_nested_without_end_is_a_word() -> None:
    assert isinstance(settings.parse_value("[" * 5_000), str)


def test_a_sweep_is_checked_lane_by_lane_and_not_against_the_value_it_replaces() -> None:
    """800 observations are too many for 24 × 24, and no lane has them."""
    raw = {"problem": {"kind": "matrix-completion", "shape": [24, 24], "rank": 3, "observations": 800}}
    spec = settings.decode(raw | {"sweep": {"problem.observations": [100, 200]}})
    found = [lane.spec.problem.resolved_observations for lane in settings.lanes(spec)]  # type: ignore[union-attr]
    assert found == [100, 200]
    with pytest.raises(BadSetting, match="observations 700 is more than"):
        settings.decode(raw | {"sweep": {"problem.observations": [100, 700]}})
