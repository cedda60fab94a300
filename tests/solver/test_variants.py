"""Variants: named sets of settings in one run, of other kinds too, refused in a sentence, trained and taken up."""

from __future__ import annotations

import csv
from typing import Any

import msgspec
import pytest
import torch

import presets
from solver import claims, estimate, expected, export, history, maps, runs, settings
from solver.claims import boundaries
from solver.claims.claim import Witness, grouped
from solver.costs import costs_of
from solver.history import History, LaneHistory
from solver.maps import Statistic
from solver.milestones import Milestones
from solver.numerics.turns.grouping import group
from solver.records import LaneSchema
from solver.refusal import BadSetting
from solver.rundir import Order, PresetInfo
from solver.spec import CP, DeepMatrixFactorization, HierarchicalTucker, MatrixCompletion, RunSpec, TensorCompletion
from tests.solver.resuming import StoppingEar
from tests.solver.small import SMALL, directory, exported, finished, trained, without_clocks
from tui.shown.figures import figures

KINDS: dict[str, dict[str, Any]] = {
    "matrix": {},
    "tensor": {
        "problem.kind": "tensor-completion",
        "problem.shape": [4, 4, 4],
        "problem.rank": 1,
        "problem.observations": 40,
        "model.components": 4,
    },
    "hierarchical": {
        "problem.kind": "tensor-completion",
        "problem.shape": [3, 3, 3, 3],
        "problem.rank": 1,
        "problem.observations": 50,
        "model.kind": "ht",
        "model.width": 4,
    },
}
SERIES = ["step", "elapsed_s", "train_loss"]
DEPTHS = {"shallow": {"model.depth": 2}, "deep": {"model.depth": 3}}


def spec_of(changes: dict[str, Any], sweep: dict[str, list[Any]] | None = None) -> RunSpec:
    return settings.decode(settings.apply(SMALL, list(changes.items()), list((sweep or {}).items())))


def told(spec: RunSpec) -> list[dict[str, Any]]:
    return [lane.parameters for lane in settings.lanes(spec)]


def test_lanes_are_variants_by_the_sweep_by_the_seeds_variants_slowest() -> None:
    spec = spec_of({"variants": DEPTHS, "seeds": 2}, {"model.init_scale": [0.1, 0.01]})
    assert told(spec) == [
        {"variant": name, "model.init_scale": scale, "seed": seed}
        for name in DEPTHS
        for scale in (0.1, 0.01)
        for seed in (0, 1)
    ]
    lanes = settings.lanes(spec)
    assert [lane.index for lane in lanes] == list(range(8))
    assert [(lane.spec.model.depth, lane.spec.model.init_scale) for lane in lanes[::2]] == [  # type: ignore[union-attr]
        (2, 0.1),
        (2, 0.01),
        (3, 0.1),
        (3, 0.01),
    ]
    assert all(not lane.spec.variants and not lane.spec.sweep and lane.spec.seeds == 1 for lane in lanes)


def test_a_variant_is_applied_as_settings_are() -> None:
    """A kind brings the model that fits it along and starts from its defaults; what the run says else stays."""
    spec = spec_of({"variants": KINDS | {"spread": {"problem.rank": 2, "problem.condition_number": 10.0}}})
    matrix, tensor, tree, spread = (lane.spec for lane in settings.lanes(spec))
    assert (type(matrix.problem), type(matrix.model)) == (MatrixCompletion, DeepMatrixFactorization)
    assert matrix == settings.decode(SMALL)
    assert (type(tensor.problem), tensor.model) == (TensorCompletion, CP(components=4))
    assert tree.model == HierarchicalTucker(width=4)
    assert tensor.problem.frobenius_norm is TensorCompletion().frobenius_norm  # type: ignore[union-attr]
    assert {one.stop for one in (matrix, tensor, tree, spread)} == {spec.stop}
    plain = settings.apply(SMALL, [("problem.rank", 2), ("problem.condition_number", 10.0)])
    assert spread == settings.decode(plain), "what it replaces is let go, as anywhere"


def test_a_swept_field_is_of_the_lanes_whose_kind_has_it() -> None:
    spec = spec_of({"variants": KINDS}, {"model.init_scale": [0.1, 0.01], "model.init_std": [0.3, 0.2, 0.1]})
    assert told(spec) == [
        *({"variant": "matrix", "model.init_scale": scale, "seed": 0} for scale in (0.1, 0.01)),
        *({"variant": "tensor", "model.init_std": std, "seed": 0} for std in (0.3, 0.2, 0.1)),
        *({"variant": "hierarchical", "model.init_std": std, "seed": 0} for std in (0.3, 0.2, 0.1)),
    ]


