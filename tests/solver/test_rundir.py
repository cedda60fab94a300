"""Run directories: private, found by prefix, and one damaged run never hides the others."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from solver import files, rundir, runs
from solver.refusal import BadSetting
from solver.rundir import Order, PresetInfo
from solver.runs import NoSuchRun
from solver.spec import RunSpec


def make(name: str = "mf-depth") -> rundir.RunDirectory:
    return runs.create(Order(spec=RunSpec(), preset=PresetInfo(name=name), created="2026-01-01T00:00:00+00:00"))


def test_a_run_is_private_whatever_the_umask() -> None:
    before = os.umask(0)
    try:
        run = make()
    finally:
        os.umask(before)
    assert run.path.stat().st_mode & 0o777 == 0o700
    assert run.spec.stat().st_mode & 0o777 == 0o600


def test_a_run_remembers_what_was_asked() -> None:
    run = make()
    assert run.order().spec == RunSpec()
    assert run.state() == "not started"
    assert json.loads(run.spec.read_text())["spec"]["model"]["kind"] == "deep-matrix-factorization"


def test_ids_are_sortable_and_found_by_prefix() -> None:
    first, second = make("alpha"), make("beta")
    assert runs.find(first.id).path == first.path
    assert runs.find(first.id[:-1]).path == first.path
    newest = max(first.id, second.id)
    assert runs.find("latest").id == newest
    with pytest.raises(NoSuchRun, match="2 runs begin with"):
        runs.find("2")
    with pytest.raises(NoSuchRun, match="no run begins with"):
        runs.find("zzz")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/tmp/x", "a b\x1b[31mc", "", "." * 30, "ÄÖÜ"])
def test_a_name_that_is_a_path_stays_inside(name: str, data_home: Path) -> None:
    run = make(name)
    assert run.path.parent == data_home / "runs"
    assert run.id.isascii()
    assert run.id.isprintable()


def test_one_damaged_run_among_five_hides_none() -> None:
    made = [make() for _ in range(5)]
    made[2].spec.write_bytes(made[2].spec.read_bytes()[:100])
    assert len(runs.list_runs()) == 5
    with pytest.raises(BadSetting, match=r"damaged spec\.json"):
        made[2].order()
    for run in made[:2] + made[3:]:
        run.order()


def test_a_run_of_a_newer_version_says_so() -> None:
    run = make()
    raw = json.loads(run.spec.read_text())
    run.spec.write_text(json.dumps(raw | {"version": 99, "from_the_future": 1}))
    with pytest.raises(BadSetting, match="newer version"):
        run.order()
    raw["spec"]["from_the_future"] = 1
    run.spec.write_text(json.dumps(raw | {"version": 99}))
    with pytest.raises(BadSetting, match="newer version"):
        run.order()


def test_a_failed_replacement_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "export.json"
    target.write_bytes(b"old")
    with pytest.raises(TypeError):
        files.replace_file(target, None)  # type: ignore[arg-type]
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["export.json"]


def test_a_data_home_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("IMPLICIT_TUI_HOME", str(blocked))
    with pytest.raises(BadSetting, match="set IMPLICIT_TUI_HOME"):
        make()


def test_no_runs_at_all_is_one_sentence() -> None:
    with pytest.raises(NoSuchRun, match="there are no runs"):
        runs.find("latest")
