"""What must never happen, at a small number of trials; `make soak` tries each at its full one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from soak import PROMISES
from soak.__main__ import page
from soak.promise import Promise, Tried


@pytest.mark.parametrize("promise", [one for one in PROMISES if one.few], ids=lambda one: one.name)
def test_a_promise_is_kept(promise: Promise, tmp_path: Path) -> None:
    tried = promise.attempt(promise.few, tmp_path, random.Random(0))
    assert tried.failures == []
    assert tried.trials >= promise.few


def test_the_page_tells_of_failures_and_of_what_cannot_be_shown() -> None:
    good, bad = Tried(note="so many"), Tried()
    good.that(True, "never said")
    bad.that(False, "trial 0: lost")
    shown = page([(PROMISES[0], good, 1.0), (PROMISES[1], bad, 2.0)])
    assert f"| {PROMISES[0].text} | 1 | 0 | so many | 1 |" in shown
    assert f"| {PROMISES[1].text} | 1 | **1** |" in shown
    assert f"- {PROMISES[1].name}: trial 0: lost" in shown
    assert "No trial failed" not in shown
    assert "power cut" in shown
    assert "No trial failed" in page([(PROMISES[0], good, 1.0)])


def test_promises_have_names_of_their_own() -> None:
    assert len({promise.name for promise in PROMISES}) == len(PROMISES)
