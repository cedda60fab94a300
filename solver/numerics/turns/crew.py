"""Batches of lanes in processes of their own, one a core, for lanes that gain nothing by being multiplied together.

A worker is a fork of the solver. It takes the turns of its batches in order and sends what each writes; here they are
given in the order of the log. A worker may be ahead of the log: what it has sent and nobody took is kept, and saved
with a checkpoint.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

import torch

from solver.numerics.fork import fork
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.turns.batch import BatchState
from solver.numerics.turns.measuring import Measurers
from solver.numerics.turns.turn import (
    LocalTurns,
    Turn,
    Turns,
    ahead_of,
    decode_outcome,
    decode_spent,
    decode_turn,
    encode,
    ended_in,
    saved,
    stamped,
)
from solver.records import Outcome

# Seconds that the solver waits for a turn before it looks around.
_WAIT_S = 0.02
# For so many seconds a worker may train ahead of the log; then it waits.
_MOST_AHEAD_S = 2.0

# First bytes of messages. From a worker: a turn, a batch is over, a state, a batch has moved, what its lanes took, last
# records, an error.
_TURN, _DONE, _STATE, _MOVED, _SPENT, _LAST, _ERROR = b"t", b"d", b"s", b"m", b"p", b"l", b"e"
# To a worker: send the state, or the last records, of a batch; move it; wait; go on.
_WANT_STATE, _END, _MOVE, _HOLD, _GO = b"s", b"x", b"m", b"h", b"g"


Maker = Callable[[Measurers | None], LocalTurns]
"""Makes a batch in the process that trains it, with whoever measures beside it."""


class Share(NamedTuple):
    """A batch for a worker."""

    number: int
    """Among the batches of the run."""
    make: Maker
    lanes: list[int]
    """The lanes that have not ended yet, or whose end is not given yet."""
    clock: int
    """The place of elapsed_s in their frames."""
    runs: Sequence[LaneRun[Any, Any]] = ()
    """The lanes that are under way, for whoever measures them."""


class Crew:
    """The workers of a run."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        self.elapsed_s = elapsed_s
        self._workers: list[_Worker] = []
        self._measurers: list[Measurers] = []

    def measurers(self, runs: Sequence[LaneRun[Any, Any]], n: int) -> Measurers | None:
        """So many processes that measure these lanes beside what trains them in this one; None for none."""
        found = _measurers(runs, n)
        if found is not None:
            self._measurers.append(found)
        return found

    def hire(self, shares: list[Share], n_measurers: int = 0) -> list[RemoteTurns]:
        """A worker for these batches, with so many measurers of its own."""
        pid, ours = fork(lambda theirs: _be_a_worker(theirs, shares, n_measurers))
        worker = _Worker(self, pid, ours)
        self._workers.append(worker)
        worker.batches = {share.number: RemoteTurns(worker, share) for share in shares}
        return list(worker.batches.values())

    def receive(self, wanted: _Worker, timeout_s: float) -> None:
        """Takes what has arrived, for at most so long where nothing has; ``wanted`` may always send."""
        connections = {
            worker.connection: worker
            for worker in self._workers
            if not worker.is_gone and (worker is wanted or worker.ahead_s() < _MOST_AHEAD_S)
        }
        for connection in wait(list(connections), timeout_s):
            assert isinstance(connection, Connection)
            connections[connection].take()

    def hold(self, is_held: bool) -> None:
        """All workers wait, or go on."""
        for worker in self._workers:
            worker.send(_HOLD if is_held else _GO)

    def dismiss(self) -> None:
        """Ends the workers."""
        for worker in self._workers:
            worker.dismiss()
        for measurers in self._measurers:
            measurers.dismiss()


def _measurers(runs: Sequence[LaneRun[Any, Any]], n: int) -> Measurers | None:
    return Measurers({run.lane.index: run for run in runs}, n) if runs and n > 0 else None


class _Worker:
    """The solver's end of a worker."""

    def __init__(self, crew: Crew, pid: int, connection: Connection) -> None:
        self.crew = crew
        self._pid = pid
        self.connection = connection
        self.batches: dict[int, RemoteTurns] = {}
        self.is_gone = False

    def ahead_s(self) -> float:
        """Seconds since the oldest turn came that is not given yet."""
        waiting = [batch.arrived[0][1] for batch in self.batches.values() if batch.arrived]
        return time.monotonic() - min(waiting) if waiting else 0.0

    def send(self, message: bytes) -> None:
        # Where it is gone, what it said last is still to be read.
        with contextlib.suppress(OSError):
            self.connection.send_bytes(message)

    def take(self) -> None:
        """Takes one message. Raises ChildProcessError, or what the worker raised."""
        try:
            message = self.connection.recv_bytes()
        except (EOFError, OSError):
            self._lost()
        kind, body = message[:1], message[1:]
        if kind == _ERROR:
            text = body.decode()
            name = text.strip().splitlines()[-1]
            if name.startswith(("MemoryError", "torch.OutOfMemoryError")):
                raise MemoryError(name.partition(": ")[2] or "no memory was left")
            raise RuntimeError(f"in a process of lanes: {name}")
        batch = self.batches[int.from_bytes(body[:4], "little")]
        body = body[4:]
        if kind == _TURN:
            batch.arrived.append((decode_turn(body), time.monotonic()))
        elif kind == _DONE:
            batch.is_done = True
        elif kind == _SPENT:
            batch.taken_s = decode_spent(body)
        else:
            batch.answer = body

    def _lost(self) -> None:
        self.is_gone = True
        _, status = os.waitpid(self._pid, 0) if self._pid else (0, 0)
        self._pid = 0
        how = f"was killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "ended"
        raise ChildProcessError(f"a process that trained lanes of this run {how}")

    def dismiss(self) -> None:
        self.connection.close()
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0


