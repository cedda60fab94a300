"""Whole runs: what recording costs, what a process a core gains, how soon the first step comes, what the app costs."""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
import timeit
from pathlib import Path
from typing import Any

import presets
from bench.markdown import table
from bench.terminal import COMMAND, Terminal
from bench.timing import readable
from solver import client, history, machine, profile, runs
from solver.rundir import Order, RunDirectory

_ROUNDS = 3
_DECOMPOSITIONS = 100
_F5 = b"\x1b[15~"
_NEVER = {"stop.train_loss": None}


def order(name: str, changes: dict[str, Any], size: presets.Size = "default") -> Order:
    sweeps = {key: value for key, value in changes.items() if isinstance(value, list)}
    values = {key: value for key, value in changes.items() if not isinstance(value, list)}
    return presets.order_of(name, size, values, sweeps)


def ran(what: Order, home: Path, cores: int | None = None) -> RunDirectory:
    directory = runs.create(what, home)
    client.start(directory, cores=cores).wait()
    return directory


def loop_s(directory: RunDirectory) -> tuple[float, float]:
    """Seconds to the first recorded state of a run, and from there to its end."""
    found = history.read(directory.log)
    first = min(lane.columns["elapsed_s"][0] for lane in found.lanes)
    return first, found.elapsed_s() - first


def recording(home: Path) -> list[dict[str, Any]]:
    """Long runs of fixed steps, and flows, with what is recorded by default and with next to nothing."""
    cases: dict[str, dict[str, Any]] = {
        "gradient descent, depth 3, float64, 10,000 steps": {
            "model.depth": [3],
            "optimizer.kind": "gradient-descent",
            "stop.max_steps": 10_000,
            **_NEVER,
        },
        "GroupRMSprop, depth 2, float32, 30,000 steps": {
            "model.depth": [2],
            "optimizer.kind": "group-rmsprop",
            "dtype": "float32",
            "stop.max_steps": 30_000,
            **_NEVER,
        },
        "gradient flow, depth 2, to 1e-6": {"model.depth": [2]},
        "gradient flow, depth 3, to 1e-6": {"model.depth": [3]},
        "gradient flow, depth 4, to 1e-6": {"model.depth": [4]},
    }
    rows = []
    for name, changes in cases.items():
        seconds: dict[str, list[float]] = {"recorded": [], "beside": [], "bare": []}
        for _ in range(_ROUNDS):
            for kind in seconds:
                limited = changes
                if kind == "bare":
                    every = changes.get("stop.max_steps", 100_000)
                    limited = {**changes, "record.every": every, "record.geometric": 1, "record.rates": 0}
                cores = machine.cores() if kind == "beside" else 1
                seconds[kind].append(turns_s(ran(order("mf-depth", limited), home, cores=cores)))
        recorded, beside, bare = (statistics.median(values) for values in seconds.values())
        rows.append({"name": name, "seconds": recorded, "beside_seconds": beside, "bare_seconds": bare})
    return rows


