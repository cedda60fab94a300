"""The recipes of docs/extending.md, carried out in a copy of the tree exactly as they stand there, and used."""

from __future__ import annotations

import functools
import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import msgspec
import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")

_PLACE = re.compile(
    r"(?:New\s+file\s+`(?P<new>[^`]+)`|In\s+`(?P<old>[^`]+)`,\s+(?P<how>before|in\s+place\s+of)\s+`(?P<anchor>[^`]+)`):"
    r"\n\n```python\n(?P<text>.*?)```",
    re.S,
)


class Edit(msgspec.Struct, frozen=True):
    """One block of a recipe: a new file, or lines before or in the place of the line that begins with ``anchor``."""

    path: str
    text: str
    anchor: str = ""
    replaces: bool = False

    def carry_out(self, tree: Path) -> None:
        file = tree / self.path
        if not self.anchor:
            assert not file.exists(), f"{self.path} is there already"
            file.write_text(self.text, encoding="utf-8")
            return
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        (place,) = (k for k, line in enumerate(lines) if line.startswith(self.anchor))
        lines[place : place + self.replaces] = self.text.splitlines(keepends=True)
        file.write_text("".join(lines), encoding="utf-8")


def recipe(title: str) -> list[Edit]:
    part = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    found = []
    for place in _PLACE.finditer(part):
        text = place["text"]
        if place["new"]:
            found.append(Edit(place["new"], text))
        else:
            found.append(Edit(place["old"], text, place["anchor"], replaces=place["how"] != "before"))
    assert len(found) == part.count("```python"), "every block says where it goes"
    return found