def test_without_variants_nothing_is_other_than_before() -> None:
    spec = settings.decode(SMALL)
    assert spec.variants == {}
    assert spec_of({"variants": {}}) == spec_of({"variants": "none"}) == spec
    assert told(spec) == [{"seed": 0}]


def test_tables_within_a_variant_are_dotted_fields_and_a_spec_round_trips() -> None:
    nested = {"variants": {"deep": {"model": {"depth": 3, "init": "identity"}}, "shallow": {"model": {"depth": 2}}}}
    spec = settings.decode(SMALL | nested)
    assert spec.variants == {"deep": {"model.depth": 3, "model.init": "identity"}, "shallow": {"model.depth": 2}}
    assert settings.decode(settings.encode(spec)) == spec


REFUSED: list[tuple[dict[str, Any], dict[str, list[Any]], str]] = [
    ({"variants": "deep"}, {}, "variants must be a table of tables, as in { shallow ="),
    ({"variants": {"deep": 3}}, {}, "variants must be a table of tables"),
    ({"variants": {"": {}}}, {}, "the variant '' must be called by 1 to 24 letters"),
    ({"variants": {"a b": {}}}, {}, "the variant 'a b' must be called by 1 to 24 letters"),
    ({"variants": {"x" * 25: {}}}, {}, "must be called by 1 to 24 letters"),
    ({"variants": {"\x1b[31m": {}}}, {}, "must be called by 1 to 24 letters"),
    ({"variants": {"a": {"model.dept": 3}}}, {}, "variant a: model.dept is not a setting of this run: did you mean"),
    ({"variants": {"a": {"model.init_std": 1}}}, {}, "variant a: model.init_std is a setting of cp or ht"),
    ({"variants": {"a": {"model.depth": 99}}}, {}, "variant a: model.depth must be a whole number of at most 32"),
    ({"variants": {"a": {"problem.rank": 9}}}, {}, "variant a: problem.rank 9 is larger than the smallest dimension"),
    ({"variants": {"a": {"problem.kind": "x"}}}, {}, "variant a: problem.kind must be matrix-completion"),
    ({"variants": {"a": {"model.kind": "cp"}}}, {}, "variant a: model.kind must be deep-matrix-factorization"),
    *(
        ({"variants": {"a": {field: 1}}}, {}, f"variant a: {field} belongs to the whole run: set it there")
        for field in (
            "seed",
            "seeds",
            "device",
            "threads",
            "dtype",
            "stop.max_steps",
            "record.every",
            "stop.train_loss",
        )
    ),
    ({"variants": {"a": {"problem.file": "r.csv"}}}, {}, "variant a: problem.file cannot be set for some lanes"),
    ({"variants": {"a": {"problem.entries": [[0, 0, 1]]}}}, {}, "problem.entries cannot be set for some lanes"),
    ({"variants": {"a": {"problem.ground_truth": "w.csv"}}}, {}, "problem.ground_truth cannot be set for some lanes"),
    ({"variants": DEPTHS}, {"model.depth": [2, 3]}, "variant shallow: model.depth is set here and swept: keep one"),
    ({"variants": {"a": {}, "b": {"model.depth": 2}}}, {}, "the variants a and b have the same settings"),
    ({"variants": DEPTHS, "seeds": 129}, {}, "variants, sweep and seeds make 258 lanes, and a run holds at most 256"),
    ({"variants": DEPTHS}, {"variants": [1]}, "sweep cannot go over variants, which belongs to the whole run"),
    ({"variants.c": "none"}, {}, "there is no variant c to leave out: there are none"),
]


