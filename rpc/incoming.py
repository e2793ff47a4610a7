"""Blobs on their way in: parts appended to a file, the hash running along, and a bound on how many there are."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from rpc.messages import Buffer

_READ_BYTES = 1 << 20
_MOST_COMING = 1000
_IDLE_S = 3600.0


class IncomingBlob:
    """A blob of which parts are here.

    Attributes:
        size: as declared by whoever called last.
        have: bytes that are here, from the start on.
        is_over: it has its name, was wrong, or was removed.
        used_at: when it was last asked for, in seconds.
        lock: held by whoever changes it.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.have = 0
        self.is_over = False
        self.used_at = 0.0
        self.lock = Lock()
        self._hash = hashlib.sha256()
        if path.exists():
            self._take_up()

    def resize(self, size: int) -> None:
        """Believe another size: what came stays, the start of a blob being the same whatever its length."""
        if self.have > size:
            self._start_anew()
        self.size = size

    def append(self, data: Buffer) -> None:
        """Take the next part.

        Raises:
            OSError: the disk does not take it; nothing has changed, and it may be sent again.
        """
        with self._open() as file:
            if file.seek(0, os.SEEK_END) < self.have:
                self._start_anew()  # somebody removed the file; the answer says where to go on
                return
            file.truncate(self.have)  # a write that failed halfway may have left something behind
            file.seek(self.have)
            file.write(data)
        self._hash.update(data)
        self.have += len(data)

    @property
    def name(self) -> str:
        """What a blob of the bytes that are here is called."""
        return f"sha256:{self._hash.hexdigest()}"

    def is_right(self, name: str) -> bool:
        """Whether all bytes have the hash that the name says, and are safe on the disk now.

        Makes the file of a blob without any bytes.
        """
        if name != self.name:
            return False
        with self._open() as file:
            os.fsync(file.fileno())
            return file.seek(0, os.SEEK_END) == self.size  # else somebody cut or removed the file

    def _open(self) -> BinaryIO:
        return open(self.path, "r+b", opener=lambda path, flags: os.open(path, flags | os.O_CREAT, 0o666))

    def _take_up(self) -> None:
        """Go on with what an earlier process received."""
        if self.path.stat().st_size > self.size:
            self._start_anew()
            return
        with self.path.open("rb") as file:
            while data := file.read(_READ_BYTES):
                self._hash.update(data)
                self.have += len(data)

    def _start_anew(self) -> None:
        self.path.unlink(missing_ok=True)
        self._hash = hashlib.sha256()
        self.have = 0


class IncomingBlobs:
    """The blobs on their way into one folder, of which a bounded number is kept. Calls must take turns."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._coming: OrderedDict[str, IncomingBlob] = OrderedDict()  # the one used last stands last

    def find(self, name: str) -> IncomingBlob | None:
        incoming = self._coming.get(name)
        if incoming is not None:
            self._coming.move_to_end(name)
            incoming.used_at = self._clock()
        return incoming

    def begin(self, name: str, incoming: IncomingBlob) -> None:
        """Add one, and drop those that have been idle for an hour, or for the longest time when there are too many."""
        now = incoming.used_at = self._clock()
        for other, idle in list(self._coming.items()):
            if now - idle.used_at < _IDLE_S and len(self._coming) < _MOST_COMING:
                break
            self._drop(other)
        self._coming[name] = incoming

    def end(self, name: str) -> None:
        """It is not on its way any more; harmless if it was not."""
        incoming = self._coming.pop(name, None)
        if incoming is not None:
            incoming.is_over = True

    def _drop(self, name: str) -> None:
        incoming = self._coming[name]
        if incoming.lock.acquire(blocking=False):  # else somebody is at it this very moment
            incoming.path.unlink(missing_ok=True)
            self.end(name)
            incoming.lock.release()
