"""The runs on this machine: where they are kept, made, found, deleted and brought back."""

from __future__ import annotations

import calendar
import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from solver import lock
from solver.files import is_full, write_private
from solver.paths import own_directory, typed
from solver.refusal import BadSetting
from solver.rundir import Order, RunDirectory

_HIDDEN = ".removed"
_DAY_S = 86_400.0
_STAMP, _STAMP_LENGTH = "%Y%m%d-%H%M%S", 15


class NoSuchRun(BadSetting):
    """No run, or more than one, answers to a name."""


def data_home() -> Path:
    """Where runs live: $IMPLICIT_TUI_HOME, else the platform's data directory."""
    home = os.environ.get("IMPLICIT_TUI_HOME")
    return typed(home, "IMPLICIT_TUI_HOME") if home else own_directory("data")


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
            stamp = time.strftime(_STAMP, time.gmtime(max(time.time(), _newest_s(home) + 1.0)))
            path = home / f"{stamp}-{slug}-{secrets.token_hex(2)}"
            try:
                path.mkdir(mode=0o700)
            except FileExistsError:
                continue
            break
        directory = RunDirectory(path)
        try:
            path.chmod(0o700)
            _write_order(directory, order)
            lock.reserve(directory.lock)
        except OSError:
            shutil.rmtree(path, ignore_errors=True)
            raise
    except OSError as error:
        cure = "free some room, or set" if is_full(error) else "set"
        raise BadSetting(
            f"{home} cannot be written ({error.strerror}): {cure} IMPLICIT_TUI_HOME to a directory of yours"
        ) from None
    return directory


def move_to(directory: RunDirectory, cluster: str | None) -> None:
    """From its next start on the run's lanes train on this cluster, or on this machine. Raises BadSetting."""
    try:
        _write_order(directory, msgspec.structs.replace(directory.order(), cluster=cluster))
    except OSError as error:
        raise BadSetting(f"{directory.spec} cannot be written ({error.strerror}): free some room, try again") from None


def _write_order(directory: RunDirectory, order: Order) -> None:
    write_private(directory.spec, msgspec.json.format(msgspec.json.encode(order), indent=2) + b"\n")


def _newest_s(home: Path) -> float:
    """The time that the newest id tells: the next one is later, whatever the clock says, so that ids rise."""
    newest = 0.0
    with os.scandir(home) as entries:
        for entry in entries:
            with contextlib.suppress(ValueError):
                newest = max(newest, calendar.timegm(time.strptime(entry.name[:_STAMP_LENGTH], _STAMP)))
    return newest


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


def changed_at() -> int:
    """When a run was made, deleted or renamed last, in nanoseconds of the clock; 0 where there are none."""
    try:
        return runs_home().stat().st_mtime_ns
    except OSError:
        return 0


def hide(run: RunDirectory) -> Path | None:
    """Takes a run off the list, where ``restore`` can bring it back from; None for a live run, which stays."""
    if run.is_solving():
        return None
    hidden = run.path.with_name(f".{run.id}{_HIDDEN}")
    try:
        run.path.rename(hidden)
    except OSError:
        return None
    return hidden


def remove(run: RunDirectory) -> bool:
    """Deletes a run for good; says whether it is gone. A live run is left alone.

    It vanishes from the list at once, whatever the deletion of its files takes.
    """
    hidden = hide(run)
    if hidden is None:
        return False
    discard([hidden])
    return True


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


def old(found: list[RunDirectory], keep: int | None, older_than: float | None, now: float) -> list[RunDirectory]:
    """Which of ``found``, oldest first, are to go; live ones never are. Raises BadSetting."""
    if keep is None and older_than is None:
        raise BadSetting("prune needs --keep N or --older-than DAYS: it says which runs are old")
    if keep is not None and keep < 0:
        raise BadSetting(f"--keep must be at least 0, not {keep}")
    if older_than is not None and not older_than >= 0:
        raise BadSetting(f"--older-than must be a number of days of at least 0, not {older_than:g}")
    candidates = found[: max(0, len(found) - (keep or 0))]
    limit = now - (older_than or 0.0) * _DAY_S
    return [run for run in candidates if run.changed_at() <= limit and not run.is_solving()]
