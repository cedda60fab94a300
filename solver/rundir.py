"""The run directory: where runs are kept, what is in one, how one is found."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from solver import log
from solver.paths import typed
from solver.records import Ending, Outcome
from solver.refusal import BadSetting
from solver.spec import RunSpec

FORMAT = "implicit-tui/spec"
_HIDDEN = ".removed"
VERSION = 1


class PresetInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a run remembers of its preset."""

    name: str
    title: str = ""
    claims: list[str] = []
    look_for: list[str] = []


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
    detached_limit_s: float = 12 * 3600.0
    """How long the run may go on once nobody holds its terminal."""


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """notes.json: what a person says of the run."""

    name: str = ""
    note: str = ""
    tags: list[str] = []


class NoSuchRun(BadSetting):
    """No run, or more than one, answers to a name."""


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
        self.lock = path / "lock"
        self.output = path / "solver.out"

    def order(self) -> Order:
        """What was asked of the solver. Raises BadSetting where spec.json is missing, damaged or newer."""
        try:
            data = self.spec.read_bytes()
            order = msgspec.json.decode(data, type=Order)
        except FileNotFoundError:
            raise BadSetting(f"run {self.id} has no spec.json: it is damaged, delete it or restore the file") from None
        except (msgspec.MsgspecError, ValueError) as error:
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
            return msgspec.json.decode(self.notes.read_bytes(), type=Notes)
        except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
            return Notes()

    def write_notes(self, notes: Notes) -> None:
        """Keeps what a person says of the run. Raises OSError."""
        write_private(self.notes, msgspec.json.format(msgspec.json.encode(notes), indent=2) + b"\n")

    def environment(self) -> dict[str, Any]:
        """run.json as written by the solver; empty before it knows."""
        try:
            value = json.loads(self.run.read_bytes())
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def is_solving(self) -> bool:
        """Whether a solver holds the lock now."""
        try:
            file = os.open(self.lock, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(file)
        return False

    def outcome(self) -> Outcome | None:
        """How the run ended, from the log's last line; None while it runs or when it was killed."""
        try:
            with self.log.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 8192))
                lines = file.read().splitlines()
        except OSError:
            return None
        for text in reversed(lines[-2:]):
            parsed = log.parse(text)
            if parsed is not None and isinstance(parsed[1], Ending):
                return parsed[1].outcome
        return None

    def state(self) -> str:
        """The outcome's kind, ``running``, or ``killed`` for a solver that went without a word."""
        outcome = self.outcome()
        if outcome is not None:
            return outcome.kind
        return "running" if self.is_solving() else ("killed" if self.log.exists() else "not started")

    def can_resume(self) -> bool:
        """Whether a solver could go on where the run was killed or stopped."""
        outcome = self.outcome()
        unfinished = outcome is None or outcome.is_unfinished
        return unfinished and not self.is_solving() and (self.checkpoint.exists() or self.previous_checkpoint.exists())

    def changed_at(self) -> float:
        """Seconds of the clock at which anything was last written here."""
        newest = 0.0
        with contextlib.suppress(OSError):
            newest = max([self.path.stat().st_mtime, *(entry.stat().st_mtime for entry in os.scandir(self.path))])
        return newest

    def hide(self) -> Path | None:
        """Takes the run off the list, where ``restore`` can bring it back from; None for a live run, which stays."""
        if self.is_solving():
            return None
        hidden = self.path.with_name(f".{self.id}{_HIDDEN}")
        try:
            self.path.rename(hidden)
        except OSError:
            return None
        return hidden

    def remove(self) -> bool:
        """Deletes the run for good; says whether it is gone. A live run is left alone.

        It vanishes from the list at once, whatever the deletion of its files takes.
        """
        hidden = self.hide()
        if hidden is None:
            return False
        shutil.rmtree(hidden, ignore_errors=True)
        return True

    def size_bytes(self) -> int:
        """Bytes of the files in the directory."""
        with contextlib.suppress(OSError):
            return sum(entry.stat().st_size for entry in os.scandir(self.path) if entry.is_file())
        return 0


def _version(data: bytes) -> int:
    """The version that a spec.json claims, whatever else is wrong with it; 0 where it claims none."""

    class Claim(msgspec.Struct):
        version: int = 0

    try:
        return msgspec.json.decode(data, type=Claim).version
    except msgspec.MsgspecError:
        return 0


