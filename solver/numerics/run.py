"""The loop: batches take turns, records are written, commands are heard, and there is exactly one ending."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch

from solver import estimate, machine, settings
from solver.control import Ear
from solver.files import write_private
from solver.log import Writer
from solver.numerics import checkpoint, problem_file
from solver.numerics import device as devices
from solver.numerics.baselines.baselines import Baselines
from solver.numerics.journal import Journal, now
from solver.numerics.lanes import lane_run
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.turns.batch import Batch
from solver.numerics.turns.crew import Crew, Maker, Share
from solver.numerics.turns.grouping import group, largest_batch, shares
from solver.numerics.turns.turn import LocalTurns, Turn, Turns, ahead_of, ended_in
from solver.records import (
    SCHEMA_VERSION,
    Ending,
    LaneEnding,
    LaneSchema,
    Outcome,
    Schema,
    State,
    worst,
)
from solver.refusal import BadSetting
from solver.rundir import Order, RunDirectory
from solver.version import VERSION

_CHECKPOINT_EVERY_S = 30.0
_FIRST_CHECKPOINT_S = 2.0


def run(directory: RunDirectory, order: Order, writer: Writer, ear: Ear) -> Outcome:
    """Trains every lane of ``order`` and writes the run down; returns the outcome, also the log's last line.

    A run that has a checkpoint goes on from there.
    """
    journal = Journal(writer, ear, order)
    try:
        outcome = _train(directory, order, journal, ear)
    except devices.Unavailable as error:
        outcome = error.outcome
    except BadSetting as error:
        outcome = Outcome(kind="failed", reason=str(error), cause="input")
    except (MemoryError, torch.OutOfMemoryError) as error:
        text = str(error).splitlines()[0] if str(error) else "no memory was left"
        cure = "take a smaller problem.shape, fewer lanes or images, or dtype float32"
        outcome = Outcome(kind="failed", reason=text, cure=cure, cause="memory")
    journal.judge(at_end=True)
    journal.write(Ending(outcome=outcome, wall=now(), elapsed_s=round(ear.elapsed_s(), 6)))
    return outcome


def _train(directory: RunDirectory, order: Order, journal: Journal, ear: Ear) -> Outcome:
    spec = order.spec
    torch.set_num_threads(spec.threads)
    lanes = settings.lanes(spec)
    device = devices.choose(spec, largest_batch(lanes))
    refused = estimate.refusal(spec, devices.free_bytes(device))
    if refused is not None:
        raise BadSetting(refused)
    resumed = checkpoint.load(directory)
    if resumed is None and journal.n_records:
        raise BadSetting(f"run {directory.id} has no checkpoint to go on from: start it anew with n, or `run`")
    crew = Crew(ear.elapsed_s)
    journal.hold = crew.hold
    try:
        return _take_turns(directory, _begun(directory, lanes, device, journal, crew, ear, resumed), journal, ear)
    finally:
        crew.dismiss()


class _Begun(NamedTuple):
    """A run at its start, or where a checkpoint has it."""

    parts: list[Turns]
    outcomes: dict[int, Outcome]
    """Of the lanes that have ended."""
    position: int
    """Whose turn it is."""


def _take_turns(directory: RunDirectory, begun: _Begun, journal: Journal, ear: Ear) -> Outcome:
    """Lets the parts of a run take turns until all are over, or it is to end."""
    parts, outcomes, position = begun
    limit_s = directory.order().spec.stop.max_seconds
    limit_s = None if limit_s is None else limit_s + ear.before_s
    journal.write(State(state="running", wall=now()))
    keeper = _Keeper(directory, journal, ear)
    turns = [part.records() for part in parts]

    def write(records: Turn) -> None:
        for record in records:
            journal.write(record)
        outcomes.update({record.lane: record.outcome for record in records if isinstance(record, LaneEnding)})

    while turns:
        # A batch's turn lasts until it has something to write, that of the baselines a number of iterations: the order
        # of the log depends on the spec alone.
        position %= len(turns)
        records = next(turns[position], None)
        if records is None:
            del turns[position], parts[position]
            continue
        journal.listen()
        write(records)
        position += bool(records) or parts[position].MOVES_ON_WITHOUT_RECORDS
        ending = _ending(ear, limit_s)
        if ending is not None:
            for part in parts:
                for ahead in part.halt():
                    write(ahead)
        keeper.look(parts, position, last=ending is not None)
        if ending is not None:
            for part in parts:
                write(part.end(ending))
            break
    return worst([outcomes[lane] for lane in sorted(outcomes)])


def _ending(ear: Ear, limit_s: float | None) -> Outcome | None:
    """How everything is to end now, if it is."""
    if ear.stop_reason:
        return Outcome(kind="stopped", reason=ear.stop_reason)
    if limit_s is not None and ear.elapsed_s() >= limit_s:
        return Outcome(
            kind="max-seconds",
            reason=f"the run took its {limit_s - ear.before_s:g} s",
            cure="resume gives it as much again",
        )
    return None


def _begun(
    directory: RunDirectory,
    lanes: list[settings.Lane],
    device: torch.device,
    journal: Journal,
    crew: Crew,
    ear: Ear,
    resumed: dict[str, Any] | None,
) -> _Begun:
    of_lane, first = problem_file.problem_of_lane(lanes), problem_file.first_lanes(lanes)
    if resumed is None:
        problems = problem_file.build(lanes)
        problem_file.write(directory, problems)
        _write_environment(directory, lanes[0].spec.dtype, lanes[0].spec.threads, device)
        runs = [lane_run(lane, problems[of_lane[lane.index]]) for lane in lanes]
        # Twice: all frames hang on this line, and one flipped bit must not cost them all.
        for _ in range(2):
            journal.write(_schema(runs, of_lane))
        batches = [_Members([runs[lane.index] for lane in batch], None) for batch in group(lanes, device)]
        return _Begun([Baselines(problems, first), *_batches(batches, device, crew)], {}, 0)
    # What was read and drawn at the start is kept with the run: a file that changed meanwhile does not matter.
    problems = problem_file.read(directory, lanes)
    ear.before_s = resumed["elapsed_s"]
    journal.rewind(resumed["n_records"], resumed["made"])
    parts: list[Turns] = []
    if resumed["baselines"] is not None:
        baselines = Baselines(problems, first)
        baselines.restore(resumed["baselines"])
        parts.append(baselines)
    saved = [
        _Members([lane_run(lanes[k], problems[of_lane[k]]) for k in state["lanes"]], state)
        for state in resumed["batches"]
    ]
    parts += _batches(saved, device, crew)
    under_way = {lane for part in parts for lane in part.lanes()}
    ended = {lane: outcome for lane, outcome in journal.outcomes.items() if lane not in under_way}
    return _Begun(parts, ended, resumed["position"])


class _Members(NamedTuple):
    """The lanes of a batch that are under way, and its saved state; none at the start."""

    runs: list[LaneRun]
    state: dict[str, Any] | None

    def lanes(self) -> list[int]:
        ended = [] if self.state is None else ended_in(ahead_of(self.state))
        return [run.lane.index for run in self.runs] + ended

    def clock(self) -> int:
        """The place of elapsed_s in their frames."""
        if self.state is not None:
            return int(self.state["clock"])
        return self.runs[0].metrics.series.index("elapsed_s")

    def maker(self, device: torch.device, elapsed_s: Callable[[], float]) -> Maker:
        def make() -> LocalTurns:
            batch = Batch(self.runs, device, elapsed_s) if self.runs else None
            ahead = [] if self.state is None else ahead_of(self.state)
            if batch is not None and self.state is not None:
                batch.restore(self.state)
            return LocalTurns(batch, ahead, self.clock(), elapsed_s)

        return make


def _batches(members: list[_Members], device: torch.device, crew: Crew) -> list[Turns]:
    """Batches of these lanes, each at its start or where it was saved, here or in the processes of the crew."""
    makers = [member.maker(device, crew.elapsed_s) for member in members]
    # A batch that was over by the time it was saved has nothing more to train.
    under_way = {index: [run.lane for run in member.runs] for index, member in enumerate(members) if member.runs}
    apart = shares(under_way, device, machine.cores())
    taken = {index for share in apart for index in share}
    found: dict[int, Turns] = {index: make() for index, make in enumerate(makers) if index not in taken}
    for share in apart:
        batches = [Share(index, makers[index], members[index].lanes(), members[index].clock()) for index in share]
        hired = crew.hire(batches)
        found |= dict(zip(share, hired, strict=True))
    return [found[index] for index in range(len(members))]


def _schema(runs: list[LaneRun], of_lane: list[int]) -> Schema:
    return Schema(
        version=SCHEMA_VERSION,
        lanes=[
            LaneSchema(
                index=run.lane.index,
                parameters=run.lane.parameters,
                series=run.metrics.series,
                problem=of_lane[run.lane.index],
            )
            for run in runs
        ],
    )


class _Keeper:
    """Saves a checkpoint every half minute, when asked, and before a run ends early."""

    def __init__(self, directory: RunDirectory, journal: Journal, ear: Ear) -> None:
        self._directory, self._journal, self._ear = directory, journal, ear
        self._next = time.monotonic() + _FIRST_CHECKPOINT_S

    def look(self, parts: list[Turns], position: int, *, last: bool) -> None:
        if not (last or self._ear.checkpoint_asked or time.monotonic() >= self._next):
            return
        self._ear.checkpoint_asked = False
        content = {
            "baselines": next((part.state() for part in parts if isinstance(part, Baselines)), None),
            "batches": [part.state() for part in parts if not isinstance(part, Baselines)],
            "position": position,
            "n_records": self._journal.n_records,
            "made": self._journal.made(),
            "elapsed_s": self._ear.elapsed_s(),
        }
        try:
            checkpoint.save(self._directory, content)
        except OSError as error:
            # The one before is still there; the run matters more.
            print(f"no checkpoint could be saved: {error.strerror}", file=sys.stderr)
        self._next = time.monotonic() + _CHECKPOINT_EVERY_S


def _write_environment(directory: RunDirectory, dtype: str, threads: int, device: torch.device) -> None:
    environment = {
        "implicit_tui": VERSION,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "dtype": dtype,
        "threads": threads,
        **devices.describe(device),
    }
    body = {"schema": SCHEMA_VERSION, "started": now(), "environment": environment}
    write_private(directory.run, msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n")
