"""make bench: writes docs/performance.md and docs/performance.json; about twenty minutes on two cores.

``python -m bench --device cuda`` measures the steps alone, on a GPU, and prints their table. ``--only
ratings profiles`` measures these anew and keeps what else the files have.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bench import growth, large, profiles, ratings, results, steps, tf32
from solver.numerics.device import describe
from solver.version import VERSION

_DOCS = Path(__file__).parent.parent / "docs"


def on_device(device: torch.device) -> list[steps.Row]:
    """A step of everything."""
    rows = steps.matrices(torch.float32, device) + steps.matrices(torch.float64, device) + steps.tensors(device)
    return rows + steps.images(device, with_theirs=device.type == "cpu")


def everything(only: Sequence[str] = ()) -> dict[str, Any]:
    """Each part by its name, or of those named alone."""
    from bench import drawing, runs

    cpu, home = torch.device("cpu"), runs.home()
    found: dict[str, Any] = {} if only else {"environment": environment(cpu)}
    try:
        for name, measure in (
            ("steps", lambda: on_device(cpu)),
            ("loss_agreement", steps.loss_agreement),
            ("completion", results.completions),
            ("counterexample", results.counterexamples),
            ("growth", lambda: growth.measured(cpu)),
            ("ratings", ratings.measured),
            ("large", large.measured),
            ("tf32", tf32.measured),
            ("recording", lambda: runs.recording(home)),
            ("contention", runs.contention),
            ("processes", lambda: runs.processes(home)),
            ("profiles", lambda: profiles.measured(home)),
            ("start", lambda: runs.starting(home)),
            ("app", lambda: runs.with_app(home)),
            ("drawing", drawing.measured),
        ):
            if only and name not in only:
                continue
            begin = time.monotonic()
            found[name] = measure()
            print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return found


def environment(device: torch.device) -> dict[str, Any]:
    return {
        "implicit_tui": VERSION,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        **describe(device),
    }


def page(found: dict[str, Any]) -> str:
    """docs/performance.md."""
    from bench import drawing, runs

    machine, largest = found["environment"], max(one["largest_relative_difference"] for one in found["loss_agreement"])
    return f"""# Speed

Written by `make bench` on {machine["name"]}, {machine["cores"]} cores, one thread a process, torch
{machine["torch"]}. The authors' methods are re-implemented plainly in `bench/authors.py` (modules, autograd, their
optimiser, float32, nothing of their logging) and timed in turns with ours: ratios are what counts, times drift with the
machine. "Products alone" are the matrix products that no step does without, into buffers.

## A step

{steps.as_table(found["steps"])}

float32 losses stay within {largest:.0e} of float64 ones over 500 steps of GroupRMSprop at depth 2, 3 and 4.

## To the published result

100×100, rank 5, 2,000 entries, Gaussian scale 1e-3, to training loss 1e-6; medians of five seeds, no metrics. Gradient
flow with its defaults (float64) against GroupRMSprop as published: its iterations are counted on every seed, its
seconds are these times the pace of the plain re-implementation. σ error: the largest distance of a singular value from
the flow at rtol 1e-8 at the same flow time, of σ_1; the authors' end state is held against the same.

{results.as_tables(found["completion"], found["counterexample"])}

## How the cost grows

float64, one thread; a power well below that of the arithmetic means that small sizes are bound by the overhead of each
operation.

{growth.as_table(found["growth"])}

## Ratings

Few entries of large matrices, float64, one thread. Of the product of layers the observed entries alone are computed,
and a frame decomposes two thin factors; "dense" makes the end matrix and its gradient. Estimates are those of the form
and of `--dry-run`.

{ratings.as_table(found["ratings"])}

## Large matrices

Where both sides are 1,500 and more, a frame finds the largest singular values (16 here) by products alone, and
estimates what the others add up to for nuclear norm, Schatten norm and effective rank. What both may be off by is
recorded, as singular_values_error, which is a bound, and norms_error, a standard error.

{large.as_table(found["large"])}

## TF32

`dtype = "tf32"` trains in float32 with the products of a GPU's TF32, whose factors have ten bits. Emulated here on the
CPU: it tells what happens to the numbers and nothing of the time. To training loss 1e-6 or for 20,000 steps, against
float64.

{tf32.as_table(found["tf32"])}

## Whole runs

{runs.as_tables(found["recording"], found["contention"], found["processes"], found["start"], found["app"])}

{drawing.as_table(found["drawing"])}

## Where the time of a run goes

What `run --profile` tells, of every preset at its quick size in one process: seconds in all, and of these until the
first turn (torch's import is most of it), in steps, in frames, in arrays to look at, in baselines, in judging claims,
and in writing the log. Lanes are taken together.

{profiles.as_table(found["profiles"])}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--device", default="cpu", help="cuda measures the steps there and prints the table")
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="these anew, the others as they are")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    torch.set_num_threads(1)
    if device.type != "cpu":
        print(f"{describe(device)['name']}, torch {torch.__version__}\n\n{steps.as_table(on_device(device))}")
        return
    kept = json.loads((_DOCS / "performance.json").read_text(encoding="utf-8")) if arguments.only else {}
    found = kept | everything(arguments.only)
    (_DOCS / "performance.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (_DOCS / "performance.md").write_text(page(found), encoding="utf-8")
    print(page(found))


if __name__ == "__main__":
    main()
