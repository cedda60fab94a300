"""The settings form where kinds are swept: fields of some of the kinds alone are shown and come through whole."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Select

import presets
from presets import Preset
from solver import fields, settings
from solver.fields import Raw
from solver.spec import Completion, RunSpec
from tests.tui.driving import StandIn, app_of, opened, text_of, until
from tests.tui.filling import form_of, gone_to, setting, typed
from tui.screens.settings import SettingsScreen
from tui.shown import form
from tui.widgets.setting import Setting

pytestmark = pytest.mark.usefixtures("stand_in")

# Two values of every field that some kind has and another that fits the same problem has not.
VALUES: dict[str, list[Any]] = {
    "optimizer.rtol": [1e-5, 1e-3],
    "optimizer.atol": [1e-9, 1e-8],
    "optimizer.method": ["dormand-prince", "chebyshev"],
    "optimizer.step_size": [0.1, 0.2],
    "optimizer.alpha": [0.9, 0.99],
    "optimizer.eps": [1e-6, 1e-4],
    "optimizer.beta1": [0.8, 0.9],
    "optimizer.beta2": [0.99, 0.999],
    "model.depth": [3, 4],
    "model.hidden_width": [5, 6],
    "model.layer_scales": [[1.0, 2.0, 1.0], [2.0, 1.0, 0.5]],
    "model.unbalancedness": [0.01, 0.02],
    "model.det_sign": ["positive", "negative"],
    "model.width": [5, 6],
    "problem.mask": ["rows", "popularity"],
    "problem.mask_skew": [0.5, 1.0],
    "problem.missing_share": [0.1, 0.2],
}
MATRIX: Raw = {
    "problem": {"kind": "matrix-completion", "shape": [8, 8], "rank": 1, "observations": 40, "symmetric": True}
}
# A run has one list of entries and one file; batches are of images, which one kind of optimizer trains.
NOT_SWEPT: tuple[str, ...] = ("problem.entries", "problem.file", "optimizer.batch_size")
NOT_SWEPT += tuple(f"problem.{name}" for name in (*Completion.OF_FILE, *Completion.OF_HELD_OUT))
PAIRS = [
    *(("optimizer", *pair) for pair in itertools.permutations(fields.KINDS["optimizer"], 2)),
    *(
        ("model", *pair)
        for pair in itertools.permutations(["deep-matrix-factorization", "symmetric-matrix-factorization"], 2)
    ),
    *(("problem", *pair) for pair in itertools.permutations(["matrix-completion", "matrix-sensing"], 2)),
]


def own(part: str, kind: str, other: str) -> list[str]:
    """The fields of a kind that another one lacks."""
    names, known = (fields.KINDS[part][word].__struct_fields__ for word in (kind, other))
    return [f"{part}.{name}" for name in names if name not in known and f"{part}.{name}" not in NOT_SWEPT]


def swept(part: str, kind: str, other: str, field: str) -> Raw:
    """A matrix fitted by one kind, over both and two values of a field."""
    inner = MATRIX.get(part, {}) | {"kind": kind}
    return MATRIX | {part: inner, "sweep": {f"{part}.kind": [kind, other], field: VALUES[field]}}


def told(spec: RunSpec) -> list[tuple[dict[str, Any], RunSpec]]:
    return [(lane.parameters, lane.spec) for lane in settings.lanes(spec)]


async def opened_on(pilot: Pilot[None], preset: Preset, raw: Raw) -> SettingsScreen:
    app_of(pilot).edit(preset, raw)
    await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen) and pilot.app.screen.query(Setting))
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, SettingsScreen)
    return screen


def through_the_form(raw: Raw) -> Raw:
    """What the form makes of settings when nothing is typed in it."""
    raw = fields.with_fitting_parts(raw)
    return form.collected({field: form.begun(field, raw) for _, field in form.rows(raw)}, raw)


@pytest.mark.parametrize("of_base", [True, False], ids=["of-the-base-kind", "of-the-other-kind"])
@pytest.mark.parametrize(("part", "kind", "other"), PAIRS, ids=[f"{kind}-and-{other}" for _, kind, other in PAIRS])
def test_a_sweep_over_a_field_that_one_of_two_swept_kinds_has_comes_out_of_the_form_as_it_went_in(
    part: str, kind: str, other: str, of_base: bool
) -> None:
    """Whichever of the two is the base's own: what starts or is saved has the lanes of the command line."""
    for field in own(part, kind, other) if of_base else own(part, other, kind):
        raw = swept(part, kind, other, field)
        expected = settings.decode(raw)
        assert told(settings.decode(through_the_form(raw))) == told(expected)
        assert len(told(expected)) == 3, "two of the kind that has it, one of the other"
        # As of a run, whose settings are all spelled out.
        assert told(settings.decode(through_the_form(settings.encode(expected)))) == told(expected)


