"""What `make gpu-check` does, as far as it goes without a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench import gpu, profiles, steps


def test_without_a_gpu_nothing_is_checked_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 1
    assert "no CUDA device is available here" in capsys.readouterr().out


def test_parts_that_there_are_not_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        gpu.main(["--only", "everything"])
    assert "tests" in capsys.readouterr().err


def test_a_step_of_large_layers_is_held_against_its_products() -> None:
    rows = steps.large_matrices(torch.device("cpu"), [(72, 2), (72, 3)], n_steps=2)
    assert [row["name"] for row in rows] == [
        f"matrix 72×72, depth {depth}, {dtype}" for depth in (2, 3) for dtype in ("float32", "float64")
    ]
    assert all(row["floor_us"] > 0.0 for row in rows)
    assert steps.as_table(rows).count("\n") == len(rows) + 1


def test_whole_runs_are_told_by_where_their_time_went(tmp_path: Path) -> None:
    rows = profiles.measured(tmp_path, names=["diagonal-2x2"]) + profiles.large(tmp_path, "cpu", size=72)
    assert [row["name"] for row in rows] == ["diagonal-2x2", "72×72, depth 2", "72×72, depth 3"]
    assert [row["n_lanes"] for row in rows] == [4, 1, 1]
    for row in rows:
        assert 0.0 < row["training_s"] + row["recording_s"] < row["total_s"]
