"""What docs/reproduction.md is made of: the authors' rule to stop, on a lane whose losses are known."""

from __future__ import annotations

import copy
import json
import math
import re
from array import array
from pathlib import Path
from typing import Any

import pytest

from reproduction import classes, hierarchical, kept, page, sections, settings
from solver import export
from solver.history import LaneHistory
from solver.records import LaneSchema
from solver.settings import decode
from tests.solver.running import ran
from tests.solver.small import finished


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


PAGE = (Path(sections.__file__).parent.parent / "docs" / "reproduction.md").read_text(encoding="utf-8")


def test_a_section_takes_the_place_of_its_own_and_leaves_the_others() -> None:
    """Known by what stands before the colon: the settings behind it may be others."""
    assert page.with_sections(PAGE, {}) == PAGE
    text = "## Component norms: of another tensor\n\nAnew.\n"
    found = page.with_sections(PAGE, {"components": text})
    assert text in found
    assert found.count("\n## ") == PAGE.count("\n## ") == len(page.SECTIONS)
    before, after = (re.split(r"(?m)^(?=## )", one) for one in (PAGE, found))
    assert [place for place, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [5]


def test_a_section_that_the_page_lacks_stands_where_it_will() -> None:
    without = re.sub(r"(?ms)^## Hierarchical tensor.*?(?=^## )", "", PAGE)
    assert without.count("\n## ") == len(page.SECTIONS) - 1
    text = "## Hierarchical tensor factorization: new\n\nNew.\n"
    found = page.with_sections(without, {"hierarchical": text})
    assert [line for line in found.splitlines() if line.startswith("## ")].index(text.splitlines()[0]) == 5


def test_every_run_is_read_by_a_section_and_every_section_has_its_runs() -> None:
    read = [run for _, runs in page.SECTIONS.values() for run in runs]
    assert sorted(read) == sorted(settings.orders())


def test_local_components_of_a_node_are_told_by_their_ends_and_an_unfolding_by_its_values() -> None:
    """A tree of four modes and width 3: nine local components, the root's first, then those of {1,2}."""
    raw = {
        "problem": {"kind": "tensor-completion", "shape": [2, 2, 2, 2], "rank": 1, "observations": 9},
        "model": {"kind": "ht", "width": 3},
    }
    spec = decode(raw)
    series = ["step", "component_norms", "matricisation_singular_values"]
    made = LaneHistory(LaneSchema(index=0, parameters={}, series=series, problem=0))
    made.vectors["component_norms"] = [array("d", (0.0, float(k))) for k in (9, 9, 9, 4, 6, 5, 8, 8, 8)]
    made.vectors["matricisation_singular_values"] = [array("d", [float(9 - k)]) for k in range(9)]
    assert [column[-1] for column in hierarchical.local_components(made, spec)] == [6.0, 5.0, 4.0]
    assert hierarchical.values(made, spec) == [9.0, 8.0, 7.0, 6.0], "4 of the unfolding {1,2}, the others' stay away"


def test_the_page_has_the_kept_run_and_its_figure_as_the_record_says() -> None:
    """All ranks and variants once, and nothing of the record that the page does not show as it is."""
    run = kept.kept()
    assert len(run.errors()) == len(run.rows) == 45
    assert kept.on_gpu({}).strip() in PAGE
    figure = Path(sections.__file__).parent.parent / "docs" / kept.FIGURE
    assert figure.read_text(encoding="utf-8") == kept.figure()
    assert kept.figure().count("<circle") == 2 * 45


def test_means_over_classes_are_those_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two classes and two seeds of a short run, by hand; the published means beside those of MNIST alone."""
    small = {"problem.train_images": 200, "problem.test_images": 100, "optimizer.batch_size": 100, "stop.max_steps": 5}
    sweeps: dict[str, list[Any]] = {
        "problem.positive_class": [3, 8],
        "model.components": [1],
        "problem.variant": ["original"],
    }
    document = json.loads(export.to_json(export.build(ran("mnist-rank", {**small, "seeds": 2}, sweeps))))
    other = copy.deepcopy(document)
    other["spec"]["problem"]["dataset"] = "fashion-mnist"
    documents = [document, other]
    files = [tmp_path / "mnist.json", tmp_path / "fashion.json"]
    for file, one in zip(files, documents, strict=True):
        file.write_text(json.dumps(one))
    found = classes.means(documents)
    assert sorted(found) == [("fashion-mnist", "original", 1), ("mnist", "original", 1)]
    errors = [lane["final"]["test_error"] for lane in documents[0]["lanes"]]
    assert len(set(errors)) == 4
    mean = found["mnist", "original", 1]
    assert mean.classes == [3, 8]
    assert mean.test == pytest.approx(sum(errors) / 4)
    assert classes.main([str(file) for file in files]) == 0
    said = capsys.readouterr().out
    assert f"| original | 1 | 2 | .023 | {mean.train:.4f} | .024 | {mean.test:.4f} |" in said
    assert said.count("| .023 |") == 1


def test_what_has_no_errors_of_images_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "other.json"
    file.write_bytes(export.to_json(export.build(finished({"stop.max_steps": 1}))))
    assert classes.main([str(file)]) == 1
    assert "has no errors of images: give exports of mnist-rank" in capsys.readouterr().err
    assert classes.main([str(tmp_path / "none.json")]) == 1
    assert classes.main([]) == 2
