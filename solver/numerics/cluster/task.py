"""What Dask calls on a worker, by name."""

from __future__ import annotations


def work(data: bytes) -> bytes:
    """Trains a batch for a while, or does what else is asked of it; ``data`` is a Request, the result an Answer."""
    # torch is imported by the thread that works: seconds, in which the worker must go on answering the scheduler.
    from solver.numerics.cluster.work import answered

    return answered(data)
