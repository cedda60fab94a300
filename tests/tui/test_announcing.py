"""What is told outside the picture: title, bell and notifications, whatever a run is called, and only where wanted."""

from __future__ import annotations

import re
import shutil

import pytest

from bench.terminal import COMMAND, Terminal
from solver.log import Writer
from solver.records import AnyRecord, Claim, Verdict
from solver.rundir import Notes, RunDirectory
from tests.tui import logs
from tests.tui.driving import app_of, opened
from tui import config
from tui.announcing import Announcer, desktop
from tui.config import Config, Desktop, Notify
from tui.terminal import POP_TITLE, PUSH_TITLE

HOSTILE = "x\x1b]0;owned\x07\x9b31m;\u202ey"


def announcer(told: list[str], notify: Notify, *, is_titled: bool = True) -> Announcer:
    return Announcer(Config(notify=notify), told.append, is_titled=is_titled, in_tmux=False)


def claim(name: str, verdict: Verdict) -> Claim:
    return Claim(name=name, text="", source="", measured=1.0, expected=1.0, tolerance=0.0, verdict=verdict)


def ended(*claims: AnyRecord) -> RunDirectory:
    made = logs.made_run()
    logs.write(made, [logs.lanes_of(made), *logs.under_way(), *claims, *logs.ended("converged", "done")[-4:]])
    return made


def test_the_title_tells_how_far_a_run_is_and_then_how_it_ended() -> None:
    """Nothing is written that the terminal has already."""
    told: list[str] = []
    made = ended()
    teller = announcer(told, Notify())
    teller.look([])
    for fraction in (0.1, 0.1, 0.34):
        teller.look([(made, fraction)])
    teller.look([])
    teller.look([])
    titles = ["implicit-tui", "implicit-tui · mf-depth 10%", "implicit-tui · mf-depth 34%", "✓ mf-depth"]
    assert told == [f"\x1b]2;{title}\x1b\\" for title in titles]
    del told[:]
    teller.resuming()
    assert told == [], "nobody announced a suspension"
    teller.suspending()
    teller.look([])
    teller.resuming()
    assert told == [POP_TITLE, PUSH_TITLE, "\x1b]2;✓ mf-depth\x1b\\"]


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [("holds", "✓ mf-depth converged, 2 of 2 claims hold"), ("fails", "✗ mf-depth converged, and a claim fails: two")],
)
def test_an_end_and_a_claim_that_fails_are_told_once(verdict: Verdict, sentence: str) -> None:
    told: list[str] = []
    preset_claims = logs.made_run("20250101-000000-x-0000").order().preset.claims
    renamed = [claim(preset_claims[2], "holds"), claim(preset_claims[1], verdict)]
    made = ended(*renamed)
    teller = announcer(told, Notify(bell=True, desktop="osc9"), is_titled=False)
    teller.look([(made, 0.5)])
    teller.look([])
    teller.look([])
    assert told == [f"\x1b]9;{sentence.replace('two', preset_claims[1])}\x1b\\\a"]


def test_a_run_that_goes_on_or_was_deleted_is_no_news() -> None:
    told: list[str] = []
    teller = announcer(told, Notify(bell=True), is_titled=False)
    going_on = logs.run_in_state("running")
    with logs.held(going_on):
        teller.look([(going_on, 0.5)])
        teller.look([])
    teller.look([(going_on, 0.5)])
    shutil.rmtree(going_on.path)
    teller.look([])
    assert told == []


@pytest.mark.parametrize("kind", ["osc9", "osc777"])
@pytest.mark.parametrize("in_tmux", [False, True])
def test_a_notification_is_one_sequence_whatever_it_says(kind: Desktop, in_tmux: bool) -> None:
    """No control character of the text, C1 or bidirectional ones neither, and no semicolon that parts fields."""
    sequence = desktop(kind, HOSTILE, in_tmux=in_tmux)
    if in_tmux:
        inner = re.fullmatch(r"\x1bPtmux;((?:[^\x1b]|\x1b\x1b)*)\x1b\\", sequence)
        assert inner is not None
        sequence = inner[1].replace("\x1b\x1b", "\x1b")
    head = {"osc9": "9;", "osc777": "777;notify;implicit-tui;"}[kind]
    text = sequence.removeprefix(f"\x1b]{head}").removesuffix("\x1b\\")
    assert text == "x�]0,owned��31m,�y"
    assert desktop("none", HOSTILE, in_tmux=in_tmux) == ""


def test_on_a_terminal_the_end_of_a_run_is_told_and_the_title_is_given_back() -> None:
    path = config.path()
    path.parent.mkdir(parents=True)
    path.write_text('[notify]\nbell = true\ndesktop = "osc777"\n')
    made = logs.run_in_state("running")
    made.write_notes(Notes(name=HOSTILE))
    with logs.held(made), Terminal([COMMAND, made.id], environment={"TMUX": ""}) as terminal:
        terminal.read_until(lambda painted: b"\x1b]2;implicit-tui \xc2\xb7 x" in painted)
        assert terminal.output.count(b"\x1b[22;0t") == 1
        writer = Writer(made.log)
        for record in logs.ended("converged", "done")[-4:]:
            writer.append(record)
        writer.close()
        terminal.read_until(
            lambda painted: b"\x1b]777;notify;implicit-tui;" in painted and b"\x1b]2;\xe2\x9c\x93 x" in painted
        )
        terminal.press(b"q")
        terminal.read_until(lambda painted: b"\x1b[23;0t" in painted)
        told = bytes(terminal.output)
    assert b"owned\x07" not in told
    assert "\x9b".encode() not in told
    assert b"\x1b]0;" not in told
    assert "✓ x�]0,owned��31m,�y converged\x1b\\\a".encode() in told
    assert told.index(b"\x1b[?1049l") < told.index(b"\x1b[23;0t")


@pytest.mark.parametrize("what", ["title = false", ""])
def test_no_title_is_set_where_it_is_unwanted_or_none_can_be(what: str) -> None:
    path = config.path()
    path.parent.mkdir(parents=True)
    path.write_text(what)
    made = ended()
    with Terminal([COMMAND, made.id], environment={} if what else {"TERM": "linux"}) as terminal:
        terminal.read_until(lambda painted: b"converged" in painted)
        terminal.read(1.5)
        terminal.press(b"q")
        terminal.read_until(lambda painted: b"\x1b[?1049l" in painted)
        told = bytes(terminal.output)
    assert b"\x1b]2;" not in told
    assert b";0t" not in told


@pytest.mark.usefixtures("stand_in")
async def test_without_a_terminal_of_its_own_the_app_tells_nothing() -> None:
    """As in a browser, whose page is somebody else's."""
    async with opened(run=ended(), config=Config(notify=Notify(bell=True, desktop="osc9"))) as pilot:
        assert app_of(pilot)._announcer is None
