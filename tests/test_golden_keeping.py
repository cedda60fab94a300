"""Golden results can be made anew on the pinned platform and versions, and nowhere else."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from tests import golden


def test_another_platform_or_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept.txt"
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    with pytest.raises(AssertionError, match="x86_64 alone, and this is Linux arm64"):
        golden.accept(kept, "x", "torch")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(golden, "version", lambda _: "0.0.1")
    with pytest.raises(AssertionError, match=r"textual .* alone, and this is 0\.0\.1"):
        golden.accept(kept, "x", "textual")
    assert not kept.exists()


def test_the_pinned_ones_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    golden.accept(tmp_path / "kept.txt", "as it is")
    assert (tmp_path / "kept.txt").read_text() == "as it is"
