"""Which host arrays have a copy on a device: shards stay there between rounds, and only models travel."""

from __future__ import annotations

import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple

from mlcore.kernels.backend import Array


class _Resident(NamedTuple):
    copy: Array
    n_bytes: int
    end: weakref.finalize[[int], Any]  # of the host array


class Residents:
    """Copies on one device of arrays that do not change, the least recently used dropped; safe to use from threads."""

    def __init__(self, copy: Callable[[Array], Array], most_bytes: int) -> None:
        """`copy` brings an array to the device."""
        self._copy = copy
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._kept: OrderedDict[int, _Resident] = OrderedDict()  # by the id of the host array
        self._n_bytes = 0
        # Arrays end anywhere, also on a thread that holds the lock: the next `get` forgets their copies.
        self._ended: deque[int] = deque()

    def get(self, array: Array) -> Array:
        """Return the copy of `array`; one that can be written to may change, so its copy is made anew each time."""
        with self._lock:
            self._forget_ended()
            if (resident := self._kept.get(id(array))) is not None:
                self._kept.move_to_end(id(array))
                return resident.copy
        copy = self._copy(array)
        if not array.flags.writeable and array.nbytes <= self._most_bytes:
            with self._lock:
                self._keep(array, copy)
        return copy

    def _keep(self, array: Array, copy: Array) -> None:
        self._forget_ended()
        self._drop(id(array))  # another thread may have brought it meanwhile
        # Another array may get this one's id as soon as it is gone, and must not get its copy.
        end = weakref.finalize(array, self._ended.append, id(array))
        end.atexit = False
        self._kept[id(array)] = _Resident(copy, array.nbytes, end)
        self._n_bytes += array.nbytes
        while self._n_bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _forget_ended(self) -> None:
        while self._ended:
            self._drop(self._ended.popleft())

    def _drop(self, key: int) -> None:
        resident = self._kept.pop(key, None)
        if resident is not None:
            resident.end.detach()
            self._n_bytes -= resident.n_bytes
