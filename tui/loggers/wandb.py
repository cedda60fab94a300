"""A log of Weights & Biases: a run of theirs for each lane, offline unless WANDB_MODE says otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from solver.frames import NamedFrame
from solver.rundir import RunDirectory
from tui.loggers.logger import Logger, numbers, words

_OFFLINE = "offline"


def open_log(directory: RunDirectory, where: Path) -> Logger:
    """A log in ``where``/wandb."""
    return WandbLogger(directory, where)


class WandbLogger(Logger):
    """A run of theirs for each lane, all in a group that has the id of ours."""

    def __init__(self, directory: RunDirectory, where: Path) -> None:
        self._id, self._where = directory.id, where
        self._preset = directory.order().preset.name
        self._lanes: dict[int, Any] = {}
        mode = os.environ.get("WANDB_MODE", _OFFLINE)
        sent = f"`wandb sync {where / 'wandb'}/offline-run-*` sends it" if mode == _OFFLINE else f"WANDB_MODE is {mode}"
        self.place = f"{where / 'wandb'}: {sent}"

    def begin(self, lane: int, parameters: Mapping[str, Any], settings: Mapping[str, Any], wall: float) -> None:
        environment = os.environ
        self._lanes[lane] = run = wandb.init(
            project=environment.get("WANDB_PROJECT", "implicit-tui"),
            group=self._id,
            name=f"{self._id} lane {lane}",
            config={**parameters, "run": self._id, "preset": self._preset, "lane": lane, "settings": dict(settings)},
            dir=str(self._where),
            mode=environment.get("WANDB_MODE", _OFFLINE),
            reinit="create_new",
            # What trains is another process: of this one nothing is of interest, and stderr is the narration's.
            settings=wandb.Settings(
                silent=True,
                x_start_time=wall,
                console="off",
                disable_code=True,
                disable_git=True,
                x_disable_stats=True,
                x_disable_meta=True,
            ),
        )
        run.define_metric("step")
        run.define_metric("*", step_metric="step")

    def write(self, frame: NamedFrame, wall: float) -> None:
        # Its own counter of rows goes on with each: of those with one number it would keep the last alone.
        row = {"step": frame.step, **numbers(frame), **words(frame), "_timestamp": wall}
        self._lanes[frame.lane].log(row)

    def flush(self) -> None:
        """Its service writes as it is told."""

    def end(self, lane: int, texts: Mapping[str, str], *, is_bad: bool) -> None:
        run = self._lanes.pop(lane)
        run.summary.update(dict(texts))
        run.finish(exit_code=int(is_bad))

    def abandon(self) -> None:
        lanes, self._lanes = self._lanes, {}
        for run in lanes.values():
            run.finish(exit_code=1)
