"""A run as a screen shows it: what its log has said, what happened in it, and what it is held against."""

from __future__ import annotations

import msgspec

from solver import milestones
from solver.history import History
from solver.milestones import Milestone, Milestones
from solver.rundir import Order, RunDirectory
from solver.truth import Truth
from tui.text import inert
from tui.watch import replay
from tui.watch.feed import Feed
from tui.watch.use import Use


class Seen(msgspec.Struct):
    """A run at a moment."""

    id: str
    """Of the run."""
    name: str
    order: Order
    history: History
    milestones: list[Milestone] = []
    truths: list[Truth] = []
    """By problem."""
    device: str = ""
    """Name, memory and use of the run's device, as far as they are known."""
    use: Use = msgspec.field(default_factory=Use)
    """What the run has taken of the machine while it was watched."""


class Follower:
    """Follows one run directory; ``seen`` is what there is to draw."""

    def __init__(self, directory: RunDirectory, order: Order) -> None:
        self.directory = directory
        self.order = order
        self.history = History()
        self.feed = Feed(directory)
        self._milestones = Milestones(order.spec)
        own = directory.read_notes().name
        self.name = inert(own or f"{order.preset.name} {directory.id[-4:]}", 40)
        """What a person calls the run, else its preset and the end of its id."""

    def take(self) -> bool:
        """Takes up what is new; says whether there was anything."""
        if not self.history.apply(self.feed.take()):
            return False
        self._milestones.update(self.history)
        return True

    def is_live(self) -> bool:
        """Whether a solver still works on the run."""
        return self.history.ending is None and not self.feed.solver_gone

    def seen(self, axis: str = "step", place: float | None = None) -> Seen:
        """The run as it stands; with a place on an axis, as it stood there."""
        history, found = self.history, self._milestones.found
        if place is not None:
            history = replay.at(history, axis, place)
            found = milestones.until(found, history)
        feed = self.feed
        return Seen(self.directory.id, self.name, self.order, history, found, feed.truths, feed.device, feed.use)
