"""Checkpoints: always one that loads. Magic, length, payload, crc32; written beside, synced, then renamed."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path
from typing import NotRequired, TypedDict

import torch

from solver.files import write_private
from solver.numerics.baselines.baselines import BaselinesState
from solver.numerics.turns.batch import BatchState
from solver.rundir import RunDirectory


class Content(TypedDict):
    """What a run goes on from."""

    baselines: BaselinesState | None
    """None where they are all computed."""
    batches: list[BatchState]
    position: int
    """Whose turn it is."""
    n_records: int
    """Records in the log, state lines left out."""
    n_lines: NotRequired[int]
    """Lines in the log."""
    made: list[str]
    """Names of records that the log has already, and that will be made again."""
    elapsed_s: float


_MAGIC = b"implicit-tui checkpoint 1\n"


def save(directory: RunDirectory, content: Content) -> None:
    """Writes a checkpoint of plain data and tensors, keeping the one before it. Raises OSError on a full disk."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getvalue()
    fresh = directory.checkpoint.with_name("checkpoint.new")
    length, crc = len(payload).to_bytes(8, "little"), zlib.crc32(payload).to_bytes(4, "little")
    write_private(fresh, _MAGIC + length + payload + crc)
    # A crash between the two renames leaves the older one, under the older one's name.
    if directory.checkpoint.exists():
        os.replace(directory.checkpoint, directory.previous_checkpoint)
    os.replace(fresh, directory.checkpoint)
    parent = os.open(directory.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def load(directory: RunDirectory) -> Content | None:
    """The newest checkpoint that is whole; None where there is none."""
    for path in (directory.checkpoint, directory.previous_checkpoint):
        payload = _payload(path)
        if payload is not None:
            # Tensors and plain data only, and only after the checksum: no code runs from a file.
            content: Content = torch.load(io.BytesIO(payload), weights_only=True, map_location="cpu")
            return content
    return None


def _payload(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + 8
    length = int.from_bytes(data[len(_MAGIC) : start], "little")
    payload, crc = data[start : start + length], data[start + length :]
    whole = data.startswith(_MAGIC) and len(payload) == length and crc == zlib.crc32(payload).to_bytes(4, "little")
    return payload if whole else None
