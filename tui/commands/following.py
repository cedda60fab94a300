"""A run narrated on stderr until it ends: what `run` and `resume` share."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from solver import client, control, expected, export, files, held_out, series
from solver.history import History
from solver.log import Reader
from solver.progress import progress
from solver.records import LaneEnding, Outcome
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from solver.spec import RunSpec
from tui.commands import output
from tui.commands.ending import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NO_DEVICE, complain
from tui.loggers import Wanted
from tui.loggers.feed import Feed
from tui.text import duration, inert, label, quantity

_LOOK_EVERY_S = 0.05
_LINE_EVERY_S = 5.0
_WAITING = {
    "paused": "paused",
    "suspended": "the solver was halted by a signal: SIGCONT lets it go on",
    "waiting-for-disk": "the disk is full: nothing is lost, it goes on when there is room",
}


def recorded(directory: RunDirectory) -> tuple[Reader, History]:
    """What a run has recorded so far, to be followed from there."""
    reader, history = Reader(directory.log), History()
    history.apply(reader.whole())
    return reader, history


def follow(
    directory: RunDirectory,
    solver: client.Solver,
    narrator: Narrator,
    before: tuple[Reader, History],
    logs: Sequence[Wanted] = (),
) -> tuple[History, bool]:
    """Narrates a run, and writes its logs, until its solver is gone.

    Returns what it recorded, and whether ctrl+c ended it.
    """
    reader, history = before
    feed = Feed(directory, logs, narrator.say, narrator.warn)
    interruptions = 0
    while True:
        try:
            alive = solver.is_alive()
            records = list(reader.read())
            history.apply(records)
            for record in records:
                if isinstance(record, LaneEnding):
                    narrator.lane_ended(history, record)
            narrator.tick(directory, history)
            feed.take(records)
            if not alive and not records:
                break
            time.sleep(_LOOK_EVERY_S)
        except KeyboardInterrupt:
            interruptions += 1
            if interruptions == 1:
                with contextlib.suppress(BadSetting):
                    control.send(directory, "stop")
                narrator.say("stopping at the next step; ctrl+c again ends the solver at once")
            else:
                solver.kill()
    narrator.clear()
    try:
        feed.end(history)
    except KeyboardInterrupt:
        interruptions += 1
    return history, interruptions > 0


def finish(
    directory: RunDirectory, history: History, out: Path | None, *, interrupted: bool, as_json: bool, quiet: bool
) -> int:
    """Says how the run ended and where it lies, sees to its export, and returns the exit status."""
    document = None
    outcome = _outcome(directory, history)
    if as_json or (out is not None and history.ending is None):
        document = export.to_json(export.build(directory))
    written = out is not None
    if out is not None and document is not None and history.ending is None:
        # The solver writes the export at its end; one that was killed had none.
        with contextlib.suppress(OSError):
            files.replace_file(out, document)
    if out is not None and not _is_export_of(out, directory.id):
        complain(f"the export {out} could not be written: see {directory.output}")
        written = False
    if not quiet:
        seconds = history.elapsed_s()
        print(f"{outcome.kind} in {duration(seconds)}: {inert(outcome.sentence(), 500)}", file=sys.stderr)
        result = expected.result(directory.order().preset.results, history, quantity)
        if result:
            print(inert(result, 500), file=sys.stderr)
        for claim in history.claims.values():
            print(f"claim {claim.verdict}: {claim.name}: {inert(claim.text, 300)}", file=sys.stderr)
        print(f"run {directory.id}\n    {directory.path}", file=sys.stderr)
        if written:
            print(f"export {out}", file=sys.stderr)
        for line in held_out.lines(history, lambda lane: label(history, lane), quantity):
            print(inert(line, 1000), file=sys.stderr)
    elif outcome.kind in ("diverged", "failed"):
        complain(outcome.sentence())
    if as_json and document is not None:
        output.write(document)
    return _status(outcome, interrupted, written or out is None)


def _outcome(directory: RunDirectory, history: History) -> Outcome:
    """How the run ended; or that it could not be taken up, or that its solver was killed."""
    told = history.not_resumed
    if told is not None:
        return Outcome(kind="failed", reason=told.text, cause=told.name.rpartition("-")[2])
    return history.ending.outcome if history.ending is not None else directory.silent_outcome()


def _status(outcome: Outcome, interrupted: bool, written: bool) -> int:
    if interrupted:
        return EXIT_INTERRUPTED
    if outcome.cause == "device":
        return EXIT_NO_DEVICE
    return EXIT_FAILED if outcome.kind in ("diverged", "failed") or not written else 0


def _is_export_of(path: Path, run_id: str) -> bool:
    try:
        with path.open("rb") as file:
            return f'"id":{json.dumps(run_id)}'.encode() in file.read(1000)
    except OSError:
        return False


class Narrator:
    """What a person reads on stderr while a run goes on: one changing line, or lines where it is no terminal."""

    def __init__(self, spec: RunSpec, *, quiet: bool) -> None:
        self._spec = spec
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._next = 0.0
        self._shown = False

    def tick(self, directory: RunDirectory, history: History) -> None:
        ended = bool(history.lanes) and all(lane.outcome is not None for lane in history.lanes)
        if self._quiet or ended or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + (0.2 if self._terminal else _LINE_EVERY_S)
        text = self._status(directory, history)
        if self._terminal:
            print(f"\r{text[:110]}\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = True
        elif history.lanes:
            print(text, file=sys.stderr, flush=True)

    def _status(self, directory: RunDirectory, history: History) -> str:
        if not history.lanes:
            return "starting the solver …"
        state = directory.live_state()
        if state != "running":
            return _WAITING.get(state, state)
        now = progress(history, self._spec)
        losses = [lane.columns["train_loss"][-1] for lane in history.lanes if len(lane) and lane.outcome is None]
        steps = [int(lane.columns["step"][-1]) for lane in history.lanes if len(lane) and lane.outcome is None]
        under_way = f"step {max(steps)} · loss {quantity(max(losses))}" if losses else "ending"
        ended = sum(lane.outcome is not None for lane in history.lanes)
        bests = [one.best for one in map(held_out.of_lane, history.lanes) if one is not None]
        if bests:
            least = min(bests, key=lambda one: one.error)
            under_way += f" · best held out {quantity(least.error)} at step {least.step}"
        return (
            f"{now.fraction:4.0%} · {ended} of {len(history.lanes)} lanes done · {under_way} · "
            f"{quantity(now.steps_per_s)} steps/s · {duration(now.seconds_left)} left"
        )

    def lane_ended(self, history: History, record: LaneEnding) -> None:
        if self._quiet:
            return
        lane = history.lanes[record.lane]
        columns = lane.columns
        said = [f"{history.label(lane)}: {record.outcome.kind} at step {int(columns['step'][-1])}"]
        standing = held_out.of_lane(lane)
        if standing is not None and standing.is_past_its_best:
            said.append(f"best held-out error {quantity(standing.best.error)} at step {standing.best.step}")
        said += [f"{one.told} {quantity(columns[one.name][-1])}" for one in series.told() if columns.get(one.name)]
        if record.outcome.kind in ("diverged", "failed"):
            said.append(record.outcome.sentence())
        self.say(", ".join(said))

    def clear(self) -> None:
        """Takes the changing line away."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = False

    def warn(self, text: str) -> None:
        """What even the quiet are told."""
        self.clear()
        complain(text)

    def say(self, text: str) -> None:
        if self._quiet:
            return
        self.clear()
        print(inert(text, 500), file=sys.stderr, flush=True)
