"""The seconds that parts of a run take, by what they go into."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence


class Spent:
    """Of a batch by lane, of the loop by name."""

    def __init__(self) -> None:
        self.of_run: defaultdict[str, float] = defaultdict(float)
        self.of_lanes: defaultdict[int, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))

    @contextlib.contextmanager
    def on(self, name: str, lanes: Sequence[int] | None = None) -> Iterator[None]:
        """Counts what is done inside; of several lanes each has its share."""
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        if lanes is None:
            self.of_run[name] += seconds
            return
        for lane in lanes:
            self.of_lanes[lane][name] += seconds / len(lanes)

    def take(self, of_lanes: dict[int, dict[str, float]]) -> None:
        """Adds what a batch has counted."""
        for lane, seconds in of_lanes.items():
            for name, value in seconds.items():
                self.of_lanes[lane][name] += value