@pytest.mark.parametrize(("changes", "sweep", "said"), REFUSED, ids=[said[:50] for *_, said in REFUSED])
def test_what_is_no_variant_is_refused_in_one_sentence(
    changes: dict[str, Any], sweep: dict[str, list[Any]], said: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        spec_of(changes, sweep)
    assert said in str(refused.value), str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.field in ("variants", "sweep")


def test_a_bad_swept_value_names_the_variant_and_its_own_field() -> None:
    with pytest.raises(BadSetting, match=r"^variant tensor: model\.init_std must be .* above 0") as refused:
        spec_of({"variants": KINDS}, {"model.init_std": [0.1, 0.0]})
    assert refused.value.field == "model.init_std"


def test_settings_need_not_fit_where_every_variant_sets_what_does_not() -> None:
    """As of a sweep: no lane has the value that does not fit."""
    large = {
        "problem.observations": 900,
        "variants": {"a": {"problem.shape": [40, 40]}, "b": {"problem.shape": [30, 30]}},
    }
    spec = spec_of(large)
    assert [lane.spec.problem.known_shape for lane in settings.lanes(spec)] == [(40, 40), (30, 30)]
    assert settings.decode(settings.encode(spec)) == spec
    with pytest.raises(BadSetting, match="observations 900"):
        spec_of(large | {"variants": {"a": {"problem.shape": [40, 40]}, "b": {"model.depth": 4}}})


def test_a_field_set_beside_variants_is_set_in_those_that_set_it_or_alone_have_it() -> None:
    """Or it would change nothing, without a word."""
    raw = settings.apply(SMALL, [("variants", KINDS)])
    changed = settings.decode(settings.apply(raw, [("problem.observations", 30), ("model.init_std", 0.2)]))
    specs = [lane.spec for lane in settings.lanes(changed)]
    assert [spec.problem.resolved_observations for spec in specs] == [30, 30, 30]  # type: ignore[union-attr]
    assert [getattr(spec.model, "init_std", None) for spec in specs] == [None, 0.2, 0.2]
    with pytest.raises(BadSetting, match="the variants shallow and deep have the same settings"):
        settings.decode(settings.apply(SMALL | {"variants": DEPTHS}, [("model.depth", 4)]))
    swept = settings.apply(raw, [], [("model.init_std", [0.1, 0.2])])
    once = settings.decode(settings.apply(swept, [("model.init_std", 0.3)]))
    assert once.sweep == {"model.init_std": [0.3]}, "as of any swept field"


def test_one_variant_is_set_replaced_added_and_left_out_by_its_name() -> None:
    raw = settings.apply(SMALL, [("variants", DEPTHS)])
    changes: list[tuple[str, Any]] = [
        ("variants.deep.model.depth", 4),
        ("variants.deep.model.init", "identity"),
        ("variants.shallow", "none"),
        ("variants.plain", {}),
    ]
    assert settings.decode(settings.apply(raw, changes)).variants == {
        "deep": {"model.depth": 4, "model.init": "identity"},
        "plain": {},
    }
    assert settings.decode(settings.apply(raw, [("variants", "none")])).variants == {}


def test_none_in_a_variant_leaves_out_what_the_run_sets() -> None:
    spec = spec_of({"model.hidden_width": 4, "variants": {"narrow": {}, "full": {"model.hidden_width": "none"}}})
    assert [lane.spec.model.hidden_width for lane in settings.lanes(spec)] == [4, None]  # type: ignore[union-attr]


def test_lanes_of_other_kinds_train_apart_though_their_parts_are_of_equal_shapes() -> None:
    """Three layers of 4 × 4 and the factors of a CP tensor are numbers in the same places, multiplied otherwise."""
    matrix = {"problem.shape": [4, 4], "problem.observations": 12, "model.depth": 3}
    spec = spec_of(matrix | {"variants": {"matrix": {}, "tensor": KINDS["tensor"]}, "seeds": 2})
    lanes = settings.lanes(spec)
    layers, factors = costs_of(lanes[0].spec), costs_of(lanes[2].spec)
    assert layers.shapes() == factors.shapes()
    batches = [[lane.index for lane in batch] for batch in group(lanes, torch.device("cuda"))]
    assert batches == [[0, 1], [2, 3]]


def test_what_a_run_takes_is_the_sum_over_its_variants() -> None:
    spec = spec_of({"variants": KINDS})
    alone = [estimate.estimate(lane.spec) for lane in settings.lanes(spec)]
    both = estimate.estimate(spec)
    assert both.n_lanes == 3
    assert both.memory_bytes == sum(one.memory_bytes for one in alone)
    assert both.seconds == pytest.approx(sum(one.seconds for one in alone))


def test_a_narrower_layer_is_proposed_where_all_variants_have_layers_alone() -> None:
    large = {"problem.shape": [1500, 1500], "problem.observations": 20_000, "stop.max_steps": 100_000}
    assert estimate.narrower(spec_of(large | {"variants": DEPTHS})) is not None
    assert estimate.narrower(spec_of(large | {"variants": DEPTHS | {"thin": {"model.hidden_width": 2}}})) is None
    assert estimate.narrower(spec_of(large | {"variants": {"matrix": {}, "tensor": KINDS["tensor"]}})) is None


CHANGES: dict[str, Any] = {
    "variants": KINDS,
    "optimizer.kind": "group-rmsprop",
    "optimizer.step_size": 1e-2,
    "optimizer.eps": 1e-2,
    "stop.max_steps": 40,
}


def test_matrices_and_tensors_train_in_one_run_as_each_does_alone() -> None:
    made = finished(CHANGES)
    recorded = history.read(made.log)
    assert [recorded.label(lane) for lane in recorded.lanes] == list(KINDS)
    for lane, (name, changes) in zip(recorded.lanes, KINDS.items(), strict=True):
        alone = history.read(
            finished({key: value for key, value in CHANGES.items() if key != "variants"} | changes).log
        )
        assert lane.columns["train_loss"] == alone.lanes[0].columns["train_loss"], name
        assert lane.series == alone.lanes[0].series, name
        assert recorded.baselines[lane.problem] == alone.baselines[0], name
    assert "singular_values" in recorded.lanes[0].vectors
    assert len({lane.problem for lane in recorded.lanes}) == 3


def test_a_run_of_variants_is_taken_up_to_the_same_numbers() -> None:
    whole, parted = finished(CHANGES), directory(CHANGES)
    with pytest.raises(KeyboardInterrupt):
        trained(parted, StoppingEar(parted, 40, 60, die=True))
    assert history.read(parted.log).ending is None
    trained(parted)
    assert without_clocks(parted) == without_clocks(whole)


def test_the_export_names_the_variant_of_each_lane_and_has_them_in_its_spec() -> None:
    made = finished(CHANGES)
    document = exported(made)
    assert document["spec"]["variants"] == KINDS
    assert [lane["parameters"] for lane in document["lanes"]] == [{"variant": name, "seed": 0} for name in KINDS]
    rows = list(csv.DictReader(export.to_csv(export.build(made)).decode().splitlines()))
    assert {(row["lane"], row["variant"]) for row in rows} == {(str(k), name) for k, name in enumerate(KINDS)}


def test_a_condition_and_a_map_tell_variants_apart_by_name() -> None:
    made = finished(CHANGES | {"seeds": 2})
    recorded, spec = history.read(made.log), made.order().spec
    found = maps.table(maps.Map("variant", "problem.rank", Statistic("train_loss")), with_rank(spec), recorded.lanes)
    assert found.xs == list(KINDS)
    lanes = [lane for lane in recorded.lanes if lane.parameters["variant"] == "tensor"]
    losses = [lane.columns["train_loss"][-1] for lane in lanes]
    limit = expected.condition(f"max train_loss variant=tensor < {max(losses) * 1.001:g}", "")
    assert limit.seen(recorded, []) == "yes"
    assert expected.condition(f"min train_loss variant=tensor < {min(losses) * 0.999:g}", "").seen(recorded, []) == "no"


def with_rank(spec: RunSpec) -> RunSpec:
    """Also with a list of one value, so that a map has a second axis."""
    return msgspec.structs.replace(spec, sweep={"problem.rank": [None]})


def test_two_fields_are_called_variant_and_both_are_meant() -> None:
    """Images have a variant too: a condition means lanes that have the word in either."""
    parameters = {"variant": "a", "problem.variant": "original"}
    lane = LaneHistory(LaneSchema(index=0, parameters=parameters, series=SERIES, problem=0))
    found = History()
    found.lanes = [lane]
    for word, n in (("a", 1), ("original", 1), ("b", 0)):
        assert len(expected.condition(f"event rise variant={word}", "").lanes.of(found)) == n
    assert found.label(lane) == "a · variant original"


def test_a_map_has_variants_along_an_axis_beside_a_swept_field() -> None:
    spec = spec_of({"variants": DEPTHS}, {"model.init_scale": [0.1, 0.01]})
    assert maps.fields(spec) == ["variant", "model.init_scale"]
    assert maps.values(spec, "variant") == ["shallow", "deep"]
    assert maps.fields(spec_of({"variants": {"deep": {}}})) == [], "one variant is no axis"


def test_figures_and_milestones_are_made_of_each_lane_s_own_kind() -> None:
    """Of the run's own kinds, which no lane may have, nothing would be right."""
    flow = {key: value for key, value in CHANGES.items() if not key.startswith("optimizer")}
    made = finished(flow | {"stop.max_steps": 20}, {"problem.noise": [0.0, 0.1]})
    recorded, spec = history.read(made.log), made.order().spec
    titles = [figure.title for figure in figures(spec)]
    assert "rate over γ against σ: the law" in titles
    assert "foretold component and the largest other, at the end" in titles
    for figure in figures(spec):
        assert figure.curves(recorded), figure.title
    found = Milestones(spec).update(recorded)
    assert {one.lane for one in found} <= set(range(len(recorded.lanes)))


def test_no_claim_stumbles_over_lanes_of_other_kinds() -> None:
    """One made for matrices alone would unpack the shape of a tensor, and say that it cannot be computed."""
    flow = {key: value for key, value in CHANGES.items() if not key.startswith("optimizer")}
    recorded = history.read((made := finished(flow, {"model.init_std": [0.3, 0.1]})).log)
    judged = claims.judge(list(claims.CLAIMS), recorded, settings.lanes(made.order().spec), at_end=True)
    assert not [one.text for one in judged if "cannot be computed" in one.text]
    (recovery,) = (one for one in judged if one.name == "tensor-recovery")
    assert recovery.text.startswith("cp: median error of 1 lanes at 40 observations: ")
    assert "; ht: median error of 1 lanes at 50 observations: " in recovery.text
    (starts,) = (one for one in judged if one.name == "small-starts-low-rank")
    assert starts.text.startswith("gaps: ")
    assert "hierarchical" in starts.text
    assert "tensor" in starts.text


def test_claims_are_judged_on_the_lanes_that_they_are_of() -> None:
    """The law of singular values on matrices alone, that of components on tensors alone, as of runs of their own."""
    flow: dict[str, Any] = {"variants": KINDS, "model.init_scale": 1e-3, "stop.train_loss": 1e-8}
    recorded = history.read((made := finished(flow)).log)
    lanes = settings.lanes(made.order().spec)
    for name, place in (("rate-formula", 0), ("singular-value-law", 0)):
        (both,) = claims.judge([name], recorded, lanes, at_end=True)
        alone = history.read(finished({key: flow[key] for key in flow if key != "variants"}).log)
        (one,) = claims.judge([name], alone, lanes[place : place + 1], at_end=True)
        assert (both.measured, both.verdict) == (one.measured, one.verdict), name
        assert both.verdict == "holds"


def test_lanes_that_a_claim_holds_against_each_other_may_be_variants() -> None:
    """A step beside the flow of the same matrix: what tells them apart is no swept field."""
    raw = presets.load("sharpness").at_size("quick")
    raw = raw | {"model": raw["model"] | {"depth": 2}}
    optimizers = {
        "flow": {"optimizer.kind": "gradient-flow"},
        "short": {"optimizer.kind": "gradient-descent", "optimizer.step_size": 0.4},
        "long": {"optimizer.kind": "gradient-descent", "optimizer.step_size": 1.1},
    }
    swept = {"optimizer.kind": ["gradient-flow", "gradient-descent"], "optimizer.step_size": [0.4, 1.1]}
    found = []
    for changes in ({"sweep": swept}, {"sweep": {}, "variants": optimizers}):
        spec = settings.decode(raw | changes)
        made = runs.create(Order(spec=spec, preset=PresetInfo(name="sharpness"), created="2026-01-01"))
        trained(made)
        found += claims.judge(["step-too-long"], history.read(made.log), settings.lanes(spec), at_end=True)
    assert [one.verdict for one in found] == ["holds", "holds"], found
    assert found[0] == found[1]


def test_a_border_is_of_lanes_that_differ_along_the_axes_alone() -> None:
    """Two depths are two borders, whether they are swept or variants: one of them would be no map."""
    borders = []
    cases: list[tuple[dict[str, Any], dict[str, list[Any]]]] = [
        ({}, {"model.depth": [2, 3]}),
        ({"variants": DEPTHS}, {}),
    ]
    for changes, sweep in cases:
        axes: dict[str, list[Any]] = {"problem.observations": [30, 40], "model.init_scale": [0.1, 0.01]}
        lanes = settings.lanes(spec_of(changes, sweep | axes))
        witnesses = [Witness(lane_of(lane), lane.spec, {}) for lane in lanes]
        borders.append([len(members) for members in grouped(witnesses, boundaries._others).values()])
    assert borders == [[4, 4], [4, 4]]


def lane_of(lane: settings.LaneSpec) -> LaneHistory:
    return LaneHistory(LaneSchema(index=lane.index, parameters=lane.parameters, series=SERIES, problem=0))
