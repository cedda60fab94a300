"""Logs that are cut, overwritten or flipped: what is read of them is what was written, and nothing raises."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec

from soak.promise import Promise, Tried
from soak.trial_runs import made, solver
from solver import history
from solver.log import Reader
from solver.records import AnyRecord

_TAIL = 6_000
_MOST_LOST = 2


def _log(home: Path) -> tuple[Path, list[AnyRecord]]:
    """The log of a whole small run, and its records."""
    directory = made(home, "gradient flow")
    solver(directory).wait()
    return directory.log, list(Reader(directory.log).whole())


def _read(path: Path, data: bytes) -> list[AnyRecord]:
    path.write_bytes(data)
    history.read(path)
    return list(Reader(path).whole())


def _same(found: list[AnyRecord], whole: list[AnyRecord]) -> int | None:
    """How many of ``whole`` are missing; None where something is there that was never written, or out of order."""
    encode = msgspec.json.encode
    left = iter(encode(record) for record in whole)
    if all(any(encode(record) == other for other in left) for record in found):
        return len(whole) - len(found)
    return None


def cuts(trials: int, home: Path, generator: random.Random) -> Tried:
    """Every offset of the tail: cut there, then with zeros or garbage where the rest had been."""
    tried = Tried()
    log, whole = _log(home)
    data, path = log.read_bytes(), home / "cut.jsonl"
    tail = min(_TAIL, len(data) - 1) if trials == 0 else trials
    for offset in range(len(data) - tail, len(data)):
        lines = data[:offset].count(b"\n")
        rest = generator.randbytes(len(data) - offset).replace(b"\n", b" ")
        for what, after in (("cut", b""), ("zeros", bytes(len(data) - offset)), ("garbage", rest)):
            found = _read(path, data[:offset] + after)
            holds = found == whole[:lines]
            tried.that(holds, f"{what} at {offset}: {len(found)} records read, {lines} lines were whole")
    tried.note = f"the last {tail:,} offsets of {len(data):,} bytes, each cut, zeroed and overwritten"
    return tried


def flips(trials: int, home: Path, generator: random.Random) -> Tried:
    """One bit of the log, anywhere."""
    tried = Tried()
    log, whole = _log(home)
    data, path = log.read_bytes(), home / "flipped.jsonl"
    most = 0
    for trial in range(trials):
        offset, bit = generator.randrange(len(data)), generator.randrange(8)
        flipped = bytearray(data)
        flipped[offset] ^= 1 << bit
        lost = _same(_read(path, bytes(flipped)), whole)
        most = max(most, lost or 0)
        tried.that(lost is not None and lost <= _MOST_LOST, f"trial {trial}, bit {bit} of byte {offset}: lost {lost}")
    tried.note = f"{most} records lost at most"
    return tried


PROMISES = [
    Promise(
        name="cut",
        text="A log cut anywhere, or with zeros or garbage after the cut, gives every line that was whole.",
        full=0,
        few=40,
        attempt=cuts,
    ),
    Promise(
        name="flip",
        text="One flipped bit costs two records at most, shows none that was not written, and raises nothing.",
        full=2000,
        few=40,
        attempt=flips,
    ),
]
