"""What takes turns in a run: batches of lanes in this process or another, and the baselines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar, Literal

import msgspec

from solver.numerics.turns.batch import Batch, BatchState
from solver.numerics.turns.measuring import Items, whole
from solver.records import AnyRecord, Frame, LaneEnding, Outcome

Turn = list[AnyRecord]
"""What one turn writes down."""

# Turns that wait for the first of them to be measured, and the seconds of one look for that.
_MOST_TAKEN, _WAIT_S = 64, 0.02

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

    None for a batch that was over by then. While states are measured beside it the training goes on; turns are given in
    their order, each when all of it is there.
    """

    def __init__(self, batch: Batch | None, ahead: list[Turn], clock: int, elapsed_s: Callable[[], float]) -> None:
        self._batch, self._clock, self._elapsed_s = batch, clock, elapsed_s
        self._taken: deque[Items] = deque([*turn] for turn in ahead)
        """Turns that are not given yet."""
        self._turns: Iterator[Items] = iter(()) if batch is None else batch.records()

    def records(self) -> Iterator[Turn]:
        is_over = False
        while True:
            if self._taken and (turn := whole(self._taken[0])) is not None:
                self._taken.popleft()
                yield stamped(turn, self._clock, self._elapsed_s())
                continue
            if is_over and not self._taken:
                return
            if is_over or len(self._taken) >= _MOST_TAKEN:
                self._settle(_WAIT_S)
                yield []
                continue
            items = next(self._turns, None)
            if items is None:
                is_over = True
                continue
            if items:
                self._taken.append(items)
                self._settle(0.0)
            if not items or whole(self._taken[0]) is None:
                yield []

    def _settle(self, wait_s: float) -> None:
        if self._batch is not None:
            self._batch.settle(wait_s)

    def _all_taken(self) -> list[Turn]:
        """The turns that are not given yet, once all of each is there."""
        if self._batch is not None:
            self._batch.settle_all()
        return [turn for items in self._taken if (turn := whole(items)) is not None]

    def move(self) -> None:
        while self._batch is not None and not self._batch.has_moved():
            items = next(self._turns, None)
            if items is None:
                return
            if items:
                self._taken.append(items)

    def lanes(self) -> list[int]:
        return ended_in(self._taken) + ([] if self._batch is None else self._batch.lanes())

    def state(self) -> BatchState:
        ahead = self._all_taken()
        over: BatchState = {"lanes": [], "clock": self._clock}
        return saved(over if self._batch is None else self._batch.state(), ahead)

    def halt(self) -> list[Turn]:
        ahead = [stamped(turn, self._clock, self._elapsed_s()) for turn in self._all_taken()]
        self._taken.clear()
        return ahead

    def end(self, outcome: Outcome) -> Turn:
        if self._batch is None:
            return []
        last = self._batch.end(outcome)
        self._batch.settle_all()
        return whole(last) or []

    def spent(self) -> dict[int, dict[str, float]]:
        if self._batch is None:
            return {}
        self._batch.settle_all()
        return {lane: dict(found) for lane, found in self._batch.spent.of_lanes.items()}


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


def ended_in(turns: Iterable[Turn | Items]) -> list[int]:
    """The lanes that end in these turns."""
    return [record.lane for turn in turns for record in turn if isinstance(record, LaneEnding)]
