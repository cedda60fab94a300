"""What came of a run, from the few lines of its log that say so: it is looked through from its end, not read whole."""

from __future__ import annotations

import math
import os
import re
import statistics
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

from solver import expected, log
from solver.files import open_regular
from solver.history import History, LaneHistory
from solver.progress import progress
from solver.records import AnyRecord, Claim, Frame, Outcome, Schema
from solver.rundir import Order, PresetInfo, RunDirectory

_PIECE_BYTES = 1 << 18
# The first frames of all lanes stand near the beginning, where lanes train side by side.
_HEAD_BYTES = 1 << 20
_KIND = re.compile(rb'\{"n":\d+,"kind":"([a-z-]+)"(?:,"(?:lane|name)":("[^"]*"|\d+))?')
# The last line of each kind and lane or name; a schema and pictures say nothing of the end.
_TELLING = {b"frame", b"lane-ending", b"summary", b"claim", b"state", b"ending"}
_ERRORS = ("reconstruction_error", "held_out_error", "test_error")


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """A run in some numbers; of a run under way, as far as it has come."""

    outcome: Outcome | None = None
    """None while it is under way, and where it went without a word."""
    is_foreseen: bool = False
    """Whether its lanes converged, or ended as the preset expects."""
    sentence: str = ""
    """What has come out, in the words of the preset; empty where it has none for it."""
    fraction: float = 0.0
    """Of the whole run, 0 to 1."""
    elapsed_s: float | None = None
    """None before the first step."""
    n_lanes: int = 0
    error_name: str = ""
    """The series of ``error``."""
    error: float | None = None
    """Reconstruction, held-out or test error: the median of the lanes' last values."""
    effective_rank: float | None = None
    """The median of the lanes' last values."""
    claims: list[Claim] = []
    """In the order of the preset."""
    environment: dict[str, Any] = {}
    """What run.json says of device and versions."""


def read(run: RunDirectory, order: Order, shown: Callable[[float], str] = "{:.4g}".format) -> Results:
    """What came of the run; ``shown`` writes the numbers of its sentence.

    A log that is missing, damaged, or newer than we are, has come to nothing yet.
    """
    history = ends(run.log, order.preset.claims)
    facts = run.environment().get("environment", {})
    error_name = next((name for name in _ERRORS if any(name in lane.columns for lane in history.lanes)), "")
    return Results(
        outcome=None if history.ending is None else history.ending.outcome,
        is_foreseen=_is_foreseen(history, order.preset),
        sentence="" if history.ending is None else expected.result(order.preset.results, history, shown),
        fraction=progress(history, order.spec).fraction,
        elapsed_s=history.elapsed_s() if any(len(lane) for lane in history.lanes) or history.ending else None,
        n_lanes=len(history.lanes),
        error_name=error_name,
        error=_median(history.lanes, error_name),
        effective_rank=_median(history.lanes, "effective_rank"),
        claims=[history.claims[name] for name in order.preset.claims if name in history.claims],
        environment=facts if isinstance(facts, dict) else {},
    )


def _is_foreseen(history: History, preset: PresetInfo) -> bool:
    outcomes = [lane.outcome for lane in history.lanes]
    return bool(outcomes) and all(
        one is not None and (one.kind == "converged" or one.cause == "patience" or bool(preset.foreseen(one)))
        for one in outcomes
    )


def ends(path: Path, claims: Collection[str]) -> History:
    """A history of no more than the first and the last of each lane, and the last of all claims and endings."""
    history = History()
    try:
        schema, first = _head(path)
        if schema is None:
            return history
        history.apply([schema])
        history.apply(first)
        history.apply(_last(path, len(history.lanes), claims))
    except OSError:
        # Gone meanwhile: what was found until then is as good as anything.
        pass
    return history


def _head(path: Path) -> tuple[Schema | None, list[AnyRecord]]:
    """The schema, and the first frame of each lane that has one near the beginning."""
    with os.fdopen(open_regular(path), "rb") as file:
        lines = file.read(_HEAD_BYTES).split(b"\n")
    schema: Schema | None = None
    first: dict[tuple[bytes, ...], AnyRecord] = {}
    for line in lines:
        kind = _kind(line)
        if schema is None and kind[:1] == (b"schema",):
            parsed = log.parse(line)
            schema = parsed[1] if parsed is not None and isinstance(parsed[1], Schema) else None
        elif schema is not None and kind[:1] == (b"frame",):
            if len(first) == len(schema.lanes):
                break
            parsed = None if kind in first else log.parse(line)
            if parsed is not None and isinstance(parsed[1], Frame):
                first[kind] = parsed[1]
    return schema, list(first.values())


def _last(path: Path, n_lanes: int, claims: Collection[str]) -> list[AnyRecord]:
    """The last record of each kind for each lane or name, in their order."""
    found: dict[tuple[bytes, ...], AnyRecord] = {}
    frames, judged = 0, 0
    for line in _backwards(path):
        kind = _kind(line)
        if not kind or kind[0] not in _TELLING or kind in found:
            continue
        parsed = log.parse(line)
        if parsed is None:
            continue
        found[kind] = parsed[1]
        frames += kind[0] == b"frame"
        judged += isinstance(parsed[1], Claim) and parsed[1].name in claims
        if frames >= n_lanes and judged >= len(claims):
            # Whatever else a lane has to say follows its last frame.
            break
    return list(found.values())[::-1]


def _kind(line: bytes) -> tuple[bytes, ...]:
    """A line's kind and its lane or name, without decoding it; nothing for damage."""
    match = _KIND.match(line)
    return () if match is None else (match[1], (match[2] or b"").strip(b'"'))


def _backwards(path: Path) -> Iterator[bytes]:
    """The lines of a file, the last first."""
    with os.fdopen(open_regular(path), "rb") as file:
        place = file.seek(0, os.SEEK_END)
        begun: list[bytes] = []
        while place:
            size = min(place, _PIECE_BYTES)
            place -= size
            file.seek(place)
            lines = file.read(size).split(b"\n")
            if len(lines) == 1:
                # In the middle of a long line, whose pieces are joined once.
                begun.append(lines[0])
                continue
            yield b"".join([lines.pop(), *reversed(begun)])
            begun = [lines.pop(0)]
            yield from reversed(lines)
        yield b"".join(reversed(begun))


def _median(lanes: list[LaneHistory], name: str) -> float | None:
    """The median of the lanes' last values, those that are none left out; None where no lane has one."""
    columns = [lane.columns[name] for lane in lanes if name in lane.columns]
    values = [column[-1] for column in columns if len(column)]
    known = [value for value in values if not math.isnan(value)]
    return statistics.median(known) if known else values[0] if values else None
