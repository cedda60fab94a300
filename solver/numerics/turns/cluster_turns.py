"""A batch that trains on a worker of a cluster, as the loop sees it."""

from __future__ import annotations

import io
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch

from solver.numerics.cluster.messages import Answer, Start, What
from solver.numerics.turns.batch import BatchState
from solver.numerics.turns.members import Members
from solver.numerics.turns.turn import Turn, Turns, ahead_of, decode_turn, ended_in, saved, stamped
from solver.records import Outcome

# Seconds that the solver waits for a turn before it looks around.
_WAIT_S = 0.02
# Of a batch's first piece of work, so that a person sees something soon; each is twice as long as the one before.
_FIRST_S = 0.25


@runtime_checkable
class Workers(Protocol):
    """Who trains the batches of a run."""

    def pump(self, wanted: ClusterTurns, timeout_s: float) -> None:
        """Takes what has come and sends out what is next."""

    def ask_all(self, what: What, outcome: Outcome | None = None) -> None:
        """Wants the same of every batch that is not over."""

    def halt(self) -> None:
        """Nothing is trained any more."""

    def elapsed_s(self) -> float:
        """Seconds of the log."""


class ClusterTurns(Turns):
    """A batch on a worker. Its turns are numbered from the state that it was begun with here."""

    SPENDS_ON = "waiting_s"

    def __init__(self, workers: Workers, number: int, members: Members, needs: dict[str, float]) -> None:
        self._workers, self.number, self.needs = workers, number, needs
        self._lanes, self._clock = members.lanes(), members.clock()
        # What the batch was ahead when it was saved is given from here; it is numbered up to 0.
        ahead = [] if members.state is None else ahead_of(members.state)
        self.arrived: deque[tuple[Turn, float]] = deque((turn, time.monotonic()) for turn in ahead)
        """Turns not yet given, and when they came."""
        self._at_start = [run.lane.index for run in members.runs]
        self._state = None if members.state is None else _bytes_of(saved(members.state, []))
        """The last state that came; None for the start."""
        self._saved_n = 0
        """The turns that were taken by then."""
        self.n = 0
        """Turns that have come from workers."""
        self.is_over = not members.runs
        self.home: str | None = None
        """The worker that has the batch, or is to."""
        self.is_there = False
        """Whether it has it, as far as we know."""
        self.n_losses = 0
        """How often on end its worker was lost while it worked on it."""
        self.wanted: What = "train"
        """What is to be asked of its worker next."""
        self.sent: What | None = None
        """What its worker was asked and has not answered."""
        self.outcome: Outcome | None = None
        self.next_s = _FIRST_S
        self.saved_at = time.monotonic()
        self._taken_s: defaultdict[int, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))

    def records(self) -> Iterator[Turn]:
        while True:
            waits = not self.arrived and not self.is_over
            self._workers.pump(self, _WAIT_S if waits else 0.0)
            if self.arrived:
                yield self._given()
            elif self.is_over:
                return
            else:
                yield []

    def lanes(self) -> list[int]:
        return list(self._lanes)

    def ahead_s(self) -> float:
        """Seconds since the oldest turn came that is not given yet."""
        return time.monotonic() - self.arrived[0][1] if self.arrived else 0.0

    def is_saved(self) -> bool:
        """Whether the last state that came is the present one."""
        return self._saved_n == self.n

    def start(self) -> Start:
        """Where a worker takes the batch up that does not have it."""
        lanes = self._at_start if self._state is None else _state_of(self._state)["lanes"]
        return Start(lanes=lanes, state=self._state, n=self._saved_n)

    def want(self, what: What, outcome: Outcome | None = None) -> None:
        """The next piece of work is this, unless the batch is over."""
        if not self.is_over and not (what == "state" and self._is_enough()):
            self.wanted, self.outcome = what, outcome

    def take(self, answer: Answer) -> None:
        """What a piece of work has come to."""
        sent, self.sent = self.sent, None
        self.is_there, self.n_losses = not answer.is_over, 0
        if answer.is_over and answer.n < self.n:
            raise RuntimeError(f"a batch of lanes {self._lanes} ended {self.n - answer.n} turns earlier than before")
        self.arrived.extend((decode_turn(turn), time.monotonic()) for turn in answer.turns)
        self.n = max(self.n, answer.n)
        self.is_over = answer.is_over
        for lane, seconds in answer.spent.items():
            for name, value in seconds.items():
                self._taken_s[lane][name] += value
        if answer.state is not None:
            self._state, self._saved_n, self.saved_at = answer.state, self.n, time.monotonic()
        is_answered = answer.is_done and sent == self.wanted
        if is_answered or self.is_over or (self.wanted == "state" and self._is_enough()):
            self.wanted, self.outcome = "train", None

    def _given(self) -> Turn:
        turn, _ = self.arrived.popleft()
        for lane in ended_in([turn]):
            self._lanes.remove(lane)
        return stamped(turn, self._clock, self._workers.elapsed_s())

    def _asked(self, what: What, outcome: Outcome | None = None) -> None:
        self._workers.ask_all(what, outcome)
        while self.wanted == what and not self.is_over:
            self._workers.pump(self, _WAIT_S)

    def _n_given(self) -> int:
        return self.n - len(self.arrived)

    def _is_enough(self) -> bool:
        """Whether the last state, or the start, is not behind the log: turns up to there are saved with it."""
        return self._saved_n >= self._n_given()

    def state(self) -> BatchState:
        if not self.is_over and not self._is_enough():
            self._asked("state")
        ahead = [turn for turn, _ in self.arrived]
        if self.is_over:
            return saved({"lanes": [], "clock": self._clock}, ahead)
        start: BatchState = {"lanes": self._at_start, "clock": self._clock}
        return saved(start if self._state is None else _state_of(self._state), ahead[: self._saved_n - self._n_given()])

    def move(self) -> None:
        self._asked("move")

    def halt(self) -> list[Turn]:
        self._workers.halt()
        while self.sent is not None:
            self._workers.pump(self, _WAIT_S)
        return [self._given() for _ in range(len(self.arrived))]

    def end(self, outcome: Outcome) -> Turn:
        if not self.is_over:
            self._asked("end", outcome)
        return [record for _ in range(len(self.arrived)) for record in self._given()]

    def spent(self) -> dict[int, dict[str, float]]:
        return {lane: dict(found) for lane, found in self._taken_s.items()}


def _bytes_of(state: BatchState) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _state_of(data: bytes) -> BatchState:
    state: BatchState = torch.load(io.BytesIO(data), weights_only=True)
    return state
