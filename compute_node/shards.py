"""Shards ready to train on: parsed and prepared once, the least recently used ones dropped."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from mlcore.kernels.backend import FloatArray, IntArray
from mlcore.shards import DataError, Shard, parse_rows, prepare
from rpc.blobs import BlobFolder
from rpc.errors import BadData, MissingBlob
from rpc.messages import Buffer

Prepared = tuple[FloatArray, IntArray]
_Key = tuple[str, str, bytes, bytes]


class ShardCache:
    """Arrays of shards by blob name; safe to use from several threads."""

    def __init__(self, blobs: BlobFolder, max_bytes: int, note: Callable[[str], None] = lambda blob: None) -> None:
        """Keep so many bytes; `note` is told of each use of a blob."""
        self._blobs = blobs
        self._note = note
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, Prepared] = OrderedDict()
        self._size = 0

    def parsed(self, blob: str, file: str) -> Shard:
        """Return the rows of a blob.

        Raises:
            MissingBlob: the blob is not on this node, or was damaged there and has been removed: it can be sent again.
            BadData: it is not what a shard must be; says file:line.
        """
        self._note(blob)
        try:
            return parse_rows(self._blobs.checked(blob), name=file)
        except MissingBlob:
            self._blobs.remove(blob)
            raise
        except DataError as error:
            raise BadData(str(error)) from error

    def prepared(self, blob: str, file: str, dtype: str, standardization: tuple[Buffer, Buffer]) -> Prepared:
        """Return (x, y) of a blob, both read-only; x (rows, features) in `dtype`, standardized if offset is given."""
        self._note(blob)
        offset, scale = (bytes(part) for part in standardization)

        def make() -> Prepared:
            shard = self.parsed(blob, file)
            if not offset:
                return prepare(shard, dtype=dtype)
            return prepare(shard, dtype=dtype, offset=np.frombuffer(offset, "<f8"), scale=np.frombuffer(scale, "<f8"))

        return self._get((blob, dtype, offset, scale), make)

    def _get(self, key: _Key, make: Callable[[], Prepared]) -> Prepared:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()  # outside the lock: two slots may make the same one, with the same bits
        for array in made:
            array.flags.writeable = False  # what cannot change may stay on a device
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._size += _n_bytes(made)
            while self._size > self._max_bytes and len(self._kept) > 1:
                self._size -= _n_bytes(self._kept.popitem(last=False)[1])
        return made


def _n_bytes(arrays: Prepared) -> int:
    return sum(array.nbytes for array in arrays)
