"""Charts as figures: labels apart from each other, a caption that says what was run, and two widths."""

from __future__ import annotations

import itertools
import re
import tomllib
from array import array
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import presets
from tests.tui import logs
from tui.commands import main
from tui.config import as_toml, read
from tui.draw import svg
from tui.draw.curves import Curve, Mark
from tui.draw.labels import Box, placed
from tui.draw.palette import MARKS, series_colour
from tui.draw.paper import PAPERS, WIDTHS, Origin, Width
from tui.draw.scale import Scale
from tui.shown.origin import origin

_SPACE = "{http://www.w3.org/2000/svg}"


def ending(mark: str, x: float, y: float, colour: int = 2) -> Curve:
    return Curve(f"lane {mark}", colour, array("d", [0.0, x]), array("d", [50.0, y]), mark)


def figure(curves: list[Curve], marks: list[Mark], width: Width = "talk", told: Origin | None = None) -> str:
    return svg.chart(curves, marks, "rank (log) against step", "step", Scale(0, 100), Scale(0, 100), told, width)


def frame_of(root: ElementTree.Element) -> Box:
    given = next(root.iter(f"{_SPACE}clipPath"))[0].attrib
    return Box(*(float(given[name]) for name in ("x", "y", "width", "height")))


def labels_of(root: ElementTree.Element, font: float) -> list[tuple[str, Box]]:
    """What stands at ends and marks, as large as the letters of DejaVu Sans are: 0.93 up, 0.24 down, most 0.99 wide."""
    (group,) = (node for node in root.iter(f"{_SPACE}g") if node.attrib.get("id") == "ends")
    found = []
    for node in group:
        said = node.text or ""
        width = (0.99 if len(said) == 1 else 0.64 * len(said)) * font
        x, y = float(node.attrib["x"]), float(node.attrib["y"])
        found.append((said, Box(x - width / 2, y - 0.93 * font, width, 1.17 * font)))
    return found


def check_apart(text: str, font: float) -> list[tuple[str, Box]]:
    root = ElementTree.fromstring(text)
    frame, found = frame_of(root), labels_of(root, font)
    for (_, one), (_, other) in itertools.combinations(found, 2):
        # Places are written with one decimal.
        assert not Box(one.left, one.top, one.width - 0.2, one.height - 0.2).overlaps(other)
    for _, one in found:
        assert frame.left <= one.left
        assert one.right <= frame.right
        assert frame.top <= one.top
        assert one.bottom <= frame.bottom
    return found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("value", [0.0, 37.0, 100.0])
@pytest.mark.parametrize("x", [0.001, 60.0, 100.0])
def test_labels_of_many_curves_that_end_together_stand_apart(width: Width, value: float, x: float) -> None:
    curves = [ending(mark, x, value, series_colour(k)) for k, mark in enumerate(MARKS)]
    marks = [Mark(60.0, "t*"), Mark(60.0, "t₂*"), Mark(100.0, "foretold"), Mark(100.0, "t₃*")]
    found = check_apart(figure(curves, marks, width), PAPERS[width].font)
    assert [said for said, _ in found[:4]] == ["t*", "t₂*", "foretold", "t₃*"]
    assert len(found) == 4 + len(MARKS), "none is left out while there is room beside them"


@given(
    ends=st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 100), st.sampled_from(["1", "W", "least norm"])), max_size=25
    ),
    crossings=st.lists(st.floats(0, 100), max_size=4),
    width=st.sampled_from(WIDTHS),
)
@settings(max_examples=60, deadline=None)
def test_labels_stand_apart_wherever_curves_end(
    ends: list[tuple[float, float, str]], crossings: list[float], width: Width
) -> None:
    text = figure([ending(mark, x, y) for x, y, mark in ends], [Mark(x, "t*") for x in crossings], width)
    check_apart(text, PAPERS[width].font)


def test_labels_move_no_further_than_they_must() -> None:
    """Of three that want one place one stays, and the others touch it; one that is alone stays."""
    frame, wanted = (
        Box(0, 0, 100, 100),
        [Box(50, 50, 10, 10), Box(50, 50, 10, 10), Box(52, 51, 10, 10), Box(5, 5, 10, 10)],
    )
    assert placed(wanted, frame) == [Box(50, 50, 10, 10), Box(50, 40, 10, 10), Box(52, 60, 10, 10), Box(5, 5, 10, 10)]
    assert placed([Box(95, 99, 10, 10)], frame) == [Box(90, 90, 10, 10)], "inside the frame"
    assert placed([Box(0, 0, 60, 60)] * 2, frame) == [Box(0, 0, 60, 60), None], "no room"
    crowd = placed([Box(89, 50, 10, 10)] * 12, frame)
    assert [box for box in crowd if box and box.left < 89] == [box for box in crowd[10:] if box]


