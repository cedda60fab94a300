"""Variants where a person meets them: in the form, on the command line, in a preset's file and on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

import presets
from presets import Preset, writing
from solver import export, runs, settings
from solver.history import History
from solver.records import SCHEMA_VERSION, LaneSchema, Schema
from solver.refusal import BadSetting
from solver.rundir import Order, PresetInfo
from solver.spec import MatrixCompletion
from tests.solver.small import SMALL, finished
from tests.solver.test_variants import CHANGES, DEPTHS, KINDS
from tests.tui.calling import call
from tests.tui.driving import StandIn, opened, text_of, until
from tests.tui.filling import gone_to, setting
from tests.tui.test_form_kinds import opened_on, through_the_form, told
from tui.screens.settings import SettingsScreen
from tui.shown import form, lane_rows
from tui.shown.differences import in_short
from tui.shown.origin import origin
from tui.shown.run_rows import swept
from tui.watch.seen import Seen
from tui.widgets.setting import Setting

pytestmark = pytest.mark.usefixtures("stand_in")

FILE = """
title = "Two kinds"

[run]
seeds = 2
sweep = { "model.init_scale" = [0.1, 0.01] }

[run.problem]
kind = "matrix-completion"
shape = [8, 8]
rank = 1
observations = 40

[run.stop]
max_steps = 40

[run.variants.layers]
"model.depth" = 2

[run.variants.tensor]
problem = { kind = "tensor-completion", shape = [4, 4, 4], rank = 1, observations = 40 }
model.components = 4

[quick]
seeds = 1
"variants.tensor.problem.observations" = 50
"""


def preset_of(directory: Path) -> Preset:
    (directory / "kinds.toml").write_text(FILE)
    return presets.load(str(directory / "kinds.toml"))


def lanes_of(screen: SettingsScreen) -> int:
    return 0 if screen._spec is None else len(settings.lanes(screen._spec))


@pytest.mark.parametrize("size", presets.SIZES)
def test_a_preset_with_variants_comes_out_of_the_form_and_of_a_file_as_it_went_in(
    tmp_path: Path, size: presets.Size
) -> None:
    preset = preset_of(tmp_path)
    raw = preset.at_size(size)
    spec = preset.decode(raw)
    n_lanes = 3 if size == "quick" else 6
    assert len(told(spec)) == n_lanes, "a tensor has no init_scale"
    assert told(preset.decode(through_the_form(raw))) == told(spec)
    assert told(preset.decode(through_the_form(settings.encode(spec)))) == told(spec)
    for kept in (raw, settings.encode(spec)):
        writing.save(writing.place(f"own-{size}"), preset, spec, kept)
        read = presets.load(f"own-{size}")
        assert read.decode(read.raw) == spec


def test_a_variant_names_images_that_ship_and_a_directory_is_the_run_s(tmp_path: Path) -> None:
    """The directory of a preset is looked for beside it, which nobody does for a variant's."""
    preset = preset_of(tmp_path)
    images = {"problem.kind": "image-tensor", "problem.dataset": "fashion-mnist"}
    spec = preset.decode(settings.apply(preset.raw, [("variants.images", images)]))
    assert told(spec)[-1][0]["variant"] == "images"
    with pytest.raises(BadSetting) as refused:
        preset.decode(settings.apply(preset.raw, [("variants.images", images | {"problem.dataset": "mine"})]))
    said = "variant images: problem.dataset 'mine' must be mnist or fashion-mnist here: set a directory for the run"
    assert str(refused.value) == said