def test_two_values_are_known_of_every_field_that_a_kind_of_optimizer_and_model_has_alone() -> None:
    """A new kind's fields are tried too, or this fails."""
    for part, kind, other in PAIRS:
        assert set(own(part, kind, other)) <= set(VALUES)


@pytest.mark.parametrize("size", presets.SIZES)
@pytest.mark.parametrize("name", presets.built_in())
def test_every_built_in_preset_comes_out_of_the_form_as_it_went_in(name: str, size: presets.Size) -> None:
    preset = presets.load(name)
    raw = preset.at_size(size)
    assert told(preset.decode(through_the_form(raw))) == told(preset.decode(raw))


async def test_the_steps_of_sharpness_are_fifteen_lanes_with_the_other_kind_as_base_too(stand_in: StandIn) -> None:
    """Three of the flow, and four steps at each of three depths; started, the run has them."""
    preset = presets.load("sharpness")
    raw = preset.raw | {"optimizer": {"kind": "gradient-flow"}}
    expected = told(preset.decode(preset.raw))
    assert len(expected) == 15
    assert told(preset.decode(through_the_form(preset.raw))) == expected
    async with opened(preset=preset) as pilot:
        await opened_on(pilot, preset, raw)
        assert "15 lanes of 3 depth × 2 kind × 4 step size" in text_of(pilot), "not a product: said otherwise"
        await pilot.press("f5")
        await until(pilot, lambda: stand_in.given)
    assert told(stand_in.given[0].order().spec) == expected


def flow_and_descent(**sweep: list[Any]) -> Raw:
    raw = dict(presets.load("mf-depth").raw)
    kinds = {"optimizer.kind": ["gradient-flow", "gradient-descent"]}
    return raw | {"optimizer": {"kind": "gradient-flow"}, "sweep": {"model.depth": [2]} | kinds | sweep}


async def test_fields_of_another_swept_kind_stand_under_its_name_and_say_whose_they_are() -> None:
    """Empty they are that kind's default, one value is of its lanes alone, and several sweep them."""
    async with form_of("mf-depth", (80, 30)) as pilot:
        screen = await opened_on(pilot, presets.load("mf-depth"), flow_and_descent())
        step = setting(pilot, "optimizer.step_size")
        assert step.text == ""
        await gone_to(pilot, "step_size")
        assert "optimizer of gradient-descent" in text_of(pilot)
        assert "Of the lanes whose optimizer.kind is gradient-descent" in " ".join(text_of(pilot).split())
        for text, steps in (("", [0.1]), ("0.2", [0.2]), ("0.2, 0.3", [0.2, 0.3])):
            step.put(text)
            n_lanes = 1 + len(steps)
            await until(pilot, lambda n=n_lanes: screen._spec and len(settings.lanes(screen._spec)) == n)  # type: ignore[misc]
            assert screen._spec is not None
            flow, *descents = (lane.spec.optimizer for lane in settings.lanes(screen._spec))
            assert flow == fields.KINDS["optimizer"]["gradient-flow"]()
            assert [descent.longest_step for descent in descents] == steps
        assert step.differs
        await pilot.press("f6")
        await until(pilot, lambda: step.text == "" and not step.differs)
        step.put("-1")
        await until(pilot, lambda: "optimizer.step_size must be a finite number above 0" in text_of(pilot))


