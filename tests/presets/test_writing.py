"""Presets written as TOML: what is read back runs the same, whatever the settings hold."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import msgspec
import pytest

import presets
from presets import writing
from solver import settings
from solver.refusal import BadSetting


@pytest.mark.parametrize("size", presets.SIZES)
@pytest.mark.parametrize("name", presets.built_in())
def test_what_is_written_of_a_preset_at_a_size_runs_the_same(name: str, size: presets.Size) -> None:
    base = presets.load(name)
    raw = base.at_size(size)
    spec = base.decode(raw)
    path = writing.place("mine")
    writing.save(path, base, spec, raw, f"size {size}")
    read = presets.load("mine")
    assert read.decode(read.raw) == spec
    for told in ("title", "source", "claims", "look_for"):
        assert getattr(read, told) == getattr(base, told)
    assert read.idea == f"As {name}, with size {size}. {base.idea}"


def test_a_file_beside_the_preset_is_found_from_where_the_new_one_lies(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("0,0,1\n1,1,2\n2,0,3\n")
    (tmp_path / "old.toml").write_text('[run]\n[run.problem]\nkind = "matrix-completion"\nfile = "r.csv"\n')
    base = presets.load(str(tmp_path / "old.toml"))
    spec = base.decode(base.raw)
    writing.save(writing.place("mine"), base, spec, base.raw)
    assert presets.load("mine").decode(presets.load("mine").raw) == spec


def test_another_kind_of_problem_takes_no_claims_along() -> None:
    """As a run of it does not: they are of another experiment."""
    base = presets.load("mf-depth")
    raw = settings.apply(base.raw, [("problem.kind", "tensor-completion")])
    writing.save(writing.place("mine"), base, base.decode(raw), raw)
    read = presets.load("mine")
    assert (read.title, read.idea, read.claims, read.look_for) == ("mf-depth with tensor-completion", "", [], [])


@pytest.mark.parametrize("text", ['"quoted" \\ and\nlines', "\x00\x1b[31m\x7f", "σ₁ ≥ σ₂", "\u202e", "x" * 10_000])
def test_any_text_is_read_back_as_it_was(text: str) -> None:
    base = msgspec.structs.replace(presets.load("mf-depth"), title=text, look_for=[text], claims=[])
    read = tomllib.loads(writing.preset_toml(base, base.decode(base.raw), base.raw))
    assert (read["title"], read["look_for"]) == (text, [text])


@pytest.mark.parametrize("value", [1e-9, 1e22, 1e100, 5e-324, -0.0, 3, 2**62, True, [[0, 1, 1.5], [1, 0, -2]], "word"])
def test_any_value_is_read_back_as_it_was(value: object) -> None:
    read = tomllib.loads(writing.settings_toml({"seed": value, "model": {"depth": value, "left_out": None}}))
    assert read == {"seed": value, "model": {"depth": value}}
    assert repr(read["seed"]) == repr(value)


def test_bytes_that_are_no_text_are_one_sentence() -> None:
    with pytest.raises(BadSetting, match="no text, which TOML cannot hold"):
        writing.settings_toml({"problem": {"file": os.fsdecode(b"\xff.csv")}})
