"""What the solver and a worker of the cluster say to each other: bytes that hold plain data, and no code.

Turns of a batch are numbered from the state that the solver began it with. They are determined by that state, so
whoever makes a turn anew makes the same one.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from solver.records import Outcome
from solver.spec import RunSpec

What = Literal["train", "state", "move", "end"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker must know of a run; told once."""

    spec: RunSpec
    problems: bytes
    """problem.npz."""
    device: str


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Where a batch goes on whose worker has it no more, or never had."""

    lanes: list[int]
    state: bytes | None
    """A BatchState, as torch saves it; None for lanes at their starts."""
    n: int
    """The turns that were taken by then."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of work on a batch of a run."""

    run: str
    """Names the run, and the solver that trains it now."""
    batch: int
    n: int
    """The turns of the batch that the solver has: those made anew up to here are not sent."""
    what: What
    seconds: float
    """The work ends with the first turn after so long."""
    wants_state: bool
    job: bytes | None = None
    """A Job; for a worker that was not told it."""
    start: Start | None = None
    outcome: Outcome | None = None
    """How all lanes end now."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of it."""

    is_missing: bool = False
    """The worker knows the job, or the batch, no more: it is to be told again."""
    n: int = 0
    """The turns of the batch that were taken; fewer than asked for where time was up while they were made anew."""
    turns: list[bytes] = []
    """Those the solver had not, encoded as records."""
    is_over: bool = False
    state: bytes | None = None
    """The state after the last turn; where it was asked for and the batch is not over."""
    spent: dict[int, dict[str, float]] = {}
    """Seconds by lane and by what they went into."""
    solutions: dict[int, bytes] = {}
    """By lane, the file of what predictions are made of."""
    is_done: bool = True
    """Whether more than training was asked for, and done."""
    error: str = ""
    """The name and text of what was raised."""
    trace: str = ""


encode = msgspec.msgpack.Encoder().encode
decode_job = msgspec.msgpack.Decoder(Job).decode
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_answer = msgspec.msgpack.Decoder(Answer).decode
