"""The append-only log: one record a line, numbered, each line closed by the crc32 of what precedes it."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from solver.files import is_full, open_regular
from solver.records import AnyRecord

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AnyRecord).decode
_FIRST = b'{"n":'
_CRC = b',"crc32":"'
# The longest line holds an array of ten thousand numbers, or the schema of some hundred lanes.
_LONGEST_LINE = 1 << 24


class _Numbered(msgspec.Struct):
    n: int


_decode_number = msgspec.json.Decoder(_Numbered).decode


def _number(body: bytes) -> int:
    """The number of a line, which ours have first."""
    digits = body[len(_FIRST) : body.find(b",")]
    return int(digits) if body.startswith(_FIRST) and digits.isdigit() else _decode_number(body).n


class DiskFull(OSError):
    """There is no room for a line; nothing of it stays in the log."""


def line(record: AnyRecord, n: int) -> bytes:
    """The record as the log's n-th line."""
    head = b'{"n":%d,' % n + _encode(record)[1:-1]
    return head + _CRC + b'%08x"}\n' % zlib.crc32(head)


def parse(data: bytes) -> tuple[int, AnyRecord] | None:
    """The number and record of one line without its newline; None where the line is damaged."""
    head, crc, tail = data.rpartition(_CRC)
    if not crc or len(tail) != 10 or tail[8:] != b'"}':
        return None
    try:
        if int(tail[:8], 16) != zlib.crc32(head):
            return None
        body = head + b"}"
        return _number(body), _decode(body)
    except (ValueError, RecursionError, msgspec.DecodeError):
        return None


class Writer:
    """Appends records. Each goes to the kernel in one write before ``append`` returns, so killing us loses none."""

    def __init__(self, path: Path) -> None:
        reader = Reader(path)
        self.found: list[AnyRecord] = []
        """What the log held when it was opened."""
        self.found_n: list[int] = []
        """The numbers of these lines; damaged ones are missing."""
        for record in reader.whole():
            self.found.append(record)
            self.found_n.append(reader.next_n - 1)
        self.n = reader.next_n
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size > reader.offset:
            # A line was cut by a crash: close it, so that it stays one damaged line and does not eat the next.
            os.write(self._file, b"\n")

    def append(self, record: AnyRecord) -> None:
        """Writes one line. Raises DiskFull, leaving the log as it was."""
        data = line(record, self.n)
        size = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, data)
        except OSError as error:
            if is_full(error):
                raise DiskFull(error.errno, error.strerror) from error
            raise
        if written < len(data):
            os.ftruncate(self._file, size)
            raise DiskFull(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.n += 1

    def sync(self) -> None:
        """Forces what was appended to the disk."""
        os.fsync(self._file)

    def close(self) -> None:
        self.sync()
        os.close(self._file)


class Reader:
    """Reads a log that may still grow; ``read`` goes on where the last call ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.next_n = 0
        """The number that the next line should carry."""
        self.damaged = 0
        """Lines skipped because they do not check, and lines missing between two good ones."""
        self._bad = 0
        self._is_passing_over = False
        """The rest of a line without end is still to come."""

    def read(self, limit: int = 1 << 26) -> Iterator[AnyRecord]:
        """The records complete by now, at most about ``limit`` bytes of them. A missing file has none."""
        data = self._complete(limit)
        for text in data.split(b"\n")[:-1]:
            parsed = parse(text)
            # A log is only ever appended to: a number that was given before is damage, whatever the line says.
            if parsed is None or parsed[0] < self.next_n:
                self.damaged += 1
                self._bad += 1
                continue
            n, record = parsed
            # A damaged line was already counted; only what is missing beyond those is new.
            self.damaged += max(0, n - self.next_n - self._bad)
            self._bad = 0
            self.next_n = n + 1
            yield record

    def _complete(self, limit: int) -> bytes:
        """Whole lines from where the last call ended; a line longer than ``limit`` whole, too.

        One that is longer than lines ever are is passed over as damaged.
        """
        try:
            with os.fdopen(open_regular(self.path), "rb") as file:
                file.seek(self.offset)
                data = file.read(limit)
                while len(data) >= limit and b"\n" not in data and len(data) < _LONGEST_LINE:
                    more = file.read(len(data))
                    data += more
                    if not more:
                        break
        except FileNotFoundError:
            return b""
        end = data.rfind(b"\n") + 1
        if end == 0 and len(data) >= _LONGEST_LINE:
            self.offset += len(data)
            self.damaged += not self._is_passing_over
            self._bad += not self._is_passing_over
            self._is_passing_over = True
            return b""
        self.offset += end
        data = data[:end]
        if self._is_passing_over and end:
            self._is_passing_over = False
            data = data[data.index(b"\n") + 1 :]
        return data

    def whole(self) -> Iterator[AnyRecord]:
        """All records that there are by now, however many pieces they take."""
        is_more = True
        while is_more:
            is_more = False
            for record in self.read():
                is_more = True
                yield record
