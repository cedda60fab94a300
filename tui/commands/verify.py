"""implicit-tui verify: runs presets at their quick size and judges every claim."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

import presets
from presets import Preset
from solver import client, history, settings
from solver.claims import CLAIMS
from solver.history import History
from solver.records import Claim
from solver.refusal import BadSetting
from tui.commands.ending import EXIT_FAILED, EXIT_INTERRUPTED
from tui.shown.claim_pages import compared
from tui.text import duration, inert


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A preset and what came of it."""

    preset: Preset
    seed: int
    seconds: float
    history: History


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("presets", nargs="*", metavar="PRESET|FILE.toml", help="all built-in ones unless named")
    parser.add_argument("--seed", help="seed of ground truth, observed entries, noise and initialisation (0)")
    parser.add_argument("--json", action="store_true", help="print the claims as JSON on stdout")


def main(arguments: argparse.Namespace) -> int:
    chosen = [presets.load(name) for name in arguments.presets or presets.built_in()]
    silent = [preset.name for preset in chosen if not preset.claims]
    if silent:
        raise BadSetting(f"preset {silent[0]} makes no claims: name some in its `claims`, from {', '.join(CLAIMS)}")
    changes = [] if arguments.seed is None else [("seed", settings.parse_value(arguments.seed))]
    specs = [preset.decode(settings.apply(preset.at_size("quick"), changes)) for preset in chosen]
    orders = [preset.order(spec) for preset, spec in zip(chosen, specs, strict=True)]

    def told(place: int, seconds: float) -> None:
        if not arguments.json:
            print(f"{chosen[place].name}: {duration(seconds)}", file=sys.stderr, flush=True)

    home = Path(tempfile.mkdtemp(prefix="implicit-tui-verify-"))
    try:
        ran = client.run_all(orders, home, told)
    except KeyboardInterrupt:
        shutil.rmtree(home, ignore_errors=True)
        return EXIT_INTERRUPTED
    done = [
        Verified(preset=preset, seed=order.spec.seed, seconds=seconds, history=history.read(directory.log))
        for preset, order, (directory, seconds) in zip(chosen, orders, ran, strict=True)
    ]
    failed = [one for one in done if not _holds(one)]
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(_as_json(done)), indent=2).decode() + "\n")
    else:
        for line in table(done):
            print(line)
    if failed:
        print(f"the runs are kept in {home}", file=sys.stderr)
    else:
        shutil.rmtree(home, ignore_errors=True)
    return EXIT_FAILED if failed else 0


def _claims(one: Verified) -> list[Claim]:
    """The judged claims; one that was never judged fails, with the reason the run ended for."""
    reason = one.history.ending.outcome.sentence() if one.history.ending is not None else "the solver was killed"
    found = []
    for name in one.preset.claims:
        claim = one.history.claims.get(name)
        if claim is None or claim.verdict == "pending":
            definition = CLAIMS[name]
            claim = Claim(
                name=name,
                text=f"not judged: {reason}",
                source=definition.source,
                measured=None,
                expected=None,
                tolerance=None,
                verdict="fails",
                relation=definition.relation,
            )
        found.append(claim)
    return found


def _holds(one: Verified) -> bool:
    return all(claim.verdict != "fails" for claim in _claims(one))


def _as_json(done: list[Verified]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in msgspec.to_builtins(claim).items() if name != "kind"}
        | {"preset": one.preset.name, "seed": one.seed, "seconds": round(one.seconds, 2)}
        for one in done
        for claim in _claims(one)
    ]


def table(done: list[Verified]) -> list[str]:
    """One row a claim: preset, claim, source, measured against expected, verdict, seconds of the preset."""
    rows = [("preset", "claim", "source", "measured", "verdict", "seconds")]
    for one in done:
        for place, claim in enumerate(_claims(one)):
            rows.append(
                (
                    inert(one.preset.name, 24) if place == 0 else "",
                    claim.name,
                    _citation(claim.source),
                    compared(claim) or inert(claim.text, 60),
                    claim.verdict,
                    f"{one.seconds:.1f}" if place == 0 else "",
                )
            )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    held = sum(claim.verdict == "holds" for one in done for claim in _claims(one))
    total = sum(len(_claims(one)) for one in done)
    seeds = ", ".join(str(seed) for seed in sorted({one.seed for one in done}))
    return [*lines, "", f"{held} of {total} claims hold (seed {seeds})"]


def _citation(source: str) -> str:
    """Authors and year of the first source named."""
    return inert(source.split(" (")[0].split(";")[0], 40)
