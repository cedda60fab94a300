"""A disk without room: the run waits and says so, hears what it is told, goes on, and ends in words."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from soak.forked import Child
from soak.trial_runs import solver as solver_of
from solver import __main__ as entry
from solver import client, control, lock, runs
from solver.history import History
from solver.lock import Lock
from solver.log import Reader
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tests.solver.small import LONG, directory
from tests.tui import driving, logs
from tests.tui.calling import call
from tests.tui.driving import caught_up, opened, text_of
from tests.waiting import stays, until
from tui.commands import main

LOCK_BYTES = 36
"""What the lock has reserved; a limit on the size of files is one on writing in place, too."""
needs_prlimit = pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are a matter of Linux")


@contextlib.contextmanager
def no_room(pid: int, size: int = LOCK_BYTES) -> Iterator[None]:
    """No file of this process grows beyond so many bytes; 0 stands for the pid of this one."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        # Where it has ended meanwhile there is nothing to put back.
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def heard(made: RunDirectory) -> History:
    history = History()
    reader = Reader(made.log)
    history.apply(reader.whole())
    assert reader.damaged == 0
    return history


def a_checkpoint_of(made: RunDirectory) -> None:
    until(lambda: made.log.exists() and made.live_state() == "running" and heard(made).state == "running")
    control.send(made, "checkpoint")
    until(made.checkpoint.exists)


def complaints(pilot: Pilot[None]) -> list[str]:
    return [str(said.message) for said in pilot.app._notifications]


@needs_prlimit
def test_a_run_waits_for_room_hears_commands_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    made = directory({**LONG, "record.geometric": 256})
    solver = solver_of(made)
    try:
        a_checkpoint_of(made)
        with no_room(solver.pid):
            until(lambda: made.state() == "waiting-for-disk")
            size = made.log.stat().st_size
            assert main(["runs", "--json"]) == 0
            assert [run["state"] for run in json.loads(capsys.readouterr().out)] == ["waiting-for-disk"]
            with no_room(0):
                control.send(made, "pause")
            until(lambda: made.state() == "paused")
            with no_room(0):
                control.send(made, "resume")
            until(lambda: made.state() == "waiting-for-disk")
            assert made.log.stat().st_size == size
        until(lambda: made.state() == "running" and made.log.stat().st_size > size)
        assert client.stop(made)
    finally:
        solver.kill()
    assert heard(made).state == made.state() == "stopped"


@needs_prlimit
def test_a_stop_while_the_disk_is_full_is_told_as_one_and_can_be_taken_up() -> None:
    made = directory({**LONG, "record.geometric": 256})
    solver = solver_of(made)
    try:
        a_checkpoint_of(made)
        with no_room(solver.pid):
            until(lambda: made.state() == "waiting-for-disk")
            with no_room(0):
                assert client.stop(made)
            assert solver.wait(10) == 1
        assert made.state() == "stopped"
        assert "no room on the disk" in made.silent_outcome().reason
        assert made.can_resume()
        exported = call("export", made.id, "--format", "json")
        assert json.loads(exported.stdout)["outcome"]["cause"] == "disk"
        solver = solver_of(made)
        until(lambda: made.state() == "running")
        assert client.stop(made)
    finally:
        solver.kill()
    assert heard(made).ending is not None


def test_no_room_at_the_start_is_one_sentence_and_leaves_nothing() -> None:
    for room in (0, 100):
        limits = (room, room)
        refused = call(
            "run", "mf-depth", preexec_fn=lambda limits=limits: resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        )
        assert refused.returncode == 2
        assert refused.stderr.count("\n") == 1
        assert "free some room" in refused.stderr
    assert runs.list_runs() == []


@needs_prlimit
def test_a_solver_that_has_no_room_to_begin_says_so() -> None:
    """Between the order and the first line the disk has filled up."""
    made = directory(LONG)
    assert made.told() == lock.Told()

    def without_room() -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
        return entry.solve(made.path)

    assert Child(without_room).wait() == 1
    assert made.state() == "stopped"
    assert "no room" in made.silent_outcome().sentence()


def test_a_run_whose_directory_is_gone_ends() -> None:
    made = directory(LONG)
    solver = solver_of(made)
    try:
        until(lambda: made.log.exists() and heard(made).state == "running")
        made.path.rename(made.path.with_name(".elsewhere"))
        assert solver.wait(20) in (0, 1)
    finally:
        solver.kill()


@pytest.mark.parametrize("command", ["pause", "stop"])
def test_what_cannot_be_told_is_refused_in_a_sentence(command: control.Command) -> None:
    made = logs.run_in_state("running")
    made.control.mkdir()
    with pytest.raises(BadSetting, match="cannot be told to"):
        control.send(made, command)
    with logs.held(made):
        assert main(["stop", made.id]) == 2


def test_half_a_command_is_taken_back() -> None:
    made = logs.run_in_state("running")
    control.send(made, "pause")
    whole = made.control.read_bytes()
    with no_room(0, size=len(whole) + 5), pytest.raises(BadSetting):
        control.send(made, "stop")
    assert made.control.read_bytes() == whole


@pytest.mark.parametrize("word", ["waiting-for-disk", "paused", "running"])
@pytest.mark.usefixtures("stand_in")
async def test_the_live_view_shows_what_the_solver_cannot_write(word: lock.Word) -> None:
    made = logs.run_in_state("running")
    holder = Lock.take(made.lock)
    assert holder is not None
    holder.say(word)
    try:
        async with opened(run=made) as pilot:
            await caught_up(pilot)
            await driving.until(pilot, lambda: word in text_of(pilot))
            shown = text_of(pilot)
            assert ("the disk is full" in shown) == (word == "waiting-for-disk")
            holder.say("no-room")
            holder.release()
            holder = None
            await driving.until(pilot, lambda: "no room on the disk" in text_of(pilot))
    finally:
        if holder is not None:
            holder.release()


@pytest.mark.usefixtures("stand_in")
async def test_a_command_that_cannot_be_sent_is_a_sentence_in_the_app() -> None:
    made = logs.run_in_state("running")
    made.control.mkdir()
    with logs.held(made):
        async with opened(run=made) as pilot:
            await caught_up(pilot)
            for n, keys in enumerate((["space"], ["s"], ["q", "s"], ["r", "s"]), 1):
                await pilot.press(*keys)
                assert len(complaints(pilot)) == n
                assert "cannot be told to" in complaints(pilot)[-1]
            assert pilot.app.is_running


def test_the_word_takes_the_room_that_was_reserved(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock.reserve(path)
    size = path.stat().st_size
    assert lock.read(path) == lock.Told()
    held = Lock.take(path)
    assert held is not None
    assert Lock.take(path) is None
    with no_room(0):
        words: list[lock.Word] = ["paused", "waiting-for-disk", "running", "no-room"]
        for word in words:
            held.say(word)
            assert lock.read(path) == lock.Told(os.getpid(), word)
    assert path.stat().st_size == size
    held.release()
    assert not lock.is_held(path)
    assert lock.read(path).word == "no-room"


@pytest.mark.parametrize("text", ["", "no number\n", "12\n", "12\nelsewhere\n", "\xff\n", "0\n\n"])
def test_a_lock_of_another_version_tells_what_it_can(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lock"
    path.write_text(text)
    assert lock.read(path) == lock.Told(12 if text.startswith("12") else None, None)
    assert stays(lambda: not lock.is_held(path), 0.05)
