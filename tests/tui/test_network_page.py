"""The page of the network: its sizes as a picture, and its parameters against what it is fitted to."""

from __future__ import annotations

import math
import re
from array import array
from typing import Any

import pytest

import presets
from solver import settings
from solver.history import History
from solver.numerics.lanes import lane_run
from solver.numerics.problems.observed import observed_problem
from solver.spec import Observed
from solver.truth import Truth
from tests.tui import logs
from tests.tui.driving import caught_up, chart_text, opened
from tests.tui.histories import schema
from tui.draw.frame import plain
from tui.shown import network_page
from tui.shown.sheets import sheets
from tui.watch.seen import Seen

WIDTHS = (28, 39, 70, 120)
Changes = dict[str, Any]


def of(name: str, size: presets.Size = "quick", changes: Changes | None = None, sweeps: Changes | None = None) -> Seen:
    """A run whose lanes have begun."""
    order = presets.order_of(name, size, changes or {}, sweeps or {})
    history = History()
    history.apply([schema([(lane.parameters, ["train_loss"]) for lane in settings.lanes(order.spec)])])
    return Seen(name, name, order, history)


def page(seen: Seen, width: int = 70) -> str:
    return "\n".join(text for text, _ in network_page.lines(seen, width))


def flat(seen: Seen) -> str:
    """The page on a single line, whatever was wrapped."""
    return " ".join(page(seen, 200).split())


@pytest.mark.parametrize("name", presets.built_in())
@pytest.mark.parametrize("size", ["quick", "paper"])
def test_every_preset_has_its_network_at_every_width(name: str, size: presets.Size) -> None:
    seen = of(name, size)
    for width in WIDTHS:
        lines = network_page.lines(seen, width)
        assert all(len(text) <= width for text, _ in lines), [text for text, _ in lines if len(text) > width]
        assert sum("parameter" in text for text, _ in network_page.lines(seen, 200)) == sum(
            len(network.fits) for network in network_page.networks(seen)
        )
    assert [sheet.title for sheet in sheets(seen)][-1] == "network"
    assert sum(network.n_lanes for network in network_page.networks(seen)) == len(seen.history.lanes)


def test_of_the_first_preset_the_numbers_are_those_of_the_talk() -> None:
    """Depth 3 of 100 × 100 has 3 · 10,000 numbers; rank 5 has 5 (100 + 100 − 5) degrees of freedom."""
    told = flat(of("mf-depth", "default"))
    assert "depth 3 · W = W₃ W₂ W₁" in told
    assert "30,000 parameters, 2,000 observations: 15 for each; a rank-5 matrix has 975 degrees of freedom" in told
    assert "10,000 parameters, 2,000 observations: 5 for each" in told
    assert network_page.value(of("mf-depth", "default")) == "30k"


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        (
            "tf-components",
            {"model.components": 7},
            "280 parameters, 2,000 observations: 0.14 for each; a rank-5 tensor",
        ),
        (
            "tf-components",
            {"problem.shape": [3, 4, 5], "problem.rank": 2, "problem.observations": 20},
            "has 20 degrees",
        ),
        ("tf-components", {"problem.shape": [2, 2, 2], "problem.rank": 4, "problem.observations": 4}, "has 8 degrees"),
        ("mnist-rank", {"problem.train_images": 60000}, "7,840 parameters, 60,000 training images: 0.131 for each"),
        ("mf-depth", {"problem.rank": 1, "problem.observations": 1}, "1 observation: "),
        (
            "mf-depth",
            {"model.kind": "symmetric-matrix-factorization", "problem.symmetric": True, "model.width": 4},
            "200 parameters, 800 observations: 0.25 for each; a rank-3 matrix has 147 degrees of freedom",
        ),
        ("det-2x2", {}, "8 parameters, 3 observations: 2.67 for each"),
    ],
)
def test_parameters_and_degrees_of_freedom(name: str, changes: Changes, expected: str) -> None:
    assert expected in flat(of(name, "quick", changes))


def test_degrees_of_freedom_are_the_rank_of_the_map_from_factors() -> None:
    """Counted another way: the rank of the Jacobian of factors → tensor at a random point."""
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(1)
    letters = "abcd"
    for shape, rank in (((5, 7), 2), ((3, 4, 5), 2), ((3, 3, 2, 4), 2)):
        sizes = [size * rank for size in shape]
        at = torch.randn(sum(sizes), dtype=torch.float64, generator=generator)

        def end(flat: Any, shape: tuple[int, ...] = shape, sizes: list[int] = sizes, rank: int = rank) -> Any:
            factors = [part.view(size, rank) for part, size in zip(flat.split(sizes), shape, strict=True)]
            inputs = ",".join(f"{letter}r" for letter in letters[: len(shape)])
            return torch.einsum(f"{inputs}->{letters[: len(shape)]}", *factors).reshape(-1)

        jacobian = torch.autograd.functional.jacobian(end, at)
        assert network_page.degrees_of_freedom(shape, rank) == int(torch.linalg.matrix_rank(jacobian))
    factor = torch.randn(12, dtype=torch.float64, generator=generator)
    tied = torch.autograd.functional.jacobian(lambda flat: (flat.view(6, 2) @ flat.view(6, 2).T).reshape(-1), factor)
    assert network_page.degrees_of_freedom((6, 6), 2, symmetric=True) == int(torch.linalg.matrix_rank(tied))