@functools.cache
def files_of(title: str) -> set[str]:
    return {edit.path for edit in recipe(title)}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("solver", "tui", "presets"):
        shutil.copytree(ROOT / name, tmp_path / "tree" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "tree"


def call(tree: Path, *arguments: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    """The command line of the copy, or a piece of Python there."""
    command = [sys.executable, "-c", code] if code is not None else [sys.executable, "-m", "tui.commands", *arguments]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=180,
        stdin=subprocess.DEVNULL,
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result


def extended(tree: Path, title: str) -> None:
    for edit in recipe(title):
        edit.carry_out(tree)


SMALL = ("--set", "problem.shape=8,8", "--set", "problem.rank=1", "--set", "problem.observations=40")


def shown(tree: Path) -> str:
    """The screen of the newest run as text."""
    drawn = call(tree, "export", "latest", "--format", "screen", "--size", "120x40").stdout
    pieces = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    return html.unescape(" ".join(pieces))


def checked(tree: Path, document: Path) -> dict[str, object]:
    """An export, valid by the copy's own schema."""
    schema = json.loads(call(tree, "schema", "export").stdout)
    found: dict[str, object] = json.loads(document.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(found)
    return found


@pytest.mark.parametrize(
    ("title", "most"),
    [
        ("An optimizer", 3),
        ("A model", 9),
        ("A problem", 3),
        ("A series", 2),
        ("A figure", 1),
        ("A command", 2),
    ],
)
def test_a_recipe_touches_few_files_and_says_how_many(title: str, most: int) -> None:
    n = len(files_of(title))
    assert n <= most
    row = re.search(rf"\| \[{title.lower()}\]\([^)]*\) \| (\d+) \|", PAGE)
    assert row is not None
    assert int(row[1]) == n


def test_an_optimizer_trains_is_exported_and_offered(tree: Path, tmp_path: Path) -> None:
    extended(tree, "An optimizer")
    out = tmp_path / "run.json"
    chosen = ("--set", "optimizer.kind=heavy-ball", "--set", "optimizer.step_size=0.05", "--steps", "400")
    call(
        tree,
        "run",
        "mf-depth",
        *SMALL,
        *chosen,
        "--sweep",
        "model.depth=1,2",
        "--set",
        "model.init_scale=0.1",
        "--out",
        str(out),
    )
    lanes = checked(tree, out)["lanes"]
    assert isinstance(lanes, list)
    for lane in lanes:
        assert lane["series"]["train_loss"][-1] < 0.1 * lane["series"]["train_loss"][0]
        assert "time" not in lane["series"]
    assert "HeavyBall" in json.loads(call(tree, "schema", "spec").stdout)["$defs"]


def test_a_model_trains_resumes_is_exported_and_shown(tree: Path, tmp_path: Path) -> None:
    extended(tree, "A model")
    out = tmp_path / "run.json"
    chosen = (
        "--set",
        "model.kind=hadamard",
        "--set",
        "model.init_scale=0.1",
        "--sweep",
        "model.depth=1,2,3",
        "--seeds",
        "2",
    )
    call(tree, "run", "mf-depth", *SMALL, *chosen, "--out", str(out))
    document = checked(tree, out)
    lanes = document["lanes"]
    assert isinstance(lanes, list)
    assert len(lanes) == 6
    assert all(lane["outcome"]["kind"] == "converged" for lane in lanes)
    assert "training loss" in shown(tree)
    # Stopped by the clock and taken up again, it goes on from where it was.
    endless = ("--set", "stop.train_loss=1e-300", "--set", "optimizer.kind=gradient-descent")
    limited = ("--set", "stop.max_steps=1000000000", "--seconds", "1", "--quiet", "--out", str(out))
    call(tree, "run", "mf-depth", *SMALL, *chosen[:4], "--sweep", "model.depth=2", *endless, *limited)
    first = checked(tree, out)["lanes"]
    call(tree, "resume", "latest", "--quiet")
    second = checked(tree, out)["lanes"]
    assert isinstance(first, list)
    assert isinstance(second, list)
    steps = second[0]["series"]["step"]
    n = len(first[0]["series"]["step"]) - 1
    assert steps[:n] == first[0]["series"]["step"][:n]
    assert steps == sorted(steps)
    assert steps[-1] > first[0]["series"]["step"][-1]


def test_a_models_gradient_is_that_of_its_loss(tree: Path) -> None:
    """The recipe's own advice: against autograd."""
    extended(tree, "A model")
    code = """
import torch
from solver.numerics.models.hadamard import HadamardObjective
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import observed_problem
from solver.spec import MatrixCompletion
problem = observed_problem(MatrixCompletion(shape=(4, 3), rank=1, observations=7), 0)
loss = loss_of([problem], torch.float64, torch.device("cpu"))
objective = HadamardObjective([(4, 3)] * 3, loss, 1, torch.float64, torch.device("cpu"))
at = objective.factors(torch.randn(1, 36, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
found = objective.evaluate(at)
flat = at.flat.clone().requires_grad_()
end = flat.view(3, 12).prod(0)
seen = torch.tensor(problem.flat_indices)
value = (end[seen] - torch.tensor(problem.values)).square().mean()
value.backward()
torch.testing.assert_close(found.losses[0], value.detach())
torch.testing.assert_close(found.gradient.flat, flat.grad)
"""
    call(tree, code=code)


def test_a_model_that_leaves_something_out_is_refused_at_import(tree: Path) -> None:
    """Each entry of the recipe but one: what is missing is named, and nothing trains with a wrong default."""
    for edit in recipe("A model"):
        if edit.path != "solver/costs/__init__.py":
            edit.carry_out(tree)
    result = subprocess.run(
        [sys.executable, "-c", "import solver.costs"],
        capture_output=True,
        text=True,
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        check=False,
    )
    assert result.returncode != 0
    assert "nothing is registered for Hadamard on MatrixCompletion" in result.stderr


def test_a_problem_is_drawn_fitted_and_kept(tree: Path, tmp_path: Path) -> None:
    extended(tree, "A problem")
    out = tmp_path / "run.json"
    kind = ("--set", "problem.kind=matrix-rows")
    call(tree, "run", "mf-depth", *kind, *SMALL, "--sweep", "model.depth=1", "--out", str(out))
    document = checked(tree, out)
    problem = document["problem"]
    assert isinstance(problem, dict)
    assert [entry[0] for entry in problem["observed"]] == [row for row in range(5) for _ in range(8)]
    assert document["baselines"]


def test_a_series_is_recorded_exported_described_and_listed(tree: Path, tmp_path: Path) -> None:
    extended(tree, "A series")
    out = tmp_path / "run.json"
    call(tree, "run", "mf-depth", *SMALL, "--sweep", "model.depth=1,2", "--out", str(out))
    lanes = checked(tree, out)["lanes"]
    assert isinstance(lanes, list)
    for lane in lanes:
        series = lane["series"]
        for stable, frobenius, spectral in zip(
            series["stable_rank"], series["frobenius_norm"], series["spectral_norm"], strict=True
        ):
            assert stable == pytest.approx(frobenius**2 / spectral**2)
    described = json.loads(call(tree, "schema", "export").stdout)["$defs"]["Series"]["properties"]["stable_rank"]
    assert "rank 1" in described["description"]
    assert "stable rank" in shown(tree)


def test_a_figure_is_in_the_list_of_its_runs_and_of_no_others(tree: Path) -> None:
    extended(tree, "A figure")
    code = """
import presets
from tui.shown.figures import figures
for name, wanted in (("mf-depth", True), ("mnist-rank", False)):
    preset = presets.load(name)
    titles = [figure.title for figure in figures(preset.decode(preset.at_size("quick")))]
    assert ("final loss against depth" in titles) == wanted, titles
"""
    call(tree, code=code)
    call(tree, "run", "mf-depth", *SMALL, "--quiet")
    assert "final loss against depth" in shown(tree)


def test_a_command_runs_and_is_helped_and_completed(tree: Path) -> None:
    extended(tree, "A command")
    call(tree, "run", "mf-depth", *SMALL, "--sweep", "model.depth=1", "--quiet")
    path = Path(call(tree, "where", "latest").stdout.strip())
    assert (path / "spec.json").is_file()
    assert "where" in call(tree, "--help").stdout
    assert "where" in call(tree, "completion", "words", "--").stdout.split()
