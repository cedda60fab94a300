"""verify: presets at their quick size, every claim judged, and an exit status that a script can trust."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from tests.tui.calling import call

PRESET = """
title = "Small"
source = "Arora, Cohen, Hu, Luo 2019"
claims = ["low-rank-recovery", "rate-formula"]
[run]
sweep = { "model.depth" = [3] }
[run.problem]
kind = "matrix-completion"
shape = [20, 20]
rank = 1
observations = 150
[run.model]
kind = "deep-matrix-factorization"
init_scale = SCALE
[run.stop]
train_loss = 1e-6
[run.record]
per_step = 1
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where verify makes its runs."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return place


def preset(tmp_path: Path, name: str, scale: str) -> str:
    path = tmp_path / f"{name}.toml"
    path.write_text(PRESET.replace("SCALE", scale))
    return str(path)


def test_claims_that_hold_make_a_table_and_leave_nothing_behind(
    tmp_path: Path, temporary: Path, data_home: Path
) -> None:
    result = call("verify", preset(tmp_path, "small", "1e-3"), "--seed", "3")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["preset", "claim", "source", "measured", "verdict", "seconds"]
    assert lines[1].startswith("small   low-rank-recovery  Arora et al. 2019")
    assert "≤ 0.001" in lines[1]
    assert "holds" in lines[1]
    assert lines[-1] == "2 of 2 claims hold (seed 3)"
    assert list(temporary.iterdir()) == []
    assert not (data_home / "runs").exists()


def test_a_claim_that_fails_is_exit_one_and_its_run_is_kept(tmp_path: Path, temporary: Path) -> None:
    good, bad = preset(tmp_path, "good", "1e-3"), preset(tmp_path, "bad", "1.0")
    result = call("verify", good, bad, "--json")
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert [(claim["preset"], claim["name"], claim["verdict"]) for claim in found] == [
        ("good", "low-rank-recovery", "holds"),
        ("good", "rate-formula", "holds"),
        ("bad", "low-rank-recovery", "fails"),
        ("bad", "rate-formula", "holds"),
    ]
    for claim in found:
        assert set(claim) == {
            *("name", "text", "source", "measured", "expected", "tolerance", "verdict", "relation"),
            *("preset", "seed", "seconds"),
        }
        assert claim["seed"] == 0
        assert claim["seconds"] > 0
    assert "the runs are kept in" in result.stderr
    assert len(list(temporary.glob("*/*/spec.json"))) == 2


def test_a_run_that_cannot_start_fails_its_claims(tmp_path: Path) -> None:
    path = tmp_path / "absent.toml"
    path.write_text(
        'claims = ["low-test-error"]\n[run.problem]\nkind = "image-tensor"\ntrain_images = 3\ntest_images = 3\n'
    )
    result = call("verify", str(path))
    assert result.returncode == 1
    assert "not judged" in result.stdout
    assert "0 of 1 claims hold" in result.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[run]\n", "makes no claims"),
        ('claims = ["no-such-claim"]\n[run]\n', "names the claim 'no-such-claim', which there is not"),
    ],
)
def test_a_preset_without_claims_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(text)
    result = call("verify", str(path))
    assert result.returncode == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
