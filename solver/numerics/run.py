"""A run from its order to its outcome: device and memory looked at, its parts begun, misfortunes told as outcomes."""

from __future__ import annotations

import time

import torch

from solver import estimate, profile, settings
from solver.control import Ear
from solver.files import is_full
from solver.lock import Lock
from solver.log import Writer
from solver.numerics import checkpoint
from solver.numerics import device as devices
from solver.numerics.journal import Journal
from solver.numerics.turns.begin import begun
from solver.numerics.turns.cluster import Cluster
from solver.numerics.turns.crew import Crew
from solver.numerics.turns.grouping import largest_batch
from solver.numerics.turns.keeper import CheckpointKeeper
from solver.numerics.turns.loop import Begun, take_turns
from solver.numerics.turns.spent import Spent
from solver.records import Ending, Outcome, now
from solver.refusal import BadSetting
from solver.rundir import Order, RunDirectory


def run(
    directory: RunDirectory, order: Order, writer: Writer, ear: Ear, lock: Lock, began: float | None = None
) -> Outcome:
    """Trains every lane of ``order`` and writes the run down; returns the outcome, also the log's last line.

    A run that has a checkpoint goes on from there. ``began`` is when the solver did, by perf_counter; now unless given.
    """
    began = time.perf_counter() if began is None else began
    spent = Spent()
    journal = Journal(writer, ear, order, lock)
    is_resumed = journal.n_records > 0
    try:
        crew, parts = _begin(directory, order, journal, ear)
    except _MISFORTUNES as error:
        outcome = _misfortune(error)
        if is_resumed:
            # Nothing has been trained anew: the checkpoint is as whole as it was, and another try may succeed.
            raise NotResumed(outcome) from error
        return _ended(journal, ear, outcome)
    except Exception as error:
        if is_resumed and not (isinstance(error, OSError) and is_full(error)):
            raise NotResumed(unforeseen(error)) from error
        raise
    try:
        keeper = CheckpointKeeper(directory, journal, ear)
        spent.of_run["start_s"] = time.perf_counter() - began
        outcome = take_turns(parts, journal, ear, keeper, order.spec.stop.max_seconds, spent)
    except _MISFORTUNES as error:
        outcome = _misfortune(error)
    finally:
        crew.dismiss()
    # Claims are judged as records are written, and once more at the end.
    spent.of_run["writing_s"] -= journal.judging_s
    outcome = _ended(journal, ear, outcome)
    spent.of_run |= {"claims_s": journal.judging_s, "total_s": time.perf_counter() - began}
    profile.write(directory, profile.of(spent.of_run, spent.of_lanes))
    return outcome


_MISFORTUNES = (devices.Unavailable, BadSetting, MemoryError, torch.OutOfMemoryError)


class NotResumed(Exception):
    """A run could not be taken up; it is as it was, and can be tried again."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.sentence())
        self.outcome = outcome


def _misfortune(error: BaseException) -> Outcome:
    """What a run reports of something that a person can do something about."""
    if isinstance(error, devices.Unavailable):
        return error.outcome
    if isinstance(error, BadSetting):
        return Outcome(kind="failed", reason=str(error), cause="input")
    text = str(error).splitlines()[0] if str(error) else "no memory was left"
    cure = "take a smaller problem.shape, fewer lanes or images, or dtype float32"
    return Outcome(kind="failed", reason=text, cure=cure, cause="memory")


def unforeseen(error: BaseException) -> Outcome:
    """A bug, or a fault nobody foresaw: the traceback is for solver.out, the sentence for the person."""
    return Outcome(
        kind="failed",
        reason=f"the solver hit an unexpected {type(error).__name__}: {str(error)[:200]}",
        cure="solver.out in the run directory has the details",
        cause="internal",
    )


def _ended(journal: Journal, ear: Ear, outcome: Outcome) -> Outcome:
    journal.judge(at_end=True)
    journal.write(Ending(outcome=outcome, wall=now(), elapsed_s=round(ear.elapsed_s(), 6)))
    return outcome


def _begin(directory: RunDirectory, order: Order, journal: Journal, ear: Ear) -> tuple[Crew | Cluster, Begun]:
    """The parts of the run, ready to take turns, and the workers that some of them are in."""
    spec = order.spec
    torch.set_num_threads(spec.threads)
    torch.backends.cuda.matmul.allow_tf32 = spec.dtype == "tf32"
    lanes = settings.lanes(spec)
    crew = Crew(ear.elapsed_s) if order.cluster is None else Cluster(order.cluster, spec, directory, ear.elapsed_s)
    journal.hold = crew.hold
    try:
        if isinstance(crew, Cluster):
            found = [crew.choose(lanes)]
        else:
            found = devices.choose(spec, largest_batch(lanes), estimate.estimate(spec).seconds)
        # Named twice, a device has its memory once.
        free = {one.device: one.free_bytes for one in found}
        refused = estimate.refusal(spec, sum(free.values()))
        if refused is not None:
            raise BadSetting(refused)
        resumed = checkpoint.load(directory)
        if resumed is None and journal.n_records:
            raise BadSetting(f"run {directory.id} has no checkpoint to go on from: start it anew with n, or `run`")
        return crew, begun(directory, lanes, found, journal, crew, ear, resumed)
    except BaseException:
        crew.dismiss()
        raise
