"""The line of keys at the foot of a screen; a click on one acts like the key."""

from __future__ import annotations

from textual import events
from textual.widgets import Static

from tui import keys
from tui.host import Host
from tui.text import cut


class Hints(Static):
    """As many keys and labels as fit; help, palette and quit always."""

    app: Host

    def __init__(self, place: keys.Place) -> None:
        super().__init__("", id="hints", markup=False)
        self._place = place
        self._ends: list[tuple[int, keys.Action]] = []

    def on_resize(self, event: events.Resize) -> None:
        self._ends, pieces, end = [], [], 0
        width = self.content_size.width or event.size.width
        for action in self.app.keys.hints(self._place, width):
            pieces.append(f"{self.app.keys.shown(action)} {action.label}")
            end += len(pieces[-1]) + 2
            self._ends.append((end, action))
        self.update(cut("  ".join(pieces), width))

    async def on_click(self, event: events.Click) -> None:
        column = event.screen_x - self.content_region.x
        action = next((action for end, action in self._ends if column < end), None)
        if action is not None:
            target = self.screen if action.places else self.app
            await self.app.run_action(action.name, target)
