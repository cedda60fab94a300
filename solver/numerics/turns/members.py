"""The lanes of a batch with its saved state, ready to be made wherever they are to train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from solver import settings
from solver.numerics.lanes import lane_run
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.problems.drawn import DrawnProblem
from solver.numerics.turns.batch import BatchState, batch_of
from solver.numerics.turns.crew import Maker
from solver.numerics.turns.measuring import Measurers
from solver.numerics.turns.turn import LocalTurns, ahead_of, ended_in


class Members(NamedTuple):
    """The lanes of a batch that are under way, and its saved state; none at the start."""

    runs: list[LaneRun[Any, Any]]
    state: BatchState | None

    def lanes(self) -> list[int]:
        ended = [] if self.state is None else ended_in(ahead_of(self.state))
        return [run.lane.index for run in self.runs] + ended

    def clock(self) -> int:
        """The place of elapsed_s in their frames."""
        if self.state is not None:
            return self.state["clock"]
        return self.runs[0].metrics.series.index("elapsed_s")

    def maker(self, device: torch.device, elapsed_s: Callable[[], float]) -> Maker:
        def make(measurers: Measurers | None) -> LocalTurns:
            batch = batch_of(self.runs, device, elapsed_s, measurers) if self.runs else None
            ahead = [] if self.state is None else ahead_of(self.state)
            # A batch that nobody had begun yet was saved without a method's state.
            if batch is not None and self.state is not None and "method" in self.state:
                batch.restore(self.state)
            return LocalTurns(batch, ahead, self.clock(), elapsed_s)

        return make


def lane_kept_in(path: Path, lane: settings.LaneSpec, problem: DrawnProblem) -> LaneRun[Any, Any]:
    """The lane ready to train on ``problem``; its solutions are kept under ``path``."""
    run = lane_run(lane, problem)
    run.keep_in = path
    return run
