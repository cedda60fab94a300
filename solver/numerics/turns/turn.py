"""What takes turns in a run: batches of lanes in this process or another, and the baselines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar, Literal

import msgspec

from solver.numerics.turns.batch import Batch, BatchState
from solver.records import AnyRecord, Frame, LaneEnding, Outcome

Turn = list[AnyRecord]
"""What one turn writes down."""

decode_turns = msgspec.json.Decoder(list[Turn]).decode
decode_turn = msgspec.json.Decoder(Turn).decode
decode_outcome = msgspec.json.Decoder(Outcome).decode
decode_spent = msgspec.json.Decoder(dict[int, dict[str, float]]).decode
encode = msgspec.json.Encoder().encode


class Turns(ABC):
    """Something that writes records turn by turn. The order of the log is theirs alone, never that of a clock."""

    IS: ClassVar[Literal["batch", "baselines"]] = "batch"
    """What a checkpoint keeps it as."""
    SPENDS_ON: ClassVar[str] = ""
    """What the loop counts its turns as, by a name of the profile; empty for what counts for itself."""
    MOVES_ON_WITHOUT_RECORDS: ClassVar[bool] = False
    """Whether a turn without records ends it; else it lasts until there is something to write."""

    @abstractmethod
    def records(self) -> Iterator[Turn]:
        """Its turns to the end; an empty one where nothing is there yet and the caller may want to look around."""

    @abstractmethod
    def lanes(self) -> list[int]:
        """The lanes that are under way."""

    @abstractmethod
    def state(self) -> Mapping[str, object]:
        """What going on from the turn last given depends on: plain data and tensors."""

    def move(self) -> None:
        """Sees to it that every lane has taken a step since it was begun here; what that gives is ahead."""
        return

    def halt(self) -> list[Turn]:
        """Takes no further turn; gives those that were taken already and not given."""
        return []

    @abstractmethod
    def end(self, outcome: Outcome) -> Turn:
        """The last records of all lanes, which end so now."""

    def spent(self) -> dict[int, dict[str, float]]:
        """Seconds by lane and by what they went into, once it is over."""
        return {}


class LocalTurns(Turns):
    """A batch that trains in this process, after what it had written ahead when it was saved.

    None for a batch that was over by then.
    """

    def __init__(self, batch: Batch | None, ahead: list[Turn], clock: int, elapsed_s: Callable[[], float]) -> None:
        self._batch, self._clock, self._elapsed_s = batch, clock, elapsed_s
        self._ahead = deque(ahead)
        self._turns: Iterator[Turn] = iter(()) if batch is None else batch.records()

    def records(self) -> Iterator[Turn]:
        while True:
            if self._ahead:
                yield stamped(self._ahead.popleft(), self._clock, self._elapsed_s())
                continue
            turn = next(self._turns, None)
            if turn is None:
                return
            yield turn

    def move(self) -> None:
        while self._batch is not None and not self._batch.has_moved():
            turn = next(self._turns, None)
            if turn is None:
                return
            if turn:
                self._ahead.append(turn)

    def lanes(self) -> list[int]:
        return ended_in(self._ahead) + ([] if self._batch is None else self._batch.lanes())

    def state(self) -> BatchState:
        over: BatchState = {"lanes": [], "clock": self._clock}
        state = over if self._batch is None else self._batch.state()
        return saved(state, list(self._ahead))

    def halt(self) -> list[Turn]:
        ahead = [stamped(turn, self._clock, self._elapsed_s()) for turn in self._ahead]
        self._ahead.clear()
        return ahead

    def end(self, outcome: Outcome) -> Turn:
        return [] if self._batch is None else self._batch.end(outcome)

    def spent(self) -> dict[int, dict[str, float]]:
        return {} if self._batch is None else {lane: dict(found) for lane, found in self._batch.spent.of_lanes.items()}


def stamped(turn: Turn, clock: int, elapsed_s: float) -> Turn:
    """The turn with the seconds of the log: whoever was ahead of it, or was held, had another clock."""
    for record in turn:
        if isinstance(record, Frame):
            record.values[clock] = round(elapsed_s, 6)
    return turn


def saved(state: BatchState, ahead: list[Turn]) -> BatchState:
    """A batch's state with the turns it has taken beyond the one last given."""
    return {**state, "ahead": encode(ahead).decode()}


def ahead_of(state: BatchState) -> list[Turn]:
    """The turns that a batch had taken beyond the one last given when it was saved."""
    return decode_turns(state["ahead"].encode())


def ended_in(turns: Iterable[Turn]) -> list[int]:
    """The lanes that end in these turns."""
    return [record.lane for turn in turns for record in turn if isinstance(record, LaneEnding)]
