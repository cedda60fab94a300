"""implicit-tui run: a run without the app, narrated on stderr, exported at the end."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from pathlib import Path

from solver import client, control, estimate, export, rundir, settings
from solver.history import History
from solver.log import Reader
from solver.progress import progress
from solver.records import LaneEnding, Outcome
from solver.rundir import Order, RunDirectory
from solver.settings import BadSetting
from solver.spec import RunSpec
from tui.commands import EXIT_INTERRUPTED, choosing, complain
from tui.text import duration, inert, quantity

EXIT_FAILED = 1
EXIT_NO_DEVICE = 3
_LOOK_EVERY_S = 0.05
_LINE_EVERY_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    choosing.add_arguments(parser)
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="where the export goes")
    parser.add_argument("--json", action="store_true", help="print the export on stdout")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors on stderr")
    parser.add_argument("--detach", action="store_true", help="start the run, print its id, and leave it running")
    parser.add_argument("--detached-limit", default="12", metavar="H", help="hours a run may go on unwatched (12)")
    parser.add_argument("--dry-run", action="store_true", help="print lanes, memory and time, and do not run")


def main(arguments: argparse.Namespace) -> int:
    preset, spec = choosing.chosen(arguments)
    limit_s = choosing.detached_limit_s(arguments.detached_limit)
    out = None if arguments.out is None else client.check_export_path(arguments.out)
    if arguments.detach and arguments.json:
        raise BadSetting("--json prints the finished run, which --detach does not wait for: drop one of the two")
    if arguments.dry_run:
        return _dry_run(spec)
    refused = estimate.refusal(spec, estimate.free_memory())
    if refused is not None:
        raise BadSetting(refused)
    order = Order(
        spec=spec,
        preset=preset.info(),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        export=None if out is None else str(out),
        detached_limit_s=limit_s,
    )
    directory = rundir.create(order)
    solver = client.start(directory, detach=arguments.detach)
    if arguments.detach:
        print(directory.id)
        return 0
    narrator = _Narrator(spec, quiet=arguments.quiet)
    history, interrupted = _follow(directory, solver, narrator)
    return _finish(arguments, directory, history, interrupted, out)


def _dry_run(spec: RunSpec) -> int:
    need = estimate.estimate(spec)
    lanes = settings.lanes(spec)
    for lane in lanes:
        print(f"lane {lane.index}: " + ", ".join(f"{name} = {value}" for name, value in lane.parameters.items()))
    print(f"lanes: {need.n_lanes}")
    print(f"memory: about {estimate.readable_bytes(need.memory_bytes)}")
    print(f"time: about {duration(need.seconds)} on one core, within a factor of a few")
    refused = estimate.refusal(spec, estimate.free_memory())
    if refused is not None:
        raise BadSetting(refused)
    return 0


def _follow(directory: RunDirectory, solver: client.Solver, narrator: _Narrator) -> tuple[History, bool]:
    reader, history = Reader(directory.log), History()
    interruptions = 0
    while True:
        try:
            alive = solver.is_alive()
            records = list(reader.read())
            history.apply(records)
            for record in records:
                if isinstance(record, LaneEnding):
                    narrator.lane_ended(history, record)
            narrator.tick(history)
            if not alive and not records:
                narrator.clear()
                return history, interruptions > 0
            time.sleep(_LOOK_EVERY_S)
        except KeyboardInterrupt:
            interruptions += 1
            if interruptions == 1:
                control.send(directory.control, "stop")
                narrator.say("stopping at the next step; ctrl+c again ends the solver at once")
            else:
                solver.kill()


def _finish(
    arguments: argparse.Namespace, directory: RunDirectory, history: History, interrupted: bool, out: Path | None
) -> int:
    document = None
    outcome = history.ending.outcome if history.ending is not None else export.KILLED
    if arguments.json or (out is not None and history.ending is None):
        document = export.to_json(export.build(directory))
    written = out is not None
    if out is not None and document is not None and history.ending is None:
        # The solver writes the export at its end; one that was killed had none.
        rundir.replace_file(out, document)
    if out is not None and not _is_export_of(out, directory.id):
        complain(f"the export {out} could not be written: see {directory.output}")
        written = False
    if not arguments.quiet:
        seconds = history.elapsed_s()
        print(f"{outcome.kind} in {duration(seconds)}: {inert(outcome.sentence(), 500)}", file=sys.stderr)
        print(f"run {directory.id}\n    {directory.path}", file=sys.stderr)
        if written:
            print(f"export {out}", file=sys.stderr)
    elif outcome.kind in ("diverged", "failed"):
        complain(outcome.sentence())
    if arguments.json and document is not None:
        sys.stdout.buffer.write(document)
        sys.stdout.flush()
    return _status(outcome, interrupted, written or out is None)


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


class _Narrator:
    """What a person reads on stderr while a run goes on: one changing line, or lines where it is no terminal."""

    def __init__(self, spec: RunSpec, *, quiet: bool) -> None:
        self._spec = spec
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._next = 0.0
        self._shown = False

    def tick(self, history: History) -> None:
        if self._quiet or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + (0.2 if self._terminal else _LINE_EVERY_S)
        text = self._status(history)
        if self._terminal:
            print(f"\r{text[:110]}\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = True
        elif history.lanes:
            print(text, file=sys.stderr, flush=True)

    def _status(self, history: History) -> str:
        if not history.lanes:
            return "starting the solver …"
        now = progress(history, self._spec)
        losses = [lane.columns["train_loss"][-1] for lane in history.lanes if len(lane) and lane.outcome is None]
        steps = [int(lane.columns["step"][-1]) for lane in history.lanes if len(lane) and lane.outcome is None]
        under_way = f"step {max(steps)} · loss {quantity(max(losses))}" if losses else "ending"
        ended = sum(lane.outcome is not None for lane in history.lanes)
        return (
            f"{now.fraction:4.0%} · {ended} of {len(history.lanes)} lanes done · {under_way} · "
            f"{quantity(now.steps_per_s)} steps/s · {duration(now.seconds_left)} left"
        )

    def lane_ended(self, history: History, record: LaneEnding) -> None:
        if self._quiet:
            return
        lane = history.lanes[record.lane]
        columns = lane.columns
        error = columns.get("reconstruction_error") or columns.get("held_out_error")
        name = "reconstruction error" if "reconstruction_error" in columns else "held-out error"
        said = [f"{history.label(lane)}: {record.outcome.kind} at step {int(columns['step'][-1])}"]
        said.append(f"loss {quantity(columns['train_loss'][-1])}")
        if error:
            said.append(f"{name} {quantity(error[-1])}")
        said.append(f"effective rank {quantity(columns['effective_rank'][-1])}")
        if record.outcome.kind in ("diverged", "failed"):
            said.append(record.outcome.sentence())
        self.say(", ".join(said))

    def clear(self) -> None:
        """Takes the changing line away."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = False

    def say(self, text: str) -> None:
        if self._quiet:
            return
        self.clear()
        print(inert(text, 500), file=sys.stderr, flush=True)
