"""A run of the list in some lines: how it ended, what its claims say, how it was set, and where it was computed."""

from __future__ import annotations

import functools
from pathlib import Path

import presets
from presets import Size
from solver.refusal import BadSetting
from solver.rundir import Order
from solver.series import BY_NAME
from tui.draw.cells import DIM, TEXT, Row, row
from tui.shown import claim_pages, run_rows
from tui.shown.differences import flat
from tui.shown.lines import Line, wrapped
from tui.shown.run_rows import Listed
from tui.text import duration, inert, quantity

_VERSIONS = ("implicit_tui", "torch", "numpy", "python")


def rows(one: Listed, width: int, height: int) -> list[Row]:
    """The page in a box: one column where it is high, else the run to the left of its claims."""
    if height > 15:
        lines = [*_about(one, width), ("", TEXT), *_claims(one, width), ("", TEXT), *_setting(one, width)]
        return [row(line, width=width) for line in lines[:height]]
    left, right = [*_about(one, width // 2 - 1), *_setting(one, width // 2 - 1)], _claims(one, width - width // 2)
    blank: Line = ("", TEXT)
    both = zip(_filled(left, height, blank), _filled(right, height, blank), strict=True)
    return [row((f"{here[0]:<{width // 2}}"[: width // 2], here[1]), there, width=width) for here, there in both]


def _filled(lines: list[Line], height: int, blank: Line) -> list[Line]:
    return (lines + [blank] * height)[:height]


def _about(one: Listed, width: int) -> list[Line]:
    """What it is, how it ended, and its numbers."""
    title = one.run.id if one.order is None else one.order.preset.title or one.order.preset.name
    lines = wrapped(title, TEXT, width, "")
    lines += [(inert(one.run.id, width), DIM)] * (one.order is not None)
    lines += wrapped(f"{run_rows.signed(one)}: {sentence(one)}", TEXT, width, "")
    if one.results is None or not one.results.n_lanes:
        return lines
    found, told = one.results, []
    if found.error is not None:
        told.append(f"{BY_NAME[found.error_name].told or found.error_name.replace('_', ' ')} {quantity(found.error)}")
    if found.effective_rank is not None:
        told.append(f"effective rank {quantity(found.effective_rank)}")
    if told:
        median = f", median of {found.n_lanes} lanes" if found.n_lanes > 1 else ""
        lines += wrapped(", ".join(told) + median, TEXT, width, "")
    lanes = "1 lane" if found.n_lanes == 1 else f"{found.n_lanes} lanes"
    lists = "" if one.order is None else run_rows.swept(one.order)
    lines += wrapped(" · ".join(filter(None, (lanes, lists, duration(found.elapsed_s)))), DIM, width, "")
    return lines


def sentence(one: Listed) -> str:
    """How it ended, or what it waits for, in one sentence."""
    if one.order is None:
        try:
            one.run.order()
        except BadSetting as error:
            return str(error)
    if one.results is not None and one.results.outcome is not None:
        own = one.results.outcome.sentence()
        if one.state == "converged":
            return one.results.sentence or own
        told = [one.results.sentence, f"as foreseen, {own}" if one.results.is_foreseen else own]
        return " · ".join(filter(None, told))
    if one.is_live:
        return "under way" if one.results is None else f"{one.results.fraction:.0%} of the way"
    if one.state == "queued":
        return "it begins when the runs before it have ended; s takes it out, x deletes it"
    if one.state == "not started":
        return "open it, and space starts it"
    return one.run.silent_outcome().sentence()


def _claims(one: Listed, width: int) -> list[Line]:
    """A line for each claim: its verdict, its name, and its numbers."""
    names = [] if one.order is None else one.order.preset.claims
    judged = {} if one.results is None else {claim.name: claim for claim in one.results.claims}
    lines: list[Line] = []
    for name in names:
        claim = judged.get(name)
        sign, colour = claim_pages.VERDICTS["pending" if claim is None else claim.verdict]
        numbers = "" if claim is None else claim_pages.compared(claim)
        lines += claim_pages.in_lines(sign, name, "", numbers, colour, width)
    return lines or [("no claims are made of it", DIM)]


def _setting(one: Listed, width: int) -> list[Line]:
    """What differs from the preset, the device and the versions, and what its owner says."""
    lines: list[Line] = []
    if one.order is not None:
        found = changes(one.order)
        if found is None:
            lines += wrapped(f"there is no preset {one.order.preset.name} any more", DIM, width, "")
        else:
            size, told = found
            name = one.order.preset.name + ("" if size == "default" else f" at size {size}")
            lines += wrapped(f"as {name} has it" if not told else f"{name}, but", DIM, width, "")
            for setting in told:
                lines += wrapped(setting, TEXT, width)
    facts = {} if one.results is None else one.results.environment
    device = [str(facts[name]) for name in ("device", "name", "dtype") if facts.get(name)]
    versions = [f"{name.replace('_', '-')} {facts[name]}" for name in _VERSIONS if facts.get(name)]
    lines += wrapped(" · ".join(device), DIM, width, "") + wrapped(" · ".join(versions), DIM, width, "")
    lines += wrapped(one.notes.note, TEXT, width, "") + wrapped(", ".join(one.notes.tags), DIM, width, "")
    return lines


def changes(order: Order) -> tuple[Size, list[str]] | None:
    """The size of the preset that is nearest to a run, and the settings that differ from it; None without preset."""
    path = presets.names().get(order.preset.name)
    try:
        sizes = None if path is None else _sizes(path, path.stat().st_mtime_ns)
    except (OSError, BadSetting):
        sizes = None
    if sizes is None:
        return None
    own = flat(order.spec)
    told = {
        size: [f"{name} {own.get(name, '–')}" for name in {**settings, **own} if settings.get(name) != own.get(name)]
        for size, settings in sizes.items()
    }
    nearest = min(told, key=lambda size: (len(told[size]), size != "default"))
    return nearest, told[nearest]


@functools.lru_cache(32)
def _sizes(path: Path, _: int) -> dict[Size, dict[str, str]]:
    """The settings of a preset's file, as it was at some time, at all sizes. Raises BadSetting."""
    preset = presets.read(path)
    return {size: flat(preset.decode(preset.at_size(size))) for size in presets.SIZES}
