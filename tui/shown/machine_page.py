"""The page of the machine: what the run takes of it now, and has taken since it is watched."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from solver.machine import readable_bytes
from tui.draw.cells import DIM, STRONG, TEXT
from tui.draw.spark import spark
from tui.shown.lines import Line, wrapped
from tui.watch.seen import Seen


def lines(seen: Seen, width: int) -> list[Line]:
    """A line for each thing that is measured, with its history, its newest and its largest value."""
    use = seen.use
    told: list[Line] = [(seen.device or "the device is not known yet", STRONG), ("", TEXT)]
    room = max(4, width - 44)
    rows: list[tuple[str, array[float], Callable[[float], str]]] = [
        ("cores busy", use.cores, lambda value: f"{value:.2f}"),
        ("memory", use.memory_bytes, lambda value: readable_bytes(int(value))),
        ("GPU busy", use.gpu_share, lambda value: f"{value:.0%}"),
        ("GPU memory", use.gpu_memory_bytes, lambda value: readable_bytes(int(value))),
    ]
    for name, column, shown in rows:
        if len(column):
            drawn = spark(array("d", [0.0, *column]), room, log=False)
            told.append((f"{name:<12}{drawn} {shown(column[-1]):>10} most {shown(max(column)):>10}", TEXT))
    if len(told) == 2:
        told += wrapped("nothing is measured: the run is not live, or this system does not tell", DIM, width, "")
    return [
        *told,
        ("", TEXT),
        *wrapped("Of the solver and the processes of its lanes, since this screen shows them.", DIM, width, ""),
    ]


def value(seen: Seen) -> str:
    """The cores that are busy now."""
    return f"{seen.use.cores[-1]:.1f} cores" if len(seen.use.cores) else ""
