"""The app: which screen shows, which solvers are ours, and what is left when it goes."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

import presets
from presets import Preset
from solver import client, control, estimate, rundir, settings
from solver.fields import Raw
from solver.refusal import BadSetting
from solver.rundir import Order, RunDirectory
from solver.spec import RunSpec
from tui import keys
from tui.commands.export import document
from tui.screens.home import HomeScreen
from tui.screens.live import LiveScreen
from tui.screens.runs import RunsScreen
from tui.text import inert


class ImplicitApp(App[None]):
    """implicit-tui on a terminal."""

    CSS_PATH = "app.tcss"
    TITLE = "implicit-tui"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "colon"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings(None)

    def __init__(self, preset: Preset | None = None, run: RunDirectory | None = None) -> None:
        super().__init__()
        self._preset = preset
        self._run = run
        self._warm: client.Solver | None = None
        self._solvers: dict[str, tuple[RunDirectory, client.Solver]] = {}
        over_ssh = "SSH_CONNECTION" in os.environ
        self._frames_per_s = 5.0 if over_ssh else 10.0
        if over_ssh:
            self.animation_level = "none"

    def on_mount(self) -> None:
        self.push_screen(HomeScreen())
        if self._run is not None:
            self.open_run(self._run)
        elif self._preset is not None:
            self.edit(self._preset, self._preset.raw)
        # Torch is imported while the person reads; the first paint comes first.
        self.set_timer(0.3, self._warm_up)

    def _warm_up(self) -> None:
        if self._warm is None or not self._warm.is_alive():
            with contextlib.suppress(OSError):
                self._warm = client.warm()

    def run_preset(self, preset: Preset, raw: Raw) -> None:
        """Runs a preset with these settings."""
        try:
            self.run_spec(preset, preset.decode(raw))
        except BadSetting as error:
            self.complain(str(error))

    def run_spec(self, preset: Preset, spec: RunSpec) -> None:
        """Starts a solver on ``spec`` and shows it live."""
        order = Order(
            spec=spec,
            preset=preset.info(spec),
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
        try:
            refused = estimate.refusal(spec, estimate.free_memory())
            if refused is not None:
                raise BadSetting(refused)
            directory = rundir.create(order)
        except BadSetting as error:
            self.complain(str(error))
            return
        self._solvers[directory.id] = (directory, self._solver_for(directory))
        self.show_home()
        self.push_screen(LiveScreen(directory, order, self._frames_per_s))

    def resume(self, directory: RunDirectory) -> None:
        """Takes a killed or stopped run up again."""
        self._solvers[directory.id] = (directory, self._solver_for(directory))

    def _solver_for(self, directory: RunDirectory) -> client.Solver:
        warm, self._warm = self._warm, None
        if warm is not None and warm.is_alive():
            with contextlib.suppress(OSError):
                warm.give(directory)
                return warm
        return client.start(directory)

    def open_run(self, directory: RunDirectory) -> None:
        """Shows a run, live or finished."""
        try:
            order = directory.order()
        except BadSetting as error:
            self.complain(str(error))
            return
        self.show_home()
        self.push_screen(LiveScreen(directory, order, self._frames_per_s))

    def edit(self, preset: Preset, raw: Raw) -> None:
        """Shows the settings form."""
        from tui.screens.settings import SettingsScreen

        self.push_screen(SettingsScreen(preset, raw))

    def edit_run(self, order: Order) -> None:
        """Shows the settings form with the settings of a run."""
        info = order.preset
        path = presets.names().get(info.name, Path.cwd() / f"{info.name}.toml")
        try:
            preset = presets.read(path)
        except BadSetting:
            # Its file is gone: what the run remembers of it serves.
            preset = Preset(
                name=info.name,
                path=path,
                title=info.title,
                idea="",
                source="",
                look_for=info.look_for,
                claims=info.claims,
                raw=settings.encode(order.spec),
                changes={},
            )
        self.edit(preset, settings.encode(order.spec))

    def show_runs(self) -> None:
        self.show_home()
        self.push_screen(RunsScreen())

    def show_home(self) -> None:
        """Back to the presets, whatever lies above them."""
        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.set_timer(0.3, self._warm_up)

    def ask_export(self, directory: RunDirectory) -> None:
        """Asks where to, writes the run there, and says where it went."""
        from tui.screens.dialogs import ExportDialog

        def write(path: Path | None) -> None:
            if path is not None:
                self.run_worker(lambda: self._export(directory, path), thread=True, exit_on_error=False)

        self.push_screen(ExportDialog(Path.cwd() / f"{directory.id}.json"), write)

    def _export(self, directory: RunDirectory, path: Path) -> None:
        try:
            rundir.replace_file(path, document(directory, path.suffix.removeprefix(".")))
        except (BadSetting, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.call_from_thread(self.complain, f"{path} could not be written ({reason}): what was there is unchanged")
            return
        self.call_from_thread(self.notify, inert(f"exported to {path}", 400), markup=False, timeout=10)

    def complain(self, sentence: str) -> None:
        """One sentence about what went wrong."""
        self.notify(inert(sentence, 400), severity="error", markup=False, timeout=10)

    def _live(self) -> list[RunDirectory]:
        """The runs under way that we started or show."""
        ours = {run_id: directory for run_id, (directory, solver) in self._solvers.items() if solver.is_alive()}
        shown = [screen for screen in self.screen_stack if isinstance(screen, LiveScreen) and screen.is_live()]
        return list((ours | {screen.directory.id: screen.directory for screen in shown}).values())

    def action_request_quit(self) -> None:
        from tui.screens.dialogs import QuitDialog

        live = self._live()
        if isinstance(self.screen, QuitDialog):
            return
        if not live:
            self.exit()
            return

        def answered(answer: str | None) -> None:
            if answer == "stop":
                for directory in live:
                    control.send(directory.control, "stop")
            if answer in ("stop", "leave"):
                self.exit()

        self.push_screen(QuitDialog(len(live)), answered)

    def action_help(self) -> None:
        from tui.screens.dialogs import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self._place()))

    def _place(self) -> keys.Place:
        from tui.screens.settings import SettingsScreen

        kinds: tuple[tuple[type[Screen[None]], keys.Place], ...] = (
            (LiveScreen, "live"),
            (RunsScreen, "runs"),
            (SettingsScreen, "settings"),
            (HomeScreen, "home"),
        )
        # The palette and the dialogs lie over the screen that is meant.
        for screen in reversed(self.screen_stack):
            for kind, place in kinds:
                if isinstance(screen, kind):
                    return place
        return "home"

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: the actions of the screen it was called from."""
        target = "app"
        for action in keys.of(self._place()):
            target = "screen" if action.places else "app"
            name = f"{target}.{action.name}"
            if action.name != "command_palette":
                yield SystemCommand(
                    f"{action.label} ({action.shown})", action.help, lambda name=name: self._act(screen, name)
                )

    def _act(self, screen: Screen[object], name: str) -> None:
        self.run_worker(self.run_action(name, screen))

    def on_unmount(self) -> None:
        if self._warm is not None:
            self._warm.release()
