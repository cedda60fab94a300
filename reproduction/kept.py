"""A run on a GPU, whose last errors are kept beside this file: R21's experiment on images at its published length."""

from __future__ import annotations

import json
import math
from array import array
from pathlib import Path

import msgspec

from reproduction.sections import Histories, table
from tui.draw import svg
from tui.draw.curves import Curve
from tui.draw.palette import series_colour
from tui.draw.scale import nice

_FILE = Path(__file__).with_name("mnist-rank-h100.json")
FIGURE = "figures/mnist-rank-h100.svg"
"""Beside the page."""
# Means over the ten classes, read off the paper's figure to ± .002; training and test error by rank.
PUBLISHED = {
    "original": {
        1: (".023", ".024"),
        3: (".0125", ".0195"),
        5: (".008", ".022"),
        10: (".004", ".0275"),
        15: (".003", ".029"),
    },
    "random-images": {
        1: (".089", ".092"),
        3: (".073", ".118"),
        5: (".059", ".132"),
        10: (".0315", ".1465"),
        15: (".0145", ".151"),
    },
    "random-labels": {
        1: (".0885", ".092"),
        3: (".081", ".1015"),
        5: (".0735", ".110"),
        10: (".0575", ".1305"),
        15: (".0435", ".139"),
    },
}


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds."""

    device: str
    torch: str
    seconds: int
    steps: int
    command: str
    columns: list[str]
    rows: list[tuple[str, int, float, float]]

    def errors(self) -> dict[tuple[str, int], tuple[float, float]]:
        """Training and test error by variant and rank."""
        return {(variant, rank): (train, test) for variant, rank, train, test in self.rows}


def kept() -> Kept:
    return msgspec.convert(json.loads(_FILE.read_text(encoding="utf-8")), Kept)


def figure() -> str:
    """The published figure, of one class: errors against rank."""
    errors = kept().errors()
    curves = []
    for colour, variant in enumerate(PUBLISHED):
        for part, name in enumerate(("training", "test")):
            of = {rank: found[part] for (one, rank), found in sorted(errors.items()) if one == variant}
            curve = Curve(
                f"{variant}, {name}",
                series_colour(2 * colour + part),
                array("d", of),
                array("d", of.values()),
                points=True,
            )
            curves.append(curve)
    values = [value for found in errors.values() for value in found]
    across, up = nice(0.0, max(rank for _, rank in errors), log=False), nice(min(values), max(values), log=True)
    return svg.chart(curves, [], "error (log) against rank, MNIST, 6 against the rest", "rank R", across, up)


def on_gpu(_: Histories) -> str:
    run = kept()
    errors = run.errors()
    rows = []
    for variant, ranks in PUBLISHED.items():
        for rank, published in ranks.items():
            train, test = errors[variant, rank]
            rows.append([variant, str(rank), published[0], f"{train:.4f}", published[1], f"{test:.4f}"])
    trained = {variant: [errors[variant, rank][0] for rank in ranks] for variant, ranks in PUBLISHED.items()}
    ratio = max(one / min(others) for one, *others in zip(*trained.values(), strict=True))
    lanes = len(run.rows)
    assert all(math.isfinite(value) for row in run.rows for value in row[2:])
    head = ["data", "R", "train, published", "ours", "test, published", "ours"]
    return f"""## Images at the published length, on a GPU: MNIST, class 6 against the rest, 60,000 images

The same experiment after {run.steps:,} steps, 10,000 epochs, for every rank from 1 to 15: {lanes} lanes on one {run.device}, torch
{run.torch}, in {run.seconds} s. A kept record: `{run.command}` made it, `make reproduction` only tabulates it. Published errors are means
over the ten classes (read, ± .002), ours of class 6 alone.

![Error against rank]({FIGURE})

{table(head, rows)}
The training error of real data is at most {ratio:.2f} of the smaller one of random data at these ranks, and falls with the rank as published;
test errors of random data rise with it.

The mean over the ten classes, as published, is a sweep of the class; `--dry-run` foretells about 4 minutes on such a GPU for each
data set, and a run that is stopped goes on with `resume`:

```console
$ implicit-tui run mnist-rank --size paper --device cuda --sweep model.components=1,3,5,10,15 \\
    --sweep problem.positive_class=0,1,2,3,4,5,6,7,8,9 --out mnist.json
$ implicit-tui run mnist-rank --size paper --device cuda --set problem.dataset=fashion-mnist \\
    --sweep model.components=1,3,5,10,15 --sweep problem.positive_class=0,1,2,3,4,5,6,7,8,9 --out fashion.json
$ python -m reproduction.classes mnist.json fashion.json
```
"""
