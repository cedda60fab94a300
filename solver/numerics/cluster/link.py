"""The solver's connection to a Dask scheduler: who works there now, and pieces of work sent to one of them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import sys
from collections.abc import Mapping

import torch

from solver import cluster
from solver.cluster import Worker
from solver.numerics.cluster.messages import Answer, decode_answer
from solver.numerics.cluster.task import work
from solver.spec import RunSpec

# How often is looked who is there: a worker that is gone is missed after so long.
_LOOK_EVERY_S = 0.25
_ANSWER_S = 5.0
_CLOSE_S = 5.0


def say(text: str) -> None:
    """A line for solver.out; where it cannot be written, the run matters more."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def gpus() -> int:
    """The GPUs that torch finds where this is called: on a worker, by name."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


class Link:
    """A client of the scheduler. What is asked of workers is waited for in its own thread."""

    def __init__(self, address: str, spec: RunSpec) -> None:
        """Raises BadSetting where no scheduler or no worker is there, or one that is not as we are."""
        self.address = address
        self._images = cluster.images_of(spec)
        self._numbers = itertools.count()
        self._refused: set[str] = set()
        self._gpu: int | None = None
        self._client = cluster.connected(address)
        try:
            found, refused = self._client.sync(cluster.look, self._client, [], self._images)
            cluster.check(address, found, refused)
        except BaseException:
            self._client.close(timeout=_CLOSE_S)
            raise
        self.workers: Mapping[str, Worker] = found
        """Who is there, by address; replaced as it changes."""
        self._loop = self._client.loop.asyncio_loop
        self._looking = asyncio.run_coroutine_threadsafe(self._look_on(), self._loop)

    def ask(
        self, worker: str, name: str, request: bytes, resources: dict[str, float]
    ) -> concurrent.futures.Future[Answer]:
        """A piece of work for this worker alone; cancelled, it is not begun any more."""
        return asyncio.run_coroutine_threadsafe(self._asked(worker, name, request, resources), self._loop)

    async def _asked(self, worker: str, name: str, request: bytes, resources: dict[str, float]) -> Answer:
        # Bound to its worker, which has the batch, and never tried again by Dask: who is lost is the solver's to see.
        future = self._client.submit(
            work,
            request,
            key=f"{name}-{next(self._numbers)}",
            workers=[worker],
            allow_other_workers=False,
            resources=resources or None,
            retries=0,
            pure=False,
        )
        try:
            return decode_answer(await future)
        finally:
            # The scheduler forgets a task that nobody waits for, and takes it from the worker where it has not begun.
            future.release()

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                async with asyncio.timeout(_ANSWER_S):
                    there = (await self._client.scheduler.identity(n_workers=-1))["workers"]
                known = {address: worker for address, worker in self.workers.items() if address in there}
                found, refused = await cluster.look(self._client, [*known, *self._refused], self._images)
            except Exception as error:
                # No scheduler answers, whatever Dask calls that; the client tries to reach it anew by itself.
                if self.workers:
                    say(f"the scheduler {self.address} does not answer ({type(error).__name__}: {error})")
                known, found, refused = {}, {}, {}
            for said in refused.values():
                say(f"{said}; it trains nothing")
            self._refused |= refused.keys()
            now = known | await self._with_gpu(found)
            if now != self.workers:
                self.workers = now

    async def _with_gpu(self, found: dict[str, Worker]) -> dict[str, Worker]:
        """Those of ``found`` that have the GPU that is required."""
        if self._gpu is None or not found:
            return found
        counted = await self._client.run(gpus, workers=list(found), on_error="return")
        lacking = {address for address, n in counted.items() if not (isinstance(n, int) and n > self._gpu)}
        self._refused |= lacking
        return {address: worker for address, worker in found.items() if address not in lacking}

    def require_gpu(self, index: int) -> bool:
        """From now on workers without this GPU train nothing; says whether one has it, and changes nothing else."""
        self._gpu = index
        having: dict[str, Worker] = asyncio.run_coroutine_threadsafe(
            self._with_gpu(dict(self.workers)), self._loop
        ).result()
        if not having:
            self._gpu = None
            self._refused.clear()
            return False
        self.workers = having
        return True

    def close(self) -> None:
        """Lets go of the scheduler, which forgets whatever has not begun."""
        self._looking.cancel()
        with contextlib.suppress(concurrent.futures.CancelledError, TimeoutError, OSError):
            self._looking.result(_CLOSE_S)
        self._client.close(timeout=_CLOSE_S)
