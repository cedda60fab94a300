"""Pages of autoencoders: images beside what comes back, ways between codes, samples, and the network."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from solver.history import History
from solver.records import Snapshot
from solver.rundir import RunDirectory
from tests.solver.running import history_of
from tests.solver.small import finished
from tui.draw.heat import FIRST_HEAT, LEVELS
from tui.shown import network_page, quantities
from tui.shown.figures import figures
from tui.shown.pictures import Scene, kinds
from tui.watch.seen import Seen

CHANGES: dict[str, Any] = {
    "model.kind": "autoencoder",
    "model.latent": 2,
    "model.channels": 1,
    "problem.kind": "image-tensor",
    "problem.train_images": 120,
    "problem.test_images": 60,
    "optimizer.kind": "adam",
    "optimizer.batch_size": 60,
    "stop.train_loss": None,
    "stop.max_steps": 8,
}


@functools.cache
def made() -> RunDirectory:
    return finished(CHANGES, {"model.linear_layers": [0, 3], "model.nonlinear": [False, True]})


def shown(name: str, width: int = 100, height: int = 50, start: int = 0) -> list[str]:
    history = history_of(made())
    kind = next(one for one in kinds(history) if one.snapshot == name)
    assert kind.goes_on
    rows = kind.rows(Scene(history=history, lane=history.lanes[0], truths=(), start=start), width, height)
    assert len(rows) == height
    assert all(len(text) == len(colours) == width for text, colours in rows)
    return [text for text, _ in rows]


def test_autoencoders_have_pictures_of_images_and_none_of_components() -> None:
    assert [one.snapshot for one in kinds(history_of(made()))] == ["reconstructions", "interpolations", "samples"]


def test_an_image_and_what_comes_back_of_it_stand_side_by_side() -> None:
    """However wide it is; the key goes on by a pair."""
    for width, across in ((60, 2), (100, 2), (120, 4)):
        captions = [line.split() for line in shown("reconstructions", width) if line.startswith("image")]
        assert len(captions[0]) == 2.5 * across
        assert captions[0][:5] == ["image", "1", "comes", "back", "1"]
    assert shown("reconstructions", 60, start=1)[1].split()[:5] == ["image", "2", "comes", "back", "2"]
    assert shown("reconstructions", 60, start=6)[1].split()[:2] == ["image", "1"]


def test_a_way_between_two_codes_is_one_row_where_there_is_room() -> None:
    captions = [line.split() for line in shown("interpolations", 200) if line.startswith("0/5")]
    assert captions == [["0/5", "1/5", "2/5", "3/5", "4/5", "5/5"]] * 2
    assert shown("samples", 60)[1].split() == ["sample", "1", "sample", "2"]


def test_a_pixel_that_is_on_is_as_bright_as_can_be_and_one_that_is_off_is_dark() -> None:
    """Whatever else there is: no picture's own largest value makes its scale."""
    values: list[int | float | str | None] = [value for value in (0.0, 1.0, 0.5) for _ in range(784)]
    history = history_of(made())
    history.lanes[0].snapshots["samples"] = Snapshot(lane=0, step=8, name="samples", shape=[3, 28, 28], values=values)
    kind = next(one for one in kinds(history) if one.snapshot == "samples")
    _, colours = kind.rows(Scene(history=history, lane=history.lanes[0], truths=()), 90, 20)[5]
    dark, bright, half = (colours[place] for place in (3, 33, 63))
    assert bright == FIRST_HEAT + LEVELS * LEVELS - 1
    assert dark == FIRST_HEAT + LEVELS * (LEVELS // 2) + LEVELS // 2
    assert dark < half < bright


def test_pictures_of_the_last_moment_are_those_of_the_first_lane_that_is_asked_for() -> None:
    assert "step 8" in shown("reconstructions")[0]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_number_keys_show_spectrum_rank_loss_and_test_error(number: int) -> None:
    history: History = history_of(made())
    found = next(one for one in quantities.available([history]) if number in one.declared.keys)
    assert found.declared.name == ["code_spectrum", "code_effective_rank", "train_loss", "test_error"][number - 1]


def test_figures_have_rank_and_error_against_the_number_of_layers() -> None:
    """Linear ones and those with a ReLU each, both from the lanes without layers."""
    run, history = made(), history_of(made())
    _, rank, error = figures(run.order().spec)
    assert (rank.short, error.short) == ("rank/layers", "error/layers")
    for figure, series in ((rank, "code_effective_rank"), (error, "test_error")):
        linear, wavy = figure.curves(history)
        assert (linear.name, wavy.name) == ("linear layers", "with a ReLU each")
        assert list(linear.x) == list(wavy.x) == [0.0, 3.0]
        ends = {tuple(lane.parameters.values())[:2]: lane.columns[series][-1] for lane in history.lanes}
        assert list(linear.y) == [ends[0, False], ends[3, False]]
        assert wavy.y[1] == ends[3, True]
    alone = finished(CHANGES | {"stop.max_steps": 1}, {"model.linear_layers": [1]})
    assert len(figures(alone.order().spec)) == 1, "the spectrum, which one lane has too"


def test_a_figure_has_the_spectrum_by_place() -> None:
    """J20's: the newest eigenvalues of each network, from 1 down, rounding left out."""
    history = history_of(made())
    curves = figures(made().order().spec)[0].curves(history)
    assert len(curves) == 4
    assert all("linear layers" in curve.name for curve in curves)
    for curve, lane in zip(curves, history.lanes, strict=True):
        assert list(curve.x) == [1.0, 2.0][: len(curve.x)]
        assert list(curve.y) == [column[-1] for column in lane.vectors["code_spectrum"]][: len(curve.x)]
        assert curve.y[0] == 1.0


def test_the_network_is_told_map_by_map() -> None:
    run = made()
    history = history_of(run)
    seen = Seen(id=run.id, name="small", order=run.order(), history=history, truths=[])
    told = "\n".join(text for text, _ in network_page.lines(seen, 70))
    assert "autoencoder · code of 2 numbers · 0 linear layers" in told
    assert "autoencoder · code of 2 numbers · 3 linear layers" in told
    assert "3 layers 2 × 2, each with a ReLU" in told
    assert "14 × 14 × 1" in told
    assert "120 training images" in told
    assert network_page.value(seen)