def test_a_label_stands_where_its_line_would_go_on() -> None:
    right = ending("1", 50.0, 50.0)
    left = Curve("path", 3, array("d", [50.0, 20.0, 20.0]), array("d", [50.0, 50.0, 50.0]), "2", path=True)
    root = ElementTree.fromstring(figure([right, left], []))
    frame, found = frame_of(root), dict(labels_of(root, 13))
    assert found["1"].left > frame.left + 0.5 * frame.width
    assert found["2"].right < frame.left + 0.2 * frame.width


@pytest.mark.parametrize("width", WIDTHS)
def test_a_figure_says_where_it_comes_from(width: Width) -> None:
    order = presets.order_of("mf-depth", "quick")
    told = origin("20260101-000000-mf-depth-0000", order)
    root = ElementTree.fromstring(figure([ending("1", 50, 50)], [], width, told))
    said = [node.text or "" for node in root.iter(f"{_SPACE}text")]
    caption = " · ".join(text for text in said if text.startswith(("mf-depth", "shape", "depth", "deep", "gradient")))
    assert caption == (
        "mf-depth · run 20260101-000000-mf-depth-0000 · matrix-completion · shape 50×50 · rank 3 · observations 800 · "
        "deep-matrix-factorization · depth 1, 2, 3 · gradient-flow · train loss 1e-06 · seed 0"
    )
    assert root.findtext(f"{_SPACE}title") == "rank (log) against step · mf-depth · 20260101-000000-mf-depth-0000"
    described = (root.findtext(f"{_SPACE}desc") or "").splitlines()
    assert "problem.observations = 800" in described
    assert "model.depth = 1, 2, 3" in described
    (axis,) = (node for node in root.iter(f"{_SPACE}text") if "rotate" in node.attrib.get("transform", ""))
    assert axis.text == "rank", "the y axis says what it measures"
    assert "step" in said


def test_a_column_of_a_paper_is_as_wide_as_one_and_its_letters_are_of_eight_points() -> None:
    names = [
        f"det sign {sign} · depth {depth} · seed {seed}" for sign in ("+", "−") for depth in "123" for seed in "01"
    ]
    curves = [Curve(name, k % 12 + 2, array("d", [0, 9]), array("d", [k, k]), MARKS[k]) for k, name in enumerate(names)]
    told = Origin(preset="p" * 60, run="r" * 60, telling=("a long word or two",) * 40)
    root = ElementTree.fromstring(figure(curves, [], "column", told))
    assert root.attrib["width"] == "3.35in"
    across = float(root.attrib["viewBox"].split()[2])
    assert across == pytest.approx(3.35 * 72), "a unit of the drawing is a point"
    assert root.attrib["font-size"] == "8"
    assert frame_of(root).height >= 108 - 0.1, "legend and caption take nothing of the curves"
    height = float(root.attrib["viewBox"].split()[3])
    for node in root.iter(f"{_SPACE}text"):
        size = float(node.attrib.get("font-size", 8))
        assert size >= 5.5
        length = 0.57 * size * len(node.text or "")
        start = float(node.attrib["x"]) - {"end": length, "middle": length / 2}.get(
            node.attrib.get("text-anchor", ""), 0
        )
        if "transform" not in node.attrib:
            assert start >= 0
            assert start + length <= across + 0.1
        assert 0 < float(node.attrib["y"]) < height


def test_what_names_and_settings_say_is_inert() -> None:
    told = Origin(
        preset="</desc><script>", run="\x1b[2J", telling=("</text>\x00",), settings={"file": "\x1b]52;\nx = 1"}
    )
    curve = Curve("<b>\x07", 2, array("d", [0, 1]), array("d", [0, 1]), "</text>")
    text = figure([curve], [Mark(5.0, "<script>\x1b")], "talk", told)
    tags = {node.tag.removeprefix(_SPACE) for node in ElementTree.fromstring(text).iter()}
    assert tags <= {"svg", "title", "desc", "rect", "clipPath", "text", "line", "g", "polyline", "circle"}
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)


def test_the_width_is_chosen_on_the_command_line_or_by_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = logs.run_in_state("ended")
    own = tmp_path / "config" / "implicit-tui" / "config.toml"
    out = tmp_path / "x.svg"

    def exported(*more: str) -> str:
        assert main(["export", made.id, "--format", "svg", "--out", str(out), *more]) == 0
        return out.read_text()

    assert 'width="960px"' in exported()
    assert 'width="3.35in"' in exported("--width", "column")
    assert made.id in exported()
    own.parent.mkdir(parents=True)
    own.write_text('figure_width = "column"\n')
    assert 'width="3.35in"' in exported()
    assert 'width="960px"' in exported("--width", "talk")
    assert tomllib.loads(as_toml(read()))["figure_width"] == "column"
    capsys.readouterr()
    assert main(["export", made.id, "--width", "column"]) == 2
    assert "--width is of a chart, not of json: give --format svg or png" in capsys.readouterr().err
    own.write_text('figure_width = "poster"\n')
    assert main(["config", "validate"]) == 2
    assert "figure_width must be talk or column" in capsys.readouterr().err