def test_a_file_of_entries_is_read_once_for_all_variants(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("0,0,1\n1,1,2\n2,0,3\n")
    (tmp_path / "own.toml").write_text(
        '[run.problem]\nkind = "matrix-completion"\nfile = "r.csv"\n'
        "[run.variants.two]\nmodel.depth = 2\n[run.variants.three]\nmodel.depth = 3\n"
    )
    preset = presets.load(str(tmp_path / "own.toml"))
    for lane in settings.lanes(preset.decode(preset.raw)):
        problem = lane.spec.problem
        assert isinstance(problem, MatrixCompletion)
        assert (problem.file, problem.shape) == (str(tmp_path / "r.csv"), (3, 2))


def test_a_size_changes_a_field_of_one_variant(tmp_path: Path) -> None:
    preset = preset_of(tmp_path)
    for size, n in (("default", 40), ("quick", 50)):
        *_, tensor = settings.lanes(preset.decode(preset.at_size(size)))  # type: ignore[arg-type]
        assert tensor.spec.problem.resolved_observations == n  # type: ignore[union-attr]


async def test_variants_stand_in_a_field_as_toml_are_changed_there_and_run(tmp_path: Path, stand_in: StandIn) -> None:
    preset = preset_of(tmp_path)
    async with opened(preset=preset) as pilot:
        screen = await opened_on(pilot, preset, preset.raw)
        field = setting(pilot, "variants")
        assert field.text == (
            '{ layers = { "model.depth" = 2 }, tensor = { "problem.kind" = "tensor-completion", '
            '"problem.shape" = [4, 4, 4], "problem.rank" = 1, "problem.observations" = 40, "model.components" = 4 } }'
        )
        assert "6 lanes of 2 variants × 2 init scale × 2 seeds" in text_of(pilot)
        await gone_to(pilot, "model.depth")
        assert "in variants: layers 2" in " ".join(text_of(pilot).split()), "what stands there is not all there is"
        field.put("{ deep = { model.depth = 4 }, flat = { model.depth = 1 } }")
        await until(pilot, lambda: field.differs and lanes_of(screen) == 8)
        await pilot.press("f5")
        await until(pilot, lambda: stand_in.given)
    assert stand_in.given[0].order().spec.variants == {"deep": {"model.depth": 4}, "flat": {"model.depth": 1}}


async def test_emptied_there_are_none_and_fields_of_their_kinds_go(tmp_path: Path) -> None:
    preset = preset_of(tmp_path)
    async with opened(preset=preset) as pilot:
        screen = await opened_on(pilot, preset, preset.raw)
        assert "model.init_std" in {one.field for one in screen.query(Setting)}
        await gone_to(pilot, "variants")
        setting(pilot, "variants").put("")
        await until(pilot, lambda: lanes_of(screen) == 4)
        await gone_to(pilot, "max_steps")
        await until(pilot, lambda: "model.init_std" not in {one.field for one in screen.query(Setting)})
        assert screen._spec is not None
        assert screen._spec.variants == {}


async def test_what_is_no_variant_is_said_at_the_field(tmp_path: Path) -> None:
    preset = preset_of(tmp_path)
    async with opened(preset=preset) as pilot:
        screen = await opened_on(pilot, preset, preset.raw)
        await gone_to(pilot, "variants")
        for text, said in (
            ("{ deep = ", "variants must be a table of tables, as in"),
            ("3, 4", "variants must be a table of tables"),
            ("{ deep = { model.dept = 4 } }", "variant deep: model.dept is not a setting of this run"),
            ("{ deep = { model.init_scale = 4 } }", "variant deep: model.init_scale is set here and swept"),
        ):
            setting(pilot, "variants").put(text)
            await until(pilot, lambda said=said: said in " ".join(text_of(pilot).split()))  # type: ignore[misc]
            assert screen._spec is None


async def test_variants_of_a_file_that_are_refused_can_be_put_right_in_the_form(tmp_path: Path) -> None:
    preset = preset_of(tmp_path)
    for given, shown in (({"a b": {}}, '{ "a b" = {} }'), ("deep", '"deep"')):
        async with opened(preset=preset) as pilot:
            screen = await opened_on(pilot, preset, preset.raw | {"variants": given})
            assert setting(pilot, "variants").text == shown
            assert screen._spec is None
            setting(pilot, "variants").put("")
            await until(pilot, lambda screen=screen: lanes_of(screen) == 4)  # type: ignore[misc]


async def test_another_kind_of_the_run_leaves_variants_as_they_are(tmp_path: Path) -> None:
    raw = preset_of(tmp_path).raw
    changed = form.with_kind(raw, "problem.kind", "matrix-sensing")
    assert changed["variants"] == raw["variants"]
    assert changed["problem"] == {"kind": "matrix-sensing"}


def test_the_command_line_takes_variants_as_toml_and_names_the_lanes_by_them(tmp_path: Path) -> None:
    preset_of(tmp_path)
    table = "variants={layers={model.depth=2}, tensor={problem.kind='tensor-completion', model.components=9}}"
    own = [*("run", str(tmp_path / "kinds.toml"), "--size", "quick", "--dry-run", "--set", table)]
    found = call(*own, "--set", "variants.layers.model.depth=4")
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[:3] == [
        "lane 0: variant = layers, model.init_scale = 0.1, seed = 0",
        "lane 1: variant = layers, model.init_scale = 0.01, seed = 0",
        "lane 2: variant = tensor, seed = 0",
    ]
    found = call(*own, "--sweep", "model.depth=2,3")
    assert found.returncode == 2
    assert found.stderr == "implicit-tui: variant layers: model.depth is set here and swept: keep one of the two\n"
    found = call(*own, "--set", "variants.tensor=none", "--set", "variants.other=none")
    assert found.stderr == "implicit-tui: there is no variant other to leave out: there are layers\n"


def test_in_the_table_of_lanes_the_seed_is_last_of_every_lane() -> None:
    """A tensor's own swept field is met after the seed of the matrix before it."""
    made = runs.create(
        Order(
            spec=settings.decode(SMALL | {"variants": KINDS, "seeds": 2, "sweep": {"model.init_std": [0.1, 0.2]}}),
            preset=PresetInfo(name="small"),
            created="2026-01-01",
        )
    )
    lanes = [
        LaneSchema(index=lane.index, parameters=lane.parameters, series=["step", "elapsed_s", "train_loss"], problem=0)
        for lane in settings.lanes(made.order().spec)
    ]
    history = History()
    history.apply([Schema(version=SCHEMA_VERSION, lanes=lanes)])
    seen = Seen("", "", made.order(), history)
    assert lane_rows.fields_of(seen) == ["variant", "model.init_std", "seed"]
    told = [row.values for row in lane_rows.rows(seen, None, "step", None, "lane", falls=False)]
    assert told[:4] == ["matrix · 0", "matrix · 1", "tensor · 0.1 · 0", "tensor · 0.1 · 1"]


def test_runs_say_their_variants_in_short() -> None:
    plain, varied = settings.decode(SMALL), settings.decode(SMALL | {"variants": DEPTHS})
    assert in_short(plain, varied) == "shallow model.depth 2, deep model.depth 3"
    order = Order(spec=varied, preset=PresetInfo(name="small"), created="2026-01-01")
    assert swept(order) == "variant shallow,deep"
    assert "variants shallow, deep" in origin("x", order).telling
    assert origin("x", order).settings["variants.deep"] == "model.depth 3"
    kinds = Order(spec=settings.decode(SMALL | {"variants": KINDS}), preset=order.preset, created=order.created)
    told = origin("x", kinds).telling
    assert {"matrix-completion, tensor-completion", "deep-matrix-factorization, cp, ht"} <= set(told)


async def test_a_run_of_matrices_and_tensors_is_watched_lane_by_lane() -> None:
    """Every page and every chart, of lanes that record different things."""
    made = finished(CHANGES)
    async with opened((120, 40), run=made) as pilot:
        await until(pilot, lambda: "lanes, the first of them: 40 steps" in text_of(pilot))
        assert all(f"{name}: max-steps, 40 steps were taken" in text_of(pilot) for name in KINDS)
        await every_key(pilot)


async def every_key(pilot: Pilot[None]) -> None:
    for key in ("1", "2", "3", "4", "5", "6", "7", "8", "L", "L", "g", "l", "t", "b", "M", "z", "z"):
        await pilot.press(key)
        await pilot.pause()
        assert pilot.app._exception is None
    for _ in range(40):
        await pilot.press("down")
    await pilot.pause()
    assert pilot.app._exception is None


def test_a_table_of_the_run_has_a_column_of_variants(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    from solver.parquet import to_parquet

    path = tmp_path / "run.parquet"
    path.write_bytes(to_parquet(export.build(finished(CHANGES))))
    assert list(dict.fromkeys(parquet.read_table(path)["variant"].to_pylist())) == list(KINDS)
