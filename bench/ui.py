"""make bench-ui: the budgets of the interface, each measured in a terminal; writes docs/interface.md; four minutes."""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench import recorded, runs
from bench.drawing import curves
from bench.markdown import table
from bench.terminal import COMMAND, Terminal, has_points
from solver import control
from solver.numerics.device import describe
from solver.rundir import RunDirectory
from solver.version import VERSION
from tui.draw.plot import Plot

_DOCS = Path(__file__).parent.parent / "docs"
_SSH = {"SSH_CONNECTION": "127.0.0.1 1 127.0.0.1 22"}
_F5 = b"\x1b[15~"
_ENTER = b"\r"
_ROUNDS = 5


class Budget(msgspec.Struct):
    """One line of the table."""

    what: str
    measured: float
    limit: float
    unit: str
    also: str = ""
    """What else was seen."""

    @property
    def is_met(self) -> bool:
        return self.measured <= self.limit


def commands() -> list[Budget]:
    """CPU of the commands that must be quick, children included; the median of several."""
    for k in range(20):
        recorded.finished(1, 5 + k)
    found = []
    for arguments in (["--version"], ["presets"], ["runs"]):
        seconds = []
        for _ in range(_ROUNDS):
            before = os.times()
            subprocess.run([COMMAND, *arguments], check=True, stdout=subprocess.DEVNULL)
            after = os.times()
            seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
        name = f"`{' '.join(arguments)}`" + (" of 20 runs" if arguments == ["runs"] else "")
        found.append(Budget(name, 1e3 * statistics.median(seconds), 120, "ms CPU"))
    return found


def first_paint() -> Budget:
    """CPU until the first screen is painted."""
    seconds = []
    for _ in range(_ROUNDS):
        with Terminal([COMMAND]) as terminal:
            terminal.read_until(lambda painted: b"mf-depth" in painted)
            seconds.append(terminal.cpu_s())
    return Budget("start to first paint", 1e3 * statistics.median(seconds), 350, "ms CPU")


def first_points() -> list[Budget]:
    """Seconds from enter on the first preset to the first points: with the solver warmed, and right after the start."""
    warmed: list[float] = []
    cold: list[float] = []
    for wait, seconds in [(4.0, warmed), (0.0, cold)] * 3:
        with Terminal([COMMAND]) as terminal:
            terminal.read_until(lambda painted: b"mf-depth" in painted)
            terminal.read(wait)
            terminal.press(_ENTER)
            seconds.append(terminal.read_until(has_points))
            terminal.press(b"s")
            terminal.read(1.0)
    return [
        Budget("enter to first points, warmed", statistics.median(warmed), 0.5, "s"),
        Budget("enter to first points, cold", statistics.median(cold), 3.0, "s"),
    ]


def latency() -> list[Budget]:
    """From a key to what it paints, while a solver has all cores."""
    seconds = []
    with Terminal([COMMAND, "low-rank-recovery"]) as terminal:
        terminal.read(3.0)
        terminal.press(_F5)
        terminal.read_until(has_points)
        terminal.read(3.0)
        # Quantities with titles of their own, so that a frame of the run is not taken for the answer.
        for key, title in [(b"3", b"training loss"), (b"1", b"singular values"), (b"2", b"effective rank")] * 30:
            begin = time.monotonic()
            terminal.press(key)
            terminal.read_until(lambda painted, title=title: title[:8] in painted, 10.0)  # type: ignore[misc]
            seconds.append(time.monotonic() - begin)
            terminal.read(0.12)
        terminal.press(b"s")
        terminal.read(2.0)
    ordered = sorted(seconds)
    return [
        Budget("key to screen, solver on all cores, median", 1e3 * statistics.median(ordered), 15, "ms"),
        Budget("the same, 95th percentile", 1e3 * ordered[int(0.95 * len(ordered))], 50, "ms"),
    ]


def redraw() -> list[Budget]:
    """The chart in this process: with points appended, and whole."""
    plot, many = Plot(), curves(10, 2_000)
    plot.growing = True
    appended: list[float] = []
    whole: list[float] = []
    for k in range(30):
        begin = time.perf_counter()
        plot.draw(100, 30, many, [], "y", "x")
        (appended if k else whole).append(time.perf_counter() - begin)
        for curve in many:
            curve.x.append(float(len(curve.x)))
            curve.y.append(curve.y[-1] * 0.999)
    for _ in range(30):
        plot.forget()
        begin = time.perf_counter()
        plot.draw(100, 30, many, [], "y", "x")
        whole.append(time.perf_counter() - begin)
    return [
        Budget("chart redraw, 10 × 2,000 points at 100×30, appended", 1e3 * statistics.median(appended), 8, "ms"),
        Budget("the same, with new limits", 1e3 * statistics.median(whole), 15, "ms"),
    ]


