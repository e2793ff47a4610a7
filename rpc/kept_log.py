"""The log of a script job as files: it may grow without end, and its head and its tail are kept.

A record is one line, `MS SL TEXT`: milliseconds since 1970, stream, level, what was said. Offsets count the bytes of
all records there ever were: they mean the same on the node, at the coordinator and in a client, whatever was dropped.
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rpc.refusing_disk import refusals_told

HEAD_BYTES = TAIL_BYTES = 5 << 20
_SEGMENT_BYTES = 1 << 20

STREAMS = {"o": "stdout", "e": "stderr", "s": "roundhouse"}
LEVELS = {"i": "INFO", "w": "WARNING", "e": "ERROR", "p": "PROGRESS"}


class Record(NamedTuple):
    """One line of a log.

    Attributes:
        at_ms: since 1970.
        stream: a key of STREAMS.
        level: a key of LEVELS.
    """

    at_ms: int
    stream: str
    level: str
    text: str

    def encoded(self) -> bytes:
        """The record as it is kept; a line break in it would forge another one."""
        text = self.text.replace("\r", "\\r").replace("\n", "\\n")
        return f"{self.at_ms} {self.stream}{self.level} {text}\n".encode("utf-8", "replace")


def records_of(log: bytes) -> list[Record]:
    """The whole records in a piece of a log; what does not look like one is left out."""
    found = []
    for line in log.decode("utf-8", "replace").split("\n"):
        at, _, rest = line.partition(" ")
        kind, blank, text = rest.partition(" ")
        if at.isascii() and at.isdigit() and len(kind) == 2 and blank and kind[0] in STREAMS and kind[1] in LEVELS:
            found.append(Record(int(at), kind[0], kind[1], text))
    return found


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a log from `start` on; `start` is above what was asked for where that is not kept any more."""

    data: bytes
    start: int

    @property
    def next(self) -> int:
        """The offset after them."""
        return self.start + len(self.data)


class KeptLog:
    """One log in a folder of its own, in segments named by their offsets; one thread at a time uses it.

    Only whole records are appended, so a segment begins with a record.
    """

    def __init__(
        self, folder: Path, *, begins_at: int = 0, head_bytes: int = HEAD_BYTES, tail_bytes: int = TAIL_BYTES
    ) -> None:
        """Open a log; what a crash left of a record that was not whole is cut off.

        Args:
            begins_at: the offset of the first record of one that does not exist yet.
        """
        self._folder = folder
        self._head_bytes = head_bytes
        self._tail_bytes = tail_bytes
        self._segments = sorted(int(file.name) for file in folder.iterdir()) if folder.is_dir() else []
        self._begins_at = begins_at
        self.end = self._repaired_end()

    @property
    def dropped_bytes(self) -> int:
        """How much of the middle is gone."""
        return self.end - self._begins_at - sum(self._size(start) for start in self._segments)

    def append(self, records: bytes, at: int | None = None) -> None:
        """Add whole records; from offset `at`, above the end, if what lies between was dropped elsewhere.

        Raises:
            DiskFull: nothing of them is kept; they may be added again.
        """
        if records:
            with refusals_told(f"the log {self._folder.name}"):
                self._append(records, self.end if at is None else at)

    def _append(self, records: bytes, start: int) -> None:
        if not self._segments or start != self.end or start - self._segments[-1] >= _SEGMENT_BYTES:
            self._begin(start)
        file = self._folder / str(self._segments[-1])
        size = start - self._segments[-1]
        try:
            with file.open("ab") as out:
                if out.tell() > size:  # a write that failed halfway left something that could not be cut off
                    out.truncate(size)
                out.write(records)
        except OSError:
            with suppress(OSError):
                self._cut(file, size)
            raise
        self.end = start + len(records)

    def read(self, offset: int, limit: int) -> Piece:
        """Up to `limit` bytes of whole records from an offset on; a negative one counts from the end.

        An offset inside a record goes on after it. One record above the limit is given whole. Fewer come only at the
        end, and before what is not kept.
        """
        if offset < 0:
            offset = max(0, self.end + offset)
        pieces: list[Piece] = []
        for start in self._segments[max(0, bisect_right(self._segments, offset) - 1) :]:
            if limit <= 0 or (pieces and start != offset):
                break
            end = start + self._size(start)
            if end <= offset:
                continue
            piece = self._whole_records(start, max(offset, start), min(limit, end - max(offset, start)))
            if pieces and len(piece.data) > limit:
                break
            if piece.data:
                pieces.append(piece)
                limit -= len(piece.data)
            offset = piece.next if piece.data else end
        return Piece(b"".join(piece.data for piece in pieces), pieces[0].start if pieces else self.end)

    def remove(self) -> None:
        """Drop all of it."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._segments, self.end = [], 0

    def _whole_records(self, segment: int, offset: int, limit: int) -> Piece:
        """Whole records of one segment from an offset on, about `limit` bytes; none if the offset is in its last."""
        with (self._folder / str(segment)).open("rb") as file:
            if offset > segment:
                file.seek(offset - segment - 1)
                if file.read(1) != b"\n":
                    file.readline()
            start = segment + file.tell()
            data = file.read(limit)
            if not data.endswith(b"\n"):
                cut = data.rfind(b"\n") + 1
                data = data[:cut] if cut else data + file.readline()
        return Piece(data, start)

    def _begin(self, start: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._segments.append(start)
        # Those that lie wholly between what is kept of the head and of the tail.
        middle = [
            each
            for each, after in zip(self._segments, self._segments[1:], strict=False)
            if each >= self._head_bytes and after <= start - self._tail_bytes
        ]
        for each in middle:
            (self._folder / str(each)).unlink(missing_ok=True)
            self._segments.remove(each)

    def _repaired_end(self) -> int:
        if not self._segments:
            return self._begins_at
        last = self._segments[-1]
        file = self._folder / str(last)
        data = file.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._cut(file, whole)
        return last + whole

    def _size(self, start: int) -> int:
        return (self._folder / str(start)).stat().st_size if start != self._segments[-1] else self.end - start

    @staticmethod
    def _cut(file: Path, size: int) -> None:
        if file.exists():
            with file.open("r+b") as out:
                out.truncate(size)
