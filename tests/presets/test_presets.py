"""Presets: the built-in ones decode at every size, a person's own are found, bad files are one sentence."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import presets
from solver import claims, data_files, settings
from solver.refusal import BadSetting
from solver.spec import DeepMatrixFactorization, MatrixCompletion, TensorCompletion
from tests.solver import films

BUILT_IN = [
    "mf-depth",
    "mf-dynamics",
    "low-rank-recovery",
    "det-2x2",
    "diagonal-2x2",
    "tf-rank",
    "tf-components",
    "tf-rank-1",
    "htf-components",
    "three-factorizations",
    "mnist-rank",
    "fashion-rank",
    "mnist-complexity",
    "irmae",
    "greedy-rank",
    "sharpness",
    "phase-map",
    "ratings",
]


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("size", presets.SIZES)
def test_built_in_presets_decode_at_every_size(name: str, size: presets.Size) -> None:
    preset = presets.load(name)
    spec = preset.decode(preset.at_size(size))
    assert len(settings.lanes(spec)) >= 3
    assert preset.title
    assert preset.idea.count(". ") == 1, "the idea is two sentences"
    assert preset.source
    assert len(preset.look_for) >= 3
    assert preset.claims
    claims.check(preset.claims, name)


def test_every_claim_belongs_to_a_preset() -> None:
    """A claim that no preset names would never be measured."""
    named = {claim for name in BUILT_IN for claim in presets.load(name).claims}
    assert named == set(claims.CLAIMS)


def test_mf_depth_is_the_papers_problem() -> None:
    """A19 Figure 2: n = 100, rank 5, 2,000 entries, Gaussian end matrix scale 1e-3, mean loss, stop at 1e-6."""
    preset = presets.load("mf-depth")
    spec = preset.decode(preset.at_size("default"))
    assert isinstance(spec.problem, MatrixCompletion)
    assert isinstance(spec.model, DeepMatrixFactorization)
    assert spec.problem.resolved_shape == (100, 100)
    assert (spec.problem.rank, spec.problem.observations, spec.problem.loss) == (5, 2000, "mean")
    assert (spec.model.init, spec.model.init_scale) == ("gaussian", 1e-3)
    assert spec.stop.train_loss == 1e-6
    assert spec.sweep == {"model.depth": [1, 2, 3]}


def test_three_factorizations_are_of_as_many_entries_norm_and_rank() -> None:
    """R22: 64 × 64, 16³ and 8⁴, rank 5 of its own kind each, 2,048 of 4,096 entries, Frobenius norm 64."""
    preset = presets.load("three-factorizations")
    lanes = settings.lanes(preset.decode(preset.at_size("default")))
    shapes = {"matrix": (64, 64), "tensor": (16, 16, 16), "hierarchical": (8, 8, 8, 8)}
    assert [lane.parameters["variant"] for lane in lanes] == [name for name in shapes for _ in range(6)]
    for lane in lanes:
        problem = lane.spec.problem
        assert isinstance(problem, MatrixCompletion | TensorCompletion)
        assert problem.resolved_shape == shapes[lane.parameters["variant"]]
        assert math.prod(problem.resolved_shape) == 2 * problem.resolved_observations == 4096
        assert problem.resolved_frobenius_norm == 64.0
        assert problem.resolved_rank == 5
        assert problem.loss == "mean"


def test_the_films_are_what_their_recipe_makes() -> None:
    """Rank, biases and noise of the table that ships are known, as they are those of the recipe."""
    assert (Path(data_files.__file__).parent / "data" / "films.csv").read_text() == films.table()


def own(name: str, text: str) -> Path:
    directory = presets.own_directory()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.toml"
    path.write_text(text)
    return path


def test_own_presets_stand_beside_the_built_in_ones() -> None:
    own("mine", 'title = "Mine"\n[run]\nseed = 3\n')
    assert list(presets.names()) == [*BUILT_IN, "mine"]
    assert presets.load("mine").title == "Mine"


def test_a_preset_is_run_by_path_and_its_csv_found_beside_it(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("0,0,1\n1,1,2\n2,2,3\n")
    file = tmp_path / "mine.toml"
    file.write_text('[run.problem]\nkind = "matrix-completion"\nfile = "data.csv"\n')
    preset = presets.load(str(file))
    spec = preset.decode(preset.raw)
    assert isinstance(spec.problem, MatrixCompletion)
    assert spec.problem.file == str(tmp_path / "data.csv")
    assert spec.problem.shape == (3, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = ", "is not valid TOML"),
        ('title = "x"\n', "missing required field `run`"),
        ("[run]\n[other]\n", "unknown field `other`"),
        ("look_for = 3\n[run]\n", "look_for"),
    ],
)
def test_a_bad_preset_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        presets.read(own("bad", text))
    assert said in str(refused.value)
    assert "bad.toml" in str(refused.value)


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(BadSetting, match="mf-depth, mf-dynamics"):
        presets.load("mf-deep")
    with pytest.raises(BadSetting, match="cannot be read"):
        presets.load("absent.toml")