def data_home() -> Path:
    """Where runs live: $IMPLICIT_TUI_HOME, else the platform's data directory."""
    home = os.environ.get("IMPLICIT_TUI_HOME")
    if home:
        return typed(home, "IMPLICIT_TUI_HOME")
    xdg = os.environ.get("XDG_DATA_HOME")
    if xdg and Path(xdg).is_absolute():
        return Path(xdg) / "implicit-tui"
    import platformdirs

    return Path(platformdirs.user_data_dir("implicit-tui", appauthor=False))


def runs_home() -> Path:
    return data_home() / "runs"


def create(order: Order, home: Path | None = None) -> RunDirectory:
    """A new private run directory holding ``order``, among the other runs or in ``home``.

    Raises BadSetting where that cannot be written.
    """
    home = runs_home() if home is None else home
    slug = re.sub(r"[^a-z0-9]+", "-", order.preset.name.lower()).strip("-")[:40] or "run"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
            path = home / f"{stamp}-{slug}-{secrets.token_hex(2)}"
            try:
                path.mkdir(mode=0o700)
            except FileExistsError:
                continue
            break
        path.chmod(0o700)
        directory = RunDirectory(path)
        write_private(directory.spec, msgspec.json.format(msgspec.json.encode(order), indent=2) + b"\n")
    except OSError as error:
        raise BadSetting(
            f"{home} cannot be written ({error.strerror}): set IMPLICIT_TUI_HOME to a directory of yours"
        ) from None
    return directory


def find(name: str) -> RunDirectory:
    """The run called ``name``: an id, a unique prefix of one, its own name, or ``latest``. Raises NoSuchRun."""
    runs = list_runs()
    if not runs:
        raise NoSuchRun(f"there are no runs in {runs_home()} yet: start one with `implicit-tui run mf-depth`")
    if name == "latest":
        return runs[-1]
    matches = [run for run in runs if run.id == name] or [run for run in runs if name and run.id.startswith(name)]
    matches = matches or [run for run in runs if run.read_notes().name == name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise NoSuchRun(f"{len(matches)} runs begin with {name!r}: give more of the id, as in {matches[0].id}")
    raise NoSuchRun(f"no run begins with {name!r}: `implicit-tui runs` lists them")


def list_runs() -> list[RunDirectory]:
    """Every run directory, oldest first, damaged ones too."""
    try:
        names = sorted(entry.name for entry in os.scandir(runs_home()) if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    return [RunDirectory(runs_home() / name) for name in names if not name.startswith(".")]


def restore(hidden: Path) -> bool:
    """Brings a hidden run back; says whether it is there again."""
    try:
        hidden.rename(hidden.with_name(hidden.name.removeprefix(".").removesuffix(_HIDDEN)))
    except OSError:
        return False
    return True


def discard(hidden: Iterable[Path]) -> None:
    """Deletes hidden runs for good."""
    for path in hidden:
        shutil.rmtree(path, ignore_errors=True)


def purge(older_than_s: float) -> None:
    """Deletes for good what was hidden longer ago than this: whoever hid it has gone without undoing it."""
    with contextlib.suppress(OSError):
        hidden = [
            entry for entry in os.scandir(runs_home()) if entry.name.startswith(".") and entry.name.endswith(_HIDDEN)
        ]
        # Renaming a directory is a change of its inode.
        old = [entry for entry in hidden if time.time() - entry.stat(follow_symlinks=False).st_ctime >= older_than_s]
        discard(Path(entry.path) for entry in old)


def write_private(path: Path, data: bytes) -> None:
    """Replaces ``path`` by ``data`` atomically, readable by the owner alone whatever the umask."""
    with _temporary(path, 0o600) as file:
        _write_all(file, data)


@contextlib.contextmanager
def _temporary(path: Path, mode: int) -> Iterator[int]:
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.fchmod(file, mode)
        yield file
        os.fsync(file)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    finally:
        os.close(file)


def replace_file(path: Path, data: bytes) -> None:
    """Replaces a person's file by ``data`` atomically, with the mode their umask gives. Raises OSError."""
    umask = os.umask(0)
    os.umask(umask)
    with _temporary(path, 0o666 & ~umask) as file:
        _write_all(file, data)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