def test_the_base_kind_and_what_it_says_are_kept_where_kinds_are_swept() -> None:
    """With gradient descent as base its one step is that of its lanes; the form once made the flow of it."""
    raw = flow_and_descent() | {"optimizer": {"kind": "gradient-descent", "step_size": 0.05}}
    assert told(settings.decode(through_the_form(raw))) == told(settings.decode(raw))
    assert through_the_form(raw)["optimizer"] == {"kind": "gradient-descent", "step_size": 0.05}


async def test_kinds_typed_into_the_list_bring_their_fields_and_take_them_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When the list is left; a sweep that no kind has any more is said to be dropped, and the others stay."""
    raw = flow_and_descent(**{"optimizer.step_size": [0.1, 0.2], "optimizer.rtol": [1e-4, 1e-5]})
    async with form_of("mf-depth") as pilot:
        screen = await opened_on(pilot, presets.load("mf-depth"), raw)
        said: list[str] = []
        monkeypatch.setattr(screen, "notify", said.append)

        async def listed(kinds: str, shown: str, gone: str = "") -> None:
            await gone_to(pilot, "optimizer.kind")
            await typed(pilot, kinds)
            await gone_to(pilot, "max_steps")
            await until(pilot, lambda: shown in {one.field for one in screen.query(Setting)})
            await until(pilot, lambda: gone not in {one.field for one in screen.query(Setting)})
            await until(pilot, lambda: pilot.app.screen.focused is setting(pilot, "stop.max_steps").entry)

        await listed("gradient-flow, adam", "optimizer.beta1")
        assert setting(pilot, "optimizer.step_size").text == "0.1, 0.2", "Adam has it too"
        assert screen._spec is not None
        assert len(settings.lanes(screen._spec)) == 4
        await listed("gradient-flow", "optimizer.rtol", "optimizer.step_size")
        assert said == ["no longer swept: optimizer.step_size"]
        assert isinstance(setting(pilot, "optimizer.kind").entry, Select)
        assert setting(pilot, "optimizer.rtol").text == "0.0001, 1e-05"
        assert len(settings.lanes(screen._spec)) == 2


async def test_a_list_of_kinds_that_names_none_is_refused_at_its_field_and_takes_nothing_away() -> None:
    async with form_of("sharpness") as pilot:
        await gone_to(pilot, "optimizer.kind")
        await typed(pilot, "gradient-flow, gradient")
        await gone_to(pilot, "max_steps")
        assert "optimizer.kind must be gradient-flow, gradient-descent, group-rmsprop or adam, not" in text_of(pilot)
        assert setting(pilot, "optimizer.step_size").text == "0.4, 0.55, 0.75, 1.1"


async def test_a_list_of_kinds_is_set_back_with_what_is_swept_beside_it() -> None:
    """Where the base's kind is the same, and where it is another one, whose fields had gone."""
    async with form_of("sharpness") as pilot:
        before = {one.field: one.text for one in pilot.app.screen.query(Setting)}
        for kinds in ("gradient-descent", "adam, gradient-flow"):
            await gone_to(pilot, "optimizer.kind")
            setting(pilot, "optimizer.kind").entry.value = kinds
            await gone_to(pilot, "max_steps")
            await until(pilot, lambda: "changed" in text_of(pilot).splitlines()[0])
            await gone_to(pilot, "optimizer.kind")
            await pilot.press("f6")
            await until(pilot, lambda: "changed" not in text_of(pilot).splitlines()[0])
            assert {one.field: one.text for one in pilot.app.screen.query(Setting)} == before


@pytest.mark.parametrize(
    ("text", "scales"), [("1, 2, 3", [(1, 2, 3)]), ("[1, 2, 3], [3, 2, 1]", [(1, 2, 3), (3, 2, 1)])]
)
def test_scales_of_layers_are_one_list_and_several_lists_sweep_them(text: str, scales: list[tuple[int, ...]]) -> None:
    """As shapes are: a list in a field of lists is one value of it."""
    raw = fields.with_fitting_parts(MATRIX)
    typed = {field: form.begun(field, raw) for _, field in form.rows(raw)} | {"model.layer_scales": text}
    lanes = settings.lanes(settings.decode(form.collected(typed, raw)))
    assert [settings.encode(lane.spec)["model"]["layer_scales"] for lane in lanes] == scales