@pytest.mark.parametrize("name", ["mf-depth", "det-2x2", "tf-components"])
def test_parameters_are_as_many_as_a_lane_trains(name: str) -> None:
    """The numbers that a lane starts with, counted."""
    seen = of(name)
    told = [network.parameters for network in network_page.networks(seen)]
    for lane in settings.lanes(seen.order.spec)[:2]:
        assert isinstance(lane.spec.problem, Observed)
        assert lane_run(lane, observed_problem(lane.spec.problem, lane.spec.seed)).start().numel() in told


def test_heights_go_with_the_widths_and_sizes_stand_between() -> None:
    changes = {"problem.shape": [60, 20], "model.hidden_width": 30, "problem.observations": 100}
    picture = page(of("mf-depth", "quick", changes, {"model.depth": [2]}))
    rows = picture.split("\n")[1:8]
    places = [match.start() for match in re.finditer(r"\d+", picture.split("\n")[8])]
    heights = [sum(row[place : place + 1] in ("•", "⋮") for row in rows) for place in places]
    assert heights == [7, 4, 2], picture
    assert "60×30" in picture
    assert "30×20" in picture
    assert picture.index("W₂  ") < picture.index("W₁   "), "outputs first, as in the product"


def test_many_layers_are_drawn_once_and_counted() -> None:
    for width in (39, 70):
        picture = page(of("mf-depth", "quick", {}, {"model.depth": [32]}), width)
        assert "W = W₃₂ … W₁" in picture
        assert "30 more" in picture
    assert "more" not in page(of("mf-depth", "quick", {}, {"model.depth": [4]}), 70)


def test_lanes_of_one_network_share_its_picture_and_each_number_of_observations_has_its_line() -> None:
    seen = of(
        "mf-depth", "quick", {}, {"model.depth": [2], "problem.observations": [400, 800], "model.init_scale": [1, 2]}
    )
    told = page(seen, 120)
    assert told.count("depth 2 · W = W₂ W₁ · 4 lanes") == 1
    assert told.count("5,000 parameters") == 2
    assert "400 observations: 12.5 for each" in told


def test_a_file_has_its_numbers_once_it_is_read(tmp_path: Any) -> None:
    ratings = tmp_path / "ratings.csv"
    ratings.write_text("".join(f"{row},{row % 3},1.5\n" for row in range(6)))
    seen = of("mf-depth", "quick", {"problem.file": str(ratings)}, {"model.depth": [2]})
    read = [Truth(shape=(6, 3), ground_truth=None, observed={3 * row + row % 3: 1.5 for row in range(6)})]
    known = Seen(seen.id, seen.name, seen.order, seen.history, truths=read)
    assert "27 parameters, 6 observations: 4.5 for each" in flat(known)
    assert "degrees" not in flat(known), "nobody knows the rank of ratings"
    whole = Truth(shape=(50, 50), ground_truth=array("d", [0.0] * 2500), observed={})
    assert "800 observations" in flat(Seen("", "", of("mf-depth").order, seen.history, truths=[whole]))


def test_in_plain_characters_the_picture_stays() -> None:
    for name in ("mf-depth", "tf-components"):
        drawn = [plain((text, b""))[0] for text, _ in network_page.lines(of(name), 70)]
        told = "\n".join(drawn)
        assert not set("•⋮─█∘") & set(told)
        assert "*-----" in told or "##### o #####" in told or ":-----" in told


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_it_is_a_page_of_the_list(size: tuple[int, int]) -> None:
    made = logs.run_in_state("ended")
    async with opened(size, run=made) as pilot:
        screen = await caught_up(pilot)
        assert screen.selection.choose_key("sheet network")
        screen.redraw()
        shown = chart_text(pilot)
        assert "depth 1" in shown
        assert "100×100" in shown
        assert "10,000 parameters" in shown
        await pilot.press("m", "m")
        assert screen.chart.plot.marker == "ascii"
        assert "•" not in chart_text(pilot)
        assert "*" in chart_text(pilot)


def test_a_mode_tree_is_drawn_with_its_weights_and_the_ranks_that_its_unfoldings_have_by_now() -> None:
    """Medians over the seeds of each start; the second half of the modes unfolds the tensor as the first does."""
    seen = of("htf-components", changes={"seeds": 3})
    assert "{1,2,3,4}" in page(seen)
    assert "rank of its unfolding" not in page(seen)
    for lane in seen.history.lanes:
        first = 3.0 if lane.parameters["model.init_std"] == 0.03 else 16.0 + lane.parameters["seed"]
        lane.vectors["hierarchical_tensor_rank"] = [
            array("d", [1.0, rank]) for rank in (first, 3.0, 4.0, 5.0, math.nan)
        ]
    text = page(seen)
    assert "rank of its unfolding: init_std=0.3 | init_std=0.03." in flat(seen)
    lines = [re.sub(r" {2,}", "  ", line).strip() for line in text.splitlines()]
    drawn = lines[lines.index("{1,2,3,4}  24 × 1") :][:7]
    assert drawn == [
        "{1,2,3,4}  24 × 1",
        "├─ {1,2}  24 × 24  17 | 3",
        "│  ├─ {1}  6 × 24  3 | 3",
        "│  └─ {2}  6 × 24  4 | 4",
        "└─ {3,4}  24 × 24  17 | 3",
        "├─ {3}  6 × 24  5 | 5",
        "└─ {4}  6 × 24  ? | ?",
    ]


def test_trees_of_equal_weights_are_networks_of_their_own() -> None:
    seen = of("htf-components", changes={"seeds": 1}, sweeps={"model.pattern": ["neighbours", "interleaved"]})
    assert [network.n_lanes for network in network_page.networks(seen)] == [2, 2]
    assert "{1,3}" in page(seen)
