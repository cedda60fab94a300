"""What screens and widgets may ask of the app that shows them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from textual.app import App

from presets import Preset
from solver import control
from solver.fields import Raw
from solver.maps import Table
from solver.refusal import BadSetting
from solver.rundir import Order, RunDirectory
from solver.spec import RunSpec
from tui.config import Config
from tui.draw.canvas import MARKERS, Marker
from tui.draw.paper import Origin, Width
from tui.keys import Keys
from tui.memory import Memory
from tui.text import inert
from tui.watch.results import KnownResults


class Host(App[None]):
    """The app as its screens know it: what it keeps for all of them, and where one leads to another."""

    def __init__(self, config: Config, memory: Memory) -> None:
        super().__init__()
        self.config = config
        self.keys = Keys(config.keys)
        self.memory = memory
        self.pinned: list[RunDirectory] = []
        """Runs that are laid over every run that is opened."""
        self.results = KnownResults()
        """What came of the runs that were looked at."""

    @property
    def marker(self) -> Marker:
        """What curves are drawn with: as chosen by key last, else as configured."""
        return next((marker for marker in MARKERS if marker == self.memory.marker), self.config.markers)

    def complain(self, sentence: str) -> None:
        """One sentence about what went wrong."""
        self.notify(inert(sentence, 400), severity="error", markup=False, timeout=10)

    @abstractmethod
    def take_theme(self, theme: str) -> None:
        """Another theme, from now on."""

    @abstractmethod
    def take_rate(self, frames_per_s: float) -> None:
        """Live runs are drawn so often."""

    def tell(self, directory: RunDirectory, command: control.Command) -> bool:
        """Tells the solver of a run something; complains where it cannot be told, and says whether it was."""
        try:
            control.send(directory, command)
        except BadSetting as error:
            self.complain(str(error))
            return False
        return True

    def start_of(self, preset: Preset) -> Raw:
        """A preset's settings at the size, and with the device and threads, that the configuration says."""
        return self.config.with_defaults(preset.at_size(self.config.defaults.size))

    def pin(self, directory: RunDirectory) -> bool:
        """Keeps a run laid over the others, or lets it go; says whether it is pinned now."""
        kept = [run for run in self.pinned if run.id != directory.id]
        is_new = len(kept) == len(self.pinned)
        self.pinned = [*kept, directory] if is_new else kept
        return is_new

    def is_pinned(self, directory: RunDirectory) -> bool:
        return any(run.id == directory.id for run in self.pinned)

    @abstractmethod
    def run_preset(self, preset: Preset, raw: Raw) -> None:
        """Runs a preset with these settings."""

    @abstractmethod
    def run_spec(self, preset: Preset, spec: RunSpec, beside: Sequence[RunDirectory] = ()) -> None:
        """Starts a solver on ``spec`` and shows it live, with other runs laid over it."""

    @abstractmethod
    def queue_preset(self, preset: Preset, raw: Raw) -> None:
        """Lets a run of a preset with these settings begin when those that were started here have ended."""

    @abstractmethod
    def queue_spec(self, preset: Preset, spec: RunSpec) -> bool:
        """The same for a spec; says whether it could be."""

    @abstractmethod
    def leave_queue(self, directory: RunDirectory) -> bool:
        """Lets a run wait no longer, which stays as one that has not started; says whether it waited."""

    @abstractmethod
    def queued(self) -> list[str]:
        """The ids of the runs that wait for those before them, in their turn."""

    @abstractmethod
    def state_of(self, directory: RunDirectory) -> str:
        """The state of a run; one that has not begun is ``starting`` or ``queued`` where it will."""

    @abstractmethod
    def resume(self, directory: RunDirectory) -> None:
        """Takes a killed or stopped run up again, or starts one that has not begun."""

    @abstractmethod
    def open_run(self, directory: RunDirectory, beside: Sequence[RunDirectory] = ()) -> None:
        """Shows a run, live or finished, with others laid over it."""

    @abstractmethod
    def edit(self, preset: Preset, raw: Raw, beside: Sequence[RunDirectory] = ()) -> None:
        """Shows the settings form for a run that others are to be laid over."""

    @abstractmethod
    def edit_run(self, order: Order, beside: Sequence[RunDirectory] = ()) -> None:
        """Shows the settings form with the settings of a run."""

    @abstractmethod
    def fork(self, directory: RunDirectory) -> None:
        """Shows the settings of a run, live or finished, for a new one over which it is laid."""

    @abstractmethod
    def show_runs(self) -> None:
        """Lists the runs."""

    @abstractmethod
    def show_home(self) -> None:
        """Back to the presets, whatever lies above them."""

    @abstractmethod
    def leave_run(self) -> None:
        """Back to where the run was opened from: the list of runs, or the presets."""

    @abstractmethod
    def ask_export(
        self, directory: RunDirectory, chart_svg: Callable[[Origin, Width], str] | None, cells: Table | None = None
    ) -> None:
        """Asks for a format and a place, writes there, and says where it went.

        With pictures where a chart is shown, and with a map where the run has these cells.
        """
