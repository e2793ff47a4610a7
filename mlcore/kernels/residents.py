"""Which host arrays have a copy on a device: shards stay there between rounds, and only models travel."""

import weakref
from collections import OrderedDict
from collections.abc import Callable
from threading import RLock

from mlcore.kernels.backend import Array


class Residents:
    """Copies on one device of arrays that do not change, the least recently used dropped; safe to use from threads."""

    def __init__(self, copy: Callable[[Array], Array], most_bytes: int) -> None:
        """`copy` brings an array to the device."""
        self._copy = copy
        self._most_bytes = most_bytes
        # Reentrant: the end of an array may be told while this thread is in the middle of a change.
        self._lock = RLock()
        # By the id of the host array: its size in bytes and the copy.
        self._kept: OrderedDict[int, tuple[int, Array]] = OrderedDict()

    def get(self, array: Array) -> Array:
        """Return the copy of `array`; one that can be written to may change, so its copy is made anew each time."""
        key = id(array)
        with self._lock:
            if (resident := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return resident[1]
        copy = self._copy(array)
        if not array.flags.writeable and array.nbytes <= self._most_bytes:
            with self._lock:
                self._kept[key] = array.nbytes, copy
                # Another array may get this one's id as soon as it is gone, and must not get its copy.
                weakref.finalize(array, self._kept.pop, key, None).atexit = False
                self._make_room()
        return copy

    def _make_room(self) -> None:
        while sum(n_bytes for n_bytes, _ in self._kept.values()) > self._most_bytes:
            self._kept.popitem(last=False)
