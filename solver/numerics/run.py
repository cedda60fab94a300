"""A run from its order to its outcome: device and memory looked at, its parts begun, misfortunes told as outcomes."""

from __future__ import annotations

import torch

from solver import estimate, settings
from solver.control import Ear
from solver.log import Writer
from solver.numerics import checkpoint
from solver.numerics import device as devices
from solver.numerics.journal import Journal
from solver.numerics.turns.begin import begun
from solver.numerics.turns.crew import Crew
from solver.numerics.turns.grouping import largest_batch
from solver.numerics.turns.keeper import CheckpointKeeper
from solver.numerics.turns.loop import take_turns
from solver.records import Ending, Outcome, now
from solver.refusal import BadSetting
from solver.rundir import Order, RunDirectory


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
        parts = begun(directory, lanes, device, journal, crew, ear, resumed)
        keeper = CheckpointKeeper(directory, journal, ear)
        return take_turns(parts, journal, ear, keeper, spec.stop.max_seconds)
    finally:
        crew.dismiss()
