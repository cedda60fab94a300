"""The parts of a run as it begins, or as a checkpoint has them: problems, lanes, batches, and who trains which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from solver import machine, settings
from solver.control import Ear
from solver.numerics import environment, problem_file
from solver.numerics.baselines.baselines import Baselines
from solver.numerics.checkpoint import Content
from solver.numerics.device import Found
from solver.numerics.journal import Journal
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.turns.cluster import Cluster
from solver.numerics.turns.crew import Crew, Share
from solver.numerics.turns.grouping import divided, group, measurers, shares, spread
from solver.numerics.turns.loop import Begun
from solver.numerics.turns.members import Members, lane_kept_in
from solver.numerics.turns.turn import Turns
from solver.records import SCHEMA_VERSION, LaneSchema, Schema
from solver.refusal import BadSetting
from solver.rundir import RunDirectory

# What a loss target may be where it is too large: this part of the loss of predicting zero.
_PART_OF_ZERO_LOSS = 1e-6


def begun(
    directory: RunDirectory,
    lanes: list[settings.LaneSpec],
    devices: Sequence[Found],
    journal: Journal,
    crew: Crew | Cluster,
    ear: Ear,
    resumed: Content | None,
) -> Begun:
    """The parts of a run: at their starts, with problem and schema written, or where a checkpoint has them."""
    of_lane = problem_file.problem_of_lane(lanes)
    if resumed is None:
        problems = problem_file.build(lanes)
        for lane in lanes:
            _check_target(lane, problems[of_lane[lane.index]].zero_loss)
        problem_file.write(directory, problems)
        environment.write(directory, lanes[0].spec, devices)
        runs = [lane_kept_in(directory.path, lane, problems[of_lane[lane.index]]) for lane in lanes]
        # Twice: all frames hang on this line, and one flipped bit must not cost them all.
        for _ in range(2):
            journal.write(_schema(runs, of_lane))
        grouped = divided(group(lanes, devices[0].device), len(devices))
        batches = [Members([runs[lane.index] for lane in batch], None) for batch in grouped]
        return Begun([Baselines(problems, lanes, of_lane), *_batches(batches, devices, crew)], {}, 0)
    # What was read and drawn at the start is kept with the run: a file that changed meanwhile does not matter.
    problems = problem_file.read(directory, lanes)
    ear.before_s = resumed["elapsed_s"]
    journal.rewind(resumed["n_records"], resumed["made"], resumed.get("n_lines"))
    parts: list[Turns] = []
    if resumed["baselines"] is not None:
        baselines = Baselines(problems, lanes, of_lane)
        baselines.restore(resumed["baselines"])
        parts.append(baselines)
    saved = [
        Members([lane_kept_in(directory.path, lanes[k], problems[of_lane[k]]) for k in state["lanes"]], state)
        for state in resumed["batches"]
    ]
    parts += _batches(saved, devices, crew)
    under_way = {lane for part in parts for lane in part.lanes()}
    ended = {lane: outcome for lane, outcome in journal.outcomes.items() if lane not in under_way}
    return Begun(parts, ended, resumed["position"])


def _check_target(lane: settings.LaneSpec, zero_loss: float) -> None:
    """Raises BadSetting where predicting zero meets the target: any small start would have converged."""
    target = lane.spec.stop.train_loss
    if target is not None and 0.0 < zero_loss <= target:
        raise BadSetting(
            f"stop.train_loss is {target:g}, and predicting zero has a loss of {zero_loss:.3g} on these data already: "
            f"nothing would be learned, so take {_PART_OF_ZERO_LOSS * zero_loss:.1g}, or larger values",
            "stop.train_loss",
        )


def _batches(members: list[Members], devices: Sequence[Found], crew: Crew | Cluster) -> list[Turns]:
    """Batches of these lanes, each at its start or where it was saved: here, in the crew's processes, on a cluster."""
    if isinstance(crew, Cluster):
        return [*crew.take(members, devices[0].device)]
    # A batch that was over by the time it was saved has nothing more to train.
    under_way = {index: [run.lane for run in member.runs] for index, member in enumerate(members) if member.runs}
    cores, first = machine.cores(), devices[0].device
    apart = shares(under_way, first, cores) if len(devices) == 1 else spread(under_way, len(devices))
    places = {index: one.device for share, one in zip(apart, devices, strict=False) for index in share}
    makers = [member.maker(places.get(index, first), crew.elapsed_s) for index, member in enumerate(members)]
    here = [] if apart else list(under_way)
    trainers = apart or [here]
    beside = measurers([[lane for index in share for lane in under_way[index]] for share in trainers], cores)
    local = None if apart else crew.measurers([run for index in here for run in members[index].runs], beside[0])
    taken = {index for share in apart for index in share}
    found: dict[int, Turns] = {index: makers[index](local) for index in range(len(makers)) if index not in taken}
    for share, n in zip(apart, beside, strict=False):
        batches = [
            Share(index, makers[index], members[index].lanes(), members[index].clock(), members[index].runs)
            for index in share
        ]
        found |= dict(zip(share, crew.hire(batches, n), strict=True))
    return [found[index] for index in range(len(members))]


def _schema(runs: list[LaneRun[Any, Any]], of_lane: list[int]) -> Schema:
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
