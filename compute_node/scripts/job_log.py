"""The log of one running job: written by the job's thread, read for whoever follows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock

from rpc.errors import DiskFull
from rpc.kept_log import KeptLog, Piece, Record


def now_ms() -> int:
    """The time of a record."""
    return time.time_ns() // 1_000_000


class JobLog:
    """Safe to use from several threads. What the disk has no room for is counted and told once there is some."""

    def __init__(self, folder: Path, on_news: Callable[[], None], *, begins_at: int = 0) -> None:
        """`on_news` is called after each write, by the thread that wrote."""
        self._log = KeptLog(folder, begins_at=begins_at)
        self._lock = Lock()
        self._on_news = on_news
        self._lost = 0

    @property
    def end(self) -> int:
        return self._log.end

    def write(self, records: Iterable[Record]) -> None:
        """Add records, if the disk takes them."""
        found = list(records)
        if not found:
            return
        with self._lock:
            if self._lost:
                found.insert(0, _system(f"{self._lost:,} lines were lost: the node's disk was full"))
            try:
                self._log.append(b"".join(record.encoded() for record in found))
                self._lost = 0
            except DiskFull:
                self._lost += len(found)
        self._on_news()

    def tell(self, text: str, level: str = "i") -> None:
        """Add a line of ours."""
        self.write([_system(text, level)])

    def read(self, offset: int, limit: int) -> Piece:
        with self._lock:
            return self._log.read(offset, limit)

    def remove(self) -> None:
        with self._lock:
            self._log.remove()


def _system(text: str, level: str = "w") -> Record:
    return Record(now_ms(), "s", level, text)
