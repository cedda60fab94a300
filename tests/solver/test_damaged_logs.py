"""Logs with right checksums that no run of ours writes, and bytes that are no log: left out and counted."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import msgspec
import pytest

from solver import export, history
from solver.claims import CLAIMS
from solver.claims.claim import witnesses_of
from solver.history import History
from solver.log import Reader
from solver.refusal import BadSetting
from solver.settings import lanes
from tests.solver.small import exported, finished, records

LANE = (
    '{"index":0,"parameters":{"seed":0},"series":["step","elapsed_s","evaluations","train_loss","method"],"problem":0}'
)
SCHEMA = f'"kind":"schema","version":1,"lanes":[{LANE}]'
GOOD = '"kind":"frame","lane":0,"values":[7,0.1,8,0.5,1]'


def log_of(path: Path, bodies: list[str]) -> Path:
    lines = []
    for n, body in enumerate(bodies):
        head = b'{"n":%d,' % n + body.encode()
        lines.append(head + b',"crc32":"%08x"}\n' % zlib.crc32(head))
    path.write_bytes(b"".join(lines))
    return path


CRAFTED = {
    "short frame": '"kind":"frame","lane":0,"values":[1,0.1]',
    "long frame": '"kind":"frame","lane":0,"values":[1,0.1,8,0.5,1,3]',
    "word for a number": '"kind":"frame","lane":0,"values":[1,"soon",8,0.5,1]',
    "list for a number": '"kind":"frame","lane":0,"values":[1,[0.1],8,0.5,1]',
    "huge integer": '"kind":"frame","lane":0,"values":[1,' + "9" * 4000 + ",8,0.5,1]",
    "deep nesting": '"kind":"frame","lane":0,"values":' + "[" * 5000 + "]" * 5000,
    "lane that is not there": '"kind":"frame","lane":5,"values":[1,0.1,8,0.5,1]',
    "step that goes back": '"kind":"frame","lane":0,"values":[-1,0.1,8,0.5,1]',
    "schema without step": '"kind":"schema","version":1,"lanes":[' + LANE.replace('"step",', "") + "]",
    "schema without a loss": '"kind":"schema","version":1,"lanes":[' + LANE.replace('"train_loss",', "") + "]",
    "step that is no number": '"kind":"frame","lane":0,"values":["nan",0.1,8,0.5,1]',
    "step without end": '"kind":"frame","lane":0,"values":["inf",0.1,8,0.5,1]',
    "fewer evaluations than none": '"kind":"frame","lane":0,"values":[7,0.1,-8,0.5,1]',
    "number of no method": '"kind":"frame","lane":0,"values":[7,0.1,8,0.5,99]',
    "series twice": '"kind":"schema","version":1,"lanes":[' + LANE.replace('"step",', '"step","step",') + "]",
    "lane at another place": '"kind":"schema","version":1,"lanes":[' + LANE.replace('"index":0', '"index":3') + "]",
    "words in a summary": '"kind":"summary","lane":0,"values":{"cp_rank":"many"}',
    "words in a baseline": '"kind":"baseline","problem":0,"name":"linear","values":{"test_error":"small"}',
    "words in a snapshot": '"kind":"snapshot","lane":0,"step":1,"name":"end_matrix","shape":[1,1],"values":["one"]',
    "no levels": '"kind":"picture","lane":0,"step":1,"name":"end_matrix","shape":[2],"largest":1,"levels":""',
    "unknown kind": '"kind":"poem","lane":0',
}


@pytest.mark.parametrize("name", CRAFTED)
def test_what_no_run_writes_is_left_out_and_what_follows_is_read(name: str, tmp_path: Path) -> None:
    found = history.read(log_of(tmp_path / "log.jsonl", [SCHEMA, GOOD, CRAFTED[name], GOOD]))
    assert len(found.lanes) == 1
    assert found.lanes[0].columns["step"].tolist() == [7.0, 7.0]
    assert {len(column) for column in found.lanes[0].columns.values()} == {2}
    alone = history.read(log_of(tmp_path / "alone.jsonl", [CRAFTED[name], GOOD]))
    assert alone.lanes == []


def test_a_crafted_schema_before_the_true_one_is_not_taken(tmp_path: Path) -> None:
    for name in ("schema without step", "schema without a loss", "series twice", "lane at another place"):
        found = history.read(log_of(tmp_path / f"{name}.jsonl", [CRAFTED[name], SCHEMA, GOOD]))
        assert len(found.lanes[0]) == 1
        assert found.refused == 1


def test_refused_records_are_counted_in_the_export() -> None:
    made = finished()
    n = len(records(made))
    head = b'{"n":%d,"kind":"frame","lane":0,"values":[1]' % n
    with made.log.open("ab") as file:
        file.write(head + b',"crc32":"%08x"}\n' % zlib.crc32(head))
    assert exported(made)["damaged_lines"] == 1


def test_a_newer_log_is_called_newer() -> None:
    made = finished()
    log_of(made.log, [SCHEMA.replace('"version":1', '"version":2'), GOOD])
    found = history.read(made.log)
    assert found.is_newer
    assert found.lanes == []
    with pytest.raises(BadSetting, match="newer version"):
        export.build(made)


def test_numbers_that_go_back_are_damage(tmp_path: Path) -> None:
    """A log is only appended to: an old line copied to its end is not taken a second time."""
    path = log_of(tmp_path / "log.jsonl", [SCHEMA, GOOD, GOOD])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[1], lines[0]]))
    reader = Reader(path)
    assert len(list(reader.whole())) == 3
    assert reader.damaged == 2


@pytest.mark.parametrize("n_bytes", [1 << 20, (1 << 24) + 5, 1 << 25])
def test_a_line_without_end_is_passed_over(n_bytes: int, tmp_path: Path) -> None:
    """Zeros, as a file system leaves where a machine lost power: reading in small pieces goes on behind them."""
    path = log_of(tmp_path / "log.jsonl", [SCHEMA, GOOD, GOOD])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\0" * n_bytes + b"\n" + lines[1] + lines[2])
    reader, found = Reader(path), History()
    for _ in range(200):
        found.apply(reader.read(1 << 20))
        if reader.offset == path.stat().st_size:
            break
    assert len(found.lanes[0]) == 2
    assert reader.damaged == 1


def test_a_log_that_is_a_pipe_is_an_error_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log.jsonl")
    with pytest.raises(OSError, match="not a regular file"):
        list(Reader(tmp_path / "log.jsonl").read())


@pytest.mark.parametrize("name", CLAIMS)
def test_an_error_in_a_claim_is_its_verdict(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a statistic divides by, the run that it is about goes on."""
    made = finished()
    witnesses = witnesses_of(history.read(made.log), lanes(made.order().spec))

    def fails(_: object) -> None:
        raise ZeroDivisionError("float division by zero")

    definition = CLAIMS[name]
    broken = msgspec.structs.replace(definition, measure=fails)
    claim = broken.judge(witnesses, at_end=True)
    assert claim.verdict == "not-applicable"
    assert "ZeroDivisionError: float division by zero" in claim.text
    assert broken.judge(witnesses, at_end=False).verdict == "pending"
    assert broken.concerned(witnesses) == []
