"""What came of a run, read from the ends of its log, is what the whole log says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from solver import history, log, results
from solver.history import History
from solver.records import AnyRecord, Claim, Ending, Outcome, State, Summary
from solver.rundir import RunDirectory
from tests.tui import logs

CLAIMS = ("one", "two")


def claim(name: str, measured: float) -> Claim:
    return Claim(name=name, text="é", source="x", measured=measured, expected=1.0, tolerance=0.1, verdict="pending")


def a_run() -> RunDirectory:
    """Lanes that end at different times, claims judged twice, a stop, and a second start."""
    made = logs.made_run()
    endings = logs.ended("converged", "done")[-4:-1]
    stop = Ending(outcome=Outcome(kind="stopped", reason="asked"), wall="2026-01-01T00:00:00+00:00", elapsed_s=9.0)
    records: list[AnyRecord] = [logs.lanes_of(made), logs.START]
    records += [logs.frame(0, t) for t in range(5)] + [claim("one", 0.1), endings[0]]
    records += [logs.frame(lane, t) for t in range(9) for lane in (1, 2)] + [claim("two", 0.2), claim("one", 0.3), stop]
    records += [State(state="running", wall="2026-01-01T00:00:00+00:00")]
    records += [logs.frame(1, 20), Summary(lane=1, values={"cp_rank": 3}), endings[1], logs.frame(2, 20), endings[2]]
    logs.write(made, [*records, claim("two", 0.4)])
    return made


def said(history: History) -> list[object]:
    """What the ends of a log have to say."""
    lanes = [
        (lane.outcome, lane.summary, [column[-1] for column in lane.columns.values() if len(column)])
        for lane in history.lanes
    ]
    return [lanes, history.claims, history.ending, history.state]


@pytest.mark.parametrize("piece", [7, 300, 1 << 18], ids=str)
def test_the_ends_of_a_log_say_what_the_whole_of_it_says(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However its lines lie in the pieces in which it is read."""
    monkeypatch.setattr(results, "_PIECE_BYTES", piece)
    path = a_run().log
    assert said(results.ends(path, CLAIMS)) == said(history.read(path))
    with path.open("ab") as file:
        file.write(b'{"n":99,"kind":"frame","lane":0,"val')
    assert said(results.ends(path, CLAIMS)) == said(history.read(path))


def test_a_log_of_frames_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sixty frames a lane the first and the last; that is what makes a list of hundreds of runs bearable."""
    made = logs.run_in_state("ended")
    parsed: list[bytes] = []
    parse = log.parse

    def counting(line: bytes) -> tuple[int, AnyRecord] | None:
        parsed.append(line)
        return parse(line)

    monkeypatch.setattr(log, "parse", counting)
    found = results.read(made, made.order())
    assert len(parsed) < 20
    assert (found.error, found.effective_rank) == (1 / logs.N_FRAMES, 1 + (logs.N_FRAMES - 1) / 20)
    assert (found.n_lanes, found.elapsed_s, found.fraction) == (3, 60.0, 1.0)


def test_a_log_cut_or_damaged_anywhere_raises_nothing(tmp_path: Path) -> None:
    made = a_run()
    whole, drawn = made.log.read_bytes(), random.Random(0)
    for _ in range(100):
        data = bytearray(whole[: drawn.randrange(len(whole))])
        for _ in range(drawn.randrange(4) if data else 0):
            data[drawn.randrange(len(data))] = drawn.randrange(256)
        made.log.write_bytes(data)
        results.read(made, made.order())
    made.log.unlink()
    assert results.read(made, made.order()) == results.Results()
    made.log.mkdir()
    assert results.read(made, made.order()) == results.Results()
