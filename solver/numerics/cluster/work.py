"""A worker's side: a piece of work on a batch, asked for and answered in bytes."""

from __future__ import annotations

import io
import tempfile
import time
import traceback
from pathlib import Path

import torch

from solver import settings
from solver.numerics import problem_file
from solver.numerics.cluster.kept import KEPT, Known, Live
from solver.numerics.cluster.messages import Answer, Request, Start, decode_job, decode_request, encode
from solver.numerics.turns import turn as turns
from solver.numerics.turns.batch import BatchState
from solver.numerics.turns.members import Members, lane_kept_in
from solver.rundir import RunDirectory


def answered(data: bytes) -> bytes:
    """The Answer to a Request; what is raised is told in it."""
    try:
        return encode(_answered(decode_request(data)))
    except Exception as error:
        return encode(Answer(error=f"{type(error).__name__}: {error}", trace=traceback.format_exc()))


def _answered(request: Request) -> Answer:
    known = KEPT.run(request.run)
    if known is None:
        if request.job is None:
            return Answer(is_missing=True)
        known = _told(request.job)
        KEPT.keep_run(request.run, known)
    # The solver's setting, in the thread that trains.
    torch.set_num_threads(known.job.spec.threads)
    torch.backends.cuda.matmul.allow_tf32 = known.job.spec.dtype == "tf32"
    live = KEPT.take(request.run, request.batch)
    if live is None or live.n > request.n:
        # Ahead of the solver is a batch whose answer was lost: a batch cannot go back.
        if request.start is None:
            return Answer(is_missing=True)
        live = _begun(known, request.start)
    with tempfile.TemporaryDirectory(prefix="implicit-tui-") as folder:
        for run in live.members.runs:
            run.keep_in = Path(folder)
        answer = _worked(live, request)
        kept = {run.lane.index: RunDirectory(Path(folder)).solution(run.lane.index) for run in live.members.runs}
        solutions = {lane: path.read_bytes() for lane, path in kept.items() if path.exists()}
    if not answer.is_over:
        KEPT.put_back(request.run, request.batch, live)
    answer.solutions.update(solutions)
    return answer


def _told(data: bytes) -> Known:
    job = decode_job(data)
    lanes = settings.lanes(job.spec)
    return Known(
        job,
        lanes,
        problem_file.parsed(job.problems, lanes),
        problem_file.problem_of_lane(lanes),
        torch.device(job.device),
    )


def _begun(known: Known, start: Start) -> Live:
    state: BatchState | None = None
    if start.state is not None:
        # Tensors and plain data only: no code comes with a state.
        state = torch.load(io.BytesIO(start.state), weights_only=True, map_location="cpu")
    # Where solutions are kept is said anew for each piece of work.
    runs = [lane_kept_in(Path(), known.lanes[k], known.problems[known.of_lane[k]]) for k in start.lanes]
    members = Members(runs, state)
    # Frames are stamped where the log is written.
    return Live(members, members.maker(known.device, lambda: 0.0)(None), start.n)


def _worked(live: Live, request: Request) -> Answer:
    began = time.monotonic()
    given: list[bytes] = []
    is_over = False

    def give(turn: turns.Turn) -> None:
        live.n += 1
        if live.n > request.n:
            given.append(turns.encode(turn))

    while live.n < request.n or request.what == "train":
        turn = next(live.records, None)
        if turn is None:
            is_over = True
            break
        if turn:
            give(turn)
        if time.monotonic() - began >= request.seconds:
            break
    is_done = live.n >= request.n
    if is_done and not is_over and request.what == "move":
        live.turns.move()
        for turn in live.turns.halt():
            give(turn)
    if is_done and not is_over and request.what == "end":
        assert request.outcome is not None
        give(live.turns.end(request.outcome))
        is_over = True
    wants_state = is_done and not is_over and (request.wants_state or request.what == "state")
    return Answer(
        n=live.n,
        turns=given,
        is_over=is_over,
        is_done=is_done,
        state=_saved(live) if wants_state else None,
        spent=_spent(live),
        solutions={},
    )


def _saved(live: Live) -> bytes:
    buffer = io.BytesIO()
    torch.save(live.turns.state(), buffer)
    return buffer.getvalue()


def _spent(live: Live) -> dict[int, dict[str, float]]:
    """Seconds that the batch took since it was last asked."""
    taken = live.turns.spent()
    fresh = {
        lane: {name: seconds - live.told.get(lane, {}).get(name, 0.0) for name, seconds in found.items()}
        for lane, found in taken.items()
    }
    live.told = taken
    return fresh
