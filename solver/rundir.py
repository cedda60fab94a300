"""The run directory: what is in one, and what can be read there without the solver."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import msgspec

from solver import lock, log
from solver.expected import LookFor, Result
from solver.files import is_there, open_regular, read_whole, write_private
from solver.records import NOT_RESUMED, Ending, Event, Outcome
from solver.refusal import BadSetting
from solver.spec import RunSpec

FORMAT = "implicit-tui/spec"
VERSION = 1
# So much of the end of a log is looked at for how the run ended.
_TAIL_BYTES = 65_536
DETACHED_LIMIT_S = 12 * 3600.0

KILLED = Outcome(
    kind="failed",
    reason="the solver ended without a word, as when it is killed",
    cure="look into solver.out of the run directory; what was recorded until then is here",
    cause="killed",
)
NO_ROOM = Outcome(
    kind="stopped",
    reason="there was no room on the disk, not even to write down how the run ended",
    cure="free some; what was recorded until then is here",
    cause="disk",
)


class PresetInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a run remembers of its preset."""

    name: str
    title: str = ""
    idea: str = ""
    source: str = ""
    claims: list[str] = []
    look_for: list[LookFor | str] = []
    """Older runs have sentences alone."""
    results: list[Result] = []
    opens: str = ""
    """The row that a run opens with, as ``LookFor.show`` names one; empty for the first figure or quantity."""
    foresees: dict[str, str] = {}
    """Ends that belong to the experiment, by their cause or kind, with the reason in a sentence."""

    def foreseen(self, outcome: Outcome) -> str:
        """Why this end belongs to the experiment; empty where it does not."""
        return self.foresees.get(outcome.cause or outcome.kind, "")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """spec.json: what the front asks of the solver."""

    format: str = FORMAT
    version: int = VERSION
    spec: RunSpec
    preset: PresetInfo
    created: str
    """UTC, ISO 8601."""
    export: str | None = None
    """Absolute path of the export that the solver writes at the end."""
    detached_limit_s: float = DETACHED_LIMIT_S
    """How long the run may go on once nobody holds its terminal."""
    cluster: str | None = None
    """The address of the Dask scheduler whose workers train the lanes; None for this machine."""


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """notes.json: what a person says of the run."""

    name: str = ""
    note: str = ""
    tags: list[str] = []


