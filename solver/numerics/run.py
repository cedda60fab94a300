"""The loop: batches take turns, records are written, commands are heard, and there is exactly one ending."""

from __future__ import annotations

import datetime
import io
import platform
import time
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from solver import estimate, settings
from solver.control import Ear
from solver.log import DiskFull, Writer
from solver.numerics import device as devices
from solver.numerics.batches import Batch, LaneRun, group
from solver.numerics.problems.matrix import MatrixProblem, matrix_completion
from solver.records import (
    SCHEMA_VERSION,
    AnyRecord,
    Ending,
    LaneEnding,
    LaneSchema,
    Outcome,
    Schema,
    State,
    worst,
)
from solver.rundir import Order, RunDirectory, write_private
from solver.settings import BadSetting
from solver.version import VERSION

# The loss to the target may keep a disk-full run waiting; it looks this often whether there is room again.
_DISK_LOOK_S = 1.0


def run(directory: RunDirectory, order: Order, writer: Writer, ear: Ear) -> Outcome:
    """Trains every lane of ``order`` and writes the run down; returns the outcome, also the log's last line."""
    journal = Journal(writer, ear)
    try:
        outcome = _train(directory, order, journal, ear)
    except devices.Unavailable as error:
        outcome = error.outcome
    except BadSetting as error:
        outcome = Outcome(kind="failed", reason=str(error), cause="input")
    except (MemoryError, torch.OutOfMemoryError) as error:
        text = str(error).splitlines()[0] if str(error) else "no memory was left"
        cure = "take a smaller problem.shape, fewer lanes, or dtype float32"
        outcome = Outcome(kind="failed", reason=text, cure=cure, cause="memory")
    journal.write(Ending(outcome=outcome, wall=now(), elapsed_s=round(ear.elapsed_s(), 6)))
    return outcome


def _train(directory: RunDirectory, order: Order, journal: Journal, ear: Ear) -> Outcome:
    spec = order.spec
    torch.set_num_threads(spec.threads)
    lanes = settings.lanes(spec)
    device = devices.choose(spec, len(lanes))
    refused = estimate.refusal(spec, devices.free_bytes(device))
    if refused is not None:
        raise BadSetting(refused)
    problems, of_lane = _problems(lanes)
    write_problems(directory, problems)
    _write_environment(directory, spec.dtype, spec.threads, device)
    runs = [LaneRun(lane, problems[of_lane[lane.index]]) for lane in lanes]
    journal.write(
        Schema(
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
    )
    journal.write(State(state="running", wall=now()))

    def stop_outcome() -> Outcome | None:
        if ear.stop_reason:
            return Outcome(kind="stopped", reason=ear.stop_reason)
        limit = spec.stop.max_seconds
        if limit is not None and ear.elapsed_s() >= limit:
            return Outcome(kind="max-seconds", reason=f"the run took {limit:g} s", cure="raise stop.max_seconds")
        return None

    turns = [
        Batch([runs[lane.index] for lane in batch], device, ear.elapsed_s).records(stop_outcome)
        for batch in group(lanes, device)
    ]
    outcomes: list[Outcome] = []
    while turns:
        for turn in list(turns):
            records = _next_records(turn, journal.listen)
            if records is None:
                turns.remove(turn)
                continue
            for record in records:
                journal.write(record)
                if isinstance(record, LaneEnding):
                    outcomes.append(record.outcome)
    return worst(outcomes)


def _next_records(turn: Iterator[list[AnyRecord]], listen: Callable[[], None]) -> list[AnyRecord] | None:
    """A batch's turn lasts until it has something to write, so that the order of the log depends on the spec alone.

    None when the batch is done.
    """
    for records in turn:
        listen()
        if records:
            return records
    return None


class Journal:
    """Writes records, waiting where the disk is full, and listens for commands in between."""

    def __init__(self, writer: Writer, ear: Ear) -> None:
        self._writer = writer
        self._ear = ear

    def write(self, record: AnyRecord) -> None:
        waited = False
        while True:
            try:
                self._writer.append(record)
                break
            except DiskFull:
                waited = True
                time.sleep(_DISK_LOOK_S)
        if waited:
            self.write(State(state="running", wall=now()))

    def listen(self) -> None:
        self._ear.listen(lambda paused: self.write(State(state="paused" if paused else "running", wall=now())))


def _problems(lanes: list[settings.Lane]) -> tuple[list[MatrixProblem], list[int]]:
    """The different problems of the lanes, and which one each lane fits."""
    keys: dict[bytes, int] = {}
    problems: list[MatrixProblem] = []
    of_lane = []
    for lane in lanes:
        key = msgspec.json.encode((lane.spec.problem, lane.spec.seed))
        if key not in keys:
            keys[key] = len(problems)
            problems.append(matrix_completion(lane.spec.problem, lane.spec.seed))
        of_lane.append(keys[key])
    return problems, of_lane


def write_problems(directory: RunDirectory, problems: list[MatrixProblem]) -> None:
    """problem.npz: for problem k the arrays k.ground_truth, k.rows, k.columns, k.values and k.test_…, no pickles."""
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for k, problem in enumerate(problems):
        arrays[f"{k}.shape"] = np.array(problem.shape, dtype=np.int64)
        if problem.ground_truth is not None:
            arrays[f"{k}.ground_truth"] = problem.ground_truth
        for name in ("rows", "columns", "values", "test_rows", "test_columns", "test_values"):
            arrays[f"{k}.{name}"] = getattr(problem, name)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_private(directory.problem, buffer.getvalue())


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


def now() -> str:
    """UTC, ISO 8601, to the millisecond."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
