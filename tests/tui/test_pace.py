"""The pace of the live picture: what drawing costs is earned back before the next one."""

from __future__ import annotations

import pytest

from tui import pace


class Clocks:
    """Wall and processor seconds, as a test sets them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.spent = 100.0
        monkeypatch.setattr("tui.pace.time.monotonic", lambda: self.now)
        monkeypatch.setattr("tui.pace.time.process_time", lambda: self.spent)
        monkeypatch.setattr(pace, "cores", lambda: 2)


def test_a_drawing_waits_until_the_last_one_is_a_fiftieth_of_the_machines_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    of_run = pace.Pace()
    assert of_run.is_due()
    clocks.spent += 0.012
    of_run.drew(is_live=True)
    clocks.now += 0.012 / 0.04 - 1e-3
    assert not of_run.is_due()
    clocks.now += 2e-3
    assert of_run.is_due()


def test_no_picture_of_a_run_stands_still_for_more_than_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    of_run = pace.Pace()
    clocks.spent += 60.0
    of_run.drew(is_live=True)
    clocks.now += 0.51
    assert of_run.is_due()


def test_a_run_that_is_over_need_not_be_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    of_run = pace.Pace()
    clocks.spent += 60.0
    of_run.drew(is_live=False)
    assert of_run.is_due()
