"""Batches of lanes on the workers of a Dask cluster: pieces of work go out one by one, turns come back.

A piece is a second or so of one batch, as a task of its own. So more batches than workers all come on, as the order of
the log wants it; a run that is paused leaves the cluster to others; of a solver that is killed nothing goes on there.
The batch stays in its worker's memory until its next piece. Where that worker is lost, it begins elsewhere, from the
last state that was sent here: turns are determined by the state, and those that are here already are not sent again.
"""

from __future__ import annotations

import concurrent.futures
import secrets
import time
from collections.abc import Callable, Mapping

import torch

from solver import cluster
from solver.cluster import Worker
from solver.files import write_private
from solver.numerics.cluster import devices
from solver.numerics.cluster.link import Link, say
from solver.numerics.cluster.messages import Answer, Job, Request, What, encode
from solver.numerics.device import Found, Unavailable
from solver.numerics.turns.cluster_places import Places
from solver.numerics.turns.cluster_turns import ClusterTurns
from solver.numerics.turns.grouping import largest_batch
from solver.numerics.turns.members import Members
from solver.records import Outcome
from solver.rundir import RunDirectory
from solver.settings import LaneSpec
from solver.spec import RunSpec

# Seconds of a piece of work, where there are as many workers as batches and where there are few.
_LONGEST_S, _SHORTEST_S = 1.0, 0.25
# For so many seconds a batch may be ahead of the log; then it waits.
_MOST_AHEAD_S = 2.0
_STATE_EVERY_S = 10.0
# Between looks at what came, where the log has turns to give meanwhile.
_LOOK_EVERY_S = 0.01
# Without any worker, a run waits for so long.
_WITHOUT_WORKERS_S = cluster.RECONNECT_S
# So often on end a batch may be lost with its worker without having come on.
_MOST_LOSSES = 4