def contention() -> float:
    """How many times as long a decomposition takes while a process beside it does the same: 1 on cores of their own."""
    import torch

    matrix = torch.randn(100, 100, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def decompose() -> None:
        for _ in range(_DECOMPOSITIONS):
            torch.linalg.svd(matrix)

    alone, beside = [], []
    for _ in range(_ROUNDS):
        alone.append(timeit.timeit(decompose, number=1))
        other = os.fork()
        if other == 0:
            while True:
                decompose()
        try:
            beside.append(timeit.timeit(decompose, number=1))
        finally:
            os.kill(other, signal.SIGKILL)
            os.waitpid(other, 0)
    return statistics.median(beside) / statistics.median(alone)


def turns_s(directory: RunDirectory) -> float:
    """Seconds from a run's first turn to its end, claims and log included."""
    found = profile.read(directory)
    assert found is not None
    return found.total_s - found.start_s


def processes(home: Path) -> list[dict[str, Any]]:
    """The same runs in one process and in one a core."""
    rows = []
    for name in ("mf-depth", "low-rank-recovery", "det-2x2", "tf-rank", "mnist-rank"):
        seconds: dict[int, list[float]] = {1: [], machine.cores(): []}
        for _ in range(2):
            for cores, values in seconds.items():
                values.append(sum(loop_s(ran(order(name, {}, "quick"), home, cores=cores))))
        alone, spread = min(seconds[1]), min(seconds[machine.cores()])
        rows.append({"name": name, "one_process": alone, "one_a_core": spread, "ratio": alone / spread})
    return rows


def starting(home: Path) -> dict[str, float]:
    """Seconds from the start of the solver process to the first recorded state, and of the whole command before it."""
    first = []
    for _ in range(_ROUNDS):
        begin = time.time()
        directory = runs.create(order("mf-depth", {"stop.max_steps": 1}, "quick"), home)
        client.start(directory).wait()
        began = directory.path.stat().st_ctime - begin
        first.append(loop_s(directory)[0] + max(0.0, began))
    return {"to_first_step_s": statistics.median(first)}


def with_app(home: Path, name: str = "mf-dynamics", rounds: int = 5) -> dict[str, float]:
    """A run that the app starts and shows, 120 × 40, and the same run headless, in turns."""
    os.environ["IMPLICIT_TUI_HOME"] = str(home)
    seconds: dict[str, list[float]] = {"headless": [], "app": []}
    for _ in range(rounds):
        seconds["headless"].append(sum(loop_s(ran(order(name, {}), home))))
        seconds["app"].append(sum(loop_s(shown(home, name))))
    headless, app = (statistics.median(values) for values in seconds.values())
    return {"headless_s": headless, "with_app_s": app, "slower_by": app / headless - 1.0}


def shown(home: Path, name: str) -> RunDirectory:
    """The directory of a run that was started and watched in the app, in a terminal of its own."""
    runs = home / "runs"
    before = set(runs.iterdir()) if runs.exists() else set()
    with Terminal([COMMAND, name]) as terminal:
        terminal.read(2.5)
        terminal.press(_F5)
        deadline = time.monotonic() + 120.0
        while time.monotonic() < deadline:
            terminal.read(0.1)
            fresh = set(runs.iterdir()) - before if runs.exists() else set()
            if fresh and history.read((made := RunDirectory(fresh.pop())).log).ending is not None:
                return made
    raise TimeoutError("the app did not run it to its end")


def home() -> Path:
    """A place for the benchmark's own runs."""
    return Path(tempfile.mkdtemp(prefix="implicit-tui-bench-"))


def as_tables(
    recorded: list[dict[str, Any]],
    together: float,
    spread: list[dict[str, Any]],
    start: dict[str, float],
    app: dict[str, float],
) -> str:
    recording_table = table(
        ["a lane of 100×100", "next to nothing recorded, s", "recorded", "ratio", "measured beside it", "ratio"],
        [
            [
                one["name"],
                readable(one["bare_seconds"]),
                readable(one["seconds"]),
                f"{one['seconds'] / one['bare_seconds']:.2f}",
                readable(one["beside_seconds"]),
                f"{one['beside_seconds'] / one['bare_seconds']:.2f}",
            ]
            for one in recorded
        ],
    )
    spread_table = table(
        ["preset, quick", "one process, s", "one a core, s", "ratio"],
        [
            [one["name"], readable(one["one_process"]), readable(one["one_a_core"]), readable(one["ratio"])]
            for one in spread
        ],
    )
    return (
        "Seconds from the first turn of a run to its end, claims and log included, on one core, and where frames are "
        f"measured beside the training on another, of which each takes {together:.2f} times as long while both are at "
        f"work:\n\n{recording_table}\n\n"
        f"Lanes in one process, and in one a core; the logs are the same:\n\n{spread_table}\n\n"
        f"From the start of `run` to the first step, torch's import included: {start['to_first_step_s']:.1f} s. "
        f"A run with the app attached took {app['with_app_s']:.2f} s, headless {app['headless_s']:.2f} s: "
        f"{100 * app['slower_by']:+.1f} %, where 3 % more is the most that is allowed."
    )
