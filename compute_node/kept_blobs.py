"""Blobs on a node's disk (shards, bundles, data sets): which are in use, and when each was used last."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from time import monotonic, time

from compute_node.cache import Kept
from rpc.blobs import BlobFolder

_NOTED_S = 60.0  # a use so soon after another need not be written down
_UNFINISHED_S = 86_400.0  # what is left of a blob that nobody goes on to send


class KeptBlobs:
    """The shelf of the blobs. That a file was used is written down as its time, for the next process."""

    def __init__(self, blobs: BlobFolder, grace_s: float) -> None:
        self._blobs = blobs
        self._grace_s = grace_s
        self._lock = Lock()
        self._users: Counter[str] = Counter()
        self._noted: dict[str, float] = {}

    def note(self, name: str) -> None:
        """A blob is used now; cheap, for every task does it."""
        now = monotonic()
        if now - self._noted.get(name, -_NOTED_S) >= _NOTED_S:
            self._noted[name] = now
            with suppress(FileNotFoundError):
                os.utime(self._blobs.file(name))

    @contextmanager
    def use(self, names: Iterable[str]) -> Iterator[None]:
        """Keep blobs as long as the context lasts."""
        mine = Counter(set(names))
        with self._lock:
            self._users += mine
        try:
            yield
        finally:
            with self._lock:
                self._users -= mine

    def kept(self) -> list[Kept]:
        self._blobs.remove_parts(_UNFINISHED_S)
        recently = time() - self._grace_s
        found = []
        for name in self._blobs.names():
            with suppress(FileNotFoundError):
                file = self._blobs.file(name).stat()
                is_in_use = self._users[name] > 0 or file.st_mtime >= recently
                found.append(Kept(name, file.st_size, file.st_mtime, is_in_use))
        return found

    def drop(self, name: str) -> None:
        with self._lock:
            if not self._users[name]:
                self._blobs.remove(name, untouched_s=self._grace_s)
                self._noted.pop(name, None)