class RunDirectory:
    """Paths of one run, and the facts that can be read without the solver."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.spec = path / "spec.json"
        self.run = path / "run.json"
        self.problem = path / "problem.npz"
        self.log = path / "log.jsonl"
        self.checkpoint = path / "checkpoint"
        self.previous_checkpoint = path / "checkpoint.previous"
        self.control = path / "control.jsonl"
        self.notes = path / "notes.json"
        self.profile = path / "profile.json"
        self.lock = path / "lock"
        self.output = path / "solver.out"

    def solution(self, lane: int) -> Path:
        """What predictions of a lane are made of; of runs on a file alone."""
        return self.path / f"solution-{lane}.npz"

    def order(self) -> Order:
        """What was asked of the solver. Raises BadSetting where spec.json is missing, damaged or newer."""
        data = b""
        try:
            data = read_whole(self.spec)
            order = msgspec.json.decode(data, type=Order)
        except FileNotFoundError:
            raise BadSetting(f"run {self.id} has no spec.json: it is damaged, delete it or restore the file") from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise BadSetting(f"run {self.id} has a spec.json that cannot be read ({reason}): check its owner") from None
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            if _version(data) > VERSION:
                raise self._newer() from None
            raise BadSetting(f"run {self.id} has a damaged spec.json ({error}): it cannot be opened") from None
        if order.version > VERSION:
            raise self._newer()
        return order

    def _newer(self) -> BadSetting:
        return BadSetting(f"run {self.id} was written by a newer version of implicit-tui: update to open it")

    def read_notes(self) -> Notes:
        """What a person says of the run; nothing where that is missing or damaged."""
        try:
            return msgspec.json.decode(read_whole(self.notes), type=Notes)
        except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
            return Notes()

    def write_notes(self, notes: Notes) -> None:
        """Keeps what a person says of the run. Raises OSError."""
        write_private(self.notes, msgspec.json.format(msgspec.json.encode(notes), indent=2) + b"\n")

    def environment(self) -> dict[str, Any]:
        """run.json as written by the solver; empty before it knows."""
        try:
            value = json.loads(read_whole(self.run))
        except (OSError, ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def is_solving(self) -> bool:
        """Whether a solver holds the lock now."""
        return lock.is_held(self.lock)

    def told(self) -> lock.Told:
        """What the solver says of itself, or said last."""
        return lock.read(self.lock)

    def is_suspended(self) -> bool:
        """Whether the solver was halted by a signal (SIGSTOP) and waits for SIGCONT."""
        pid = self.told().pid
        try:
            told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        return told.rpartition(")")[2].split()[:1] == ["T"]

    def outcome(self) -> Outcome | None:
        """How the run ended, from the log's last line; None while it runs or when it was killed."""
        try:
            with os.fdopen(open_regular(self.log), "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - _TAIL_BYTES))
                lines = file.read().splitlines()
        except OSError:
            return None
        n_others = 0
        for text in reversed(lines):
            parsed = log.parse(text)
            if parsed is not None and isinstance(parsed[1], Ending):
                return parsed[1].outcome
            # Attempts to take the run up that came to nothing change nothing; a single damaged line may follow.
            is_attempt = parsed is not None and isinstance(parsed[1], Event) and parsed[1].name.startswith(NOT_RESUMED)
            n_others += not is_attempt
            if n_others > 1:
                break
        return None

    def state(self) -> str:
        """The outcome's kind, how a solver under way is, or how it went where it could not say so in the log."""
        outcome = self.outcome()
        if outcome is not None:
            return outcome.kind
        return self.live_state() if self.is_solving() else self.silent_state()

    def live_state(self) -> str:
        """How the solver is: ``running``, ``paused``, ``waiting-for-disk``, or ``suspended`` by a signal."""
        if self.is_suspended():
            return "suspended"
        word = self.told().word
        return word if word in ("paused", "waiting-for-disk") else "running"

    def silent_state(self) -> str:
        """How a run without an ending and without a solver stands: ``killed``, ``stopped`` or ``not started``."""
        if self.told().word == "no-room":
            return "stopped"
        return "killed" if self.has_begun() else "not started"

    def silent_outcome(self) -> Outcome:
        """How a run without an ending and without a solver ended."""
        return NO_ROOM if self.told().word == "no-room" else KILLED

    def has_begun(self) -> bool:
        """Whether a solver has ever written a line of the log."""
        return is_there(self.log)

    def can_resume(self) -> bool:
        """Whether a solver could go on where the run was killed or stopped, or begin one that never began."""
        if not self.has_begun():
            return is_there(self.spec) and not self.is_solving()
        outcome = self.outcome()
        unfinished = outcome is None or outcome.is_unfinished
        saved = is_there(self.checkpoint) or is_there(self.previous_checkpoint)
        return unfinished and not self.is_solving() and saved

    def changed_at(self) -> float:
        """Seconds of the clock at which anything was last written here."""
        return max([entry.st_mtime for entry in self._entries()], default=0.0)

    def size_bytes(self) -> int:
        """Bytes of the files in the directory."""
        return sum(entry.st_size for entry in self._entries() if stat.S_ISREG(entry.st_mode))

    def _entries(self) -> list[os.stat_result]:
        """The directory and what is in it, links not followed, as far as it can be asked."""
        found = []
        with contextlib.suppress(OSError):
            found.append(self.path.stat())
            with os.scandir(self.path) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):
                        found.append(entry.stat(follow_symlinks=False))
        return found


def _version(data: bytes) -> int:
    """The version that a spec.json claims, whatever else is wrong with it; 0 where it claims none."""

    class Claim(msgspec.Struct):
        version: int = 0

    try:
        return msgspec.json.decode(data, type=Claim).version
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return 0
