"""implicit-tui run: a run without the app, narrated on stderr, exported at the end."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from solver import client, cluster, estimate, machine, profile, runs, settings
from solver.refusal import BadSetting
from solver.spec import RunSpec
from tui import loggers
from tui.commands import choosing, following
from tui.shown import profiled
from tui.text import inert, label, narrower, taking


def add_arguments(parser: argparse.ArgumentParser) -> None:
    choosing.add_arguments(parser)
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="where the export goes")
    parser.add_argument("--json", action="store_true", help="print the export on stdout")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors on stderr")
    parser.add_argument(
        "--log",
        dest="logs",
        action="append",
        default=[],
        choices=loggers.Kinds(loggers.KINDS),
        metavar="tensorboard|wandb[=DIR]",
        help="as it goes on, write a log for TensorBoard (./runs) or Weights & Biases (./wandb, offline unless "
        "WANDB_MODE is set); may be given for each",
    )
    parser.add_argument(
        "--cluster",
        metavar="tcp://HOST:PORT",
        help="train the lanes on the workers of the Dask scheduler there (docs/cluster.md)",
    )
    parser.add_argument("--profile", action="store_true", help="say at the end where the time went, by lane")
    parser.add_argument("--detach", action="store_true", help="start the run, print its id, and leave it running")
    parser.add_argument("--detached-limit", default="12", metavar="H", help="hours a run may go on unwatched (12)")
    parser.add_argument("--dry-run", action="store_true", help="print lanes, memory and time, and do not run")


def main(arguments: argparse.Namespace) -> int:
    preset, spec = choosing.chosen(arguments)
    limit_s = choosing.detached_limit_s(arguments.detached_limit)
    out = None if arguments.out is None else client.check_export_path(arguments.out)
    if arguments.detach and arguments.json:
        raise BadSetting("--json prints the finished run, which --detach does not wait for: drop one of the two")
    if arguments.detach and arguments.logs:
        raise BadSetting("--log follows the run, which --detach leaves to itself: drop one of the two")
    if arguments.detach and arguments.profile:
        raise BadSetting("--profile waits for the end of the run, which --detach does not: drop one of the two")
    address = None if arguments.cluster is None else cluster.checked_address(arguments.cluster)
    workers = [] if address is None else cluster.workers(address, spec)
    if arguments.dry_run:
        return _dry_run(spec, workers)
    refused = estimate.refusal(spec, cluster.free_bytes(workers) if workers else machine.free_memory())
    if refused is not None:
        raise BadSetting(refused)
    logs = loggers.chosen(arguments.logs)
    directory = runs.create(preset.order(spec, export=out, detached_limit_s=limit_s, cluster=address))
    before = following.recorded(directory)
    solver = client.start(directory, detach=arguments.detach)
    if arguments.detach:
        print(directory.id)
        return 0
    narrator = following.Narrator(spec, quiet=arguments.quiet)
    history, interrupted = following.follow(directory, solver, narrator, before, logs)
    status = following.finish(
        directory, history, out, interrupted=interrupted, as_json=arguments.json, quiet=arguments.quiet
    )
    if arguments.profile:
        for line in profiled.lines(profile.read(directory), lambda lane: label(history, history.lanes[lane])):
            print(inert(line, 200), file=sys.stderr)
    return status


def _dry_run(spec: RunSpec, workers: list[cluster.Worker]) -> int:
    need = estimate.estimate(spec)
    lanes = settings.lanes(spec)
    for lane in lanes:
        print(f"lane {lane.index}: " + ", ".join(f"{name} = {value}" for name, value in lane.parameters.items()))
    print(f"lanes: {need.n_lanes}")
    print(f"memory: about {machine.readable_bytes(need.memory_bytes)}")
    print(f"time: {taking(need)}, within a factor of a few")
    if workers:
        threads = sum(worker.threads for worker in workers)
        print(f"cluster: {len(workers)} workers with {threads} threads")
    if (found := estimate.narrower(spec)) is not None:
        print(f"hint: {narrower(found)}")
    refused = estimate.refusal(spec, cluster.free_bytes(workers) if workers else machine.free_memory())
    if refused is not None:
        raise BadSetting(refused)
    return 0
