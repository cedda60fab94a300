"""implicit-tui as a library: runs started from Python, read while they train, and given away as plain data.

docs/library.md has the examples. Importing it imports neither torch nor NumPy nor a terminal's libraries: what trains
is a process of its own.
"""

from implicit_tui.front import attach, preset_names, runs, start
from implicit_tui.run import Run
from presets import Size
from solver.frames import NamedFrame
from solver.records import AnyRecord, Claim, Event, Frame, LaneEnding, Outcome
from solver.refusal import BadSetting
from solver.spec import RunSpec
from solver.version import VERSION

__version__ = VERSION

__all__ = [
    "AnyRecord",
    "BadSetting",
    "Claim",
    "Event",
    "Frame",
    "LaneEnding",
    "NamedFrame",
    "Outcome",
    "Run",
    "RunSpec",
    "Size",
    "__version__",
    "attach",
    "preset_names",
    "runs",
    "start",
]
