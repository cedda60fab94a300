"""The app: which screen shows, which solvers are ours, and what is left when it goes."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual.app import SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

import presets
from presets import Preset
from solver import estimate, machine, runs, settings
from solver.fields import Raw
from solver.maps import Table
from solver.progress import progress
from solver.refusal import BadSetting
from solver.rundir import Order, RunDirectory
from solver.spec import RunSpec
from tui import keys, memory, terminal
from tui.announcing import Announcer
from tui.config import Config
from tui.draw.paper import Origin, Width
from tui.host import Host
from tui.screens.home import HomeScreen
from tui.screens.live import LiveScreen
from tui.screens.runs import RunsScreen
from tui.solvers import Solvers
from tui.terminal import Parent
from tui.text import inert

# What was deleted and never undone, by an app that is long gone.
_FORGOTTEN_S = 3600.0
_LOOK_EVERY_S = 1.0
_SIXTEEN_COLOURS = ("ansi-dark", "textual-ansi")


class ImplicitApp(Host):
    """implicit-tui on a terminal."""

    CSS_PATH = "app.tcss"
    TITLE = "implicit-tui"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "colon"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings(None)

    def __init__(
        self,
        preset: Preset | None = None,
        run: RunDirectory | None = None,
        config: Config | None = None,
        *,
        is_visitor: bool = False,
        parent: Parent | None = None,
    ) -> None:
        """A visitor starts no solver, and neither has nor leaves a memory; ``parent`` keeps the terminal."""
        super().__init__(Config() if config is None else config, memory.Memory() if is_visitor else memory.read())
        self._is_visitor = is_visitor
        self._terminal_parent = parent
        self._preset = preset
        self._run = run
        self._solvers = Solvers()
        self._announcer: Announcer | None = None
        over_ssh = "SSH_CONNECTION" in os.environ
        self._frames_per_s = self.config.frames_per_s_over_ssh if over_ssh else self.config.frames_per_s
        if over_ssh:
            self.animation_level = "none"
        self.set_keymap(self.keys.own)

    def on_mount(self) -> None:
        if self._terminal_parent is not None:
            self._terminal_parent.watch(lambda: self.call_from_thread(self.exit))
            terminal.tame_stops(lambda: self.call_later(self.refresh))
            self._announce()
        self._take_theme()
        self.push_screen(HomeScreen())
        if self._run is not None:
            self.open_run(self._run)
        elif self._preset is not None:
            self.edit(self._preset, self.start_of(self._preset))
        self.set_interval(_LOOK_EVERY_S, self._look)
        # Torch is imported while the person reads; the first paint comes first.
        self.set_timer(0.3, self._warm_up)
        # What Textual has made by now stays: a collection that goes through it would be felt at a key.
        self.set_timer(0.4, gc.freeze)

    def _announce(self) -> None:
        """Tells outside the picture what is under way, where a parent keeps the terminal for nobody but us."""
        parent, driver = self._terminal_parent, self._driver
        if parent is None or driver is None:
            return
        in_tmux = bool(os.environ.get("TMUX"))
        announcer = Announcer(self.config, driver.write, is_titled=parent.is_titled, in_tmux=in_tmux)
        if announcer.has_something_to_say:
            self._announcer = announcer
            self.app_resume_signal.subscribe(self, lambda _: announcer.resuming())

    def _look(self) -> None:
        """At what has ended: the next run begins, and it is told."""
        self._start_next()
        if self._announcer is not None:
            shown = self._live_screens()
            unseen = [run for run_id, run in self._solvers.live().items() if run_id not in shown]
            self.results.ask(unseen)
            told = [(one.directory, progress(one.history, one.order.spec).fraction) for one in shown.values()]
            known = [(run, self.results.of(run)) for run in unseen]
            self._announcer.look(told + [(run, 0.0 if found is None else found.fraction) for run, found in known])

    def _take_theme(self) -> None:
        if self.memory.theme in self.available_themes:
            # Chosen in the app, later than in the file.
            self.theme = self.memory.theme
            return
        if self.config.theme in self.available_themes:
            self.theme = self.config.theme
            return
        if self.config.theme:
            self.complain(
                f"config.toml: there is no theme {self.config.theme!r}, `implicit-tui config validate` lists them"
            )
        if self.console.color_system == "standard":
            # Sixteen colours: those that the terminal's owner has chosen. The theme's name changed in Textual 8.
            self.theme = next((name for name in _SIXTEEN_COLOURS if name in self.available_themes), self.theme)

    def _warm_up(self) -> None:
        if not self._is_visitor:
            self._solvers.warm_up()

    def run_preset(self, preset: Preset, raw: Raw) -> None:
        try:
            self.run_spec(preset, preset.decode(raw))
        except BadSetting as error:
            self.complain(str(error))

    def run_spec(self, preset: Preset, spec: RunSpec, beside: Sequence[RunDirectory] = ()) -> None:
        order = preset.order(spec)
        directory = self._created(order)
        if directory is None:
            return
        self._solvers.start(directory)
        self.show_home()
        self.push_screen(LiveScreen(directory, order, self._frames_per_s, beside))

    def _created(self, order: Order) -> RunDirectory | None:
        """A directory for a new run; None, with a complaint, where there cannot be one."""
        try:
            refused = estimate.refusal(order.spec, machine.free_memory())
            if refused is not None:
                raise BadSetting(refused)
            return runs.create(order)
        except BadSetting as error:
            self.complain(str(error))
            return None

    def queue_preset(self, preset: Preset, raw: Raw) -> None:
        try:
            self.queue_spec(preset, preset.decode(raw))
        except BadSetting as error:
            self.complain(str(error))

    def queue_spec(self, preset: Preset, spec: RunSpec) -> bool:
        directory = self._created(preset.order(spec))
        if directory is None:
            return False
        self._solvers.enqueue(directory)
        if not self._start_next():
            before = len(self.queued()) - 1
            behind = f"behind {before} other{'s' * (before > 1)}" if before else "next"
            self.notify(f"{inert(preset.name, 40)} is queued, {behind}: r lists it", markup=False)
        return True

    def _start_next(self) -> bool:
        """Starts the run whose turn it is, if there is one."""
        directory = self._solvers.start_next()
        if directory is not None:
            self.notify(f"{inert(directory.id)} begins: r lists it", markup=False)
        return directory is not None

    def leave_queue(self, directory: RunDirectory) -> bool:
        return self._solvers.take_out(directory)

    def resume(self, directory: RunDirectory) -> None:
        self._solvers.start(directory)

    def queued(self) -> list[str]:
        return self._solvers.queued()

    def state_of(self, directory: RunDirectory) -> str:
        state = directory.state()
        if state != "not started":
            return state
        return (
            "queued" if directory.id in self.queued() else "starting" if directory.id in self._solvers.live() else state
        )

    def open_run(self, directory: RunDirectory, beside: Sequence[RunDirectory] = ()) -> None:
        try:
            order = directory.order()
        except BadSetting as error:
            self.complain(str(error))
            return
        if not isinstance(self.screen, RunsScreen):
            self.show_home()
        self.push_screen(LiveScreen(directory, order, self._frames_per_s, beside))

    def edit(self, preset: Preset, raw: Raw, beside: Sequence[RunDirectory] = ()) -> None:
        # Screens that are not the first to be seen are imported when they are.
        from tui.screens.settings import SettingsScreen

        self.push_screen(SettingsScreen(preset, raw, beside))

    def fork(self, directory: RunDirectory) -> None:
        try:
            order = directory.order()
        except BadSetting as error:
            self.complain(str(error))
            return
        self.edit_run(order, [directory])

    def edit_run(self, order: Order, beside: Sequence[RunDirectory] = ()) -> None:
        self.edit(presets.of_run(order), settings.encode(order.spec), beside)

    def show_runs(self) -> None:
        self.show_home()
        self.push_screen(RunsScreen())

    def leave_run(self) -> None:
        if isinstance(self.screen_stack[-2], RunsScreen):
            self.pop_screen()
        else:
            self.show_home()

    def show_home(self) -> None:
        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.set_timer(0.3, self._warm_up)

    def ask_export(
        self, directory: RunDirectory, chart_svg: Callable[[Origin, Width], str] | None, cells: Table | None = None
    ) -> None:
        from tui import exporting

        exporting.ask(self, directory, chart_svg, cells)

    def _live_screens(self) -> dict[str, LiveScreen]:
        """What shows runs under way, by run; one that waits is not."""
        screens = [screen for screen in self.screen_stack if isinstance(screen, LiveScreen) and screen.is_live()]
        begun = [one for one in screens if one.directory.has_begun() or one.directory.is_solving()]
        return {screen.directory.id: screen for screen in begun}

    def _live(self) -> list[RunDirectory]:
        """The runs under way that we started or show."""
        shown = {run_id: screen.directory for run_id, screen in self._live_screens().items()}
        # One that has ended is not asked about, though its solver takes a moment to go.
        return [run for run in (self._solvers.live() | shown).values() if run.outcome() is None]

    def action_suspend_process(self) -> None:
        if self._terminal_parent is not None:
            self._terminal_parent.suspending()
        if self._announcer is not None:
            # The signal of the suspension would be heard after it.
            self._announcer.suspending()
        super().action_suspend_process()

    def action_request_quit(self) -> None:
        from tui.screens.dialogs import QuitDialog

        live = self._live()
        if isinstance(self.screen, QuitDialog):
            return
        if not live:
            self.exit()
            return

        def answered(answer: str | None) -> None:
            unheard = [directory for directory in live if answer == "stop" and not self.tell(directory, "stop")]
            if answer in ("stop", "leave") and not unheard:
                self.exit()

        self.push_screen(QuitDialog(len(live), len(self.queued())), answered)

    def action_help(self) -> None:
        from tui.screens.dialogs import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self._place(), self.keys))

    def _place(self) -> keys.Place:
        # The palette and the dialogs lie over the screen that is meant.
        places: list[keys.Place | None] = [getattr(screen, "PLACE", None) for screen in reversed(self.screen_stack)]
        return next((place for place in places if place is not None), "home")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        from tui import offers

        return offers.of(self, screen, self._place())

    def take_theme(self, theme: str) -> None:
        self.theme = self.memory.theme = theme

    def take_rate(self, frames_per_s: float) -> None:
        self._frames_per_s = frames_per_s
        for screen in self.screen_stack:
            if isinstance(screen, LiveScreen):
                screen.draw_so_often(frames_per_s)

    def action_glossary(self) -> None:
        from tui.screens.dialogs import GlossaryScreen

        if not isinstance(self.screen, GlossaryScreen):
            self.push_screen(GlossaryScreen())

    def on_unmount(self) -> None:
        if not self._is_visitor:
            memory.write(self.memory)
            runs.purge(_FORGOTTEN_S)
        self._solvers.release()
