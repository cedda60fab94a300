"""implicit-tui resume: takes a killed or stopped run up again where its last checkpoint has it; starts a queued one."""

from __future__ import annotations

import argparse
from pathlib import Path

from solver import client, cluster, runs
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tui.commands import following


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, or latest")
    parser.add_argument(
        "--cluster",
        metavar="tcp://HOST:PORT|none",
        help="go on with the workers of this Dask scheduler, or on this machine, in place of where the run began",
    )
    parser.add_argument("--detach", action="store_true", help="leave it running")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors on stderr")


def main(arguments: argparse.Namespace) -> int:
    directory = runs.find(arguments.run)
    order = directory.order()
    check(directory)
    if arguments.cluster is not None:
        address = None if arguments.cluster == "none" else cluster.checked_address(arguments.cluster)
        if address is not None:
            cluster.workers(address, order.spec)
        runs.move_to(directory, address)
    before = following.recorded(directory)
    solver = client.start(directory, detach=arguments.detach)
    if not client.has_taken(directory, solver):
        raise BadSetting(
            f"run {directory.id} was taken up by somebody else: `implicit-tui attach {directory.id}` shows it"
        )
    if arguments.detach:
        print(directory.id)
        return 0
    history, interrupted = following.follow(
        directory, solver, following.Narrator(order.spec, quiet=arguments.quiet), before
    )
    out = None if order.export is None else Path(order.export)
    return following.finish(directory, history, out, interrupted=interrupted, as_json=False, quiet=arguments.quiet)


def check(directory: RunDirectory) -> None:
    """Raises BadSetting, saying why, where the run cannot be taken up."""
    if directory.is_solving():
        raise BadSetting(f"run {directory.id} is running: `implicit-tui attach {directory.id}` shows it")
    if not directory.can_resume():
        state = directory.state()
        why = "has no checkpoint yet" if state in ("killed", "stopped", "max-seconds") else f"has ended ({state})"
        raise BadSetting(f"run {directory.id} {why}, so there is nothing to resume: start a new one")
