"""The log: numbered, checked lines that survive damage and growth."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from solver.log import Reader, Writer, line, parse
from solver.records import Event, Frame

EVENTS = [Event(lane=None, name=f"event {n}", text='ü — σ₁ \'quoted\' "twice" ,"crc32":"') for n in range(20)]


def write(path: Path, events: list[Event] = EVENTS) -> None:
    writer = Writer(path)
    for event in events:
        writer.append(event)
    writer.close()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "log")
    reader = Reader(tmp_path / "log")
    assert list(reader.read()) == EVENTS
    assert reader.damaged == 0
    assert list(reader.read()) == []


def test_lines_are_numbered_on_and_private(tmp_path: Path) -> None:
    write(tmp_path / "log", EVENTS[:3])
    writer = Writer(tmp_path / "log")
    assert writer.n == 3
    writer.append(EVENTS[3])
    writer.close()
    numbers = [parsed[0] for text in (tmp_path / "log").read_bytes().splitlines() if (parsed := parse(text))]
    assert numbers == [0, 1, 2, 3]
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_a_growing_log_is_read_piece_by_piece(tmp_path: Path) -> None:
    """However the bytes arrive, each record comes once and none is lost."""
    whole = b"".join(line(event, n) for n, event in enumerate(EVENTS))
    path = tmp_path / "log"
    reader, found = Reader(path), []
    generator = random.Random(0)
    position = 0
    while position < len(whole):
        step = generator.randrange(1, 300)
        with path.open("ab") as file:
            file.write(whole[position : position + step])
        position += step
        found += list(reader.read())
    assert found == EVENTS
    assert reader.damaged == 0


def test_a_flipped_bit_costs_one_record_or_two_and_never_shows_a_wrong_one(tmp_path: Path) -> None:
    """Two where the newline between them is hit. No damaged record is shown as good."""
    path = tmp_path / "log"
    whole = b"".join(line(event, n) for n, event in enumerate(EVENTS))
    generator = random.Random(1)
    for _ in range(400):
        damaged = bytearray(whole)
        position = generator.randrange(len(whole) - 1)
        damaged[position] ^= 1 << generator.randrange(8)
        path.write_bytes(damaged)
        reader = Reader(path)
        found = list(reader.read())
        assert len(found) >= len(EVENTS) - 2
        assert all(event in EVENTS for event in found)
        assert reader.damaged >= 1 or found == EVENTS


def test_every_cut_of_the_tail_leaves_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = [line(event, n) for n, event in enumerate(EVENTS[:4])]
    whole = b"".join(lines)
    for cut in range(len(whole) - len(lines[-1]), len(whole)):
        for tail in (b"", b"\0" * 50, b"garbage"):
            path.write_bytes(whole[:cut] + tail)
            assert list(Reader(path).read())[:3] == EVENTS[:3]


def test_writing_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    write(path, EVENTS[:3])
    with path.open("ab") as file:
        file.write(b'{"n":3,"kind":"ev')
    write(path, EVENTS[3:5])
    reader = Reader(path)
    assert list(reader.read()) == EVENTS[:5]
    assert reader.damaged == 1


def test_missing_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = [line(event, n) for n, event in enumerate(EVENTS)]
    path.write_bytes(b"".join(lines[:3] + lines[7:]))
    reader = Reader(path)
    list(reader.read())
    assert reader.damaged == 4


def test_numbers_that_json_lacks_survive(tmp_path: Path) -> None:
    frame = Frame(lane=0, values=[1.0, "nan", "-inf", [0.1, "inf"]])
    writer = Writer(tmp_path / "log")
    writer.append(frame)
    writer.close()
    assert list(Reader(tmp_path / "log").read()) == [frame]


def test_a_missing_log_is_empty(tmp_path: Path) -> None:
    assert list(Reader(tmp_path / "none").read()) == []


def test_a_full_disk_leaves_whole_lines_only(tmp_path: Path) -> None:
    """Emulated by the limit on a file's size, in a process of its own."""
    code = f"""
import resource, signal, sys
from pathlib import Path
from solver.log import DiskFull, Reader, Writer
from solver.records import State
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path({str(tmp_path / "log")!r})
writer = Writer(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
written = 0
try:
    for _ in range(100):
        writer.append(State(state="running", wall="2026-01-01T00:00:00Z"))
        written += 1
except DiskFull:
    pass
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
writer.append(State(state="paused", wall="2026-01-01T00:00:01Z"))
reader = Reader(path)
found = list(reader.read())
assert len(found) == written + 1 and reader.damaged == 0, (len(found), written, reader.damaged)
assert 0 < written < 100
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_kill_loses_no_record_whose_write_returned(tmp_path: Path) -> None:
    """The child says each number after its append returned; killed at any moment, the log holds all it said."""
    code = f"""
import os, sys
from pathlib import Path
from solver.log import Writer
from solver.records import State
writer = Writer(Path({str(tmp_path / "log")!r}))
while True:
    writer.append(State(state="running", wall="x" * 100))
    os.write(1, b"%d\\n" % (writer.n - 1))
"""
    generator = random.Random(2)
    for _ in range(5):
        (tmp_path / "log").unlink(missing_ok=True)
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert child.stdout is not None
        for _ in range(generator.randrange(1, 400)):
            child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        said = child.stdout.read().rpartition(b"\n")[0].split(b"\n")
        child.wait()
        child.stdout.close()
        reader = Reader(tmp_path / "log")
        assert len(list(reader.read())) > int(said[-1] or 0)
        assert reader.damaged == 0