class RemoteTurns(Turns):
    """A batch that trains in a worker."""

    SPENDS_ON = "waiting_s"

    def __init__(self, worker: _Worker, share: Share) -> None:
        self._worker, self._index, self._clock = worker, share.number.to_bytes(4, "little"), share.clock
        self._lanes = list(share.lanes)
        self.arrived: deque[tuple[Turn, float]] = deque()
        """Turns not yet given, and when they came."""
        self.is_done = False
        self.taken_s: dict[int, dict[str, float]] = {}
        self.answer: bytes | None = None

    def records(self) -> Iterator[Turn]:
        while True:
            waits = not self.arrived and not self.is_done
            self._worker.crew.receive(self._worker, _WAIT_S if waits else 0.0)
            if self.arrived:
                yield self._given()
            elif self.is_done:
                return
            else:
                yield []

    def _given(self) -> Turn:
        turn, _ = self.arrived.popleft()
        for lane in ended_in([turn]):
            self._lanes.remove(lane)
        return stamped(turn, self._clock, self._worker.crew.elapsed_s())

    def lanes(self) -> list[int]:
        return list(self._lanes)

    def _asked(self, message: bytes) -> bytes:
        self.answer = None
        self._worker.send(message)
        while (answer := self.answer) is None:
            self._worker.crew.receive(self._worker, _WAIT_S)
        self.answer = None
        return answer

    def state(self) -> BatchState:
        # Whatever was sent before it has arrived before it: the state is that after the last turn here.
        answer = self._asked(_WANT_STATE + self._index)
        state: BatchState = torch.load(io.BytesIO(answer), weights_only=True)
        return saved(state, [*(turn for turn, _ in self.arrived), *ahead_of(state)])

    def move(self) -> None:
        self._asked(_MOVE + self._index)

    def halt(self) -> list[Turn]:
        self._worker.send(_HOLD)
        self.state()
        return [self._given() for _ in range(len(self.arrived))]

    def end(self, outcome: Outcome) -> Turn:
        last = decode_turn(self._asked(_END + self._index + encode(outcome)))
        self.arrived.append((last, time.monotonic()))
        return self._given()

    def spent(self) -> dict[int, dict[str, float]]:
        return self.taken_s


def _be_a_worker(connection: Connection, shares: list[Share], n_measurers: int) -> None:
    """Takes turns until there is nothing more to do, or the solver is gone."""
    try:
        measurers = _measurers([run for share in shares for run in share.runs], n_measurers)
        _Work(connection, {share.number: share.make(measurers) for share in shares}).go()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except BaseException:
        connection.send_bytes(_ERROR + traceback.format_exc().encode())
        raise


class _Work:
    """The worker's side: its batches take turns, and the solver is answered in between."""

    def __init__(self, connection: Connection, batches: dict[int, LocalTurns]) -> None:
        self._connection = connection
        self._batches = batches
        self._turns = {index: batch.records() for index, batch in batches.items()}
        self._is_held = False

    def go(self) -> None:
        # What was taken ahead before the run was taken up is the solver's to give, or to save.
        for index, batch in self._batches.items():
            for turn in batch.halt():
                self._send(_TURN, index, encode(turn))
        position = 0
        while True:
            while self._connection.poll(None if self._is_held or not self._turns else 0):
                self._answer(self._connection.recv_bytes())
            position %= len(self._turns)
            index = list(self._turns)[position]
            taken: Turn | None = next(self._turns[index], None)
            if taken is None:
                del self._turns[index]
                self._send(_SPENT, index, encode(self._batches[index].spent()))
                self._send(_DONE, index, b"")
            elif taken:
                self._send(_TURN, index, encode(taken))
                position += 1

    def _answer(self, message: bytes) -> None:
        kind, index, body = message[:1], int.from_bytes(message[1:5], "little"), message[5:]
        if kind == _WANT_STATE:
            buffer = io.BytesIO()
            torch.save(self._batches[index].state(), buffer)
            self._send(_STATE, index, buffer.getvalue())
        elif kind == _MOVE:
            batch = self._batches[index]
            batch.move()
            for turn in batch.halt():
                self._send(_TURN, index, encode(turn))
            self._send(_MOVED, index, b"")
        elif kind == _END:
            self._turns.pop(index, None)
            last = self._batches[index].end(decode_outcome(body))
            self._send(_SPENT, index, encode(self._batches[index].spent()))
            self._send(_LAST, index, encode(last))
        else:
            self._is_held = kind == _HOLD

    def _send(self, kind: bytes, index: int, body: bytes) -> None:
        self._connection.send_bytes(kind + index.to_bytes(4, "little") + body)
