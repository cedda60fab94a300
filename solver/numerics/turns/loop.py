"""The loop: parts take turns, what they give is written, commands are heard, and everything ends once."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from solver.numerics.turns.spent import Spent
from solver.numerics.turns.turn import Turn, Turns
from solver.records import AnyRecord, LaneEnding, Outcome, State, now, worst


@runtime_checkable
class Journal(Protocol):
    """Where records go."""

    def write(self, record: AnyRecord) -> None:
        """Writes one, whatever it takes."""

    def listen(self) -> None:
        """Hears commands; returns when the run may go on."""


@runtime_checkable
class Ear(Protocol):
    """What was heard."""

    stop_reason: str
    """Why the run should stop; empty while it should go on."""

    def start_clock(self) -> None:
        """The run's time begins."""

    def elapsed_s(self) -> float:
        """Seconds the run has taken."""


@runtime_checkable
class Keeper(Protocol):
    """Saves checkpoints."""

    def look(self, parts: list[Turns], position: int, *, last: bool) -> None:
        """Saves one where it is time, or the last."""


class Begun(NamedTuple):
    """A run at its start, or where a checkpoint has it."""

    parts: list[Turns]
    outcomes: dict[int, Outcome]
    """Of the lanes that have ended."""
    position: int
    """Whose turn it is."""


def take_turns(
    begun: Begun, journal: Journal, ear: Ear, keeper: Keeper, max_seconds: float | None, spent: Spent
) -> Outcome:
    """Lets the parts of a run take turns until all are over, or it is to end; ``spent`` is told what that took."""
    parts, outcomes, position = list(begun.parts), dict(begun.outcomes), begun.position
    ear.start_clock()
    began_s = ear.elapsed_s()
    journal.write(State(state="running", wall=now()))
    turns = [part.records() for part in parts]

    def write(records: Turn) -> None:
        with spent.on("writing_s"):
            for record in records:
                journal.write(record)
        outcomes.update({record.lane: record.outcome for record in records if isinstance(record, LaneEnding)})

    while turns:
        # A batch's turn lasts until it has something to write, that of the baselines a number of iterations: the order
        # of the log depends on the spec alone.
        position %= len(turns)
        with spent.on(parts[position].SPENDS_ON):
            records = next(turns[position], None)
        if records is None:
            spent.take(parts[position].spent())
            del turns[position], parts[position]
            continue
        with spent.on("paused_s"):
            journal.listen()
        write(records)
        position += bool(records) or parts[position].MOVES_ON_WITHOUT_RECORDS
        ending = _ending(ear, ear.elapsed_s() - began_s, max_seconds)
        if ending is not None:
            if ending.kind == "max-seconds":
                # However little time there was: who takes a run up again and again comes on in every lane.
                for part in parts:
                    part.move()
            for part in parts:
                for ahead in part.halt():
                    write(ahead)
        with spent.on("checkpoints_s"):
            keeper.look(parts, position, last=ending is not None)
        if ending is not None:
            for part in parts:
                write(part.end(ending))
                spent.take(part.spent())
            break
    return worst([outcomes[lane] for lane in sorted(outcomes)])


def _ending(ear: Ear, taken_s: float, max_seconds: float | None) -> Outcome | None:
    """How everything is to end now, if it is."""
    if ear.stop_reason:
        return Outcome(kind="stopped", reason=ear.stop_reason)
    if max_seconds is not None and taken_s >= max_seconds:
        return Outcome(
            kind="max-seconds",
            reason=f"the run trained for {taken_s:.3g} s, and stop.max_seconds is {max_seconds:g}",
            cure="resume gives it as much again",
        )
    return None
