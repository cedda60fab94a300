"""Frames measured beside the training: by processes that know the lanes, handed states through shared memory.

A measurer is a fork of what trains. It measures what it is handed and sends the records back; who trains goes on
meanwhile, and measures for itself what would wait too long. Every state is measured by the same operations wherever
that is, so that the log is the same. Where a measurer is lost, its states are measured here.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import signal
import time
from collections import deque
from collections.abc import Mapping
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

import msgspec
import torch
from torch import Tensor

from solver.costs import costs_of
from solver.numerics.fork import fork
from solver.numerics.lanes.lane import LaneRun
from solver.records import AnyRecord, Frame

# States that a measurer has at a time: one at work, and enough not to wait for the next.
_MOST_WAITING = 4
# States handed over are kept so far apart, which is what decompositions like best.
_ALIGNED = 512
# All of them together.
_MOST_BYTES = 2**30

Lanes = Mapping[int, LaneRun[Any, Any]]


class Job(NamedTuple):
    """What to measure, as a message has it; the state itself is handed over besides."""

    lane: int
    known: dict[str, Any]
    """What the loop knows of the state; for ``Metrics.measure``."""
    frames_taken: int
    """Of the lane before this one."""
    with_pictures: bool
    """Whether those are taken that are due."""
    most_loss: float | None
    """A state of more loss is left out."""


class Measured(NamedTuple):
    """What came of it."""

    frame: Frame | None
    """None of a state that was left out."""
    pictures: list[AnyRecord]
    recording_s: float
    pictures_s: float

    def records(self) -> list[AnyRecord]:
        """All there is to write down."""
        return ([] if self.frame is None else [self.frame]) + self.pictures


def measured(run: LaneRun[Any, Any], job: Job, parameters: Tensor) -> Measured:
    """The frame of a state, and the pictures that are due with it."""
    began = time.perf_counter()
    values = run.metrics.measure(parameters, job.known)
    frame_s = time.perf_counter() - began
    if job.most_loss is not None:
        loss = values[run.metrics.series.index("train_loss")]
        if isinstance(loss, float) and loss > job.most_loss:
            return Measured(None, [], frame_s, 0.0)
    frame = Frame(lane=job.lane, values=values)
    if not job.with_pictures:
        return Measured(frame, [], frame_s, 0.0)
    # Where it is measured late, the lane is further on by now.
    now, run.frames_taken = run.frames_taken, job.frames_taken
    pictures = list(run.pictures(parameters, int(job.known["step"])))
    run.frames_taken = now
    return Measured(frame, [*pictures], frame_s, time.perf_counter() - began - frame_s)


class Measuring:
    """A state that was handed over, and what came of it once that is there."""

    def __init__(self, run: LaneRun[Any, Any], job: Job, parameters: Tensor) -> None:
        self.run, self.job, self.parameters = run, job, parameters
        self.result: Measured | None = None

    def here(self) -> Measured:
        """Measured at once, in this process."""
        self.result = measured(self.run, self.job, self.parameters)
        return self.result


Items = list[AnyRecord | Measuring]
"""Records of one moment, and states whose records are being measured, in the order in which they are written down."""


def whole(items: Items) -> list[AnyRecord] | None:
    """What a turn writes down; None while something of it is being measured."""
    turn: list[AnyRecord] = []
    for item in items:
        if not isinstance(item, Measuring):
            turn.append(item)
        elif item.result is None:
            return None
        else:
            turn += item.result.records()
    return turn


class Measurers:
    """Processes that measure. None of them, where there is no core or no memory left for one."""

    def __init__(self, lanes: Lanes, n: int) -> None:
        size = max(8 * sum(map(math.prod, costs_of(run.lane.spec).shapes())) for run in lanes.values())
        self._slot_bytes = -(-size // _ALIGNED) * _ALIGNED
        n = min(n, _MOST_BYTES // self._slot_bytes)
        waiting = max(1, min(_MOST_WAITING, _MOST_BYTES // (self._slot_bytes * max(1, n))))
        self._crew: list[_Measurer] = []
        if n > 0:
            # Private to this process and its forks; taken from the system as it is used.
            self._slots = mmap.mmap(-1, n * waiting * self._slot_bytes)
            with contextlib.suppress(OSError):
                for k in range(n):
                    self._crew.append(_Measurer(self, lanes, range(k * waiting, (k + 1) * waiting)))

    def slot(self, number: int, n: int) -> Tensor:
        """The place of a state of ``n`` numbers."""
        return torch.frombuffer(self._slots, dtype=torch.float64, count=n, offset=number * self._slot_bytes)

    def take(self, measuring: Measuring) -> None:
        """Hands a state over to whoever has least to do; where all have enough it is measured here."""
        self.receive(0.0)
        fits = 8 * measuring.parameters.numel() <= self._slot_bytes
        while fits and (free := max(self._crew, key=lambda one: len(one.free), default=None)) is not None and free.free:
            if free.give(measuring):
                return
            self._lose(free)
        measuring.here()

    def receive(self, timeout_s: float) -> None:
        """Takes what has been measured, after so many seconds where nothing has."""
        at_work = {one.connection: one for one in self._crew if one.waiting}
        for connection in wait(list(at_work), timeout_s) if at_work else []:
            assert isinstance(connection, Connection)
            one = at_work[connection]
            if not one.take():
                self._lose(one)

    def take_back(self) -> bool:
        """Measures here, where there is nothing else to do, what a measurer would come to last; whether there was any.

        It will come to it all the same, and what it finds then is not needed.
        """
        left = max((one.left() for one in self._crew), key=len, default=[])
        # The first is at work.
        if len(left) < 2:
            return False
        left[-1].here()
        return True

    def _lose(self, one: _Measurer) -> None:
        """Goes on without it; what it had is measured here."""
        self._crew.remove(one)
        one.dismiss()
        for measuring in one.left():
            measuring.here()

    def dismiss(self) -> None:
        """Ends them, whatever they have begun."""
        for one in self._crew:
            one.dismiss()
        self._crew = []


class _Measurer:
    """Our end of one."""

    def __init__(self, crew: Measurers, lanes: Lanes, slots: range) -> None:
        self._crew = crew
        self.free = deque(slots)
        self.waiting: dict[int, Measuring] = {}
        """By slot, the first handed over first."""
        self._pid, self.connection = fork(lambda connection: _measure(connection, crew, lanes))

    def give(self, measuring: Measuring) -> bool:
        """Whether it could be handed over."""
        slot, parameters = self.free[0], measuring.parameters
        self._crew.slot(slot, parameters.numel()).copy_(parameters)
        try:
            self.connection.send_bytes(_encode((slot, parameters.numel(), measuring.job)))
        except OSError:
            return False
        self.free.popleft()
        self.waiting[slot] = measuring
        return True

    def take(self) -> bool:
        """Takes one result; False where the process is gone."""
        try:
            slot, result = _decode_result(self.connection.recv_bytes())
        except (EOFError, OSError):
            return False
        measuring = self.waiting.pop(slot)
        if measuring.result is None:
            measuring.result = result
        self.free.append(slot)
        return True

    def left(self) -> list[Measuring]:
        """What it has of which nothing is known yet, the first handed over first."""
        return [measuring for measuring in self.waiting.values() if measuring.result is None]

    def dismiss(self) -> None:
        self.connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


_encode = msgspec.msgpack.Encoder().encode
_decode_job = msgspec.msgpack.Decoder(tuple[int, int, Job]).decode
_decode_result = msgspec.msgpack.Decoder(tuple[int, Measured]).decode


def _measure(connection: Connection, crew: Measurers, lanes: Lanes) -> None:
    """Measures what is handed over, until the pipe is closed."""
    while True:
        slot, n, job = _decode_job(connection.recv_bytes())
        result = measured(lanes[job.lane], job, crew.slot(slot, n))
        connection.send_bytes(_encode((slot, result)))
