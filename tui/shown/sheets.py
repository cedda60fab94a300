"""Pages of text beside the charts, as rows of the list; each kind of page is a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from solver.rundir import Order
from tui.draw.cells import DIM, Row, row
from tui.shown import (
    claim_pages,
    event_page,
    held_out_page,
    look_for,
    machine_page,
    minimiser_page,
    network_page,
    settings_page,
)
from tui.shown.lines import Line
from tui.watch.seen import Seen


class Sheet(msgspec.Struct, frozen=True):
    """A page, as a row of the list."""

    title: str
    lines: Callable[[Seen, int], list[Line]]
    """The page for a width."""
    value: Callable[[Seen], str]
    """What the list shows of it."""
    short: str = ""
    """The title where there is little room."""
    claim: str = ""
    """The claim that the page explains, where it explains one."""

    @property
    def key(self) -> str:
        """What the row is known by."""
        return f"sheet {self.title}"

    def rows(self, seen: Seen, width: int, height: int, start: int = 0) -> list[Row]:
        """``height`` rows from line ``start`` on; where the page is longer the last one says so."""
        lines = self.lines(seen, width)[start:]
        if len(lines) > height > 0:
            lines = [*lines[: height - 1], (f"… {'i' if self.claim else '5'} shows what follows", DIM)]
        shown = [row((text, colour), width=width) for text, colour in lines]
        return shown + [row(width=width)] * (height - len(shown))


def sheets(seen: Seen, others: Sequence[Seen] = ()) -> list[Sheet]:
    """The pages of a run; with others laid over it, first the settings that differ."""
    history, names = seen.history, seen.order.preset.claims
    found = []
    if others:
        found.append(
            Sheet(
                "settings that differ",
                lambda one, width: settings_page.lines([one, *others], width),
                lambda _: "",
                "settings",
            )
        )
    if look_for.of(seen):
        found.append(Sheet("what to look for", look_for.lines, look_for.count, "look for"))
    if names:
        found.append(Sheet("claims", claim_pages.overview, lambda one: claim_pages.in_short(one.history, names)))
    if held_out_page.has(seen):
        found.append(Sheet("held-out entries", held_out_page.lines, held_out_page.value, "held out"))
    if history.events or seen.milestones or any(lane.outcome is not None for lane in history.lanes):
        found.append(Sheet("events", event_page.lines, event_page.count))
    if len(seen.use.cores) or len(seen.use.gpu_share):
        found.append(Sheet("machine", machine_page.lines, machine_page.value))
    if any("minimisers" in baselines for baselines in history.baselines.values()):
        found.append(Sheet("quantity | minimiser", minimiser_page.lines, lambda _: "", "minimisers"))
    found.append(Sheet("network", network_page.lines, network_page.value))
    return found


def claim_sheets(order: Order) -> list[Sheet]:
    """A page for each claim: its statement and formula, its source, and the numbers behind it."""
    return [Sheet(f"  {page.name}", page.lines, page.verdict, claim=page.name) for page in claim_pages.pages_of(order)]
