"""Where a figure comes from: its preset, its run, and the settings that make the run what it is."""

from __future__ import annotations

from solver import fields, settings
from solver.rundir import Order
from solver.spec import RunSpec
from solver.spec.base import tag_of
from tui.draw.paper import Origin
from tui.shown.differences import flat
from tui.text import inert

# These change what is kept of a run, or how fast it goes, and no number in it.
_SILENT = ("record.", "device", "threads")
_LONGEST = 60


def origin(run_id: str, order: Order) -> Origin:
    """Of a run with this order."""
    return Origin(
        preset=inert(order.preset.name, _LONGEST),
        run=inert(run_id, _LONGEST),
        telling=tuple(_telling(order.spec)),
        settings=flat(order.spec),
    )


def _telling(spec: RunSpec) -> list[str]:
    """The kinds, the variants, what is swept, and what is not as it is by default."""
    raw, told, found = settings.encode(spec), flat(spec), []
    specs = [lane.spec for lane in settings.lanes(spec)]
    for name, value in told.items():
        if name.startswith((*_SILENT, "variants.")):
            continue
        short = name.rpartition(".")[2].replace("_", " ")
        if name.endswith(".kind"):
            part = name.partition(".")[0]
            found.append(", ".join(dict.fromkeys(tag_of(type(getattr(one, part))) for one in specs)))
        elif name in spec.sweep or name == "seed" or value != _default(raw, name):
            is_shape = value.startswith("(")
            found.append(inert(f"{short} {'×'.join(value[1:-1].split(', ')) if is_shape else value}", _LONGEST))
    return found + [f"variants {inert(', '.join(spec.variants), _LONGEST)}"] * bool(spec.variants)


def _default(raw: fields.Raw, name: str) -> str | None:
    value = fields.default(raw, name)
    return None if value is None else f"{value:g}" if isinstance(value, float) else str(value)
