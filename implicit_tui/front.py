"""What a script begins with: starting a run, and finding those that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import presets
from implicit_tui.run import Run, export_path
from presets import Preset, Size
from solver import client, estimate, machine, settings
from solver import cluster as clusters
from solver import runs as kept
from solver.refusal import BadSetting
from solver.spec import RunSpec

_OWN = "own-settings"
"""What the list of runs calls the preset of settings that come from no preset."""


def start(
    preset: str | Path | RunSpec | Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
    *,
    sweep: Mapping[str, Sequence[Any]] | None = None,
    size: Size = "default",
    export: str | Path | None = None,
    detach: bool = False,
    detached_limit_h: float = 12.0,
    cluster: str | None = None,
) -> Run:
    """Starts a run in a process of its own, and returns at once.

    ``preset`` is the name of a preset or a TOML file, as ``implicit-tui run`` takes them, or settings whole: the
    ``spec`` of an export, nested as it is there, or a RunSpec. Such a run has no claims, which presets name.
    ``changes`` sets fields by their dotted name, as in ``{"model.init_scale": 1e-3, "seeds": 5}``; ``sweep`` makes a
    lane for each value. Relative paths in either are meant from the working directory. ``size`` is how much work the
    preset makes of it. A person's configuration file is not asked.

    ``export`` is the JSON file that the solver writes at the end. The run goes on when this process ends, or lets go of
    the ``Run``, at most ``detached_limit_h`` hours; with ``detach`` they count from the start. With ``cluster``, the
    address of a Dask scheduler as tcp://HOST:PORT, its workers train the lanes.

    Raises BadSetting, in one sentence, for settings, a size or a place that cannot be.
    """
    found = _preset(preset)
    if size not in presets.SIZES:
        raise BadSetting(f"size must be {', '.join(presets.SIZES[:-1])} or {presets.SIZES[-1]}, not {size}", "size")
    if not 0 <= detached_limit_h <= 1e5:
        raise BadSetting(f"detached_limit_h must be hours from 0 to 100000, not {detached_limit_h}; its default is 12")
    changed = [(field, presets.from_here(field, _plain(value))) for field, value in (changes or {}).items()]
    swept = [(field, [_plain(value) for value in values]) for field, values in (sweep or {}).items()]
    spec = found.decode(settings.apply(found.at_size(size), changed, swept))
    address = None if cluster is None else clusters.checked_address(cluster)
    free = machine.free_memory() if address is None else clusters.free_bytes(clusters.workers(address, spec))
    refused = estimate.refusal(spec, free)
    if refused is not None:
        raise BadSetting(refused)
    place = None if export is None else export_path(export)
    limit_s = detached_limit_h * 3600.0
    directory = kept.create(found.order(spec, export=place, detached_limit_s=limit_s, cluster=address))
    solver = client.start(directory, detach=detach)
    return Run(directory, solver)


def _plain(value: Any) -> Any:
    """Paths as text and tuples as lists, which is what TOML has; those in variants too."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (tuple, list)) else value


def _preset(asked: str | Path | RunSpec | Mapping[str, Any]) -> Preset:
    if isinstance(asked, (str, Path)):
        return presets.load(str(asked))
    return Preset(
        name=_OWN,
        path=Path.cwd() / f"{_OWN}.toml",
        title="settings from Python",
        idea="",
        source="",
        look_for=[],
        claims=[],
        raw=settings.encode(asked) if isinstance(asked, RunSpec) else dict(asked),
        changes={},
    )


def attach(name: str = "latest") -> Run:
    """A run of this machine by its id, the beginning of one, the name that a person gave it, or ``latest``.

    Raises BadSetting where none, or more than one, is called so.
    """
    return Run(kept.find(name))


def runs() -> list[Run]:
    """Every run of this machine, as ``implicit-tui runs`` lists them, the oldest first."""
    return [Run(directory) for directory in kept.list_runs()]


def preset_names() -> list[str]:
    """The presets that ``start`` takes by name, the built-in ones first."""
    return list(presets.names())