def dashboard(environment: dict[str, str] | None = None) -> tuple[float, float]:
    """Share of a core and bytes a second of the live view of ten lanes that get ten frames a second each."""
    with recorded.growing(10, 10.0, 600) as run, Terminal([COMMAND, run.id], environment=environment) as terminal:
        terminal.read_until(has_points)
        terminal.read(3.0)
        cpu, begin, size = terminal.cpu_s(), time.monotonic(), len(terminal.output)
        terminal.read(15.0)
        seconds = time.monotonic() - begin
        return (terminal.cpu_s() - cpu) / seconds, (len(terminal.output) - size) / seconds


def dashboards() -> list[Budget]:
    share, rate = dashboard()
    ssh_share, ssh_rate = dashboard(_SSH)
    return [
        Budget("live view, ten lanes at ten frames a second", 100 * share, 15, "% of a core"),
        Budget("bytes to the terminal, 120×40", rate / 1e3, 30, "kB/s"),
        Budget("the same over SSH", ssh_rate / 1e3, 15, "kB/s", f"{100 * ssh_share:.1f} % of a core"),
    ]


def idle_and_memory() -> list[Budget]:
    """Ten lanes of 2,000 frames, ended: memory, and what it costs to look at it."""
    run = recorded.finished(10, 2_000)
    with Terminal([COMMAND, run.id]) as terminal:
        terminal.read_until(lambda painted: b"converged" in painted)
        terminal.read(4.0)
        cpu, size, begin = terminal.cpu_s(), len(terminal.output), time.monotonic()
        terminal.read(20.0)
        seconds = time.monotonic() - begin
        return [
            Budget("idle: bytes painted in 20 s", float(len(terminal.output) - size), 0, "bytes"),
            Budget("idle: CPU", 100 * (terminal.cpu_s() - cpu) / seconds, 1, "% of a core"),
            Budget("UI memory, ten lanes of 2,000 frames", terminal.memory_bytes() / 1e6, 80, "MB"),
        ]


def resizes() -> Budget:
    """500 random sizes, a live run shown: whether the app is there and paints afterwards."""
    generator, failures = random.Random(0), 0
    with recorded.growing(3, 10.0, 2_000) as run, Terminal([COMMAND, run.id]) as terminal:
        terminal.read_until(has_points)
        for _ in range(500):
            terminal.resize(generator.randrange(1, 220), generator.randrange(1, 70))
            terminal.read(0.02)
        terminal.resize(120, 40)
        terminal.read(1.0)
        terminal.press(b"3")
        try:
            terminal.read_until(lambda painted: b"training" in painted, 10.0)
        except TimeoutError:
            failures += 1
        failures += not terminal.is_alive()
        failures += b"Traceback" in terminal.output
    return Budget("500 random resizes: failures", float(failures), 0, "")


def attached(home: Path) -> Budget:
    """A run with the app attached against the same headless."""
    found = runs.with_app(home)
    return Budget("a run slowed by an attached app", 100 * found["slower_by"], 3, "%", "single runs vary more")


def everything(home: Path) -> list[Budget]:
    os.environ["IMPLICIT_TUI_HOME"] = str(home)
    found: list[Budget] = []
    measures: list[Callable[[], Any]] = [commands, first_paint, first_points, latency, redraw, dashboards]
    measures += [idle_and_memory, resizes, lambda: attached(home)]
    for measure in measures:
        some = measure()
        found += some if isinstance(some, list) else [some]
        print(f"{found[-1].what}: {found[-1].measured:.3g} {found[-1].unit}", file=sys.stderr)
        for directory in (home / "runs").glob("*"):
            control.send(RunDirectory(directory), "stop")
    return found


def _met(one: Budget) -> str:
    return "yes" if one.is_met else "**no**"


def page(found: list[Budget], machine: dict[str, Any]) -> str:
    """docs/interface.md."""
    rows = [
        [one.what, f"{one.measured:.3g} {one.unit}", f"{one.limit:g} {one.unit}", _met(one), one.also] for one in found
    ]
    return f"""# What the interface costs

Written by `make bench-ui` on {machine["name"]}, {machine["cores"]} cores: the app in pseudo-terminals of its own,
120 × 40 unless said otherwise, keys written and bytes counted. Times are medians; a busy machine moves them.

{table(["", "measured", "at most", "met", ""], rows)}
"""


def main() -> None:
    import torch

    home = runs.home()
    try:
        found = everything(home)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    machine = describe(torch.device("cpu"))
    text = page(found, machine)
    data = {"implicit_tui": VERSION, "machine": machine, "budgets": msgspec.to_builtins(found)}
    (_DOCS / "interface.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    (_DOCS / "interface.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
