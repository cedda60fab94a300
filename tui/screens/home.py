"""The presets, and what each shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

import presets
from presets import Preset
from solver import estimate, runs
from solver.fields import Raw
from solver.refusal import BadSetting
from tui import keys
from tui.host import Host
from tui.text import duration, inert
from tui.widgets.hints import Hints


class HomeScreen(Screen[None]):
    """Where the app begins: choose a preset, run it, or change its settings first."""

    PLACE: ClassVar[keys.Place] = "home"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("home")
    app: Host

    def __init__(self) -> None:
        super().__init__()
        self._presets: list[Preset] = []
        self._there: dict[Path, int] = {}
        """Their files, and when each was changed."""

    def compose(self) -> ComposeResult:
        yield Static("implicit-tui · watch gradient descent choose low rank", id="title", markup=False)
        with Horizontal(id="body"):
            yield OptionList(id="presets", markup=False)
            with VerticalScroll(id="about-box"):
                yield Static("", id="about", markup=False)
        yield Static("", id="recent", markup=False)
        yield Hints("home")
        yield Static("too small: 40 × 12 needed", id="too-small", markup=False)

    def on_mount(self) -> None:
        self._list()
        self.query_one(OptionList).focus()

    def _list(self) -> None:
        """The presets as they lie there now; the chosen one stays chosen."""
        there = {path: _changed_ns(path) for path in presets.names().values()}
        if there == self._there:
            return
        chosen, self._there, self._presets = self._preset(), there, []
        for path in there:
            try:
                self._presets.append(presets.read(path))
            except BadSetting as error:
                self.app.notify(inert(str(error), 300), severity="warning", markup=False)
        listed, names = self.query_one(OptionList), [preset.name for preset in self._presets]
        listed.clear_options()
        listed.add_options(Option(inert(name, 40)) for name in names)
        listed.highlighted = names.index(chosen.name) if chosen is not None and chosen.name in names else 0

    def on_screen_resume(self) -> None:
        self._list()
        there = runs.list_runs()
        last = f"last run: {there[-1].id} ({there[-1].state()}) · r lists {len(there)}" if there else "no runs yet"
        self.query_one("#recent", Static).update(last)

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < 60 or height < 15, "narrow")
        self.set_class(width < 40 or height < 12, "tiny")

    def on_option_list_option_highlighted(self, _: OptionList.OptionHighlighted) -> None:
        preset = self._preset()
        if preset is not None:
            self.query_one("#about", Static).update(about(preset, self.app.start_of(preset)))
            self.query_one("#about-box", VerticalScroll).scroll_home(animate=False)

    def on_option_list_option_selected(self, _: OptionList.OptionSelected) -> None:
        self.action_run()

    def _preset(self) -> Preset | None:
        chosen = self.query_one(OptionList).highlighted
        return None if chosen is None or chosen >= len(self._presets) else self._presets[chosen]

    def action_run(self) -> None:
        preset = self._preset()
        if preset is not None:
            self.app.run_preset(preset, self.app.start_of(preset))

    def action_queue(self) -> None:
        preset = self._preset()
        if preset is not None:
            self.app.queue_preset(preset, self.app.start_of(preset))

    def action_settings(self) -> None:
        preset = self._preset()
        if preset is not None:
            self.app.edit(preset, self.app.start_of(preset))

    def action_runs(self) -> None:
        self.app.show_runs()


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _listed(values: list[Any]) -> str:
    return ", ".join(str(value).lower() if isinstance(value, bool) else f"{value}" for value in values)


def about(preset: Preset, raw: Raw) -> str:
    """What a preset shows, where it comes from, and what it takes with these settings."""
    lines = [inert(preset.title, 200), "", inert(preset.idea, 600), ""]
    try:
        spec = preset.decode(raw)
        need = estimate.estimate(spec)
        lists = ({"variants": list(spec.variants)} if spec.variants else {}) | spec.sweep
        swept = " · ".join(f"{name} {inert(_listed(values), 60)}" for name, values in lists.items())
        lanes = "1 lane" if need.n_lanes == 1 else f"{need.n_lanes} lanes"
        lines += [f"{lanes}{' · ' + swept if swept else ''} · about {duration(need.seconds)}", ""]
    except BadSetting as error:
        lines += [inert(str(error), 400), ""]
    if preset.look_for:
        lines += ["Look for", *(f"• {inert(one.say, 300)}" for one in preset.look_for), ""]
    if preset.source:
        lines.append(f"Source: {inert(preset.source, 300)}")
    return "\n".join(lines)
