"""A TensorBoard log: an event file for each lane, written by TensorBoard's own record writer and messages."""

from __future__ import annotations

import io
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2, summary_v2
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from solver.frames import NamedFrame
from solver.rundir import RunDirectory
from solver.series import BY_NAME
from tui.loggers.logger import Logger, numbers, words

# Its numbers are of single precision, and what is beyond them would be read as infinity.
_MOST = 3.4e38
_MOST_PENDING_BYTES = 1 << 20


def open_log(directory: RunDirectory, where: Path) -> Logger:
    """A log in ``where``, under the run's id. Raises OSError."""
    return TensorBoardLogger(directory, where)


class TensorBoardLogger(Logger):
    """A run of TensorBoard for each lane: ``lane-0``, ``lane-1``, … under the id of ours."""

    def __init__(self, directory: RunDirectory, where: Path) -> None:
        self._home = where / directory.id
        self._lanes: dict[int, _EventFile] = {}
        self._words: dict[tuple[int, str], str] = {}
        self._described: set[tuple[int, str]] = set()
        self.place = f"{self._home}: `tensorboard --logdir {where}` shows it"

    def begin(self, lane: int, parameters: Mapping[str, Any], settings: Mapping[str, Any], wall: float) -> None:
        file = self._lanes[lane] = _EventFile(self._home / f"lane-{lane}", wall)
        known = {name: _hyperparameter(value) for name, value in parameters.items() if value is not None}
        trial = f"{self._home.name}/lane-{lane}"
        file.summary(summary_v2.hparams_pb(known, trial_id=trial, start_time_secs=wall), 0, wall)
        told = json.dumps(settings, indent=2, ensure_ascii=False)
        file.summary(text_pb("settings", f"```json\n{told}\n```"), 0, wall)

    def write(self, frame: NamedFrame, wall: float) -> None:
        lane, file = frame.lane, self._lanes[frame.lane]
        summary = summary_pb2.Summary()
        for tag, number in numbers(frame).items():
            if abs(number) <= _MOST:
                value = summary.value.add(tag=tag, simple_value=number)
                if (lane, tag) not in self._described:
                    self._described.add((lane, tag))
                    value.metadata.summary_description = BY_NAME[tag.partition("/")[0]].note
        file.summary(summary, frame.step, wall)
        for name, word in words(frame).items():
            if self._words.get((lane, name)) != word:
                self._words[lane, name] = word
                file.summary(text_pb(name, word), frame.step, wall)

    def flush(self) -> None:
        for file in self._lanes.values():
            file.flush()

    def end(self, lane: int, texts: Mapping[str, str], *, is_bad: bool) -> None:
        file = self._lanes[lane]
        step, wall = file.last
        for name, text in texts.items():
            file.summary(text_pb(name, text), step, wall)
        status = api_pb2.STATUS_FAILURE if is_bad else api_pb2.STATUS_SUCCESS
        info = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=wall)
        ending = summary_pb2.Summary()
        ending.value.add(
            tag=hparams_metadata.SESSION_END_INFO_TAG,
            metadata=hparams_metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=info)),
            tensor=hparams_metadata.NULL_TENSOR,
        )
        file.summary(ending, step, wall)
        file.close()

    def abandon(self) -> None:
        lanes, self._lanes = self._lanes, {}
        for file in lanes.values():
            file.abandon()


class _EventFile:
    """An event file, written in this thread: an error is that of the call that met it."""

    def __init__(self, directory: Path, wall: float) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(wall):010d}.{socket.gethostname()}.{os.getpid()}.0"
        self._file = _created(directory / name)
        self._pending = bytearray()
        self._records = RecordWriter(self)
        self.last = (0, wall)
        """Step and time of what was written last."""
        self._add(event_pb2.Event(wall_time=wall, file_version="brain.Event:2"))
        self.flush()

    def summary(self, summary: Any, step: int, wall: float) -> None:
        self.last = (step, wall)
        self._add(event_pb2.Event(wall_time=wall, step=step, summary=summary))

    def _add(self, event: Any) -> None:
        self._records.write(event.SerializeToString())
        if len(self._pending) > _MOST_PENDING_BYTES:
            self.flush()

    def write(self, data: bytes) -> None:
        """Where the record writer puts what it has framed."""
        self._pending += data

    def flush(self) -> None:
        while self._pending:
            # One write may take only a part, as on a disk that is nearly full.
            del self._pending[: self._file.write(self._pending)]

    def close(self) -> None:
        self.flush()
        self._file.close()

    def abandon(self) -> None:
        """Closes the file without what is pending, which could not be written."""
        self._file.close()


def _created(path: Path) -> io.RawIOBase:
    return path.open("wb", buffering=0)


def _hyperparameter(value: Any) -> bool | int | float | str:
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
