"""A run held from Python: its state, its records as they are written, and what came of it as plain data."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from solver import client, control, export, files, parquet, settings
from solver.frames import NamedFrame, Namer
from solver.log import Reader
from solver.records import AnyRecord, Outcome
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from solver.spec import RunSpec

_LOOK_EVERY_S = 0.05
_SUFFIXES = (".json", ".csv", ".parquet")


class Run:
    """A run of this machine: one that was started here, or one that was found.

    As a context it is stopped at the end of the block, whatever ends it, if it has not ended by itself.
    """

    def __init__(self, directory: RunDirectory, solver: client.Solver | None = None) -> None:
        """``solver`` is its process where it is ours; without one the run's own files say how it is."""
        self._directory = directory
        self._solver = solver

    def __repr__(self) -> str:
        return f"<Run {self.id}: {self.state}>"

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def id(self) -> str:
        """What ``implicit-tui runs`` lists and ``implicit-tui attach`` takes."""
        return self._directory.id

    @property
    def path(self) -> Path:
        """Its directory."""
        return self._directory.path

    @property
    def spec(self) -> RunSpec:
        """Its settings. Raises BadSetting where they cannot be read."""
        return self._directory.order().spec

    @property
    def lanes(self) -> list[dict[str, Any]]:
        """Of each lane its swept fields and its seed. Raises BadSetting where the settings cannot be read."""
        return [lane.parameters for lane in settings.lanes(self.spec)]

    @property
    def state(self) -> str:
        """A word: running, paused, suspended, waiting-for-disk, not started, killed, or the outcome's kind."""
        if self._solver is not None and self.is_running:
            return self._directory.live_state()
        return self._directory.state()

    @property
    def is_running(self) -> bool:
        """Whether its solver works on it now, paused or not."""
        return self._directory.is_solving() if self._solver is None else self._solver.is_alive()

    @property
    def outcome(self) -> Outcome | None:
        """How it ended: ``kind``, ``reason``, ``cure``; None while it goes on or has not begun."""
        return self._ended_so() if self._is_over() else None

    def _is_over(self) -> bool:
        # What somebody else has queued, or is about to begin, has no log yet.
        return not self.is_running and (self._solver is not None or self._directory.has_begun())

    def _ended_so(self) -> Outcome:
        return self._directory.outcome() or self._directory.silent_outcome()

    def records(self) -> Iterator[AnyRecord]:
        """Every record of its log from the first on, each as soon as it is written, until the run has ended.

        A schema, then frames, events, claims, endings of lanes and much more: ``solver.records`` has the types.
        """
        reader = Reader(self._directory.log)
        while True:
            is_over = self._is_over()
            any_new = False
            for record in reader.read():
                any_new = True
                yield record
            if not any_new:
                if is_over:
                    return
                time.sleep(_LOOK_EVERY_S)

    def frames(self) -> Iterator[NamedFrame]:
        """The recorded states alone, each with its values by name, until the run has ended."""
        namer = Namer()
        for record in self.records():
            frame = namer.take(record)
            if frame is not None:
                yield frame

    def wait(self, timeout_s: float | None = None) -> Outcome | None:
        """Waits for its end, and says how it ended; None where it still goes on after ``timeout_s``."""
        if self._solver is not None:
            self._solver.wait(timeout_s)
            return self.outcome
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._is_over():
            if until is not None and time.monotonic() >= until:
                return None
            time.sleep(_LOOK_EVERY_S)
        return self.outcome

    def pause(self) -> None:
        """Lets it wait at its next step. Raises BadSetting where it cannot be told."""
        self._tell("pause")

    def go_on(self) -> None:
        """Lets a paused run go on. Raises BadSetting where it cannot be told."""
        self._tell("resume")

    def stop(self, timeout_s: float = 10.0) -> Outcome | None:
        """Stops it at its next step, and waits for its end; None where it still goes on after ``timeout_s``.

        What it has recorded stays, and ``implicit-tui resume`` takes it up again. Raises BadSetting where it cannot be
        told.
        """
        self._tell("stop")
        return self.wait(timeout_s) if self.is_running else self.outcome

    def _tell(self, command: control.Command) -> None:
        if self.is_running:
            control.send(self._directory, command)

    def document(self) -> dict[str, Any]:
        """Its export as far as it has come: what ``implicit-tui export`` writes, as dictionaries and lists.

        ``implicit-tui schema export`` says what is in it. Raises BadSetting where its settings cannot be read.
        """
        found: dict[str, Any] = json.loads(export.to_json(export.build(self._directory)))
        return found

    def save(self, path: str | Path) -> Path:
        """Writes its export, JSON, CSV or Parquet by how ``path`` ends, and returns the absolute path.

        A file that is there is replaced, whole or not at all. Raises BadSetting for another ending, for a place that
        cannot be written, and for Parquet where pyarrow is not installed.
        """
        place = export_path(path)
        if place.suffix not in _SUFFIXES:
            raise BadSetting(f"{place.name} must end in {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}")
        made = export.build(self._directory)
        if place.suffix == ".parquet":
            written = parquet.to_parquet(made)
        else:
            written = export.to_json(made) if place.suffix == ".json" else export.to_csv(made)
        try:
            files.replace_file(place, written)
        except OSError as error:
            raise BadSetting(f"{place} could not be written ({error.strerror}): what was there is unchanged") from None
        return place


def export_path(path: str | Path) -> Path:
    """The absolute path of an export. Raises BadSetting where it cannot be written."""
    try:
        return client.check_export_path(Path(path))
    except BadSetting as error:
        # The sentence names the option of the command line.
        raise BadSetting(str(error).removeprefix("--out ")) from None
