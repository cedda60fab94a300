"""Which worker of a cluster has which batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from solver.cluster import Worker
from solver.numerics.cluster import devices
from solver.numerics.turns.cluster_turns import ClusterTurns

# Pieces of work that wait at a worker for those before to end: it need not wait for the network in between.
_QUEUED = 1


class Places:
    """What workers have to do now, and who is to have another batch. A batch stays where it is."""

    def __init__(self, workers: Mapping[str, Worker], batches: Sequence[ClusterTurns], asked: Sequence[str]) -> None:
        """``asked`` are the workers of the pieces of work that are out."""
        self._workers = workers
        self._rooms: dict[tuple[float, ...], dict[str, int]] = {}
        self._loads = dict.fromkeys(workers, 0)
        self._homes = dict.fromkeys(workers, 0)
        for address in asked:
            if address in self._loads:
                self._loads[address] += 1
        for batch in batches:
            if batch.home in self._homes and not batch.is_over:
                self._homes[batch.home] += 1

    def can_have(self, batch: ClusterTurns) -> bool:
        """Whether some worker has what the batch takes."""
        return bool(self._room(batch))

    def is_full(self) -> bool:
        """Whether there are workers, and no batch at all can be given to one, whoever's it is."""
        rooms = [one for rooms in self._rooms.values() for one in rooms.items()]
        return bool(rooms) and all(self._loads[address] >= room + _QUEUED for address, room in rooms)

    def _room(self, batch: ClusterTurns) -> dict[str, int]:
        """How many such batches can be worked on at once, by the workers that can do so at all."""
        key = tuple(batch.needs.values())
        if key not in self._rooms:
            rooms = {address: devices.room(worker, batch.needs) for address, worker in self._workers.items()}
            self._rooms[key] = {address: room for address, room in rooms.items() if room > 0}
        return self._rooms[key]

    def take(self, batch: ClusterTurns) -> str | None:
        """Where the next piece of the batch goes now; None where it waits, or nobody can do it."""
        rooms = self._room(batch)
        if not rooms:
            return None
        if batch.home not in rooms or batch.is_saved():
            self._settle(batch, rooms)
        assert batch.home is not None
        if self._loads[batch.home] >= rooms[batch.home] + _QUEUED:
            return None
        self._loads[batch.home] += 1
        return batch.home

    def _settle(self, batch: ClusterTurns, rooms: Mapping[str, int]) -> None:
        """Where nobody has the batch, or it has just been saved: it is at home where there is least to do."""
        best = min(rooms, key=lambda address: self._homes[address] / rooms[address])
        if batch.home is not None and batch.home in rooms:
            if (self._homes[best] + 1) / rooms[best] >= self._homes[batch.home] / rooms[batch.home]:
                return
            self._homes[batch.home] -= 1
        self._homes[best] += 1
        batch.home, batch.is_there = best, False
