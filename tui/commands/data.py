"""implicit-tui data: what is seen in a person's file, what must be beaten there, and the command that runs it."""

from __future__ import annotations

import argparse
import math
import random
import shlex
from collections import Counter
from collections.abc import Sequence

from solver import biases, data_files, settings, tables
from solver.paths import typed
from solver.spec import MatrixCompletion, TensorCompletion
from solver.tables.table import Table, mode_name
from tui.text import inert, quantity

_HELD_OUT = 0.1
_BARS, _WIDEST_BAR = 10, 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="text, NPY, Matrix Market or Parquet, gz or not")
    parser.add_argument("--tensor", action="store_true", help="every column but the value is an index, whatever it is")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="how it is read, as in problem.separator=tab or problem.columns=user,film,stars",
    )


def main(arguments: argparse.Namespace) -> int:
    path = typed(arguments.file, "the file")
    kind = "tensor-completion" if arguments.tensor else "matrix-completion"
    changes = [settings.parse_assignment(text) for text in arguments.settings]
    raw = settings.apply({"problem": {"kind": kind, "file": str(path)}}, changes)
    problem = settings.decode(raw).problem
    assert isinstance(problem, (MatrixCompletion, TensorCompletion))
    if not arguments.tensor and not arguments.settings and tables.n_modes_of(path) > 2:
        problem = TensorCompletion(file=str(path))
    table = data_files.table(problem)
    for line in _told(table):
        print(inert(line, 200))
    changed = [f"--set {shlex.quote(text)}" for text in arguments.settings]
    if isinstance(problem, TensorCompletion):
        changed = ["--set problem.kind=tensor-completion", *changed]
    print(f"\nto run it:\n    {' '.join(['implicit-tui run', shlex.quote(arguments.file), *changed])}")
    return 0


def _told(table: Table) -> list[str]:
    n_modes, values = len(table.shape), sorted(table.values)
    n_places = math.prod(table.shape)
    told = [f"format      {table.format}"]
    told.append(f"shape       {' × '.join(f'{size:,}' for size in table.shape)}, {len(values):,} entries")
    told.append(f"density     {len(values) / n_places:.2%} of {n_places:,}")
    for mode, ids in enumerate(table.ids):
        name, counts = mode_name(table.names, mode, n_modes), Counter(table.indices[mode])
        given = sorted(counts.values())
        mapped = "" if table.is_mapped[mode] else " (places themselves)"
        ends = f"{ids[0]} … {ids[-1]}{mapped}"
        told.append(f"{name:<12}{ends}: {given[0]} to {given[-1]} entries each, {given[len(given) // 2]} in the middle")
    mean = math.fsum(values) / len(values)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
    named = table.value_name or "value"
    told.append(
        f"{named:<12}{quantity(values[0])} to {quantity(values[-1])}, mean {quantity(mean)}, standard deviation "
        f"{quantity(spread)}"
    )
    told.append(f"repeated    {table.n_repeated or 'none'}")
    told += [f"note        {remark}" for remark in table.remarks]
    told += ["", *_histogram(values), "", *_to_beat(table)]
    return told


def _histogram(values: Sequence[float]) -> list[str]:
    """How often each value is there, or each of ten ranges."""
    counts = Counter(values)
    if len(counts) <= _BARS + 1:
        bars = [(quantity(value), count) for value, count in sorted(counts.items())]
    else:
        width = (values[-1] - values[0]) / _BARS
        places = Counter(min(_BARS - 1, int((value - values[0]) / width)) for value in values)
        bars = [(f"{quantity(values[0] + k * width)} –", places[k]) for k in range(_BARS)]
    most = max(count for _, count in bars)
    return [f"{name:>11} {'█' * round(_WIDEST_BAR * count / most)} {count:,}" for name, count in bars]


def _to_beat(table: Table) -> list[str]:
    """Errors on a tenth of the entries, held out at random, of what knows no interaction."""
    n = len(table.values)
    n_held_out = round(_HELD_OUT * n)
    if not 0 < n_held_out < n:
        return ["too few entries to hold any out"]
    order = list(range(n))
    random.Random(0).shuffle(order)
    test, train = sorted(order[:n_held_out]), sorted(order[n_held_out:])

    def part(places: Sequence[int]) -> tuple[list[list[int]], list[float]]:
        return [[column[k] for k in places] for column in table.indices], [table.values[k] for k in places]

    learned = biases.predictors(*part(train), table.shape)
    told = [f"to beat, on {n_held_out:,} held-out entries (a run holds out its own):"]
    indices, values = part(test)
    for name, predictor in learned.items():
        squared, relative = biases.errors(predictor.at(indices), values)
        shown = name.replace("_", " ")
        told.append(f"    {shown:<14} rms {quantity(math.sqrt(squared))}, relative {quantity(relative)}")
    return told