class Cluster:
    """The workers that train the batches of a run."""

    def __init__(self, address: str, spec: RunSpec, directory: RunDirectory, elapsed_s: Callable[[], float]) -> None:
        """Raises BadSetting where the cluster is not there, or not as we are."""
        self.elapsed_s = elapsed_s
        self._spec, self._directory = spec, directory
        self._name = f"{directory.id}-{secrets.token_hex(4)}"
        self._link = Link(address, spec)
        self._job = b""
        self._told: set[str] = set()
        self._batches: list[ClusterTurns] = []
        self._asked: dict[int, tuple[str, concurrent.futures.Future[Answer]]] = {}
        """By batch, the worker and the piece of work that it is at."""
        self._is_held = self._is_halted = False
        self._next_look = 0.0
        self._most = 0
        """With so many pieces of work out, ``_full_with`` can be given no more."""
        self._full_with: Mapping[str, Worker] = {}
        self._nobody_since: float | None = None

    def choose(self, lanes: list[LaneSpec]) -> Found:
        """What the workers train on, with the main memory that they can still take. Raises Unavailable."""
        device = devices.choose(self._spec, largest_batch(lanes), self._link)
        workers = self._link.workers.values()
        about = {
            "device": str(device),
            "name": f"{len(workers)} workers of the cluster {self._link.address}",
            "cores": sum(worker.threads for worker in workers),
        }
        return Found(device, cluster.free_bytes(workers), about)

    def take(self, members: list[Members], device: torch.device) -> list[ClusterTurns]:
        """The batches, to be trained by the workers."""
        self._job = encode(Job(spec=self._spec, problems=self._directory.problem.read_bytes(), device=str(device)))
        for number, one in enumerate(members):
            # A batch that was over by the time it was saved has nothing more to train.
            needs = devices.needs([run.lane for run in one.runs], device) if one.runs else {}
            self._batches.append(ClusterTurns(self, number, one, needs))
        return list(self._batches)

    def hold(self, is_held: bool) -> None:
        """Nothing is trained, or it is again."""
        self._is_held = is_held

    def halt(self) -> None:
        """Nothing is trained any more."""
        self._is_halted = True

    def dismiss(self) -> None:
        """Lets go of the cluster. What was not begun is never begun, and a piece under way ends by itself."""
        for _, future in self._asked.values():
            future.cancel()
        self._link.close()

    def ask_all(self, what: What, outcome: Outcome | None = None) -> None:
        """Wants the same of every batch that is not over: whoever asks one asks the others next."""
        for batch in self._batches:
            batch.want(what, outcome)

    def pump(self, wanted: ClusterTurns, timeout_s: float) -> None:
        """Takes what has come and sends out what is next, ``wanted`` first; waits where nothing has come.

        Raises what a worker raised, and Unavailable where there has been nobody to train for long.
        """
        if timeout_s <= 0.0 and time.monotonic() < self._next_look:
            return
        came = self._receive()
        self._send(wanted)
        if not came and timeout_s > 0.0:
            futures = [future for _, future in self._asked.values()]
            if futures:
                concurrent.futures.wait(futures, timeout_s, concurrent.futures.FIRST_COMPLETED)
            else:
                time.sleep(timeout_s)
            if self._receive():
                self._send(wanted)
        self._next_look = time.monotonic() + _LOOK_EVERY_S

    def _receive(self) -> bool:
        came = False
        for number, (address, future) in list(self._asked.items()):
            if not future.done():
                if address in self._link.workers:
                    continue
                future.cancel()
            del self._asked[number]
            came = True
            answer = _answer(future)
            if answer is None:
                self._lost(self._batches[number], address)
            elif answer.is_missing:
                self._told.discard(address)
                self._batches[number].is_there, self._batches[number].sent = False, None
            elif answer.error:
                _raise(answer)
            else:
                self._told.add(address)
                self._keep(answer.solutions)
                self._batches[number].take(answer)
        return came

    def _lost(self, batch: ClusterTurns, address: str) -> None:
        self._told.discard(address)
        batch.home, batch.is_there, batch.sent = None, False, None
        batch.n_losses += 1
        lanes = ", ".join(map(str, batch.lanes()[:8]))
        say(f"worker {address} was lost with lanes {lanes}, which are taken up elsewhere")
        if batch.n_losses >= _MOST_LOSSES:
            raise Unavailable(
                Outcome(
                    kind="stopped",
                    reason=f"lanes {lanes} were lost with their worker {batch.n_losses} times in a row",
                    cure="look into what the workers printed, give them more memory, then resume the run",
                )
            )

    def _keep(self, solutions: dict[int, bytes]) -> None:
        for lane, data in solutions.items():
            try:
                write_private(self._directory.solution(lane), data)
            except OSError as error:
                say(f"the solution of lane {lane} could not be kept: {error.strerror}")

    def _send(self, wanted: ClusterTurns) -> None:
        if len(self._asked) >= self._most and self._full_with is self._link.workers:
            return
        self._most = len(self._batches)
        waiting = [batch for batch in self._batches if batch.sent is None and self._has_work(batch, wanted)]
        if not waiting:
            self._nobody_since = None
            return
        places = Places(self._link.workers, self._batches, [address for address, _ in self._asked.values()])
        # Whoever the log waits for, then who has the fewest turns that are not given.
        for batch in sorted(waiting, key=lambda batch: (batch is not wanted, len(batch.arrived))):
            address = places.take(batch)
            if address is not None:
                self._ask(batch, address)
        if places.is_full():
            self._most, self._full_with = len(self._asked), self._link.workers
        self._watch_for_nobody(any(places.can_have(batch) for batch in waiting))

    def _has_work(self, batch: ClusterTurns, wanted: ClusterTurns) -> bool:
        if batch.is_over or batch.wanted != "train":
            return not batch.is_over
        return not (self._is_held or self._is_halted) and (batch is wanted or batch.ahead_s() < _MOST_AHEAD_S)

    def _watch_for_nobody(self, is_somebody: bool) -> None:
        if is_somebody:
            self._nobody_since = None
            return
        if self._nobody_since is None:
            self._nobody_since = time.monotonic()
        if time.monotonic() - self._nobody_since >= _WITHOUT_WORKERS_S:
            raise Unavailable(
                Outcome(
                    kind="stopped",
                    reason=f"the cluster {self._link.address} has had no worker for {_WITHOUT_WORKERS_S:g} s that "
                    "could train what is left",
                    cure="start workers, then resume the run, or `implicit-tui resume RUN --cluster none` here",
                )
            )

    def _ask(self, batch: ClusterTurns, address: str) -> None:
        worker = self._link.workers[address]
        under_way = sum(not one.is_over for one in self._batches)
        threads = sum(one.threads for one in self._link.workers.values())
        longest = max(_SHORTEST_S, _LONGEST_S * min(1.0, threads / max(1, under_way)))
        request = Request(
            run=self._name,
            batch=batch.number,
            n=batch.n,
            what=batch.wanted,
            seconds=min(longest, batch.next_s),
            wants_state=time.monotonic() - batch.saved_at >= _STATE_EVERY_S,
            job=None if address in self._told else self._job,
            start=None if batch.is_there else batch.start(),
            outcome=batch.outcome,
        )
        batch.next_s, batch.sent = min(_LONGEST_S, 2 * batch.next_s), batch.wanted
        name = f"{self._name}-batch-{batch.number}"
        self._asked[batch.number] = (
            address,
            self._link.ask(address, name, encode(request), devices.taken(worker, batch.needs)),
        )


def _answer(future: concurrent.futures.Future[Answer]) -> Answer | None:
    """What came of a piece of work; None where its worker, or the scheduler, was lost."""
    try:
        return future.result(0.0)
    except (concurrent.futures.CancelledError, OSError, TimeoutError):
        return None
    except Exception as error:
        # A task that Dask gave up: its worker was killed, or what it sent could not be read.
        say(f"a task of the cluster failed: {type(error).__name__}: {error}")
        return None


def _raise(answer: Answer) -> None:
    """What was raised on a worker, as far as somebody can do something about it."""
    say(answer.trace)
    name, _, text = answer.error.partition(": ")
    if name in ("MemoryError", "OutOfMemoryError"):
        raise MemoryError(text or "no memory was left on a worker of the cluster")
    raise RuntimeError(f"on a worker of the cluster: {answer.error}")
