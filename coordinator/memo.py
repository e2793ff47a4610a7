"""The memo: what is known already, in a file that is a ring: what was not used for longest goes first."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Hashable
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from coordinator.scripts import RunAside
from rpc.digests import digest
from rpc.messages import Buffer

MOST_BYTES = (1 << 20) + (4 << 10)  # of a record, 1 MiB with its head: larger ones would drive out hundreds of others

_FRONT = Struct("<qI")  # XXH3-64 of the head, and its length
_WRITE_BYTES, _WRITE_RECORDS = 1 << 20, 256  # are written at once
_BACKLOG_BYTES = 16 << 20  # that may wait to be written; above that nothing is kept

logger = logging.getLogger(__name__)


class Record(NamedTuple):
    """What is known: a head, and data that carries its digest in the head."""

    head: Buffer
    data: Buffer


class _Place(NamedTuple):
    start: int  # grows for ever; the file is a ring
    size: int


class Memo:
    """Keys in memory, records in a file without a name, which is gone with the process.

    Everything but the writing runs on the loop's thread. What is damaged, or was not written, is as good as none.
    """

    def __init__(self, aside: RunAside, limit_bytes: int, folder: Path) -> None:
        """Hold up to `limit_bytes` in a file on the disk of `folder`; 0: hold nothing. `aside` is one thread."""
        self._ring_bytes = limit_bytes
        self._folder = folder
        self._aside = aside
        self._file: int | None = None
        self._places: dict[Hashable, _Place] = {}  # in the order of their starts
        self._end = 0
        self._waiting: list[tuple[Hashable, _Place]] = []  # to be written, one after the other
        self._unwritten: dict[int, Record] = {}  # by start
        self._unwritten_bytes = 0
        self._is_failing = False

    def find(self, key: Hashable) -> Record | None:
        """Return what is known; a view of it is valid as long as it is wanted."""
        place = self._places.get(key)
        if place is None:
            return None
        record = self._unwritten.get(place.start) or self._read(place)
        if record is None:
            del self._places[key]
        elif place.start < self._end - self._ring_bytes // 2:
            self.keep(key, bytes(record.head), record.data)  # at the end now: others go before it
        return record

    def keep(self, key: Hashable, head: bytes, data: Buffer) -> None:
        """Keep a record, in place of what was known before."""
        self._places.pop(key, None)
        size = _FRONT.size + len(head) + len(data)
        if size > min(MOST_BYTES, self._ring_bytes) or self._unwritten_bytes > _BACKLOG_BYTES:
            return
        place = self._places[key] = self._room(size)
        self._unwritten[place.start] = Record(head, data if isinstance(data, bytes) else bytes(data))
        self._unwritten_bytes += size
        self._waiting.append((key, place))
        if len(self._waiting) >= _WRITE_RECORDS or place.start + size - self._waiting[0][1].start >= _WRITE_BYTES:
            self._write()

    def forget(self, key: Hashable) -> None:
        """Drop what is known, if anything is."""
        self._places.pop(key, None)

    def close(self) -> None:
        """Let go of the file; the thread has ended."""
        if self._file is not None:
            os.close(self._file)

    def _room(self, size: int) -> _Place:
        """Make room at the end of the ring, where the oldest records are."""
        left = self._ring_bytes - self._end % self._ring_bytes
        if size > left:  # a record lies in one piece
            self._write()
            self._end += left
        place = _Place(self._end, size)
        self._end += size
        while self._places:
            key, oldest = next(iter(self._places.items()))
            if self._end - oldest.start <= self._ring_bytes:
                break
            del self._places[key]
        return place

    def _write(self) -> None:
        entries, self._waiting = self._waiting, []
        if not entries:
            return
        places = [place for _, place in entries]
        pieces: list[Buffer] = []
        for place in places:
            head, data = self._unwritten[place.start]
            pieces += (_FRONT.pack(digest(head), len(head)), head, data)
        start, size = places[0].start % self._ring_bytes, sum(place.size for place in places)

        def written(outcome: int | Exception) -> None:
            for place in places:
                self._unwritten.pop(place.start, None)
            self._unwritten_bytes -= size
            self._tell("" if outcome == size else str(outcome) if isinstance(outcome, Exception) else "it is full")
            if outcome != size:
                for key, place in entries:
                    if self._places.get(key) == place:
                        del self._places[key]

        self._aside(lambda: os.pwritev(self._opened(), pieces, start), written)

    def _tell(self, failure: str) -> None:
        """Say that the disk takes nothing, or ("") does again: once each."""
        if failure and not self._is_failing:
            logger.warning("results are not kept for other runs while the disk takes none: %s", failure)
        elif self._is_failing and not failure:
            logger.warning("results are kept for other runs again")
        self._is_failing = bool(failure)

    def _opened(self) -> int:
        """The file, made when it is needed; on the thread."""
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            file, name = tempfile.mkstemp(prefix="memo-", dir=self._folder)
            os.unlink(name)
            self._file = file
        return self._file

    def _read(self, place: _Place) -> Record | None:
        assert self._file is not None
        try:
            found = memoryview(os.pread(self._file, place.size, place.start % self._ring_bytes))
        except OSError as error:
            logger.warning("a result that was kept cannot be read: %s", error)
            return None
        if len(found) < _FRONT.size:
            return None
        head_digest, head_bytes = _FRONT.unpack_from(found)
        head = found[_FRONT.size : _FRONT.size + head_bytes]
        return Record(head, found[_FRONT.size + head_bytes :]) if digest(head) == head_digest else None
