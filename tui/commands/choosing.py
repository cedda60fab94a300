"""The options that choose settings, shared by commands, and the spec they make."""

from __future__ import annotations

import argparse
import math

import presets
from presets import Preset
from solver import settings
from solver.refusal import BadSetting
from solver.spec import RunSpec
from tui import config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("preset", metavar="PRESET|FILE")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, as in model.init_scale=1e-4",
    )
    parser.add_argument(
        "--sweep",
        dest="sweeps",
        action="append",
        default=[],
        metavar="KEY=V1,V2,…",
        help="a lane for each value, as in model.depth=2,3,4",
    )
    parser.add_argument("--seed", help="seed of ground truth, observed entries, noise and initialisation")
    parser.add_argument("--seeds", metavar="N", help="run N seeds, each as lanes of its own")
    parser.add_argument("--device", metavar="auto|cpu|cuda|cuda:N,M")
    parser.add_argument("--threads", metavar="N")
    parser.add_argument("--steps", metavar="N", help="stop a lane after N steps")
    parser.add_argument("--seconds", metavar="S", help="stop the run after S seconds")
    parser.add_argument("--size", choices=presets.SIZES, help="how much work the preset makes of it (default)")


def chosen(arguments: argparse.Namespace) -> tuple[Preset, RunSpec]:
    """The preset and the spec that the options make of it. Raises BadSetting."""
    preset, configured = presets.load(arguments.preset), config.read()
    changes = [settings.parse_assignment(text) for text in arguments.settings]
    for option, field in (
        ("seed", "seed"),
        ("seeds", "seeds"),
        ("device", "device"),
        ("threads", "threads"),
        ("steps", "stop.max_steps"),
        ("seconds", "stop.max_seconds"),
    ):
        text = getattr(arguments, option)
        if text is not None:
            changes.append((field, settings.parse_value(text)))
    changes = [(field, presets.from_here(field, value)) for field, value in changes]
    sweeps = [settings.parse_sweep(text) for text in arguments.sweeps]
    own = configured.with_defaults(preset.at_size(arguments.size or configured.defaults.size))
    raw = settings.apply(own, changes, sweeps)
    return preset, preset.decode(raw)


def detached_limit_s(text: str) -> float:
    """Seconds from hours as typed. Raises BadSetting."""
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 <= hours <= 1e5:
        raise BadSetting(f"--detached-limit must be hours from 0 to 100000, not {text}: its default is 12")
    return hours * 3600.0
