"""The app: which screen shows, which solvers are ours, and what is left when it goes."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

import presets
from presets import Preset
from solver import client, control, estimate, files, machine, runs, settings
from solver.fields import Raw
from solver.refusal import BadSetting
from solver.rundir import Order, RunDirectory
from solver.spec import RunSpec
from tui import keys, memory
from tui.config import Config
from tui.draw import svg
from tui.draw.canvas import MARKERS, Marker
from tui.export import data
from tui.screens.home import HomeScreen
from tui.screens.live import LiveScreen
from tui.screens.runs import RunsScreen
from tui.text import inert
from tui.widgets.chart import Chart

if TYPE_CHECKING:
    from tui.screens.export import Wanted

# Base64 makes a third more of it, and terminals cut what is longer than about 100 kB.
_MOST_COPIED = 74_000
# What was deleted and never undone, by an app that is long gone.
_FORGOTTEN_S = 3600.0
_SIXTEEN_COLOURS = ("ansi-dark", "textual-ansi")


class ImplicitApp(App[None]):
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
    ) -> None:
        """A visitor starts no solver, and neither has nor leaves a memory."""
        super().__init__()
        self._is_visitor = is_visitor
        self.config = Config() if config is None else config
        self.keys = keys.Keys(self.config.keys)
        self.memory = memory.Memory() if is_visitor else memory.read()
        self.pinned: list[RunDirectory] = []
        """Runs that are laid over every run that is opened."""
        self._preset = preset
        self._run = run
        self._warm: client.Solver | None = None
        self._solvers: dict[str, tuple[RunDirectory, client.Solver]] = {}
        over_ssh = "SSH_CONNECTION" in os.environ
        self._frames_per_s = self.config.frames_per_s_over_ssh if over_ssh else self.config.frames_per_s
        if over_ssh:
            self.animation_level = "none"
        self.set_keymap(self.keys.own)

    def on_mount(self) -> None:
        self._take_theme()
        self.push_screen(HomeScreen())
        if self._run is not None:
            self.open_run(self._run)
        elif self._preset is not None:
            self.edit(self._preset, self.start_of(self._preset))
        # Torch is imported while the person reads; the first paint comes first.
        self.set_timer(0.3, self._warm_up)
        # What Textual has made by now stays: a collection that goes through it would be felt at a key.
        self.set_timer(0.4, gc.freeze)

    def _take_theme(self) -> None:
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

    @property
    def marker(self) -> Marker:
        """What curves are drawn with: as chosen by key last, else as configured."""
        return next((marker for marker in MARKERS if marker == self.memory.marker), self.config.markers)

    def _warm_up(self) -> None:
        if not self._is_visitor and (self._warm is None or not self._warm.is_alive()):
            with contextlib.suppress(OSError):
                self._warm = client.warm()

    def start_of(self, preset: Preset) -> Raw:
        """A preset's settings at the size, and with the device and threads, that the configuration says."""
        return self.config.with_defaults(preset.at_size(self.config.defaults.size))

    def run_preset(self, preset: Preset, raw: Raw) -> None:
        """Runs a preset with these settings."""
        try:
            self.run_spec(preset, preset.decode(raw))
        except BadSetting as error:
            self.complain(str(error))

    def run_spec(self, preset: Preset, spec: RunSpec, beside: Sequence[RunDirectory] = ()) -> None:
        """Starts a solver on ``spec`` and shows it live, with other runs laid over it."""
        order = preset.order(spec)
        try:
            refused = estimate.refusal(spec, machine.free_memory())
            if refused is not None:
                raise BadSetting(refused)
            directory = runs.create(order)
        except BadSetting as error:
            self.complain(str(error))
            return
        self._solvers[directory.id] = (directory, self._solver_for(directory))
        self.show_home()
        self.push_screen(LiveScreen(directory, order, self._frames_per_s, beside))

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

    def open_run(self, directory: RunDirectory, beside: Sequence[RunDirectory] = ()) -> None:
        """Shows a run, live or finished, with others laid over it."""
        try:
            order = directory.order()
        except BadSetting as error:
            self.complain(str(error))
            return
        if not isinstance(self.screen, RunsScreen):
            self.show_home()
        self.push_screen(LiveScreen(directory, order, self._frames_per_s, beside))

    def edit(self, preset: Preset, raw: Raw, beside: Sequence[RunDirectory] = ()) -> None:
        """Shows the settings form for a run that others are to be laid over."""
        from tui.screens.settings import SettingsScreen

        self.push_screen(SettingsScreen(preset, raw, beside))

    def pin(self, directory: RunDirectory) -> bool:
        """Keeps a run laid over the others, or lets it go; says whether it is pinned now."""
        kept = [run for run in self.pinned if run.id != directory.id]
        is_new = len(kept) == len(self.pinned)
        self.pinned = [*kept, directory] if is_new else kept
        return is_new

    def is_pinned(self, directory: RunDirectory) -> bool:
        return any(run.id == directory.id for run in self.pinned)

    def fork(self, directory: RunDirectory) -> None:
        """Shows the settings of a run, live or finished, for a new one over which it is laid."""
        try:
            order = directory.order()
        except BadSetting as error:
            self.complain(str(error))
            return
        self.edit_run(order, [directory])

    def edit_run(self, order: Order, beside: Sequence[RunDirectory] = ()) -> None:
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
        self.edit(preset, settings.encode(order.spec), beside)

    def show_runs(self) -> None:
        self.show_home()
        self.push_screen(RunsScreen())

    def leave_run(self) -> None:
        """Back to where the run was opened from: the list of runs, or the presets."""
        if isinstance(self.screen_stack[-2], RunsScreen):
            self.pop_screen()
        else:
            self.show_home()

    def show_home(self) -> None:
        """Back to the presets, whatever lies above them."""
        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.set_timer(0.3, self._warm_up)

    def ask_export(self, directory: RunDirectory, chart: Chart | None) -> None:
        """Asks for a format and a place, writes there, and says where it went."""
        from tui.screens.export import ExportDialog

        def chosen(wanted: Wanted | None) -> None:
            if wanted is not None:
                # What was said before is not a part of the picture.
                self.clear_notifications()
                self.call_after_refresh(write, wanted)

        def write(wanted: Wanted) -> None:
            picture = None
            if wanted.kind in ("svg", "screen") and chart is not None:
                shot = chart.as_svg if wanted.kind == "svg" else self.screen_svg
                picture = shot().encode()
            self.run_worker(lambda: self._export(directory, wanted, picture), thread=True, exit_on_error=False)

        dialog = ExportDialog(Path.cwd() / directory.id, with_pictures=chart is not None)
        self.push_screen(dialog, chosen)

    def screen_svg(self) -> str:
        """What the screen shows, as a picture that needs no fonts from elsewhere."""
        return svg.without_fonts(self.export_screenshot(title="implicit-tui"))

    def _export(self, directory: RunDirectory, wanted: Wanted, picture: bytes | None) -> None:
        path = wanted.path
        try:
            document = data(directory, wanted.kind) if picture is None else picture
            if path is not None:
                files.replace_file(path, document)
        except (BadSetting, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            where = f"{path} could not be written" if path is not None else "nothing was copied"
            self.call_from_thread(self.complain, f"{where} ({reason}): what was there is unchanged")
            return
        if path is None:
            self.call_from_thread(self._copy, document, wanted.kind)
        else:
            self.call_from_thread(self.notify, inert(f"exported to {path}", 400), markup=False, timeout=10)

    def _copy(self, document: bytes, kind: str) -> None:
        """Through the terminal itself (OSC 52), so that it reaches the clipboard of the person's own machine."""
        if len(document) > _MOST_COPIED:
            size = machine.readable_bytes(len(document))
            self.complain(f"{size} of {kind} is more than terminals take ({_MOST_COPIED // 1000} kB): write a file")
            return
        self.copy_to_clipboard(document.decode())
        self.notify(f"{kind} sent to the terminal's clipboard (tmux passes it on with set-clipboard on)", timeout=10)

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
            self.push_screen(HelpScreen(self._place(), self.keys))

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
                    f"{action.label} ({self.keys.shown(action)})",
                    action.help,
                    lambda name=name: self._act(screen, name),
                )

    def _act(self, screen: Screen[object], name: str) -> None:
        self.run_worker(self.run_action(name, screen))

    def on_unmount(self) -> None:
        if not self._is_visitor:
            memory.write(self.memory)
            runs.purge(_FORGOTTEN_S)
        if self._warm is not None:
            self._warm.release()
